"""Searching the indexers for a book, deciding on what they offer, and keeping every decision.

The same pipeline serves the automatic and the interactive search. The plan goes from the narrowest query to the
widest and stops at the first tier that yields an accepted release.
"""

import datetime
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from acquisition.domain.account_rules import judge_account
from acquisition.domain.deciding import Circumstances, Verdict, consider, sort_verdicts
from acquisition.domain.facts import OfferedRelease, SearchQuery
from acquisition.domain.identity import WantedBook
from acquisition.domain.query_plan import Tier, plan_queries
from acquisition.domain.states import DownloadState
from acquisition.models import (
    BlocklistEntry,
    ClientKind,
    Decision,
    Download,
    DownloadBook,
    DownloadClient,
    Indexer,
    Release,
    SearchState,
)
from acquisition.services.budgets import Pace, spend_query
from acquisition.services.ports import ask, is_paused, open_indexer
from acquisition.services.profiles import profiles_of
from acquisition.services.tracker import account_facts
from acquisition.services.upgrading import held_of
from acquisition.services.wanted_facts import known_runtimes, wanted_book
from config.errors import ExternalAPIError
from config.http import is_time_up
from library.models import Book, Exclusion
from scheduling.models import Run

# Hours until a book that was not found is searched again, by how often it was searched.
INTERVALS_HOURS = (6, 12, 24, 48, 96, 168, 336)
# And when nobody could be asked: an outage says nothing of the book.
UNANSWERED = datetime.timedelta(hours=1)
LARGEST = 2**63 - 1
LARGEST_SMALL = 2**31 - 1
GIVEN_UP = {
    DownloadState.ABANDONED.value: "It was tried for this book before and given up; take it by hand to try again.",
    DownloadState.CANCELLED.value: "You cancelled it for this book before; take it by hand to try again.",
}


@dataclass
class SearchResult:
    """What a search found: the decisions, best first, and what went wrong on the way, in words. Partial: the caller's
    time was up (`config.http.time_limit`) before everybody was asked everything."""

    book: Book
    decisions: list[Decision] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tier: str = ""
    asked: int = 0
    is_partial: bool = False
    is_over: bool = True  # the whole plan is asked; false while wider queries are left

    @property
    def accepted(self) -> list[Decision]:
        return [decision for decision in self.decisions if decision.is_accepted]

    @property
    def outcome(self) -> str:
        """Why the book is not here yet, in one sentence."""
        if self.accepted:
            return f"Found: {self.accepted[0].release_title}"
        if self.decisions:
            first = self.decisions[0]
            why = first.reasons[0]["message"] if first.reasons else ""
            return f"{len(self.decisions)} releases found, none acceptable. The nearest, “{first.release_title}”: {why}"
        if self.errors and not self.asked:
            return "No answer: " + " ".join(self.errors)
        return "No indexer offers it." + (f" Not all answered: {' '.join(self.errors)}" if self.errors else "")


def search_book(
    *,
    book: Book,
    now: datetime.datetime,
    run: Run | None = None,
    interactive: bool = False,
    indexers: Sequence[Indexer] | None = None,
) -> SearchResult:
    """Search for one book. Interactive: every tier is asked, and everything that was found is shown."""
    wanted = wanted_book(book)
    result = SearchResult(book)
    usable = list(indexers) if indexers is not None else _usable_indexers(interactive, now, result)
    seen: set[tuple[int, str]] = set()
    judged: list[Judged] = []
    for tier in plan_queries(wanted, asin=book.asin, isbn=book.isbn):
        result.tier = tier.name
        judged += judge(book, _ask_all(usable, tier, now, seen, result, _spend_any), now, wanted=wanted)
        if not interactive and any(verdict.is_accepted for _, _, verdict in judged):
            break
    _keep(book, judged, now, run, result)
    _remember_search(book, result, now)
    return result


