"""Searching the indexers for a book, deciding on what they offer, and keeping every decision.

The same pipeline serves the automatic and the interactive search. The plan goes from the narrowest query to the
widest and stops at the first tier that yields an accepted release.
"""

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from django.db import transaction
from django.db.models import F, Q

from acquisition.domain.deciding import Circumstances, Tier, Verdict, consider, plan_queries, sort_verdicts
from acquisition.domain.facts import OfferedRelease, SearchQuery
from acquisition.domain.identity import WantedBook
from acquisition.models import (
    BlocklistEntry,
    ClientKind,
    Decision,
    DownloadBook,
    DownloadClient,
    Indexer,
    Release,
    SearchState,
)
from acquisition.services.ports import ask, open_indexer, spend_query
from acquisition.services.profiles import profile_for
from acquisition.services.tracker import grab_stop_reason
from config.errors import ExternalAPIError
from library.domain.facts import SeriesPlace
from library.models import Book, Exclusion, Recording, SeriesEntry
from scheduling.models import Run

# Hours until a book that was not found is searched again, by how often it was searched.
INTERVALS_HOURS = (6, 12, 24, 48, 96, 168, 336)


@dataclass
class SearchResult:
    """What a search found: the decisions, best first, and what went wrong on the way, in words."""

    book: Book
    decisions: list[Decision] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    tier: str = ""

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
        if self.errors:
            return "No answer: " + " ".join(self.errors)
        return "No indexer offers it."


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
    usable = list(indexers) if indexers is not None else list(Indexer.objects.usable(now=now))
    if not interactive:
        usable = [indexer for indexer in usable if indexer.is_automatic]
    result = SearchResult(book)
    if not usable:
        result.errors.append("No indexer is set up and reachable; add one under Indexers.")
    seen: set[tuple[int, str]] = set()
    found: list[tuple[Indexer, OfferedRelease]] = []
    for tier in plan_queries(wanted, asin=book.asin, isbn=book.isbn):
        found += _ask_all(usable, tier, now, seen, result)
        verdicts = _consider_all(book, wanted, found, now)
        if any(verdict.is_accepted for _, _, verdict in verdicts) and not interactive:
            break
    verdicts = _consider_all(book, wanted, found, now)
    result.tier = tier.name
    _keep(book, verdicts, now, run, result)
    _remember_search(book, result, now)
    return result


def wanted_book(book: Book) -> WantedBook:
    """The book as the identity judgement wants it."""
    series = SeriesEntry.objects.filter(book=book).values_list("series__name", "positions", "label")
    return WantedBook(
        title=book.title,
        authors=tuple(book.authors.order_by("book_authors__order").values_list("name", flat=True)),
        series=tuple(SeriesPlace(name, positions or label) for name, positions, label in series),
    )


def _ask_all(
    indexers: Sequence[Indexer], tier: Tier, now: datetime.datetime, seen: set[tuple[int, str]], result: SearchResult
) -> list[tuple[Indexer, OfferedRelease]]:
    found = []
    query = SearchQuery(
        text=tier.text, title=tier.title, author=tier.author, series=tier.series, asin=tier.asin, isbn=tier.isbn
    )
    for indexer in indexers:
        if indexer.paused_until and indexer.paused_until > now:
            continue
        if not spend_query(indexer, today=now.date()):
            result.errors.append(f"{indexer.name}: today's budget of queries is used up.")
            continue
        try:
            offers = ask(indexer, lambda indexer=indexer: open_indexer(indexer).search(query), now=now)  # type: ignore[misc]
        except ExternalAPIError as error:
            result.errors.append(error.message)
            continue
        for offer in offers:
            if (indexer.pk, offer.guid) not in seen:
                seen.add((indexer.pk, offer.guid))
                found.append((indexer, offer))
    return found


Judged = tuple[Indexer, OfferedRelease, Verdict]


