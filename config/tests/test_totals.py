"""Totals are true after every kind of write, and cost no count while nothing is written."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.test.utils import CaptureQueriesContext

from config.api import totals
from config.api.totals import count_rows
from library.models import Author, Book, BookAuthor
from scheduling.models import Run

pytestmark = pytest.mark.django_db


def add_books(count: int, **fields: Any) -> list[Book]:
    return Book.objects.bulk_create([Book(title=f"Book {n}", title_key=f"book {n}", **fields) for n in range(count)])


def counts_anew(queryset: Any) -> bool:
    with CaptureQueriesContext(connection) as queries:
        count_rows(queryset)
    return any("COUNT(*)" in query["sql"] for query in queries)


def test_is_counted_once_while_nothing_is_written() -> None:
    add_books(3)
    assert count_rows(Book.objects.all()) == 3
    assert not counts_anew(Book.objects.order_by("title"))
    assert counts_anew(Book.objects.filter(status="archived"))


@pytest.mark.parametrize(
    "write, total",
    [
        (lambda: Book.objects.create(title="x", title_key="x"), 4),
        (lambda: add_books(5), 8),
        (lambda: Book.objects.filter(title="Book 1").delete(), 2),
        (lambda: Book.objects.all().delete(), 0),
        (lambda: Book.objects.filter(title="Book 2").update(status="archived"), 2),
        (
            lambda: Book.objects.bulk_create(
                [Book(pk=Book.objects.first().pk, title="x", title_key="x")], ignore_conflicts=True
            ),
            3,
        ),
        (lambda: connection.cursor().execute("DELETE FROM library_book"), 0),
    ],
    ids=["create", "bulk create", "delete one", "delete all", "update", "conflict", "raw SQL"],
)
def test_is_true_after(write: Callable[[], object], total: int) -> None:
    add_books(3)
    active = Book.objects.filter(status="active")
    assert count_rows(active) == 3
    write()
    assert count_rows(active) == total == active.count()
    assert not counts_anew(active)


def test_a_conflict_that_is_ignored_does_not_stop_later_marks() -> None:
    (book,) = add_books(1)
    for _ in range(2):
        Book.objects.bulk_create(
            [Book(pk=book.pk, title="x", title_key="x"), Book(title="new", title_key="new")], ignore_conflicts=True
        )
        assert count_rows(Book.objects.all()) == Book.objects.count()


def test_a_write_that_is_rolled_back_changes_nothing() -> None:
    add_books(3)
    assert count_rows(Book.objects.all()) == 3
    with transaction.atomic():
        add_books(1)
        assert count_rows(Book.objects.all()) == 4
        transaction.set_rollback(True)
    assert count_rows(Book.objects.all()) == 3


def test_tables_in_subqueries_and_joins_count_too() -> None:
    (book,) = add_books(1)
    author = Author.objects.create(name="A", sort_name="A")
    written = Book.objects.filter(Exists(BookAuthor.objects.filter(book=OuterRef("pk"))))
    joined = Book.objects.filter(authors__name="A")
    assert (count_rows(written), count_rows(joined)) == (0, 0)
    BookAuthor.objects.create(book=book, author=author)
    assert (count_rows(written), count_rows(joined)) == (1, 1)
    Author.objects.update(name="B")
    assert count_rows(joined) == 0


def test_other_tables_are_always_counted() -> None:
    assert count_rows(Run.objects.all()) == 0
    Run.objects.create(job="backup", lock="x")
    assert count_rows(Run.objects.all()) == 1
    assert counts_anew(Run.objects.all())


def test_an_empty_queryset_is_empty() -> None:
    assert count_rows(Book.objects.none()) == 0
    assert count_rows(Book.objects.filter(pk__in=[])) == 0


def test_many_marks_are_pruned_without_reviving_old_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MOST_MARKS", 3)
    for number in range(10):
        add_books(1)
        assert count_rows(Book.objects.all()) == number + 1