def search_step(*, book: Book, now: datetime.datetime, pace: Pace, run: Run | None = None) -> SearchResult:
    """One query of the book's plan of every indexer that has a share of this hour left; each goes through the plan by
    itself, so that one with few queries asks the best one first, whenever its turn comes.

    `is_over` of the result says whether the plan is through: something was accepted, or nothing wider is left to ask.
    """
    state, _ = SearchState.objects.get_or_create(book=book)
    wanted, result = wanted_book(book), SearchResult(book)
    plan = plan_queries(wanted, asin=book.asin, isbn=book.isbn)
    asked, found = dict(state.asked), []
    rest: list[datetime.datetime] = []
    for indexer in _usable_indexers(False, now, result) if plan else ():
        count, at = asked.get(str(indexer.pk), (0, None))
        if until := pace.rests_until(indexer, at and datetime.datetime.fromisoformat(at)):
            rest.append(until)
            continue
        if is_paused(indexer, now):
            continue
        if not pace.spend(indexer):
            rest.append(now + UNANSWERED)
            result.errors.append(f"{indexer.name}: its queries of this hour are used up.")
            continue
        tier = plan[count % len(plan)]
        before = result.asked
        found += _ask_all([indexer], tier, now, set(), result, _spent_already)
        if result.asked > before:
            result.tier = tier.name
            asked[str(indexer.pk)] = (count + 1, now.isoformat())
    judged = judge(book, found, now, wanted=wanted)
    place = state.next_step + 1
    is_found = any(verdict.is_accepted for _, _, verdict in judged)
    result.is_over = is_found or not result.asked or place >= len(plan)
    _keep(book, judged, now, run, result)
    if not result.asked and rest:
        SearchState.objects.filter(pk=state.pk).update(next_search_at=max(min(rest), now + UNANSWERED))
        return result
    SearchState.objects.filter(pk=state.pk).update(asked=asked)
    _remember_search(book, result, now, next_step=0 if result.is_over else place)
    return result


def _usable_indexers(interactive: bool, now: datetime.datetime, result: SearchResult) -> list[Indexer]:
    """The indexers that may be asked now; why there is none, or not all, goes into the result."""
    enabled = [i for i in Indexer.objects.filter(is_enabled=True) if interactive or i.is_automatic]
    if not enabled:
        result.errors.append("No indexer is set up; add one under Indexers.")
    for indexer in enabled:
        if is_paused(indexer, now):
            result.errors.append(
                f"{indexer.name} is left alone until {indexer.paused_until:%H:%M}: {indexer.last_error}"
            )
    return [indexer for indexer in enabled if not is_paused(indexer, now)]


Spend = Callable[[Indexer, datetime.datetime], str]


def _spend_any(indexer: Indexer, now: datetime.datetime) -> str:
    """Take a query out of the day's budget; why not, when there is none."""
    return "" if spend_query(indexer, today=now.date()) else f"{indexer.name}: today's budget of queries is used up."


def _spent_already(indexer: Indexer, now: datetime.datetime) -> str:
    return ""


def _ask_all(
    indexers: Sequence[Indexer],
    tier: Tier,
    now: datetime.datetime,
    seen: set[tuple[int, str]],
    result: SearchResult,
    spend: Spend,
) -> list[tuple[Indexer, OfferedRelease]]:
    found = []
    query = SearchQuery(
        text=tier.text, title=tier.title, author=tier.author, series=tier.series, asin=tier.asin, isbn=tier.isbn
    )
    for indexer in indexers:
        if is_paused(indexer, now):
            continue
        if is_time_up():
            result.is_partial = True
            _add_once(result.errors, f"{indexer.name} was not asked everything: the time was up.")
            continue
        if refused := spend(indexer, now):
            _add_once(result.errors, refused)
            continue
        try:
            offers = ask(indexer, lambda indexer=indexer: open_indexer(indexer).search(query), now=now)  # type: ignore[misc]
        except ExternalAPIError as error:
            _add_once(result.errors, error.message)
            continue
        result.asked += 1
        for offer in offers:
            if (indexer.pk, offer.guid) not in seen:
                seen.add((indexer.pk, offer.guid))
                found.append((indexer, offer))
    return found


def _add_once(errors: list[str], error: str) -> None:
    if error not in errors:
        errors.append(error)


Judged = tuple[Indexer, OfferedRelease, Verdict]


def judge(
    book: Book,
    found: Sequence[tuple[Indexer, OfferedRelease]],
    now: datetime.datetime,
    *,
    wanted: WantedBook | None = None,
) -> list[Judged]:
    """Every offer against the book, in the circumstances of this moment."""
    if not found:
        return []
    chosen = profiles_of([book])[book.pk]
    runtimes = known_runtimes(book)
    around = circumstances(book, now)
    blocked = blocked_releases([offer for _, offer in found])
    given_up = _given_up(book)
    accounts = {
        indexer.pk: account_facts(indexer, now=now)
        for indexer in {indexer.pk: indexer for indexer, _ in found}.values()
    }
    named = wanted or wanted_book(book)
    seen = _first_seen(found) if chosen.profile.delay_hours else {}
    judged = []
    for indexer, offer in found:
        account = judge_account(offer, accounts[indexer.pk])
        here = replace(
            around,
            is_blocklisted=is_blocked(indexer, offer, blocked),
            given_up=given_up.get((indexer.pk, storable(offer.guid, 500)), ""),
            indexer_minimum_seeders=indexer.minimum_seeders,
            indexer_name=indexer.name,
            indexer_priority=indexer.priority,
            account_refusal=account.refusal,
            wedge_refusal=account.wedge_refusal,
            account_note=account.note,
            first_seen_at=seen.get((indexer.pk, storable(offer.guid, 500))),
        )
        verdict = consider(
            offer,
            named,
            runtimes_seconds=runtimes,
            profile=chosen.profile,
            around=here,
            sources=chosen.sources,
        )
        judged.append((indexer, offer, verdict))
    return judged


