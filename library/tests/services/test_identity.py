"""Joining and parting authors and series, so that it lasts."""

from dataclasses import replace

import pytest

from config.errors import ConflictError, ValidationError
from library.models import Author, Book, Gap, Merge, Series, SeriesEntry
from library.services.catalogue import refresh_catalogue
from library.services.identity import (
    add_author_alias,
    add_series_alias,
    merge_authors,
    merge_series,
    undo_merge,
    were_parted,
)
from library.services.shelf import read_root
from library.tests.factories import NOW, AuthorFactory, RootFactory, SeriesFactory, catalogue_book, copy_facts, place
from library.tests.services.scripts import ScriptedProvider, ScriptedReader, ask, listing

pytestmark = pytest.mark.django_db
SHELF = [
    copy_facts("B/Saga/1 - The Road", "The Road", "Bob Penname", series="Saga 1"),
    copy_facts("A/Saga/2 - The River", "The River", "Ada Writer", series="Saga 2"),
]


def read(*items: object, run_id: int = 0) -> None:
    root = RootFactory._meta.model.objects.first() or RootFactory()
    read_root(root=root, reader=ScriptedReader(list(items)), run_id=run_id, now=NOW)  # type: ignore[arg-type]


def names(book: str) -> list[str]:
    return [author.name for author in Book.objects.get(title=book).authors.all()]


@pytest.fixture
def joined() -> Merge:
    read(*SHELF)
    ada, bob = Author.objects.get(name="Ada Writer"), Author.objects.get(name="Bob Penname")
    return merge_authors(keep=ada, gone=bob, now=NOW)


def test_joined_authors_share_books_and_series(joined: Merge) -> None:
    assert names("The Road") == names("The River") == ["Ada Writer"]
    live = Series.objects.get(merged_into=None)
    assert (live.author.name if live.author else "", live.owned_count, live.completion_percentage) == (
        "Ada Writer",
        2,
        100,
    )
    assert Author.objects.get(name="Ada Writer").owned_count == 2


def test_a_join_survives_the_next_import(joined: Merge) -> None:
    read(
        replace(SHELF[0], fingerprint="2", publisher="New"),
        SHELF[1],
        copy_facts("B/Saga/3 - The Sea", "The Sea", "Bob Penname", series="Saga 3"),
    )
    assert names("The Sea") == names("The Road") == ["Ada Writer"]
    assert set(SeriesEntry.objects.values_list("series__merged_into", flat=True)) == {None}
    assert SeriesEntry.objects.values("series").distinct().count() == 1
    assert Author.objects.filter(merged_into=None).count() == 1


def test_an_undone_join_gives_back_all_and_what_came_since(joined: Merge) -> None:
    read(*SHELF, copy_facts("B/The Sea", "The Sea", "Bob Penname"))
    undo_merge(merge=joined, now=NOW)
    assert (names("The Road"), names("The River"), names("The Sea")) == (
        ["Bob Penname"],
        ["Ada Writer"],
        ["Bob Penname"],
    )
    places = SeriesEntry.objects.order_by("positions").values_list("series__author__name", "positions")
    assert list(places) == [("Bob Penname", "1"), ("Ada Writer", "2")]
    read(replace(SHELF[0], fingerprint="3", publisher="Newer"), SHELF[1])
    assert names("The Road") == ["Bob Penname"]
    with pytest.raises(ConflictError, match="parted already"):
        undo_merge(merge=joined, now=NOW)


def test_joins_in_a_chain_resolve_and_part_one_by_one() -> None:
    a, b, c = (AuthorFactory(name=name) for name in ("Ada Writer", "Bea Writer", "Cee Writer"))
    first = merge_authors(keep=b, gone=c, now=NOW)
    second = merge_authors(keep=a, gone=b, now=NOW)
    read(copy_facts("C/The Road", "The Road", "Cee Writer"))
    assert names("The Road") == ["Ada Writer"]
    undo_merge(merge=second, now=NOW)
    c.refresh_from_db()
    assert c.merged_into == b
    undo_merge(merge=first, now=NOW)
    c.refresh_from_db()
    assert c.merged_into is None


