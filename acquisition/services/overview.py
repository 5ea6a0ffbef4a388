"""The product at a glance: for the first page, the command line and the API."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from acquisition.models import Download, DownloadClient, Indexer
from acquisition.services.acquiring import ACQUIRABLE
from library.models import Audiobookshelf, Author, Book, Copy, Gap, LibraryRoot, MatchState, Series
from scheduling.domain.jobs import JOBS
from scheduling.models import Run, RunStatus

DOWNLOAD = "acquisition.download"
RECENT = datetime.timedelta(days=7)


def overview() -> dict[str, dict[str, Any]]:
    """Sections of named figures; `attention` holds what a person must look at, and is empty when all is well."""
    return {
        "library": library_figures(),
        "gaps": gap_figures(),
        "downloads": dict(Download.objects.values_list("status").annotate(n=Count("pk")).order_by("status")),
        "jobs": _jobs(),
        "attention": attention(),
    }


def library_figures() -> dict[str, Any]:
    sums = Copy.objects.present().aggregate(size=Sum("size_bytes"), seconds=Sum("duration_seconds"))
    return {
        "roots": LibraryRoot.objects.filter(is_enabled=True).count(),
        "books_on_the_shelf": Book.objects.active().filter(is_owned=True).count(),
        "books_known": Book.objects.active().count(),
        "authors": Author.objects.filter(owned_count__gt=0).count(),
        "series": Series.objects.filter(owned_count__gt=0).count(),
        "series_complete": Series.objects.filter(owned_count__gt=0, completion_status="complete").count(),
        "hours": round((sums["seconds"] or 0) / 3600),
        "gigabytes": round((sums["size"] or 0) / 1e9, 1),
    }


def gap_figures() -> dict[str, Any]:
    rows = Gap.objects.open().filter(counts=True).values_list("reason").annotate(n=Count("pk")).order_by("-n")
    return {**dict(rows), "wanted": Gap.objects.wanted().count()}


def _jobs() -> dict[str, Any]:
    running = Run.objects.filter(status=RunStatus.RUNNING).values_list("job", flat=True)
    last = Run.objects.filter(status=RunStatus.FAILED).order_by("-finished_at").first()
    return {
        "running": ", ".join(running) or "nothing",
        "queued": Run.objects.filter(status=RunStatus.QUEUED).count(),
        "last_failure": f"{last.job}: {last.message}" if last else "none",
    }


def attention() -> dict[str, Any]:
    """What needs a person, in words, by code."""
    return {notice.code: notice.message for notice in notices()}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that needs a person. `model` (`app.model`) with `pk` or `query` says where it is put right."""

    code: str
    message: str
    model: str
    pk: int | None = None
    query: str = ""


def notices() -> list[Notice]:
    """All of them, the most pressing first; empty when all is well."""
    now = timezone.now()
    return [*_download_notices(), *_review_notices(), *_library_notices(), *_service_notices(now), *_absent_services()]


def _download_notices() -> list[Notice]:
    found = []
    blocked = Download.objects.filter(status="blocked").order_by("status_at")
    for row in blocked[:5]:
        found.append(Notice(f"blocked_{row.pk}", f"“{row.title}” waits for you: {row.error_message}", DOWNLOAD, row.pk))
    if (number := blocked.count()) > 5:
        found.append(
            Notice("blocked_downloads", f"{number} downloads wait for you.", DOWNLOAD, query="status__exact=blocked")
        )
    if number := Download.objects.filter(status="abandoned", status_at__gte=timezone.now() - RECENT).count():
        words = f"{number} downloads were given up this week." if number > 1 else "A download was given up this week."
        found.append(Notice("abandoned_downloads", words, DOWNLOAD, query="status__exact=abandoned"))
    return found


def _review_notices() -> list[Notice]:
    number = Copy.objects.present().filter(match_state=MatchState.REVIEW).count()
    if not number:
        return []
    words = f"{number} copies could be one of several books." if number > 1 else "A copy could be one of several books."
    return [Notice("matches_to_review", f"{words} Say which.", "library.copy", query="match_state__exact=review")]


def _library_notices() -> list[Notice]:
    roots = LibraryRoot.objects.filter(is_enabled=True).exclude(last_error="")
    servers = Audiobookshelf.objects.filter(is_enabled=True).exclude(last_error="")
    return [
        *(Notice(f"root {r.name}", f"{r.name}: {r.last_error}", "library.libraryroot", r.pk) for r in roots),
        *(Notice(f"server {s.name}", f"{s.name}: {s.last_error}", "library.audiobookshelf", s.pk) for s in servers),
    ]


def _service_notices(now: datetime.datetime) -> list[Notice]:
    """Services that back off after a failure."""
    rows: list[Indexer | DownloadClient] = [
        *Indexer.objects.filter(is_enabled=True, paused_until__gt=now),
        *DownloadClient.objects.filter(is_enabled=True, paused_until__gt=now),
    ]
    return [
        Notice(row.name, f"{row.name}: {row.last_error or 'it asked us to wait.'}", row._meta.label_lower, row.pk)
        for row in rows
    ]


def _absent_services() -> list[Notice]:
    """What a library with gaps cannot do without."""
    if not books_missing():
        return []
    found = []
    if not Indexer.objects.filter(is_enabled=True).exists():
        words = "Nothing can be searched for: add an indexer."
        found.append(Notice("no_indexer", words, "acquisition.indexer"))
    if not DownloadClient.objects.filter(is_enabled=True).exists():
        words = "Nothing can be downloaded: add a download client."
        found.append(Notice("no_client", words, "acquisition.downloadclient"))
    if not LibraryRoot.objects.filter(is_enabled=True).exclude(path="").exists():
        words = "New books cannot be filed: give a library root the local path of its folder."
        found.append(Notice("no_target", words, "library.libraryroot"))
    return found


def has_library() -> bool:
    """Whether anything was ever added to read."""
    return LibraryRoot.objects.exists()


def nearest_series(*, limit: int = 12) -> list[Series]:
    """Series on the shelf that are not complete, the nearest to complete first."""
    rows = Series.objects.filter(owned_count__gt=0, missing_count__gt=0, counted_count__gt=0, merged_into=None)
    return list(
        rows.select_related("author").order_by("-completion_percentage", "missing_count", "sort_name", "pk")[:limit]
    )


def books_missing() -> int:
    """Books that nothing on the shelf satisfies, each once."""
    return Gap.objects.open().filter(counts=True, reason__in=ACQUIRABLE).values("book_id").distinct().count()


def gaps_by_reason() -> list[tuple[str, int]]:
    """(reason, how many rows), of every open row of the report, most first."""
    rows = Gap.objects.open().values_list("reason").annotate(n=Count("pk")).order_by("-n", "reason")
    return [(str(reason), number) for reason, number in rows]


def downloads_under_way(*, limit: int = 20) -> list[Download]:
    """The active ones that move or wait; blocked ones are among the notices."""
    states = ["queued", "searching", "grabbed", "downloading", "downloaded", "importing", "failed"]
    return list(
        Download.objects.filter(status__in=states).select_related("client").order_by("-status_at", "-pk")[:limit]
    )


def runs_under_way(*, limit: int = 10) -> list[Run]:
    """Unfinished runs, without the watching that happens every few minutes."""
    watching = [job.name for job in JOBS.values() if job.every_minutes]
    return list(Run.objects.unfinished().exclude(job__in=watching).order_by("status", "created_at")[:limit])
