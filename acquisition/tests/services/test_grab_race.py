"""Two at the same moment, on SQLite and on PostgreSQL: one book is grabbed once, two books close two gaps."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import OperationalError, connection, connections, transaction

from acquisition.models import Download
from acquisition.services.grabbing import grab
from acquisition.tests.factories import NOW, make_book, make_indexer, make_offer, make_release
from config.errors import ConflictError
from library.models import Book, Gap, Series
from library.services import gaps
from library.services.gaps import analyze_gaps, recount_books
from library.services.ownership import refresh_ownership
from library.tests.factories import AuthorFactory, CopyFactory, SeriesFactory, place

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def open_to_threads(tmp_path: Path) -> Iterator[None]:
    """The test's SQLite lives in memory, where threads cannot wait for each other; theirs is a copy of it on disk."""
    if connection.vendor != "sqlite":
        yield
        return
    place = tmp_path / "race.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(place)])
    settings = connections.settings["default"]
    name, settings["NAME"] = settings["NAME"], str(place)
    try:
        yield
    finally:
        settings["NAME"] = name


def at_once(*calls: Callable[[], object]) -> list[object]:
    """The result of each call, made by threads that start together; an error is a result."""
    results: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            gate.wait()
            results[place] = call()
        except (ConflictError, OperationalError) as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n, call)) for n, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def in_thread(call: Callable[[], object]) -> object:
    return at_once(call)[0]


def test_one_book_is_grabbed_once(tmp_path: Path) -> None:
    indexer, book = make_indexer(), make_book(series="")
    releases = [make_release(indexer, make_offer(f"Release {n}")) for n in range(4)]
    with open_to_threads(tmp_path):
        results = at_once(
            *(lambda release=release: grab(release=release, books=[book], now=NOW) for release in releases)
        )
        assert sum(isinstance(result, Download) for result in results) == 1, results
        assert sum(isinstance(result, ConflictError) for result in results) == 3, results
        assert in_thread(lambda: Download.objects.filter(books=book).count()) == 1
        assert in_thread(lambda: Download.objects.count()) == 1


def test_a_book_that_comes_onto_the_shelf_meanwhile_is_not_grabbed_after_it(tmp_path: Path) -> None:
    release, book = make_release(make_indexer()), make_book(series="")
    with open_to_threads(tmp_path):
        taken, _ = at_once(
            lambda: grab(release=release, books=[book], now=NOW),
            lambda: Book.objects.filter(pk=book.pk).update(is_owned=True),
        )
        if isinstance(taken, ConflictError):
            assert taken.code == "already_owned"
        again = in_thread(lambda: grab(release=release, books=[book], now=NOW))
        assert isinstance(again, ConflictError)
        assert in_thread(lambda: Download.objects.count()) == isinstance(taken, Download)


def test_two_books_of_a_series_that_come_at_once_close_both_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slower one has read the shelf before the other commits, and must not open its gap anew."""
    series = SeriesFactory(name="Saga", author=AuthorFactory(name="Ada Writer"))
    slow, fast = (place(series, title, number) for title, number in (("The Sea", "1"), ("The Sky", "2")))
    analyze_gaps(now=NOW)
    has_read, is_done = threading.Event(), threading.Event()
    real = gaps.series_cases

    def read_slowly(ids: Sequence[int]) -> object:
        cases = real(ids)
        if threading.current_thread().name == "slow":
            has_read.set()
            is_done.wait(1)
        return cases

    def come(book: Book) -> None:
        with transaction.atomic():
            CopyFactory(book=book)
            refresh_ownership([book.pk])
            recount_books([book.pk], now=NOW)

    def come_slowly() -> None:
        threading.current_thread().name = "slow"
        come(slow)

    def come_fast() -> None:
        has_read.wait(5)
        come(fast)
        is_done.set()

    monkeypatch.setattr(gaps, "series_cases", read_slowly)
    with open_to_threads(tmp_path):
        assert at_once(come_slowly, come_fast) == [None, None]
        assert in_thread(lambda: list(Gap.objects.open().values_list("book__title", flat=True))) == []
        assert in_thread(lambda: Series.objects.get(pk=series.pk).missing_count) == 0
