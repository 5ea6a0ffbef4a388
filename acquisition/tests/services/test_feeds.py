"""The newest releases of an indexer over HTTP, held against what is wanted."""

from collections.abc import Iterator

import pytest

from acquisition.domain.feeds import WantedIndex
from acquisition.models import Decision, Download, Release, SearchState
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab
from acquisition.tests.services.ops_world import change, do_job, make_client, make_indexer, make_wanted
from scheduling.models import FailedAttempt

pytestmark = pytest.mark.django_db
EMMA = FakeItem("Jane Austen - Emma [Unabridged] MP3 128 kbps", torrent=b"d4:info", size=500_000_000)
OTHER = FakeItem("Charles Dickens - Bleak House MP3", torrent=b"d4:info", size=500_000_000)


@pytest.fixture
def server() -> Iterator[FakeTorznab]:
    with FakeTorznab([EMMA, OTHER]) as running:
        make_indexer(running.url)
        make_client("qbittorrent", url="http://127.0.0.1:9")
        yield running


def test_a_release_of_a_wanted_book_is_decided_on_and_queued_if_it_may_be(server: FakeTorznab) -> None:
    book = make_wanted("Emma", "Jane Austen")
    make_wanted("Persuasion", "Jane Austen")
    change(search__is_automatic=True)
    run = do_job("feed_sync")
    assert run.status == "succeeded", run.message
    assert (run.result["read"], run.result["new"]) == (2, 2)
    assert [(row["book"], row["accepted"]) for row in run.result["matched"]] == [(book.pk, True)], run.result["matched"]
    download = Download.objects.get()
    assert [one.pk for one in download.books.all()] == [book.pk]
    assert SearchState.objects.get(book=book).grabs_today == 1
    assert Release.objects.count() == 2


def test_without_automatic_search_it_only_decides(server: FakeTorznab) -> None:
    make_wanted("Emma", "Jane Austen")
    run = do_job("feed_sync")
    assert Decision.objects.filter(is_accepted=True, run=run).count() == 1
    assert not Download.objects.exists()


def test_what_was_seen_before_is_not_decided_on_again(server: FakeTorznab) -> None:
    make_wanted("Emma", "Jane Austen")
    do_job("feed_sync")
    run = do_job("feed_sync")
    assert (run.result["read"], run.result["new"]) == (2, 0)
    assert Decision.objects.count() == 1


def test_an_indexer_that_fails_is_reported_and_backed_off_from(server: FakeTorznab) -> None:
    server.fault("500")
    run = do_job("feed_sync")
    assert run.status == "succeeded"
    assert len(run.result["errors"]) == 1
    assert FailedAttempt.objects.get().job == "feed_sync"
    asked = len(server.calls("/api"))
    do_job("feed_sync")
    assert len(server.calls("/api")) == asked


def test_candidates_need_every_telling_word() -> None:
    index = WantedIndex([(1, "The Sign of the Four"), (2, "Four"), (3, "Emma: A Novel"), (4, "It")])
    assert index.candidates("Arthur Conan Doyle - The Sign of the Four") == [1, 2]
    assert index.candidates("Jane.Austen.Emma.MP3") == [3]
    assert index.candidates("Nothing here") == []
    assert index.candidates("Stephen King - It (2010)") == [4]
