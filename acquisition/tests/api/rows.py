"""Rows of the acquisition's lists, with everything around them that a list shows."""

import datetime
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from accounts.models import Role, User
from acquisition.models import (
    ClientKind,
    Decision,
    Download,
    DownloadBook,
    DownloadClient,
    DownloadEvent,
    ImportRecord,
    Indexer,
    Prowlarr,
    Release,
    ReleaseProfile,
    Rename,
    SearchState,
)
from acquisition.services.backups import backup_folder
from library.models import Author, Book, BookAuthor, Gap, LibraryRoot, Series


def make_user(name: str) -> User:
    return User.objects.get_or_create(username=name, defaults={"email": f"{name}@example.org", "role": Role.VIEWER})[0]


def make_book(number: int = 1, **fields: Any) -> Book:
    book = Book.objects.create(**{"title": f"Book {number}", "title_key": f"book {number}", **fields})
    author, _ = Author.objects.get_or_create(name=f"Author {number}", name_key=f"author {number}")
    BookAuthor.objects.create(book=book, author=author)
    return book


def make_indexer(number: int = 1, **fields: Any) -> Indexer:
    values = {"url": f"http://indexer-{number}.example", "api_key": "indexer-secret", **fields}
    return Indexer.objects.get_or_create(name=fields.pop("name", f"Indexer {number}"), defaults=values)[0]


def make_prowlarr(number: int = 1) -> Prowlarr:
    row = Prowlarr.objects.create(name=f"Prowlarr {number}", url="http://127.0.0.1:9", api_key="prowlarr-secret")
    Indexer.objects.filter(pk=make_indexer(number).pk).update(prowlarr=row, remote_id=number)
    return row


def make_profile(number: int = 1) -> ReleaseProfile:
    LibraryRoot.objects.create(name=f"Root {number}", path=f"/nowhere/{number}", profile=f"Profile {number}")
    return ReleaseProfile.objects.create(name=f"Profile {number}", values={"formats": ["mp3"]})


def make_client(number: int = 1, **fields: Any) -> DownloadClient:
    values = {"kind": ClientKind.QBITTORRENT, "url": "http://127.0.0.1:9", "password": "client-secret", **fields}
    return DownloadClient.objects.create(name=f"Client {number}", **values)


def make_release(number: int = 1, **fields: Any) -> Release:
    now = timezone.now()
    values: dict[str, Any] = {
        "indexer": fields.pop("indexer", None) or make_indexer(number),
        "guid": f"guid-{number}",
        "title": f"Author {number} - Book {number} [M4B]",
        "offer": {
            "guid": f"guid-{number}",
            "title": f"Author {number} - Book {number} [M4B]",
            "download_url": "http://indexer.example/get?apikey=offer-secret",
        },
        "first_seen_at": now,
        "last_seen_at": now,
    }
    return Release.objects.create(**{**values, **fields})


def make_download(number: int = 1, *, book: Book | None = None, **fields: Any) -> Download:
    values: dict[str, Any] = {
        "title": f"Download {number}",
        "source": "manual",
        "tag": f"tag-{Download.objects.count()}-{number}",
        "status_at": timezone.now(),
        "payload": {"magnet_link": "magnet:?xt=urn:btih:payload-secret"},
    }
    download = Download.objects.create(**{**values, **fields})
    if book is not None:
        DownloadBook.objects.create(download=download, book=book)
    return download


def whole_download(number: int, **fields: Any) -> Download:
    """With book, client, release, creator and an event."""
    values = {
        "client": make_client(number),
        "release": make_release(number),
        "created_by": make_user(f"asker-{number}"),
        **fields,
    }
    download = make_download(number, book=make_book(number), **values)
    DownloadEvent.objects.create(download=download, at=timezone.now(), message="Queued.")
    return download


def make_import(number: int = 1, **fields: Any) -> ImportRecord:
    root, _ = LibraryRoot.objects.get_or_create(name="Shelf", defaults={"path": "/nowhere/shelf"})
    values: dict[str, Any] = {"root": root, "source_path": "/nowhere/dl", "target_path": f"Author/Book {number}"}
    return ImportRecord.objects.create(**{**values, **fields})


def make_rename(number: int = 1, **fields: Any) -> Rename:
    root, _ = LibraryRoot.objects.get_or_create(name="Shelf", defaults={"path": "/nowhere/shelf"})
    steps = [{"old": f"Book {number}", "new": f"Author/Book {number}"}]
    values = {"old_path": f"Book {number}", "new_path": f"Author/Book {number}", "steps": steps, "status": "done"}
    return Rename.objects.create(**{"root": root, **values, **fields})


def make_gap(number: int = 1, **fields: Any) -> Gap:
    values: dict[str, Any] = {
        "entry_class": "main",
        "reason": "missing",
        "explanation": f"Book {number} is missing.",
        "counts": True,
        "is_wanted": True,
        "opened_at": timezone.now(),
    }
    book = fields.pop("book", None) or make_book(number)
    return Gap.objects.create(book=book, **{**values, **fields})


def make_decision(number: int = 1, **fields: Any) -> Decision:
    release = fields.pop("release", None) or make_release(number)
    book = fields.pop("book", None) or make_book(number)
    values: dict[str, Any] = {
        "release_title": release.title,
        "indexer_name": release.indexer.name,
        "is_accepted": True,
        "rank": 1,
        "certainty": 0.9,
    }
    return Decision.objects.create(book=book, release=release, **{**values, **fields})


def wanted_book(number: int) -> None:
    series = Series.objects.create(name=f"Series {number}", name_key=f"series {number}")
    gap = make_gap(number, series=series, position="2")
    SearchState.objects.create(book=gap.book, last_searched_at=timezone.now(), last_outcome="No indexer offers it.")
    make_decision(number, book=gap.book, is_accepted=False)


def found_release(number: int) -> str:
    """All found for one book."""
    book = Book.objects.filter(title_key="found").first() or make_book(7, title="Found", title_key="found")
    make_decision(number, book=book)
    return f"/api/releases/?book={book.pk}"


def backup(number: int) -> None:
    """A file that is named like a backup; what cannot be read in it is shown empty."""
    folder = backup_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"unabridged-2026010{number}T000000Z.zip").write_bytes(b"")


YESTERDAY = timezone.now() - datetime.timedelta(days=1)
ROWS: dict[str, Callable[[int], Any]] = {
    "/api/downloads/": lambda number: nothing_of(whole_download(number)),
    "/api/downloads/pending/": lambda number: nothing_of(whole_download(number)),
    "/api/downloads/failed/": lambda number: nothing_of(whole_download(number, status="failed")),
    "/api/downloads/retry-due/": lambda number: nothing_of(
        whole_download(number, status="failed", next_retry_at=YESTERDAY)
    ),
    "/api/wanted/": wanted_book,
    "/api/releases/": found_release,
    "/api/decisions/reasons/": lambda number: None,  # they are always there
    "/api/decisions/": lambda number: nothing_of(make_decision(number)),
    "/api/system/backups/": backup,
    "/api/imports/review/": lambda number: nothing_of(whole_download(number, status="blocked")),
    "/api/prowlarr/": lambda number: nothing_of(make_prowlarr(number)),
    "/api/release-profiles/": lambda number: nothing_of(make_profile(number)),
    "/api/indexers/": lambda number: nothing_of(make_indexer(number)),
    "/api/renames/": lambda number: nothing_of(make_rename(number)),
    "/api/imports/": lambda number: nothing_of(
        make_import(number, download=make_download(number), book=make_book(number))
    ),
}


def nothing_of(row: object) -> None:
    """A row is made; the list is asked at its own path."""
