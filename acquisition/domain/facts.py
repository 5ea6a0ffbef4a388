"""The facts that indexers and download clients hand to the product, as plain values."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class DirectFile:
    """A file that can be fetched over HTTP. `sha1` and `md5` are hexadecimal; empty where unknown."""

    url: str = field(repr=False)
    name: str
    size_bytes: int | None = None
    md5: str = ""
    sha1: str = ""
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class OfferedRelease:
    """Something an indexer offers. `guid` is unique and stable within the indexer.

    Exactly one way to get it is needed: `download_url` (a .torrent or a redirect to one), `magnet_url`, or
    `direct_files`. `seeders` is None when unknown, which is not zero. `files` are the names inside, where known.
    `download_volume_factor` is 0 for freeleech. `raw` is kept for people to look at; it holds no secrets.
    """

    guid: str
    title: str
    protocol: str = "torrent"
    size_bytes: int | None = None
    seeders: int | None = None
    leechers: int | None = None
    grabs: int | None = None
    published_at: datetime.datetime | None = None
    categories: tuple[int, ...] = ()
    download_url: str = field(default="", repr=False)
    magnet_url: str = field(default="", repr=False)
    infohash: str = ""
    info_url: str = ""
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    series: str = ""
    language: str = ""
    format: str = ""
    bitrate_kbps: int | None = None
    is_abridged: bool | None = None
    runtime_seconds: int | None = None
    files: tuple[str, ...] = ()
    direct_files: tuple[DirectFile, ...] = ()
    download_volume_factor: float = 1.0
    upload_volume_factor: float = 1.0
    minimum_ratio: float | None = None
    minimum_seed_seconds: int | None = None
    tags: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """One tier of a query plan. `text` is free text; the other fields are for indexers that search by field.

    An empty query asks for the newest releases (a feed), of which `feed_pages` pages are read at the most.
    """

    text: str = ""
    title: str = ""
    author: str = ""
    series: str = ""
    isbn: str = ""
    asin: str = ""
    limit: int = 100
    feed_pages: int = 1

    @property
    def is_feed(self) -> bool:
        return not (self.text or self.title or self.author or self.isbn or self.asin)


@dataclass(frozen=True, slots=True)
class IndexerCapabilities:
    """What an indexer says it can do (Torznab caps)."""

    server: str = ""
    search_params: tuple[str, ...] = ("q",)
    book_params: tuple[str, ...] = ()
    categories: Mapping[int, str] = field(default_factory=dict)
    page_size: int = 100


class IndexerClient(Protocol):
    """One indexer. Methods raise Unavailable, Rejected or Malformed (config.errors)."""

    def capabilities(self) -> IndexerCapabilities: ...

    def search(self, query: SearchQuery) -> list[OfferedRelease]: ...

    def fetch(self, release: OfferedRelease) -> "Payload": ...


@dataclass(frozen=True, slots=True)
class Payload:
    """What is handed to a download client: the bytes of a .torrent, a magnet link, or direct files."""

    torrent: bytes = field(default=b"", repr=False)
    magnet_url: str = field(default="", repr=False)
    direct_files: tuple[DirectFile, ...] = ()


class ClientState(StrEnum):
    """The states of all clients in our words."""

    QUEUED = "queued"
    FETCHING_METADATA = "fetching_metadata"
    DOWNLOADING = "downloading"
    STALLED = "stalled"
    PAUSED = "paused"
    CHECKING = "checking"
    MOVING = "moving"
    COMPLETE = "complete"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class ClientFile:
    """A file of a download; `path` is relative to the save path, with forward slashes."""

    path: str
    size_bytes: int
    progress: float = 0.0
    wanted: bool = True
    index: int = 0


@dataclass(frozen=True, slots=True)
class ClientDownload:
    """One download as its client sees it. `ref` is the client's own lasting id (a torrent's hash, in lower case).

    Paths are those of the client's host. `progress` is 0 to 1; `ratio` None when infinite or unknown.
    """

    ref: str
    name: str
    state: ClientState
    progress: float = 0.0
    size_bytes: int | None = None
    downloaded_bytes: int | None = None
    speed_bytes: int = 0
    eta_seconds: int | None = None
    save_path: str = ""
    content_path: str = ""
    ratio: float | None = None
    seeding_seconds: int | None = None
    seeders: int | None = None
    tags: tuple[str, ...] = ()
    category: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class AddOptions:
    """How to add a download. `tag` finds it again; limits use None for "as the client is set"."""

    tag: str
    category: str = ""
    save_path: str = ""
    name: str = ""
    ratio_limit: float | None = None
    seeding_time_minutes: int | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class ClientHealth:
    """What a connection test found. `warnings` are sentences for people."""

    version: str = ""
    free_bytes: int | None = None
    save_path: str = ""
    warnings: tuple[str, ...] = ()


class DownloadClientPort(Protocol):
    """One download client. Methods raise Unavailable, Rejected or Malformed (config.errors).

    `add` is safe to repeat: a download that is there already is adopted (its tag and category are set), not doubled.
    """

    def check(self) -> ClientHealth: ...

    def add(self, payload: Payload, options: AddOptions) -> str: ...

    def list(self, *, tag: str = "", refs: Sequence[str] = ()) -> "list[ClientDownload]": ...

    def files(self, ref: str) -> "Sequence[ClientFile]": ...

    def select_files(self, ref: str, unwanted: Sequence[int]) -> None: ...

    def start(self, ref: str) -> None: ...

    def remove(self, ref: str, *, delete_files: bool) -> None: ...
