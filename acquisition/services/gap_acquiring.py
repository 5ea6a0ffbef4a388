"""Obtaining the books of gaps that a person asked for: analysed first if wanted, the most pressing ones first."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.models import User
from acquisition.models import Indexer, SearchState
from acquisition.services.acquiring import ACQUIRABLE, acquire_books
from library.models import Book, Gap
from library.services.gaps import analyze_gaps
from scheduling.models import Run, Trigger
from scheduling.services.context import RunContext
from scheduling.services.runs import request_run

JOB = "wanted_search"
DEFAULT_DOWNLOADS = 10
MOST_DOWNLOADS = 50
# Of three books that are looked for, one is found at the least; so the search ends in sensible time when few are.
SEARCHES_PER_DOWNLOAD = 3


def request_gap_search(*, params: Mapping[str, Any], user: User | None, analyze: bool = False) -> Run:
    """The run that searches for gaps; ConflictError (already_running) while a search is under way."""
    values = {**params, "gaps": True, **({"analyze": True} if analyze else {})}
    return request_run(job=JOB, params=values, user=user, trigger=Trigger.USER)


def acquire_gaps(*, run: RunContext) -> dict[str, Any]:
    """Search for the given or the top gaps and queue the best accepted releases. `dry_run` queues nothing."""
    now, params = timezone.now(), run.params
    stats: dict[str, Any] = {}
    if params.get("analyze"):
        run.report(message="Counting gaps")
        analysis = analyze_gaps(now=now, series_ids=params.get("series_ids"), author_ids=params.get("author_ids"))
        stats = {"analysis": analysis.as_stats()}
    dry_run = bool(params.get("dry_run"))
    result = acquire_books(
        books=books_of_gaps(params),
        now=now,
        run=run,
        user=run.run.requested_by,
        dry_run=dry_run,
        max_downloads=params.get("max_downloads") or DEFAULT_DOWNLOADS,
    )
    return {**result.told(run, dry_run=dry_run), **stats}


def books_of_gaps(params: Mapping[str, Any]) -> list[Book]:
    """The books to look for, in order: the named series and authors, or every wanted gap.

    With `series_priority` gaps of series come first, the nearest to complete before the others; with
    `author_priority` alone the gaps outside of series do.
    """
    gaps = Gap.objects.open().filter(counts=True, reason__in=ACQUIRABLE).exclude(book__download_books__is_active=True)
    series, authors = params.get("series_ids"), params.get("author_ids")
    if series is not None or authors is not None:
        gaps = gaps.filter(Q(series_id__in=series or []) | Q(author_id__in=authors or []))
    else:
        gaps = gaps.filter(is_wanted=True)
    authors_first = bool(params.get("author_priority")) and not params.get("series_priority", True)
    outside = Case(When(series=None, then=Value(0 if authors_first else 1)), default=Value(1 if authors_first else 0))
    nearest = F("series__completion_percentage").desc(nulls_last=True)
    ordered = gaps.order_by(outside, nearest, "series_id", "position_first", "pk")
    limit = (params.get("max_downloads") or DEFAULT_DOWNLOADS) * SEARCHES_PER_DOWNLOAD
    ids = list(dict.fromkeys(ordered.values_list("book_id", flat=True)))[:limit]
    books = Book.objects.in_bulk(ids)
    return [books[pk] for pk in ids if pk in books]


def forget_searches() -> dict[str, int]:
    """Every book is due for a search again, and every indexer may be asked at once. Books, downloads, decisions and
    the blocklist stay. Returns how many of each were reset."""
    forgotten, _ = SearchState.objects.all().delete()
    backing_off = Indexer.objects.filter(Q(failure_level__gt=0) | Q(paused_until__isnull=False))
    return {
        "search_states_removed": forgotten,
        "indexers_reset": backing_off.update(failure_level=0, paused_until=None),
    }
