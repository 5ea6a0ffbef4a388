"""Rows of every model of the admin, for tests of its pages."""

import datetime
from typing import Any

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule

from accounts.models import AuditEntry, LoginFailure, User
from accounts.services.keys import create_key
from accounts.services.users import create_user
from accounts.tests.people import PASSWORD
from acquisition.models import (
    BlocklistEntry,
    Decision,
    Download,
    DownloadBook,
    DownloadClient,
    DownloadEvent,
    ImportRecord,
    Indexer,
    Notification,
    Prowlarr,
    Release,
    ReleaseProfile,
    Rename,
    SearchState,
)
from library.models import (
    Audiobookshelf,
    Author,
    AuthorAlias,
    Book,
    BookAuthor,
    CatalogueRecord,
    Copy,
    CopyFile,
    Correction,
    Exclusion,
    FieldSource,
    Gap,
    GapAnalysis,
    LibraryRoot,
    Merge,
    Narrator,
    ProviderState,
    Recording,
    RecordingIdentifier,
    Series,
    SeriesAlias,
    SeriesEntry,
    Setting,
    ShelfChange,
    Universe,
)
from scheduling.models import FailedAttempt, Run, RunLogEntry

HOSTILE = "<script>alert('x')</script>"
SECRET = "s3cr3t-never-shown"


def make_rows(number: int) -> dict[type, Any]:
    """One more row of every model, linked with each other; every text that others write is hostile."""
    now = timezone.now()
    made: list[Any] = []

    def keep(row: Any) -> Any:
        made.append(row)
        return row

    user = keep(create_user(username=f"user-{number}", email=f"u{number}@example.org", password=PASSWORD))
    keep(create_key(user=user, name=f"key {number} {HOSTILE}")[0])
    keep(AuditEntry.objects.create(actor=user, actor_name=user.username, action="test", target_name=HOSTILE))
    run = keep(
        Run.objects.create(
            job="library_import", lock=f"l{number}", status="failed", message=HOSTILE, requested_by=user,
            params={"a": HOSTILE}, result={"b": HOSTILE},
        )
    )  # fmt: skip
    keep(RunLogEntry.objects.create(run=run, at=now, level="warning", message=HOSTILE))
    keep(
        FailedAttempt.objects.create(
            job="download",
            item_type="book",
            item_id=str(number),
            count=1,
            first_at=now,
            last_at=now,
            last_error=HOSTILE,
        )
    )
    keep(IntervalSchedule.objects.create(every=1000 + number, period="minutes"))
    keep(CrontabSchedule.objects.create(minute=str(number), hour="3"))
    keep(LoginFailure.objects.create(account=HOSTILE, address="127.0.0.1", at=now))
    keep(Merge.objects.create(kind="author", kept_id=number, gone_id=1000 + number, actor=user))
    keep(
        Notification.objects.create(
            key=f"key {number}",
            target=f"target {number}",
            event="imported",
            title=HOSTILE,
            body=HOSTILE,
            next_try_at=now,
        )
    )
    _library(number, user, run, now, keep)
    _acquisition(number, user, made, now, keep)
    return {type(row): row for row in made}


def _library(number: int, user: User, run: Run, now: datetime.datetime, keep: Any) -> None:
    name = f"{HOSTILE} {number}"
    author = keep(Author.objects.create(name=name, name_key=f"author {number}", sort_name=name))
    keep(AuthorAlias.objects.create(author=author, name=name, name_key=f"alias {number}"))
    narrator = keep(Narrator.objects.create(name=name, name_key=f"narrator {number}"))
    universe = keep(Universe.objects.create(name=name, name_key=f"universe {number}"))
    series = keep(
        Series.objects.create(
            name=name, name_key=f"series {number}", author=author, universe=universe, completion_percentage=50,
            counted_count=2, owned_count=1, covered_count=1, missing_count=1, follow="all",
        )
    )  # fmt: skip
    keep(SeriesAlias.objects.create(series=series, name=name, name_key=f"alias {number}"))
    book = keep(Book.objects.create(title=name, title_key=f"book {number}", asin=f"B00000000{number}"))
    BookAuthor.objects.create(book=book, author=author)
    keep(FieldSource.objects.create(book=book, field="title", source="user", set_at=now))
    entry = keep(
        SeriesEntry.objects.create(
            series=series, book=book, label="1", positions="1", position_first=1, position_last=1
        )
    )
    recording = keep(Recording.objects.create(book=book, title=name, source="embedded", runtime_seconds=3600))
    recording.narrators.add(narrator)
    keep(RecordingIdentifier.objects.create(recording=recording, scheme="librivox", value=name))
    keep(Exclusion.objects.create(book=Book.objects.create(title=f"no {name}", title_key="no"), created_by=user))
    server = keep(
        Audiobookshelf.objects.create(name=f"abs {number}", url="http://127.0.0.1:9", token=SECRET, password=SECRET)
    )
    root = keep(LibraryRoot.objects.create(name=f"root {number}", path=f"/nowhere/{number}", last_error=HOSTILE))
    LibraryRoot.objects.create(name=f"abs root {number}", kind="audiobookshelf", server=server, abs_library_id="x")
    copy = keep(
        Copy.objects.create(
            root=root, path=name, title=name, authors=[name],
            book=Book.objects.create(title=f"own {name}", title_key="o"),
            match_state="review", match_candidates=[book.pk], match_reasons=[HOSTILE],
            problems=[{"code": "x", "message": HOSTILE, "path": HOSTILE}],
        )
    )  # fmt: skip
    keep(CopyFile.objects.create(copy=copy, path=name, kind="audio", size_bytes=5))
    keep(ShelfChange.objects.create(run=run, copy=copy, kind="created"))
    keep(
        Gap.objects.create(
            book=book, series=series, entry=entry, position="1", entry_class="main", reason="missing", counts=True,
            explanation=HOSTILE, is_wanted=True, opened_at=now,
        )
    )  # fmt: skip
    keep(GapAnalysis.objects.create(run=run, stats={"a": HOSTILE}))
    keep(
        CatalogueRecord.objects.create(
            provider="embedded",
            kind="book",
            provider_id=name,
            title=name,
            payload={"a": HOSTILE},
            book=book,
            fetched_at=now,
        )
    )
    keep(Correction.objects.create(book=book, field="title", old=HOSTILE, new=HOSTILE, source="user"))
    keep(ProviderState.objects.create(name=f"provider {number}", secret=SECRET, last_error=HOSTILE))
    keep(Setting.objects.create(key=f"unknown.{number}", value=1))