def judge_offers(
    *, book: Book, found: Sequence[tuple[Indexer, OfferedRelease]], now: datetime.datetime, run: Run | None = None
) -> SearchResult:
    """Decide on offers that came without a search, such as those of a feed, and keep the decisions."""
    result = SearchResult(book, tier="feed")
    _keep(book, judge(book, found, now), now, run, result)
    return result


def _first_seen(found: Sequence[tuple[Indexer, OfferedRelease]]) -> dict[tuple[int, str], datetime.datetime]:
    """When releases were seen for the first time, by indexer and guid."""
    guids = [storable(offer.guid, 500) for _, offer in found]
    rows = Release.objects.filter(indexer__in={indexer.pk for indexer, _ in found}, guid__in=guids)
    return {(indexer_id, guid): at for indexer_id, guid, at in rows.values_list("indexer_id", "guid", "first_seen_at")}


def _given_up(book: Book) -> dict[tuple[int, str], str]:
    """Why releases are not taken again for this book, by indexer and guid."""
    ended = Download.objects.filter(books=book, status__in=list(GIVEN_UP), release__isnull=False)
    # What we cancelled ourselves, because the book stood on the shelf, may be wanted again when it is gone.
    rows = (
        ended.exclude(status=DownloadState.CANCELLED, events__code="owned")
        .order_by("pk")
        .values_list("release__indexer_id", "release__guid", "status")
    )
    return {(indexer_id, guid): GIVEN_UP[status] for indexer_id, guid, status in rows}


def circumstances(book: Book, now: datetime.datetime) -> Circumstances:
    """What the database knows around a book."""
    clients = DownloadClient.objects.filter(is_enabled=True).values_list("kind", flat=True)
    ways = {"direct" if kind == ClientKind.HTTP else "torrent" for kind in clients}
    return Circumstances(
        now=now,
        is_owned=book.is_owned,
        is_on_its_way=DownloadBook.objects.filter(book=book, is_active=True).exists(),
        is_excluded=Exclusion.objects.filter(book=book).exists(),
        client_for=frozenset(ways),
        held=held_of(book) if book.is_owned else (),
    )


def blocked_releases(offers: Sequence[OfferedRelease]) -> list[BlocklistEntry]:
    """The entries of the blocklist that may concern these offers."""
    hashes = [storable(offer.infohash.lower(), 64) for offer in offers if offer.infohash]
    guids = [storable(offer.guid, 500) for offer in offers if offer.guid]
    titles = [storable(offer.title, 1000) for offer in offers]
    return list(BlocklistEntry.objects.filter(Q(infohash__in=hashes) | Q(guid__in=guids) | Q(title__in=titles)))


def is_blocked(indexer: Indexer, offer: OfferedRelease, entries: Sequence[BlocklistEntry]) -> bool:
    """By infohash wherever it is offered, by guid at its indexer, else by title and size. An entry that has nothing
    but a title (made by hand) means every release of that name."""
    for entry in entries:
        if entry.infohash and entry.infohash == offer.infohash.lower():
            return True
        if entry.guid and entry.guid == storable(offer.guid, 500) and entry.indexer_id == indexer.pk:
            return True
        if entry.title != storable(offer.title, 1000):
            continue
        has_more = entry.infohash or entry.guid or entry.size_bytes
        if not has_more or (entry.size_bytes and entry.size_bytes == offer.size_bytes):
            return True
    return False


