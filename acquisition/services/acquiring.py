"""Obtaining what is wanted: search, take the best accepted release, and fall back to the next best when it fails."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.models import User
from acquisition.domain.deciding import sort_verdicts
from acquisition.domain.states import DownloadState
from acquisition.models import Decision, Download, Release, SearchState
from acquisition.services.grabbing import grab, offer_of
from acquisition.services.packs import take_best_pack
from acquisition.services.searching import SearchResult, judge, search_book
from acquisition.services.transitions import RELEASE_AT_FAULT, note
from acquisition.services.waking import wake_monitor
from config.errors import ConflictError
from library.models import Book
from library.services.settings import get_setting
from scheduling.services.context import RunContext

FALLBACK_FRESH = datetime.timedelta(days=7)
FELL_BACK = "fell_back"
ALLOWANCE = "As many releases as allowed were tried for it today."


@dataclass
class AcquireResult:
    """One line per book: what was found, and what was done about it."""

    searched: int = 0
    grabbed: list[dict[str, Any]] = field(default_factory=list)
    not_found: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def miss(self, found: SearchResult) -> None:
        """Note that nothing of what was found is taken, and why."""
        self.not_found.append({"book": found.book.pk, "title": found.book.title, "reason": found.outcome})

    def told(self, run: RunContext, *, dry_run: bool) -> dict[str, Any]:
        """The result of a run, with each error as a warning in its log."""
        for error in self.errors:
            run.warn(error)
        verb = "would be queued" if dry_run else "queued"
        return {
            "message": f"{self.searched} books searched for, {len(self.grabbed)} downloads {verb}.",
            "grabbed": self.grabbed,
            "not_found": self.not_found,
            "errors": self.errors,
        }


def acquire_books(
    *,
    books: Sequence[Book],
    now: datetime.datetime,
    run: RunContext | None = None,
    user: User | None = None,
    dry_run: bool = False,
    max_downloads: int | None = None,
) -> AcquireResult:
    """Search for each book and queue the best accepted release. `dry_run` decides and queues nothing."""
    result = AcquireResult()
    if run:
        run.report(total=len(books))
    for book in books:
        if max_downloads is not None and len(result.grabbed) >= max_downloads:
            break
        found = search_book(book=book, now=now, run=run.run if run else None)
        result.searched += 1
        result.errors += [error for error in found.errors if error not in result.errors]
        if not take_best(found, result, now, user, dry_run):
            result.miss(found)
        if run:
            run.advance(ok=bool(found.accepted), message=f"{book.title}: {found.outcome}"[:200])
            run.log(f"{book.title}: {found.outcome}")
    if result.grabbed and not dry_run:
        wake_monitor()
    return result


def take_best(
    found: SearchResult, result: AcquireResult, now: datetime.datetime, user: User | None, dry_run: bool
) -> bool:
    """Queue the best accepted release, else the best pack that holds the book; whether anything came of it."""
    book = found.book
    if not found.accepted:
        pack = None if dry_run else take_best_pack(found=found, now=now)
        if pack is None:
            return False
        row = {"book": book.pk, "title": book.title, "release": pack.title, "indexer": pack.source}
        result.grabbed.append({**row, "download": pack.pk})
        return True
    best = found.accepted[0]
    row = {"book": book.pk, "title": book.title, "release": best.release_title, "indexer": best.indexer_name}
    if dry_run or best.release is None:
        result.grabbed.append(row)
        return True
    try:
        download = _grab_within_allowance(best.release, book, now, user, best)
    except ConflictError as error:
        result.not_found.append({**row, "reason": error.message})
        return True
    result.grabbed.append({**row, "download": download.pk})
    return True


def _grab_within_allowance(
    release: Release, book: Book, now: datetime.datetime, user: User | None, decision: Decision | None
) -> Download:
    """Queue it and count it for today, both or neither; ConflictError (daily_allowance) when today's is used up."""
    with transaction.atomic():
        limit = get_setting("search.max_grabs_per_book_per_day")
        SearchState.objects.get_or_create(book=book)
        rows = SearchState.objects.filter(book=book)
        rows.exclude(grabs_date=now.date()).update(grabs_date=now.date(), grabs_today=0)
        if not rows.filter(grabs_today__lt=limit).update(grabs_today=F("grabs_today") + 1):
            raise ConflictError(ALLOWANCE, code="daily_allowance")
        # A book on the shelf is only accepted as the upgrade that its profile asks for.
        return grab(release=release, books=[book], now=now, user=user, decision=decision, is_upgrade=book.is_owned)


