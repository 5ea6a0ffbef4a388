"""Prepared statements answer what the queryset would, with the values of each reading."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import BigIntegerField, CharField
from django.test.utils import CaptureQueriesContext

from config.prepared import IsOneOf, Prepared, Slot
from library.models import Book

pytestmark = pytest.mark.django_db
FIELDS = ("id", "title", "genres", "is_owned", "release_date", "created_at")


def by_id() -> Prepared:
    return Prepared(lambda: Book.objects.filter(pk=Slot("pk", BigIntegerField())).order_by().values(*FIELDS))


def add(title: str, **fields: Any) -> Book:
    return Book.objects.create(title=title, title_key=title.casefold(), **fields)


def test_reads_as_the_queryset_does_types_and_all() -> None:
    book = add("Ünd, it's %s", genres=["Sea", "War"], is_owned=True, release_date=datetime.date(2020, 2, 29))
    row = by_id().row(pk=book.pk)
    assert row == Book.objects.values(*FIELDS).get(pk=book.pk)
    assert row is not None
    assert row["genres"] == ["Sea", "War"]
    assert row["created_at"].utcoffset() == datetime.timedelta(0)
    assert bool(row["is_owned"]) is True


def test_each_reading_has_its_own_values() -> None:
    first, second = add("One"), add("Two")
    prepared = by_id()
    titles = [prepared.row(pk=pk)["title"] for pk in (first.pk, second.pk, first.pk)]  # type: ignore[index]
    assert titles == ["One", "Two", "One"]
    assert prepared.row(pk=second.pk + 1) is None


def test_lists_may_be_of_any_length() -> None:
    books = [add(f"Book {n}") for n in range(5)]
    prepared = Prepared(lambda: Book.objects.filter(IsOneOf("pk", "ids")).order_by("pk").values("id"))
    for ids in ([], [books[0].pk], [book.pk for book in books], [books[1].pk, 2**62]):
        assert [row["id"] for row in prepared.rows(ids=ids)] == sorted(set(ids) & {book.pk for book in books})


def test_texts_are_values_never_part_of_the_statement() -> None:
    book = add("x' OR '1'='1")
    prepared = Prepared(lambda: Book.objects.filter(title=Slot("title", CharField())).values("id"))
    assert prepared.rows(title="x' OR '1'='1") == [{"id": book.pk}]
    assert prepared.rows(title="nothing' OR 'x'='x") == []


def test_goes_on_after_many_readings_and_is_seen_by_those_who_count_queries() -> None:
    """PostgreSQL plans a statement at its fifth reading for good."""
    book = add("Often")
    prepared = by_id()
    with CaptureQueriesContext(connection) as queries:
        assert {prepared.row(pk=book.pk)["title"] for _ in range(12)} == {"Often"}  # type: ignore[index]
    assert len(queries) == 12
