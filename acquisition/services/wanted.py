"""The search that nobody waits for: wanted books that are due, a query at a time, within each hour's share of budgets.

Breadth first: each due book gets the query that finds it best before any gets its second one, so that a thousand wanted
books share what little an indexer allows. A book's plan may so be spread over several runs; its interval grows when the
plan is through.
"""

import datetime
from collections import deque
from typing import Any

from django.utils import timezone

from acquisition.services.acquiring import AcquireResult, acquire_books, take_best
from acquisition.services.budgets import Pace
from acquisition.services.searching import due_books, search_step, searchable_books
from acquisition.services.waking import wake_monitor
from library.models import Book
from library.services.settings import get_setting
from scheduling.services.context import RunContext

SHARE_USED = "No indexer may be asked any more in this hour; the search goes on in the next one."
SWITCHED_OFF = "Searching by itself is switched off (setting search.is_automatic)."


def search_wanted(*, run: RunContext) -> dict[str, Any]:
    """The job `wanted_search`: what a user named, or, if searching is automatic, the wanted books that are due."""
    now = timezone.now()
    params = run.params
    dry_run, most = bool(params.get("dry_run")), params.get("max_downloads")
    if "book_ids" in params:
        books = list(Book.objects.filter(pk__in=params["book_ids"]))
        by = run.run.requested_by
        result = acquire_books(books=books, now=now, run=run, user=by, dry_run=dry_run, max_downloads=most)
    elif get_setting("search.is_automatic"):
        result = search_due(now=now, run=run, limit=get_setting("search.max_books_per_run"), dry_run=dry_run)
    else:
        return {"message": SWITCHED_OFF}
    return result.told(run, dry_run=dry_run)


def search_due(
    *, now: datetime.datetime, limit: int, run: RunContext | None = None, dry_run: bool = False
) -> AcquireResult:
    """Search for the books that are due, the least recently searched first, until the hour's share is used up."""
    result = AcquireResult()
    waiting = deque(due_books(now=now, limit=limit))
    pace = Pace(now=now, wanted=searchable_books(now=now).count())
    seen: set[int] = set()
    if run:
        run.report(total=len(waiting))
    while waiting:
        if not pace.has_share_left():
            result.errors.append(SHARE_USED)
            break
        book = waiting.popleft()
        seen.add(book.pk)
        found = search_step(book=book, now=now, pace=pace, run=run.run if run else None)
        result.errors += [error for error in found.errors if error not in result.errors]
        is_taken = take_best(found, result, now, None, dry_run)
        if not (is_taken or found.is_over):
            waiting.append(book)
            continue
        if not is_taken:
            result.miss(found)
        if run:
            run.advance(ok=is_taken, message=f"{book.title}: {found.outcome}"[:200])
            run.log(f"{book.title}: {found.outcome}")
    result.searched = len(seen)
    if result.grabbed and not dry_run:
        wake_monitor()
    return result
