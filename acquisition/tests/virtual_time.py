"""Days of virtual time: wanted books, indexers in this process, and the real services with a clock that is passed in.

Every quarter of an hour the feeds are read, and twenty minutes past each hour the wanted books are searched for, as the
schedules say. Releases appear at random moments; indexers have outages. What each indexer was asked, and when each
release was taken, is written down. Used by a test, and with larger figures by `benchmarks/month.py`.
"""

import datetime
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from acquisition.clients import registry
from acquisition.domain.facts import IndexerCapabilities, OfferedRelease, Payload, SearchQuery
from acquisition.models import Download, Indexer, SearchState
from acquisition.services import ports
from acquisition.services.feeds import sync_feeds
from acquisition.services.wanted import search_due
from acquisition.tests.factories import make_client, make_indexer
from config.errors import Unavailable
from library.models import Author, Book, BookAuthor, Gap
from library.services.settings import change_settings
from scheduling.models import Run, RunStatus, Trigger
from scheduling.services.context import RunContext

START = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
STEP = datetime.timedelta(minutes=5)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
FIRST = """
    amber broken crimson distant empty fallen gilded hollow iron jagged kindled lonely marble narrow opal patient
    quiet ragged silver tangled umber velvet winter yellow zealous
""".split()  # noqa: SIM905 (easier to read)
SECOND = """
    anchor bridge candle dagger ember fountain garden harbour island jewel kingdom lantern mirror needle orchard
    palace quarry river shadow temple umbrella valley window yard zodiac causeway drummer engine ferry glacier
    hermit inkwell junction kestrel ledger mountain nomad oracle pilgrim
""".split()  # noqa: SIM905
FAMILIES = [
    "Ashdown",
    "Barlow",
    "Cresswell",
    "Dunmore",
    "Ellery",
    "Fenwick",
    "Garrick",
    "Holloway",
    "Inchbald",
    "Jessop",
]


@dataclass(frozen=True)
class Plan:
    """An indexer: queries a day, uploads an hour that nobody wants, and outages from and to (days after the start)."""

    name: str
    budget: int | None = None
    uploads_an_hour: float = 2.0
    outages: tuple[tuple[float, float], ...] = ()


@dataclass
class FakeIndexer:
    """What one indexer offers as time goes by, and every call that it got."""

    plan: Plan
    world: "World"
    offers: list[tuple[datetime.datetime, OfferedRelease]] = field(default_factory=list)
    by_title: dict[str, list[tuple[datetime.datetime, OfferedRelease]]] = field(default_factory=dict)
    calls: list[tuple[datetime.datetime, str]] = field(default_factory=list)
    refused: list[datetime.datetime] = field(default_factory=list)

    def is_down(self, at: datetime.datetime) -> bool:
        return any(START + a * DAY <= at < START + b * DAY for a, b in self.plan.outages)

    def capabilities(self) -> IndexerCapabilities:
        return IndexerCapabilities()

    def search(self, query: SearchQuery) -> list[OfferedRelease]:
        now = self.world.now
        self.calls.append((now, query.title or query.text))
        if self.is_down(now):
            self.refused.append(now)
            raise Unavailable(f"{self.plan.name} has trouble (status 503).", service=self.plan.name)
        if not query.is_feed:
            return [offer for at, offer in self.by_title.get(query.title, ()) if at <= now]
        there = [offer for at, offer in self.offers if at <= now]
        return there[: -(query.limit + 1) : -1]

    def fetch(self, release: OfferedRelease) -> Payload:
        raise AssertionError("nothing is handed over here")