def _consider_all(
    book: Book, wanted: WantedBook, found: Sequence[tuple[Indexer, OfferedRelease]], now: datetime.datetime
) -> list[Judged]:
    """Every offer against the book, in the circumstances of this moment."""
    if not found:
        return []
    profile = profile_for(book)
    known = Recording.objects.filter(book=book).values_list("runtime_seconds", flat=True)
    runtimes = tuple(runtime for runtime in [*known, book.duration_seconds] if runtime)
    around = circumstances(book, now)
    blocked = blocked_releases([offer for _, offer in found])
    refusals = {indexer.pk: grab_stop_reason(indexer) for indexer, _ in found}
    judged = []
    for indexer, offer in found:
        here = Circumstances(
            **{
                **asdict(around),
                "client_for": around.client_for,
                "is_blocklisted": _is_blocked(indexer, offer, blocked),
                "indexer_minimum_seeders": indexer.minimum_seeders,
                "indexer_name": indexer.name,
                "indexer_priority": indexer.priority,
                "account_refusal": refusals[indexer.pk],
            }
        )
        judged.append(
            (indexer, offer, consider(offer, wanted, runtimes_seconds=runtimes, profile=profile, around=here))
        )
    return judged


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
    )


def blocked_releases(offers: Sequence[OfferedRelease]) -> list[BlocklistEntry]:
    hashes = [offer.infohash.lower() for offer in offers if offer.infohash]
    guids = [offer.guid for offer in offers]
    titles = [offer.title for offer in offers]
    return list(BlocklistEntry.objects.filter(Q(infohash__in=hashes) | Q(guid__in=guids) | Q(title__in=titles)))


def _is_blocked(indexer: Indexer, offer: OfferedRelease, entries: Sequence[BlocklistEntry]) -> bool:
    for entry in entries:
        if entry.infohash and entry.infohash == offer.infohash.lower():
            return True
        if entry.guid and entry.guid == offer.guid and entry.indexer_id == indexer.pk:
            return True
        if entry.title == offer.title and entry.size_bytes and entry.size_bytes == offer.size_bytes:
            return True
    return False


def keep_release(indexer: Indexer, offer: OfferedRelease, verdict: Verdict | None, now: datetime.datetime) -> Release:
    """The row of an offer, made or brought up to date."""
    candidate = verdict.candidate if verdict else None
    values = {
        "title": offer.title[:1000],
        "infohash": offer.infohash.lower()[:64],
        "protocol": "direct" if offer.direct_files else offer.protocol[:20],
        "format": (candidate.format if candidate else offer.format)[:20],
        "bitrate_kbps": candidate.bitrate_kbps if candidate else offer.bitrate_kbps,
        "language": (candidate.language if candidate else offer.language)[:20],
        "size_bytes": offer.size_bytes,
        "seeders": offer.seeders,
        "is_free": offer.download_volume_factor == 0 or bool(offer.direct_files),
        "info_url": offer.info_url[:1000],
        "published_at": offer.published_at,
        "offer": json.loads(json.dumps(asdict(offer), default=str)),
        "last_seen_at": now,
    }
    release, _ = Release.objects.update_or_create(
        indexer=indexer, guid=offer.guid[:500], defaults=values, create_defaults={**values, "first_seen_at": now}
    )
    return release


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
                release_title=offer.title[:1000],
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


def _remember_search(book: Book, result: SearchResult, now: datetime.datetime) -> None:
    state, _ = SearchState.objects.get_or_create(book=book)
    hours = INTERVALS_HOURS[min(state.search_count, len(INTERVALS_HOURS) - 1)]
    SearchState.objects.filter(pk=state.pk).update(
        search_count=F("search_count") + 1,
        last_searched_at=now,
        next_search_at=now + datetime.timedelta(hours=hours),
        last_outcome=result.outcome[:300],
    )


def due_books(*, now: datetime.datetime, limit: int) -> list[Book]:
    """Wanted books whose search is due, the least recently searched first; unreleased ones are not searched."""
    return list(
        Book.objects.active()
        .filter(gaps__closed_at=None, gaps__is_wanted=True)
        .filter(Q(search_state=None) | Q(search_state__next_search_at=None) | Q(search_state__next_search_at__lte=now))
        .exclude(download_books__is_active=True)
        .exclude(release_date__gt=now.date())
        .order_by(F("search_state__last_searched_at").asc(nulls_first=True), "pk")
        .distinct()[:limit]
    )


def judge_offers(
    *, book: Book, found: Sequence[tuple[Indexer, OfferedRelease]], now: datetime.datetime, run: Run | None = None
) -> SearchResult:
    """Decide on offers that came without a search, such as those of a feed, and keep the decisions."""
    result = SearchResult(book, tier="feed")
    _keep(book, _consider_all(book, wanted_book(book), found, now), now, run, result)
    return result
