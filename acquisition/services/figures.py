"""Figures of the whole product, each counted at the moment it is asked for; None where nothing is known."""

import datetime
from typing import Any

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet, Sum

from acquisition.domain.states import ACTIVE, DownloadState
from acquisition.models import BlocklistEntry, Download
from library.models import Author, Book, BookStatus, CompletionStatus, Copy, Follow, Gap, MatchState, Series
from library.services.settings import get_setting
from scheduling.models import FailedAttempt, Run, RunStatus

Figures = dict[str, Any]
# Lower bounds of the bands of completeness, in percent.
BANDS = (("below_50", 0, 49), ("from_50_to_79", 50, 79), ("from_80_to_99", 80, 99), ("complete", 100, 100))
PERIODS = (("last_24_hours", 1), ("last_7_days", 7), ("last_30_days", 30))
NOT_OBTAINED = (DownloadState.FAILED, DownloadState.ABANDONED)


def count_everything(*, now: datetime.datetime) -> Figures:
    """Counts of what there is, by kind and state."""
    return {
        "as_of": now,
        "books": _books(),
        "copies": _copies(),
        "series": _completion(Series.objects.filter(merged_into=None)),
        "authors": _completion(Author.objects.filter(merged_into=None)),
        "gaps": Gap.objects.open().aggregate(
            open=Count("pk"), counted=Count("pk", filter=Q(counts=True)), wanted=Count("pk", filter=Q(is_wanted=True))
        ),
        "downloads": _download_counts(),
        "blocklist_entries": BlocklistEntry.objects.count(),
        "failed_attempts": _failed_attempts(),
        "runs": _runs(),
    }


def _books() -> Figures:
    active = Q(status=BookStatus.ACTIVE)
    return Book.objects.aggregate(
        total=Count("pk"),
        active=Count("pk", filter=active),
        duplicate=Count("pk", filter=Q(status=BookStatus.DUPLICATE)),
        archived=Count("pk", filter=Q(status=BookStatus.ARCHIVED)),
        owned=Count("pk", filter=active & Q(is_owned=True)),
    )


def _copies() -> Figures:
    present = Q(missing_since=None)
    found = Copy.objects.aggregate(
        present=Count("pk", filter=present),
        missing=Count("pk", filter=~present),
        to_review=Count("pk", filter=present & Q(match_state=MatchState.REVIEW)),
        size_bytes=Sum("size_bytes", filter=present),
        duration_seconds=Sum("duration_seconds", filter=present),
    )
    return {**found, "size_bytes": found["size_bytes"] or 0, "duration_seconds": round(found["duration_seconds"] or 0)}


def _completion(rows: QuerySet[Any]) -> Figures:
    """Of series or authors: how many by completion, and how many are followed."""
    states = {status.value: Count("pk", filter=Q(completion_status=status)) for status in CompletionStatus}
    return rows.aggregate(total=Count("pk"), **states, followed=Count("pk", filter=~Q(follow=Follow.NONE)))


def _download_counts() -> Figures:
    found = dict(Download.objects.order_by().values_list("status").annotate(n=Count("pk")))
    by_status = {state.value: found.get(state.value, 0) for state in DownloadState}
    return {
        "total": sum(by_status.values()),
        "active": sum(by_status[state.value] for state in ACTIVE),
        "by_status": by_status,
    }


def _failed_attempts() -> Figures:
    found = FailedAttempt.objects.aggregate(items=Count("pk"), attempts=Sum("count"), last_at=Max("last_at"))
    return {**found, "attempts": found["attempts"] or 0}


def _runs() -> Figures:
    found = dict(Run.objects.order_by().values_list("status").annotate(n=Count("pk")))
    return {status.value: found.get(status.value, 0) for status in RunStatus}


def library_status(*, now: datetime.datetime) -> Figures:
    """How good the metadata is, and how complete series and authors are."""
    return {
        "as_of": now,
        "metadata": _metadata(),
        "series": _completion_status(Series.objects.filter(merged_into=None)),
        "authors": _completion_status(Author.objects.filter(merged_into=None)),
    }


def _metadata() -> Figures:
    threshold = get_setting("metadata.completeness_threshold")
    bands = {name: Count("pk", filter=Q(completeness__range=(least, most))) for name, least, most in BANDS}
    incomplete = Count("pk", filter=Q(completeness__lt=threshold))
    found = (
        Book.objects.active()
        .filter(is_owned=True)
        .aggregate(books=Count("pk"), average=Avg("completeness"), incomplete=incomplete, **bands)
    )
    return {
        "books": found["books"],
        "average_completeness": _rounded(found["average"]),
        "threshold": threshold,
        "incomplete": found["incomplete"],
        "bands": {name: found[name] for name, _, _ in BANDS},
    }


def _completion_status(rows: QuerySet[Any]) -> Figures:
    sums = rows.filter(owned_count__gt=0).aggregate(
        average=Avg("completion_percentage"),
        counted=Sum("counted_count"),
        covered=Sum("covered_count"),
        missing=Sum("missing_count"),
        counted_at=Max("completion_at"),
    )
    return {
        **_completion(rows.filter(owned_count__gt=0)),
        "average_completion": _rounded(sums["average"]),
        "counted_books": sums["counted"] or 0,
        "covered_books": sums["covered"] or 0,
        "missing_books": sums["missing"] or 0,
        "counted_at": sums["counted_at"],
    }


def download_figures(*, now: datetime.datetime) -> Figures:
    """Downloads by status and source, what is due, and how fast they end on the shelf."""
    return {
        "as_of": now,
        **_download_counts(),
        "by_source": _by_source(),
        "retry_due": Download.objects.retry_due(now=now).count(),
        "speed_bytes": Download.objects.in_client().aggregate(sum=Sum("speed_bytes"))["sum"] or 0,
        "throughput": {name: _throughput(now - datetime.timedelta(days=days)) for name, days in PERIODS},
    }


def _by_source() -> list[Figures]:
    rows: QuerySet[Any, Any] = (
        Download.objects.order_by()
        .values("source")
        .annotate(
            total=Count("pk"),
            imported=Count("pk", filter=Q(status=DownloadState.IMPORTED)),
            failed=Count("pk", filter=Q(status__in=NOT_OBTAINED)),
        )
        .order_by("-total", "source")
    )
    return list(rows)


def _throughput(since: datetime.datetime) -> Figures:
    """What reached the shelf since then. `success_rate` is imported over all that ended; None when nothing ended."""
    took = ExpressionWrapper(F("imported_at") - F("created_at"), output_field=DurationField())
    done = Download.objects.filter(imported_at__gte=since).aggregate(
        imported=Count("pk"), size=Sum("size_bytes"), average=Avg(took)
    )
    abandoned = Download.objects.filter(status=DownloadState.ABANDONED, status_at__gte=since).count()
    ended = done["imported"] + abandoned
    return {
        "imported": done["imported"],
        "abandoned": abandoned,
        "size_bytes": done["size"] or 0,
        "average_seconds": round(done["average"].total_seconds()) if done["average"] is not None else None,
        "success_rate": round(done["imported"] / ended, 3) if ended else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 1)