@dataclass
class World:
    plans: Sequence[Plan]
    books: int
    days: int
    seed: int = 1
    releases: int = 0  # that appear while it runs, and are in a feed
    old_releases: int = 0  # that were there before, and only a search finds
    now: datetime.datetime = START
    indexers: dict[str, FakeIndexer] = field(default_factory=dict)
    appeared: dict[int, tuple[datetime.datetime, str]] = field(default_factory=dict)
    visits: dict[int, list[tuple[datetime.datetime, int, int]]] = field(default_factory=lambda: defaultdict(list))
    order: list[int] = field(default_factory=list)
    waits: dict[int, datetime.timedelta] = field(default_factory=dict)

    def prepare(self) -> None:
        """The rows, and everything that will be offered."""
        dice = random.Random(self.seed)
        change_settings(changes={"search.is_automatic": True, "search.max_books_per_run": 100})
        make_client()
        for plan in self.plans:
            make_indexer(name=plan.name, url="http://127.0.0.1:1/api", daily_budget=plan.budget)
            self.indexers[plan.name] = FakeIndexer(plan, self)
        titles = [f"The {a.title()} {b.title()}" for a in FIRST for b in SECOND][: self.books]
        authors = [Author(name=f"Ada {family}", name_key=f"ada {family.casefold()}") for family in FAMILIES]
        Author.objects.bulk_create(authors)
        rows = Book.objects.bulk_create(Book(title=title, title_key=title.casefold()) for title in titles)
        writers = {book.pk: authors[number % len(authors)] for number, book in enumerate(rows)}
        BookAuthor.objects.bulk_create(BookAuthor(book=book, author=writers[book.pk]) for book in rows)
        Gap.objects.bulk_create(
            Gap(
                book=book, author=writers[book.pk], entry_class="main", reason="missing", explanation="missing",
                counts=True, is_wanted=True, opened_at=START,
            )
            for book in rows
        )  # fmt: skip
        chosen = dice.sample(rows, self.releases + self.old_releases)
        asked = [plan for plan in self.plans if plan.budget != 0]
        for number, book in enumerate(chosen):
            is_new = number < self.releases
            # Nothing new on the last day, so that all of it can be found.
            at = START + dice.random() * (self.days - 1.5) * DAY if is_new else START - DAY
            self._offer(dice.choice(asked).name, at, book, writers[book.pk].name)
        for name, fake in self.indexers.items():
            for number in range(int(self.days * 24 * fake.plan.uploads_an_hour)):
                at = START + dice.random() * self.days * DAY
                fake.offers.append((at, _release(f"{name}-{number}", f"Cookery {number} by Nobody")))
            fake.offers.sort(key=lambda pair: pair[0])

    def _offer(self, name: str, at: datetime.datetime, book: Book, author: str) -> None:
        fake, offer = self.indexers[name], _release(f"book-{book.pk}", f"{book.title} by {author} [ENG / M4B]")
        self.appeared[book.pk] = (at, name)
        fake.by_title.setdefault(book.title, []).append((at, offer))
        if at >= START:
            fake.offers.append((at, offer))

    def run(self) -> None:
        """Let the time pass."""
        build = {"torznab": lambda settings, guard: self.indexers[settings["name"]]}
        start = mock.patch.object(ports, "STARTED_AT", START - DAY)
        # What was taken is not handed over here: that is another story.
        wakers = [mock.patch(f"acquisition.services.{name}.wake_monitor") for name in ("feeds", "wanted")]
        run = Run.objects.create(
            job="feed_sync", status=RunStatus.RUNNING, trigger=Trigger.SCHEDULE, started_at=START, lock="virtual"
        )
        with mock.patch.dict(registry.INDEXERS, build), start, wakers[0], wakers[1]:
            while self.now < START + self.days * DAY:
                if self.now.minute % 15 == 0:
                    sync_feeds(run=RunContext(run, clock=lambda: 0.0), now=self.now)
                if self.now.minute == 20:
                    self._search()
                self.now += STEP

    def _search(self) -> None:
        before = dict(SearchState.objects.values_list("book_id", "search_count"))
        search_due(now=self.now, limit=100)
        for pk, count, step in SearchState.objects.filter(last_searched_at=self.now).values_list(
            "book_id", "search_count", "next_step"
        ):
            self.visits[pk].append((self.now, count, step))
            if pk not in before:
                self.order.append(pk)

    # -- what came of it ------------------------------------------------------------------------------------------

    def spent(self) -> Iterator[tuple[str, int, int, int]]:
        """Per indexer and day: (name, day, queries, most of them in one hour)."""
        for name, fake in self.indexers.items():
            by_hour = Counter(at.replace(minute=0) for at, _ in fake.calls)
            for day in range(self.days):
                hours = [n for at, n in by_hour.items() if START + day * DAY <= at < START + (day + 1) * DAY]
                yield name, day, sum(hours), max(hours, default=0)

    def waited(self) -> dict[int, datetime.timedelta]:
        """How long each release that appeared in a feed, or was there before, waited until it was taken."""
        taken = {pk: at for pk, at in Download.objects.values_list("books", "status_at") if pk is not None}
        return {pk: taken[pk] - max(at, START) for pk, (at, _) in self.appeared.items() if pk in taken}

    def rounds(self) -> dict[int, list[datetime.timedelta]]:
        """Per book the time between the ends of its query plan."""
        found = {}
        for pk, visits in self.visits.items():
            ends = [at for n, (at, count, _) in enumerate(visits) if count > (visits[n - 1][1] if n else 0)]
            found[pk] = [later - earlier for earlier, later in itertools.pairwise(ends)]
        return found

    def figures(self) -> dict[str, Any]:
        """For the documents."""
        waited = self.waited()
        new = {pk for pk, (at, _) in self.appeared.items() if at >= START}
        calm = sorted(w for pk, w in waited.items() if pk in new and not self.was_down(pk))
        old = sorted(w for pk, w in waited.items() if pk not in new)
        indexers = {}
        for name, fake in self.indexers.items():
            days = [row for row in self.spent() if row[0] == name]
            indexers[name] = {
                "budget": fake.plan.budget,
                "most in a day": max(row[2] for row in days),
                "most in an hour": max(row[3] for row in days),
                "days over budget": sum(row[2] > Indexer.objects.get(name=name).daily_budget for row in days),
                "calls during its outage": len(fake.refused),
            }
        return {
            "indexers": indexers,
            "books searched at least once": len(self.visits),
            "days until every book was searched once": round(_days(self, len(self.visits)) or 0, 1),
            "books that a feed brought before": self.books - len(self.visits),
            "visits of a book": sorted(Counter(len(v) for v in self.visits.values()).items()),
            "new releases taken": f"{len(new & waited.keys())} of {len(new)}",
            "longest wait of a new one, no outage": str(calm[-1]) if calm else "",
            "longest wait of a new one, outage": str(max((waited[pk] for pk in new & waited.keys()), default="")),
            "asked for a book, by indexer": self.reach(),
            "old releases taken": f"{len(old)} of {self.old_releases}",
            "longest wait of an old one": str(old[-1]) if old else "",
        }

    def reach(self) -> dict[str, str]:
        """Of how many different books each indexer was asked, and how often in all."""
        return {
            name: f"{len({title for _, title in fake.calls if title})} books, {sum(bool(t) for _, t in fake.calls)} queries"
            for name, fake in self.indexers.items()
        }

    def was_down(self, pk: int) -> bool:
        """Whether a release appeared while its indexer was down, or was left alone because it had been."""
        at, name = self.appeared[pk]
        return any(START + a * DAY <= at < START + (2 * b - a) * DAY for a, b in self.indexers[name].plan.outages)


def _days(world: World, books: int) -> float | None:
    if len(world.order) < books:
        return None
    return (world.visits[world.order[books - 1]][0][0] - START) / DAY


def _release(guid: str, title: str) -> OfferedRelease:
    return OfferedRelease(guid, title, size_bytes=300_000_000, seeders=9, download_url="http://127.0.0.1:1/t.torrent")
