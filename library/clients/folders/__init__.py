"""A library of plain folders, read as Audiobookshelf reads it, and never written."""

from library.clients.folders.reader import NOT_A_COPY, FolderReader, RootHealth, SeenCopy
from library.clients.folders.said import PRECEDENCE

__all__ = ["NOT_A_COPY", "PRECEDENCE", "FolderReader", "RootHealth", "SeenCopy"]
