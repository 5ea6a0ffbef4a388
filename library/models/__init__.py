"""What is owned and what exists."""

from library.models.book import (
    Book,
    BookAuthor,
    BookKind,
    BookNarrator,
    BookStatus,
    FieldSource,
    Recording,
    RecordingIdentifier,
)
from library.models.catalogue import CatalogueRecord, Correction, ProviderState, RecordKind, Setting
from library.models.copy import Audiobookshelf, Copy, CopyFile, LibraryRoot, MatchState, RootKind, ShelfChange
from library.models.gap import EntryClass, Gap, GapAnalysis, GapReason
from library.models.merge import Merge, MergeKind
from library.models.people import Author, AuthorAlias, CompletionStatus, Follow, Narrator
from library.models.series import Exclusion, Series, SeriesAlias, SeriesEntry, Universe

__all__ = [
    "Audiobookshelf",
    "Author",
    "AuthorAlias",
    "Book",
    "BookAuthor",
    "BookKind",
    "BookNarrator",
    "BookStatus",
    "CatalogueRecord",
    "CompletionStatus",
    "Copy",
    "CopyFile",
    "Correction",
    "EntryClass",
    "Exclusion",
    "FieldSource",
    "Follow",
    "Gap",
    "GapAnalysis",
    "GapReason",
    "LibraryRoot",
    "MatchState",
    "Merge",
    "MergeKind",
    "Narrator",
    "ProviderState",
    "RecordKind",
    "Recording",
    "RecordingIdentifier",
    "RootKind",
    "Series",
    "SeriesAlias",
    "SeriesEntry",
    "Setting",
    "ShelfChange",
    "Universe",
]
