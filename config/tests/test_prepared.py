"""Prepared statements answer what the queryset would, with the values of each reading."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import BigIntegerField, CharField
from django.test.utils import CaptureQueriesContext

from config.prepared import IsOneOf, Prepared, Reading, Slot, fetch_all
from library.models import Author, Book

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


def test_two_rows_come_in_one_question() -> None:
    book, author = add("Land", genres=["Sea"]), Author.objects.create(name="Ann", sort_name="Ann", name_key="ann")
    by_name = Prepared(lambda: Author.objects.filter(name=Slot("name", CharField())).order_by().values("id", "name"))
    for pk, name in ((book.pk, "Ann"), (book.pk, "Nobody"), (book.pk + 1, "Ann"), (book.pk + 1, "Nobody")):
        reading = Reading(by_id(), pk=pk)
        with CaptureQueriesContext(connection) as queries:
            found = reading.read_with(by_name, name=name)
            beside = reading.row()
        assert len(queries) == 1
        assert found == ({"id": author.pk, "name": "Ann"} if name == "Ann" else None)
        assert beside == (Book.objects.values(*FIELDS).get(pk=book.pk) if pk == book.pk else None)


def test_a_reading_by_itself_asks_once() -> None:
    book = add("Land")
    reading = Reading(by_id(), pk=book.pk)
    with CaptureQueriesContext(connection) as queries:
        rows = [reading.row(), reading.row()]
    assert len(queries) == 1
    assert rows[0] == rows[1] == Book.objects.values(*FIELDS).get(pk=book.pk)


def test_percent_signs_in_a_statement_stay() -> None:
    book = add("100%")
    prepared = Prepared(lambda: Book.objects.filter(title__endswith="%", pk=Slot("pk", BigIntegerField())).values("id"))
    assert [prepared.row(pk=book.pk) for _ in range(2)] == [{"id": book.pk}] * 2
    assert fetch_all("SELECT '%%', CAST(%s AS text)", ["x"]) == [("%", "x")]