def test_nobody_is_joined_with_himself_or_twice(joined: Merge) -> None:
    ada, bob = Author.objects.get(name="Ada Writer"), Author.objects.get(name="Bob Penname")
    with pytest.raises(ValidationError, match="with itself"):
        merge_authors(keep=ada, gone=ada, now=NOW)
    with pytest.raises(ConflictError, match="merged into another already"):
        merge_authors(keep=AuthorFactory(), gone=bob, now=NOW)


def test_joined_series_count_together_and_part_with_their_places() -> None:
    ada = AuthorFactory(name="Ada Writer")
    saga, cycle = SeriesFactory(name="Saga", author=ada), SeriesFactory(name="Other Cycle", author=ada, follow="none")
    place(saga, "The Road", "1", owned=True)
    both = place(cycle, "The River", "2")
    SeriesEntry.objects.create(series=saga, book=both, label="2", positions="2", position_first=2, position_last=2)
    place(cycle, "The Sea", "3")
    merge = merge_series(keep=saga, gone=cycle, now=NOW)
    saga.refresh_from_db()
    assert (saga.covered_count, saga.counted_count) == (1, 3)
    assert set(Gap.objects.open().values_list("series__name", flat=True)) == {"Saga"}
    undo_merge(merge=merge, now=NOW)
    places = SeriesEntry.objects.order_by("series__name", "positions").values_list("series__name", "positions")
    assert list(places) == [("Other Cycle", "2"), ("Other Cycle", "3"), ("Saga", "1"), ("Saga", "2")]


def test_what_a_person_parted_no_refresh_joins_again() -> None:
    ada = AuthorFactory(name="Ada Writer")
    saga, cycle = SeriesFactory(name="Saga", author=ada), SeriesFactory(name="Great Cycle", author=ada)
    facts = replace(listing("Saga", ("1", catalogue_book("The Road"))), aliases=("Great Cycle",))
    provider = ask(ScriptedProvider([facts]))
    refresh_catalogue(now=NOW, series_ids=[saga.pk, cycle.pk], providers=[provider])
    merge = Merge.objects.get(origin="catalogue")
    undo_merge(merge=merge, now=NOW)
    again = refresh_catalogue(now=NOW, series_ids=[saga.pk, cycle.pk], providers=[provider])
    cycle.refresh_from_db()
    assert (again.series_joined, cycle.merged_into, were_parted(cycle, saga)) == (0, None, True)
    merge_series(keep=saga, gone=cycle, now=NOW)
    cycle.refresh_from_db()
    assert cycle.merged_into == saga


def test_an_alias_finds_its_author_and_its_series() -> None:
    ada = AuthorFactory(name="Ada Writer")
    saga = SeriesFactory(name="Saga", author=ada)
    add_author_alias(author=ada, name="A. Pseudonym")
    add_series_alias(series=saga, name="The Long Story")
    read(copy_facts("x/The Road", "The Road", "A. Pseudonym", series="The Long Story 1"))
    entry = SeriesEntry.objects.get()
    assert (names("The Road"), entry.series, Author.objects.count(), Series.objects.count()) == (
        ["Ada Writer"],
        saga,
        1,
        1,
    )


def test_an_alias_that_is_somebody_is_refused() -> None:
    ada, bob = AuthorFactory(name="Ada Writer"), AuthorFactory(name="Bob Penname")
    with pytest.raises(ConflictError, match="Merge the two authors"):
        add_author_alias(author=ada, name="Bob Penname")
    merge_authors(keep=ada, gone=bob, now=NOW)
    assert add_author_alias(author=ada, name="Bob Penname").author == ada
    with pytest.raises(ValidationError):
        add_author_alias(author=ada, name="...")


@pytest.mark.parametrize("turned", ["Saga, The Great", "Great Saga, The"])
def test_names_in_library_order_are_the_plain_series(turned: str) -> None:
    read(
        copy_facts("x/1", "The Road", series="The Great Saga 1"),
        copy_facts("x/2", "The River", series=(replace(SHELF[0].series[0], name=turned, position="2"),)),
    )
    assert list(Series.objects.values_list("name", flat=True)) == ["The Great Saga"]
