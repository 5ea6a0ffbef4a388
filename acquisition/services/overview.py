"""The product at a glance: for the first page, the command line and the API."""

from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from acquisition.models import Download, DownloadClient, Indexer
from library.models import Audiobookshelf, Author, Book, Copy, Gap, LibraryRoot, MatchState, Series
from scheduling.models import Run, RunStatus


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
    """What needs a person, in words."""
    now = timezone.now()
    found: dict[str, Any] = {}
    if blocked := Download.objects.filter(status="blocked").count():
        found["blocked_downloads"] = f"{blocked}; see Downloads"
    if review := Copy.objects.present().filter(match_state=MatchState.REVIEW).count():
        found["matches_to_review"] = f"{review}; see Copies"
    for root in LibraryRoot.objects.filter(is_enabled=True).exclude(last_error=""):
        found[f"root {root.name}"] = root.last_error
    for server in Audiobookshelf.objects.filter(is_enabled=True).exclude(last_error=""):
        found[f"server {server.name}"] = server.last_error
    services = [*Indexer.objects.filter(is_enabled=True), *DownloadClient.objects.filter(is_enabled=True)]
    for service in services:
        if service.paused_until and service.paused_until > now:
            found[service.name] = service.last_error
    return found