def keep_release(indexer: Indexer, offer: OfferedRelease, verdict: Verdict | None, now: datetime.datetime) -> Release:
    """The row of an offer, made or brought up to date."""
    candidate = verdict.candidate if verdict else None
    values = {
        "title": storable(offer.title, 1000),
        "infohash": storable(offer.infohash.lower(), 64),
        "protocol": "direct" if offer.direct_files else storable(offer.protocol, 20),
        "format": storable(candidate.format if candidate else offer.format, 20),
        "bitrate_kbps": _bounded(candidate.bitrate_kbps if candidate else offer.bitrate_kbps, LARGEST_SMALL),
        "language": storable(candidate.language if candidate else offer.language, 20),
        "size_bytes": _bounded(offer.size_bytes, LARGEST),
        "seeders": _bounded(offer.seeders, LARGEST_SMALL),
        "is_free": offer.download_volume_factor == 0 or bool(offer.direct_files),
        "info_url": storable(offer.info_url, 1000),
        # A moment without its time zone is none.
        "published_at": offer.published_at if offer.published_at and offer.published_at.tzinfo else None,
        "offer": _plain(asdict(offer)),
        "last_seen_at": now,
    }
    release, _ = Release.objects.update_or_create(
        indexer=indexer,
        guid=storable(offer.guid, 500),
        defaults=values,
        create_defaults={**values, "first_seen_at": now},
    )
    return release


def _plain(value: Any) -> Any:
    """A value as JSON of every database takes it."""
    if isinstance(value, str):
        return storable(value, len(value))
    if isinstance(value, dict):
        return {storable(str(key), 200): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def storable(text: str, length: int) -> str:
    """Text of an outside service as every database takes it: without NUL and lone surrogates, and not too long."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:length]


def _bounded(value: int | None, most: int) -> int | None:
    """A number that fits its column; one that makes no sense is unknown."""
    return value if value is not None and 0 <= value <= most else None


def _keep(book: Book, judged: Sequence[Judged], now: datetime.datetime, run: Run | None, result: SearchResult) -> None:
    """Releases and decisions, in one transaction."""
    by_verdict = {id(verdict): (indexer, offer) for indexer, offer, verdict in judged}
    with transaction.atomic():
        for rank, verdict in enumerate(sort_verdicts([verdict for _, _, verdict in judged]), start=1):
            indexer, offer = by_verdict[id(verdict)]
            release = keep_release(indexer, offer, verdict, now)
            decision = Decision(
                book=book,
                release=release,
                release_title=storable(offer.title, 1000),
                indexer_name=indexer.name,
                run=run,
                is_accepted=verdict.is_accepted,
                is_temporary=verdict.is_temporary,
                rank=rank,
                certainty=verdict.candidate.identity.certainty,
                reasons=[asdict(rejection) for rejection in verdict.rejections],
                order=list(verdict.why),
            )
            result.decisions.append(decision)
            result.verdicts.append(verdict)
        Decision.objects.bulk_create(result.decisions)


def _remember_search(book: Book, result: SearchResult, now: datetime.datetime, *, next_step: int = 0) -> None:
    """When it is due again. An outage does not count as a search, and does not make the book wait for days; nor does a
    plan that is not through, which goes on with `next_step`."""
    state, _ = SearchState.objects.get_or_create(book=book)
    rows = SearchState.objects.filter(pk=state.pk)
    if not result.asked:
        rows.update(last_searched_at=now, next_search_at=now + UNANSWERED, last_outcome=result.outcome[:300])
        return
    if next_step:
        # The first query is the one that tells most: what a wider one did not find is no news.
        outcome = result.outcome if result.decisions or next_step == 1 else state.last_outcome
        rows.update(
            next_step=next_step, last_searched_at=now, next_search_at=now + UNANSWERED, last_outcome=outcome[:300]
        )
        return
    outcome = state.last_outcome if state.next_step and not result.decisions else result.outcome
    hours = INTERVALS_HOURS[min(state.search_count, len(INTERVALS_HOURS) - 1)]
    rows.update(
        search_count=F("search_count") + 1,
        last_searched_at=now,
        next_search_at=now + datetime.timedelta(hours=hours),
        next_step=0,
        last_outcome=outcome[:300],
    )


def searchable_books(*, now: datetime.datetime) -> QuerySet[Book]:
    """Wanted books that are out and not on their way."""
    books = Book.objects.active().filter(gaps__closed_at=None, gaps__is_wanted=True)
    return books.exclude(download_books__is_active=True).exclude(release_date__gt=now.date()).distinct()


def due_books(*, now: datetime.datetime, limit: int) -> list[Book]:
    """Wanted books whose search is due, the least recently searched first; unreleased ones are not searched."""
    due = Q(search_state=None) | Q(search_state__next_search_at=None) | Q(search_state__next_search_at__lte=now)
    order = F("search_state__last_searched_at").asc(nulls_first=True)
    return list(searchable_books(now=now).filter(due).order_by(order, "pk")[:limit])
