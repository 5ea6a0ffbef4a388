"""The job `feed_sync`: the newest releases, held against what is wanted by the pipeline of the search."""

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from acquisition.domain.facts import OfferedRelease, SearchQuery
from acquisition.domain.feeds import WantedIndex
from acquisition.models import Indexer, IndexerKind, Release
from acquisition.services.acquiring import take_found
from acquisition.services.budgets import is_feed_due, spend_feed_query, spend_query
from acquisition.services.monitoring import wake_monitor
from acquisition.services.ports import ask, open_indexer
from acquisition.services.profiles import some_profile
from acquisition.services.searching import judge_offers, keep_release, storable
from config.errors import ExternalAPIError
from library.models import Book
from library.services.settings import get_setting
from scheduling.models import Trigger
from scheduling.services.context import RunContext
from scheduling.services.runs import tally_failure

CATCH_UP, CATCH_UP_PAGES = 1000, 10
Found = tuple[Indexer, OfferedRelease]


@dataclass
class FeedResult:
    """`matched`: [{book, title, release, indexer, accepted, reason}]; `grabbed`: those that were queued."""

    read: int = 0
    new: int = 0
    matched: list[dict[str, Any]] = field(default_factory=list)
    grabbed: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def sync_feeds(*, run: RunContext, now: datetime.datetime) -> Mapping[str, Any]:
    """Read the feeds; releases that were not seen before are judged for every wanted book that they may be, and the
    best is queued if searching is automatic."""
    result = FeedResult()
    usable = Indexer.objects.usable(now=now).filter(is_automatic=True).exclude(kind=IndexerKind.LIBRIVOX)
    by_hand = run.run.trigger != Trigger.SCHEDULE
    indexers = [row for row in usable if by_hand or is_feed_due(row, now=now)]
    run.report(total=len(indexers))
    fresh: list[Found] = []
    for indexer in indexers:
        fresh += _read_feed(indexer, run, now, result)
    for book, found in _for_books(fresh):
        _judge(book, found, run, now, result)
    if result.grabbed:
        wake_monitor()
    for words in result.errors:
        run.warn(words)
    return {
        "message": f"{result.read} releases read, {result.new} new, {len(result.matched)} for wanted books, "
        f"{len(result.grabbed)} queued.",
        "read": result.read,
        "new": result.new,
        "matched": result.matched[:200],
        "grabbed": result.grabbed,
        "errors": result.errors,
    }


def _read_feed(indexer: Indexer, run: RunContext, now: datetime.datetime, result: FeedResult) -> list[Found]:
    """The releases of one indexer that were not seen before; all are kept."""
    if not spend_feed_query(indexer, now=now):
        result.errors.append(f"{indexer.name}: today's budget of queries is used up.")
        run.advance(ok=False)
        return []
    try:
        offers, known = _newest(indexer, now)
    except ExternalAPIError as error:
        result.errors.append(error.message)
        tally_failure(job="feed_sync", item_type="indexer", item_id=indexer.name, error=error.message, now=now)
        run.advance(ok=False, message=indexer.name)
        return []
    fresh = [offer for offer in offers if storable(offer.guid, 500) not in known]
    for offer in fresh:
        keep_release(indexer, offer, None, now)
    result.read += len(offers)
    result.new += len(fresh)
    run.advance(message=indexer.name)
    return [(indexer, offer) for offer in fresh]


def _newest(indexer: Indexer, now: datetime.datetime) -> tuple[list[OfferedRelease], set[str]]:
    """The newest releases and which of them were seen before. When none was, though some were once, the feed has run on
    while it was not read (an outage, a night of many uploads): then further pages are read, to catch up."""
    client = open_indexer(indexer)
    offers = ask(indexer, lambda: client.search(SearchQuery()), now=now)
    known = _seen(indexer, offers)
    has_run_on = offers and not known and Release.objects.filter(indexer=indexer).exists()
    if has_run_on and spend_query(indexer, today=now.date()):
        deeper = SearchQuery(limit=CATCH_UP, feed_pages=CATCH_UP_PAGES)
        offers = ask(indexer, lambda: client.search(deeper), now=now) or offers
        known = _seen(indexer, offers)
    return offers, known


def _seen(indexer: Indexer, offers: Sequence[OfferedRelease]) -> set[str]:
    guids = [storable(offer.guid, 500) for offer in offers]
    return set(Release.objects.filter(indexer=indexer, guid__in=guids).values_list("guid", flat=True))


def _for_books(found: Sequence[Found]) -> list[tuple[Book, list[Found]]]:
    """Wanted books with the new releases that might be them."""
    if not found:
        return []
    wanted = Book.objects.active().filter(_is_looked_for()).exclude(download_books__is_active=True).distinct()
    index = WantedIndex(wanted.order_by("pk").values_list("pk", "title").iterator(chunk_size=2000))
    by_book: dict[int, list[Found]] = defaultdict(list)
    for indexer, offer in found:
        for pk in index.candidates(" ".join((offer.title, *offer.files[:20]))):
            by_book[pk].append((indexer, offer))
    books = {book.pk: book for book in Book.objects.filter(pk__in=by_book)}
    return [(books[pk], by_book[pk]) for pk in sorted(by_book) if pk in books]


def _is_looked_for() -> Q:
    """Wanted books, and those on the shelf where some profile allows upgrades; the profile of each decides on it."""
    is_wanted = Q(gaps__closed_at=None, gaps__is_wanted=True)
    return is_wanted | Q(is_owned=True) if some_profile(upgrades_allowed=True) else is_wanted


def _judge(book: Book, found: Sequence[Found], run: RunContext, now: datetime.datetime, result: FeedResult) -> None:
    judged = judge_offers(book=book, found=found, now=now, run=run.run)
    for decision in judged.decisions:
        result.matched.append(
            {
                "book": book.pk,
                "title": book.title,
                "release": decision.release_title,
                "indexer": decision.indexer_name,
                "accepted": decision.is_accepted,
                "reason": decision.reasons[0]["message"] if decision.reasons else "",
            }
        )
    if not judged.accepted or not get_setting("search.is_automatic"):
        return
    taken = take_found(found=judged, now=now)
    result.grabbed += taken.grabbed
    for row in taken.grabbed:
        run.log(f"Queued from the feed: {row['release']}", context={"book": book.pk})
