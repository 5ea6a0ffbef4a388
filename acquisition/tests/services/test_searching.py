"""Searching: every wanted book has an answer to why it is not here yet, whatever the indexers say or fail to say."""

import datetime
from collections.abc import Iterator

import pytest

from acquisition.domain.deciding import Circumstances, consider
from acquisition.domain.facts import OfferedRelease
from acquisition.domain.profile import Profile
from acquisition.models import Decision, Download, Indexer, Release
from acquisition.services.acquiring import acquire_books
from acquisition.services.searching import due_books, judge, keep_release, search_book, wanted_book
from acquisition.tests.factories import NOW, make_book, make_client, make_indexer
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab, make_torrent
from library.models import Book
from library.services.gaps import analyze_gaps

pytestmark = pytest.mark.django_db
TITLE = "Ozma of Oz by L. Frank Baum [ENG / MP3]"


@pytest.fixture
def torznab() -> Iterator[FakeTorznab]:
    with FakeTorznab([FakeItem(TITLE, make_torrent("Ozma"), size=2_000_000)]) as server:
        yield server


@pytest.fixture
def indexer(torznab: FakeTorznab) -> Indexer:
    return make_indexer(url=f"{torznab.url}/api")


@pytest.fixture
def book() -> Book:
    make_client(url="http://127.0.0.1:1")
    return make_book(seconds=None)


def outcome(book: Book) -> str:
    book.search_state.refresh_from_db()
    return book.search_state.last_outcome


def test_a_release_is_found_by_the_first_query_and_no_other_is_asked(
    book: Book, indexer: Indexer, torznab: FakeTorznab
) -> None:
    found = search_book(book=book, now=NOW)
    assert found.tier == "title and author"
    assert [call.first("t") for call in torznab.calls("/api") if call.first("t") != "caps"] == ["book"]
    assert outcome(book) == f"Found: {TITLE}"
    (decision,) = Decision.objects.all()
    assert (decision.is_accepted, decision.rank) == (True, 1)
    assert "5 seeders" in decision.order


def test_an_interactive_search_shows_everything_with_every_reason(
    book: Book, indexer: Indexer, torznab: FakeTorznab
) -> None:
    torznab.items += [FakeItem("Ozma of Oz by L. Frank Baum [GER / MP3]", size=2_000_000, seeders=0)]
    found = search_book(book=book, now=NOW, interactive=True)
    assert found.tier == "series and number"
    reasons = {d.release_title: {r["code"] for r in d.reasons} for d in found.decisions}
    assert reasons == {TITLE: set(), "Ozma of Oz by L. Frank Baum [GER / MP3]": {"language", "seeders"}}
    assert found.decisions[0].is_accepted


@pytest.mark.parametrize(
    "spoil, words",
    [
        ("nothing", "No indexer offers it."),
        ("no_indexer", "No answer: No indexer is set up; add one under Indexers."),
        ("paused", "No answer: indexer is left alone until 13:00: It was down."),
        ("budget", "No answer: indexer: today's budget of queries is used up."),
        (
            "rejected",
            "1 releases found, none acceptable. The nearest, “Ozma of Oz by L. Frank Baum",
        ),
        ("misconfigured", "No answer: indexer is not set up completely: The address of the indexer is missing."),
    ],
)
def test_why_it_is_not_here_yet(spoil: str, words: str, book: Book, indexer: Indexer, torznab: FakeTorznab) -> None:
    if spoil == "nothing":
        torznab.items = []
    elif spoil == "no_indexer":
        indexer.delete()
    elif spoil == "paused":
        Indexer.objects.update(paused_until=NOW + datetime.timedelta(hours=1), last_error="It was down.")
    elif spoil == "budget":
        Indexer.objects.update(daily_budget=0)
    elif spoil == "misconfigured":
        Indexer.objects.update(url="")
    else:
        torznab.items[0].seeders = 0
    result = acquire_books(books=[book], now=NOW)
    assert outcome(book).startswith(words)
    assert result.not_found[0]["reason"].startswith(words)
    assert not Download.objects.exists()


def test_the_interval_grows_with_each_search_and_not_with_outages(
    book: Book, indexer: Indexer, torznab: FakeTorznab
) -> None:
    torznab.items = []
    moment, hours = NOW, []
    for _ in range(4):
        search_book(book=book, now=moment)
        book.search_state.refresh_from_db()
        hours.append((book.search_state.next_search_at - moment).total_seconds() / 3600)
        moment = book.search_state.next_search_at
    assert hours == [6, 12, 24, 48]
    torznab.fault("500")
    search_book(book=book, now=moment)
    book.search_state.refresh_from_db()
    assert (book.search_state.next_search_at - moment, book.search_state.search_count) == (
        datetime.timedelta(hours=1),
        4,
    )


def test_the_least_recently_searched_come_first_and_unreleased_ones_not_at_all(book: Book, indexer: Indexer) -> None:
    second = make_book("Tik-Tok of Oz", position="8", seconds=None)
    make_book("A New Oz", position="50", seconds=None, release_date=NOW.date() + datetime.timedelta(days=9))
    analyze_gaps(now=NOW)
    search_book(book=book, now=NOW)
    later = NOW + datetime.timedelta(days=1)
    assert due_books(now=later, limit=10) == [second, book]
    assert due_books(now=NOW, limit=10) == [second]
    acquire_books(books=[book], now=later)
    assert due_books(now=later, limit=10) == [second], "on its way"


HOSTILE = OfferedRelease(
    guid="g\x00" * 400,
    title="Ozma\x00 \ud800 of Oz " * 200,
    size_bytes=2**80,
    seeders=-7,
    bitrate_kbps=2**40,
    language="x" * 500,
    format="y" * 500,
    protocol="z" * 500,
    infohash="A" * 500,
    info_url="h" * 5000,
    magnet_url="magnet:?",
    runtime_seconds=-1,
    minimum_ratio=float("nan"),
    raw={"a\x00": ["\x00", float("inf"), {"deep": "\ud800"}]},
)


def test_one_hostile_offer_stops_no_search(book: Book, indexer: Indexer) -> None:
    around = Circumstances(now=NOW)
    verdict = consider(HOSTILE, wanted_book(book), profile=Profile(), around=around)
    release = keep_release(indexer, HOSTILE, verdict, NOW)
    release.refresh_from_db()
    assert (release.size_bytes, release.seeders, release.bitrate_kbps) == (None, None, None)
    assert len(release.title) <= 1000
    assert keep_release(indexer, HOSTILE, verdict, NOW) == release
    assert Release.objects.count() == 1
    assert not judge(book, [(indexer, HOSTILE)], NOW)[0][2].is_accepted


def test_a_dry_run_grabs_nothing(book: Book, indexer: Indexer) -> None:
    result = acquire_books(books=[book], now=NOW, dry_run=True)
    assert [row["release"] for row in result.grabbed] == [TITLE]
    assert not Download.objects.exists()