ACQUIRABLE = ("missing", "other_language", "abridged_only", "dramatised_only", "not_dramatised", "other_narrator")


def take_next_best(*, download: Download, now: datetime.datetime) -> list[Download]:
    """After a release was at fault: for each of its books the best of the others that were found lately, judged anew,
    within the day's allowance. ConflictError (daily_allowance) when a book has none left today."""
    taken = []
    for book in download.books.all():
        best = _next_best(book, now)
        if best is None:
            continue
        try:
            taken.append(_grab_within_allowance(best, book, now, None, None))
        except ConflictError as error:
            if error.code == "daily_allowance":
                raise
    return taken


def take_known_best(*, book: Book, now: datetime.datetime) -> Download | None:
    """The best of the releases that were found lately, judged anew; None when none passes, or not today."""
    best = _next_best(book, now)
    if best is None:
        return None
    try:
        return _grab_within_allowance(best, book, now, None, None)
    except ConflictError:
        return None  # why: today's allowance is used up, or the book is on its way by now


def _next_best(book: Book, now: datetime.datetime) -> Release | None:
    """The best release of the last days that passes every gate now."""
    recent = Release.objects.filter(decisions__book=book, decisions__created_at__gte=now - FALLBACK_FRESH)
    releases = list(recent.exclude(downloads__books=book).select_related("indexer").distinct())
    judged = judge(book, [(release.indexer, offer_of(release)) for release in releases], now)
    order = sort_verdicts([verdict for _, _, verdict in judged])
    if not order or not order[0].is_accepted:
        return None
    place = next(n for n, (_, _, verdict) in enumerate(judged) if verdict is order[0])
    return releases[place]


def give_up_and_fall_back(*, download: Download, now: datetime.datetime) -> Download | None:
    """For downloads whose release was at fault: queue the runner-up. Recorded, so that it is done once."""
    at_fault = download.events.filter(code=RELEASE_AT_FAULT).exists()
    if download.status != DownloadState.ABANDONED or not at_fault:
        return None
    if download.events.filter(code=FELL_BACK).exists():
        return None
    try:
        with transaction.atomic():
            taken = take_next_best(download=download, now=now)
            titles = " and ".join(f"“{following.title}”" for following in taken)
            words = f"Next best: {titles}." if taken else "No other release is acceptable; the search goes on."
            note(download, words, code=FELL_BACK, now=now)
    except ConflictError:
        return None  # why: today's allowance is used up; tomorrow the sweep comes by again
    if taken:
        wake_monitor()
    return taken[0] if taken else None


def take_found(*, found: SearchResult, now: datetime.datetime, user: User | None = None) -> AcquireResult:
    """Queue the best accepted release of a search that was made already, within the day's allowance."""
    result = AcquireResult(searched=1)
    if not take_best(found, result, now, user, False):
        result.miss(found)
    return result


def fall_back_all(*, now: datetime.datetime) -> int:
    """The fall-back of every download that needs one and did not get it: after a crash, or when the day was over."""
    waiting = (
        Download.objects.filter(status=DownloadState.ABANDONED, status_at__gte=now - FALLBACK_FRESH)
        .filter(events__code=RELEASE_AT_FAULT)
        .exclude(events__code=FELL_BACK)
        .distinct()
    )
    return sum(give_up_and_fall_back(download=download, now=now) is not None for download in waiting)
