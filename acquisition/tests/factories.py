"""Rows and files for tests of the acquisition: a small shelf with a gap in a series, real audio, real services."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.utils import timezone

from acquisition.domain.facts import OfferedRelease
from acquisition.models import (
    ClientKind,
    Download,
    DownloadBook,
    DownloadClient,
    Indexer,
    IndexerKind,
    Release,
)
from acquisition.services.grabbing import new_tag
from acquisition.services.searching import keep_release
from library.models import Author, Book, BookAuthor, LibraryRoot, Recording, Series, SeriesEntry
from library.tests.audio_files import make_audio
from scheduling.models import Run, RunStatus
from scheduling.services.context import RunContext

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.UTC)
AUTHOR = "L. Frank Baum"
SECONDS = 70  # the shortest that counts as a book, with a margin


def make_book(
    title: str = "Ozma of Oz",
    *,
    author: str = AUTHOR,
    series: str = "Oz",
    position: str = "3",
    seconds: int | None = SECONDS,
    follow: str = "all",
    **fields: Any,
) -> Book:
    """A book that is known, not owned, and wanted because its series is followed."""
    person, _ = Author.objects.get_or_create(name_key=author.casefold(), defaults={"name": author})
    book = Book.objects.create(title=title, title_key=title.casefold(), **fields)
    BookAuthor.objects.create(book=book, author=person)
    if series:
        line, _ = Series.objects.get_or_create(
            name_key=series.casefold(), defaults={"name": series, "author": person, "follow": follow}
        )
        SeriesEntry.objects.create(
            book=book, series=line, label=position, positions=position, position_first=position.split("-")[0] or None
        )
    if seconds:
        Recording.objects.create(book=book, runtime_seconds=seconds, language="en", source="test")
    return book


def make_root(path: Path, *, name: str = "shelf", **fields: Any) -> LibraryRoot:
    path.mkdir(parents=True, exist_ok=True)
    return LibraryRoot.objects.create(name=name, path=str(path), is_import_target=True, **fields)


def make_client(kind: str = ClientKind.QBITTORRENT, *, name: str = "client", **fields: Any) -> DownloadClient:
    return DownloadClient.objects.create(name=name, kind=kind, **fields)


def make_indexer(*, name: str = "indexer", kind: str = IndexerKind.TORZNAB, **fields: Any) -> Indexer:
    return Indexer.objects.create(name=name, kind=kind, **fields)


def make_offer(title: str = "Ozma of Oz by L. Frank Baum [ENG / MP3]", **fields: Any) -> OfferedRelease:
    values: dict[str, Any] = {
        "guid": f"guid-{title}",
        "download_url": "http://127.0.0.1:1/x.torrent",
        "seeders": 5,
        "size_bytes": 2_000_000,
        **fields,
    }
    return OfferedRelease(title=title, **values)


def make_release(indexer: Indexer, offer: OfferedRelease | None = None, **fields: Any) -> Release:
    return keep_release(indexer, offer or make_offer(**fields), None, NOW)


def make_download(
    *books: Book, status: str = "queued", files: Mapping[int, list[str]] | None = None, **fields: Any
) -> Download:
    values: dict[str, Any] = {"title": "Ozma of Oz", "source": "test", "status_at": NOW, **fields}
    download = Download.objects.create(tag=new_tag(), status=status, **values)
    is_active = status not in ("imported", "cancelled", "abandoned")
    for book in books:
        chosen = (files or {}).get(book.pk, [])
        DownloadBook.objects.create(download=download, book=book, is_active=is_active, files=chosen)
    return download


_MADE: dict[tuple[Any, ...], bytes] = {}


def make_sound(
    path: Path, *, seconds: float = SECONDS, title: str = "Ozma of Oz", author: str = AUTHOR, kbps: int = 8, **tags: str
) -> Path:
    """Real audio, tiny (silence at 8 kbit/s, or at `kbps`); equal files are encoded once."""
    key = (path.suffix, seconds, title, author, kbps, tuple(sorted(tags.items())))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if key in _MADE:
        path.write_bytes(_MADE[key])
    else:
        make_audio(path, seconds=seconds, kbps=kbps, tags={"album": title, "artist": author, "title": title, **tags})
        _MADE[key] = path.read_bytes()
    return path


def make_context(**params: Any) -> RunContext:
    """The context of a run that is under way."""
    run = Run.objects.create(
        job="download_monitor", status=RunStatus.RUNNING, started_at=timezone.now(), params=params, lock=new_tag()
    )
    return RunContext(run)


def arrived(folder: Path, *books: Book, **fields: Any) -> Download:
    """A download that is complete in a client that is not asked."""
    return make_download(*books, status="downloaded", content_path=str(folder), completed_at=NOW, progress=1, **fields)