def _acquisition(number: int, user: User, made: list[Any], now: datetime.datetime, keep: Any) -> None:
    name = f"{HOSTILE} {number}"
    rows = {type(row): row for row in made}
    book, root, copy = rows[Book], rows[LibraryRoot], rows[Copy]
    prowlarr = keep(
        Prowlarr.objects.create(
            name=f"prowlarr {number}", url="http://127.0.0.1:9", api_key=SECRET, last_error=HOSTILE, last_result=HOSTILE
        )
    )
    keep(ReleaseProfile.objects.create(name=f"profile {number} {HOSTILE}", values={"must_contain": [HOSTILE]}))
    indexer = keep(
        Indexer.objects.create(
            name=f"indexer {number}",
            url="http://127.0.0.1:9",
            api_key=SECRET,
            last_error=HOSTILE,
            prowlarr=prowlarr,
            remote_id=1,
        )
    )
    client = keep(
        DownloadClient.objects.create(
            name=f"client {number}", kind="qbittorrent", url="http://127.0.0.1:9", username="u", password=SECRET
        )
    )
    release = keep(
        Release.objects.create(
            indexer=indexer, guid=f"http://x/?apikey={SECRET}{number}", title=name, first_seen_at=now, last_seen_at=now,
            offer={"guid": "g", "title": name, "download_url": f"http://x/?apikey={SECRET}"}, size_bytes=10**8,
        )
    )  # fmt: skip
    keep(
        Decision.objects.create(
            book=book, release=release, release_title=name, indexer_name=indexer.name, is_accepted=False, rank=1,
            reasons=[{"code": "x", "message": HOSTILE, "permanent": True}], order=[HOSTILE],
        )
    )  # fmt: skip
    keep(
        SearchState.objects.create(book=book, last_outcome=HOSTILE, last_searched_at=now - datetime.timedelta(hours=1))
    )
    keep(BlocklistEntry.objects.create(book=book, indexer=indexer, title=name, reason=HOSTILE, created_by=user))
    download = keep(
        Download.objects.create(
            title=name, source=indexer.name, status="blocked", release=release, client=client, tag=f"tag {number}",
            payload={"torrent_url": SECRET}, status_at=now, error_code="duration", error_message=HOSTILE, progress=0.5,
            preview={
                str(book.pk): {
                    "as_of": now.isoformat(), "book": {"id": book.pk, "title": HOSTILE}, "root": HOSTILE,
                    "folder": HOSTILE, "checks": [{"code": "x", "ok": False, "message": HOSTILE, "overruled": False}],
                    "files": [{"source": HOSTILE, "target": HOSTILE, "size_bytes": 1}], "file_count": 1,
                    "joins_parts": True, "replaces": [HOSTILE],
                }
            },
        )
    )  # fmt: skip
    keep(DownloadBook.objects.create(download=download, book=book))
    keep(DownloadEvent.objects.create(download=download, at=now, new_status="blocked", message=HOSTILE))
    keep(
        Rename.objects.create(
            root=root, copy=copy, old_path=HOSTILE, new_path=name, steps=[{"old": HOSTILE, "new": name}],
            status="failed", error_message=HOSTILE,
        )
    )  # fmt: skip
    keep(
        ImportRecord.objects.create(
            download=download, book=book, root=root, copy=copy, status="placed", source_path="/nowhere",
            target_path=name,
            files=[{"source": "/a", "target": HOSTILE, "size_bytes": 1}],
            checks=[{"code": "x", "ok": False, "message": HOSTILE}],
        )
    )  # fmt: skip
