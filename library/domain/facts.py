"""The facts that readers and catalogue providers hand to the library, as plain values.

A reader (folders, Audiobookshelf) yields `CopyFacts`; a provider yields `CatalogueBook` and `CatalogueSeries`.
Empty text means "not said"; None means "unknown" for numbers, dates and three-valued flags.
"""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class FileKind(StrEnum):
    AUDIO = "audio"
    EBOOK = "ebook"
    IMAGE = "image"
    TEXT = "text"
    METADATA = "metadata"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with one file or book: a stable code, and a sentence for people that says what to do."""

    code: str
    message: str
    path: str = ""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a copy. `path` is relative to the library root, with forward slashes."""

    path: str
    kind: FileKind
    size_bytes: int
    mtime_ns: int = 0
    duration_seconds: float | None = None
    codec: str = ""
    bitrate_kbps: int | None = None
    chapter_count: int = 0


@dataclass(frozen=True, slots=True)
class SeriesPlace:
    """A place in a series as somebody wrote it: `position` is text such as `2`, `2.5`, `1-3`, or empty."""

    name: str
    position: str = ""


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """A book on the shelf, as its source describes it.

    Identity is `path` (relative to the root) or, from Audiobookshelf, `abs_item_id`; never the title. `fingerprint`
    changes when anything that was read from may have changed, so that an unchanged copy need not be read again.
    `sources` says for each field where its value came from (folder, tags, nfo, txt, opf, metadata.json, abs).
    """

    path: str
    title: str
    abs_item_id: str = ""
    is_single_file: bool = False
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: tuple[SeriesPlace, ...] = ()
    asin: str = ""
    isbn: str = ""
    publisher: str = ""
    published_year: int | None = None
    language: str = ""
    description: str = ""
    genres: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_abridged: bool | None = None
    is_explicit: bool | None = None
    duration_seconds: float | None = None
    size_bytes: int = 0
    codec: str = ""
    bitrate_kbps: int | None = None
    chapter_count: int = 0
    files: tuple[FileFacts, ...] = ()
    problems: tuple[Problem, ...] = ()
    fingerprint: str = ""
    is_missing: bool = False
    added_at: datetime.datetime | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def audio_files(self) -> tuple[FileFacts, ...]:
        return tuple(file for file in self.files if file.kind is FileKind.AUDIO)


class BookKind(StrEnum):
    NOVEL = "novel"
    NOVELLA = "novella"
    SHORT = "short"
    COLLECTION = "collection"
    OMNIBUS = "omnibus"
    PART = "part"
    GUIDE = "guide"


@dataclass(frozen=True, slots=True)
class Identifier:
    """`scheme`: asin, isbn, librivox, archive, openlibrary, google, hardcover, itunes, audiobookshelf.

    `region` only where the scheme has regions (an ASIN: us, uk, de, ...).
    """

    scheme: str
    value: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class CatalogueBook:
    """One recording or work as a provider describes it. `language` is an ISO 639-1 code where known."""

    provider: str
    provider_id: str
    title: str
    region: str = ""
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: tuple[SeriesPlace, ...] = ()
    kind: BookKind | None = None
    language: str = ""
    is_abridged: bool | None = None
    is_dramatised: bool | None = None
    publisher: str = ""
    release_date: datetime.date | None = None
    published_year: int | None = None
    runtime_seconds: int | None = None
    identifiers: tuple[Identifier, ...] = ()
    description: str = ""
    genres: tuple[str, ...] = ()
    cover_url: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CatalogueSeriesEntry:
    position: str
    book: CatalogueBook
    is_primary: bool = True


@dataclass(frozen=True, slots=True)
class CatalogueSeries:
    provider: str
    provider_id: str
    name: str
    authors: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    entries: tuple[CatalogueSeriesEntry, ...] = ()
    universe: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BookQuery:
    """What to look for; at least a title or an identifier."""

    title: str = ""
    author: str = ""
    identifiers: Sequence[Identifier] = ()
    language: str = ""
    region: str = ""


class CatalogueProvider(Protocol):
    """One source of what exists. Methods raise Unavailable, Rejected or Malformed (config.errors); an unknown thing is
    an empty answer, never an error. `capabilities` names which of the methods can give anything."""

    name: str
    capabilities: frozenset[str]

    def find_books(self, query: BookQuery) -> list[CatalogueBook]: ...

    def find_series(self, name: str, *, author: str = "") -> list[CatalogueSeries]: ...

    def get_series(self, provider_id: str, *, region: str = "") -> CatalogueSeries | None: ...

    def find_author_books(self, author: str) -> Iterable[CatalogueBook]: ...
