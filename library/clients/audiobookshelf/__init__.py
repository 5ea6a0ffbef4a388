"""Audiobookshelf, over its HTTP API."""

from library.clients.audiobookshelf.client import AudiobookshelfClient as AudiobookshelfClient
from library.clients.audiobookshelf.shapes import AbsHealth as AbsHealth
from library.clients.audiobookshelf.shapes import AbsLibrary as AbsLibrary
from library.clients.audiobookshelf.shapes import AbsStatus as AbsStatus
from library.clients.audiobookshelf.shapes import AbsUser as AbsUser
from library.clients.audiobookshelf.shapes import SeenItem as SeenItem
