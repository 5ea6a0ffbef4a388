"""Refreshing what exists: linked rather than doubled, idempotent, and careful with providers that fail."""

import datetime
from dataclasses import replace

import pytest

from config.errors import Unavailable
from library.domain.facts import CatalogueSeries, Identifier
from library.models import (
    Book,
    CatalogueRecord,
    Copy,
    ProviderState,
    Recording,
    RecordingIdentifier,
    Series,
    SeriesEntry,
)
from library.services.catalogue import CatalogueResult, refresh_catalogue
from library.services.gaps import analyze_gaps
from library.services.providers import Asked
from library.tests.factories import NOW, AuthorFactory, BookFactory, SeriesFactory, catalogue_book, place
from library.tests.services.scripts import ScriptedProvider, ask, listing

pytestmark = pytest.mark.django_db
TREES = ("Ash", "Birch", "Cedar", "Elm", "Fir", "Gum", "Hazel", "Ivy", "Juniper", "Larch")


@pytest.fixture
def series() -> Series:
    return SeriesFactory(name="Saga", author=AuthorFactory(name="Ada Writer"))


def saga(*titles: str) -> CatalogueSeries:
    return listing("Saga", *((str(n), catalogue_book(title)) for n, title in enumerate(titles, start=1)))


def refresh(series: Series, *providers: Asked, day: float = 0) -> CatalogueResult:
    return refresh_catalogue(now=NOW + datetime.timedelta(days=day), series_ids=[series.pk], providers=providers)


def titles(series: Series) -> list[tuple[str, str]]:
    rows = SeriesEntry.objects.filter(series=series).order_by("position_first", "pk")
    return list(rows.values_list("positions", "book__title"))


def test_a_second_refresh_creates_nothing(series: Series) -> None:
    provider = ask(ScriptedProvider([saga("The Road", "The River", "The Sea")]))
    first = refresh(series, provider)
    assert (first.books_created, first.entries_created) == (3, 3)
    models = (Book, Recording, RecordingIdentifier, SeriesEntry, CatalogueRecord, Series)
    before = [list(model.objects.order_by("pk").values_list("pk", flat=True)) for model in models]
    second = refresh(series, provider, day=1)
    assert (second.books_created, second.entries_created) == (0, 0)
    assert before == [list(model.objects.order_by("pk").values_list("pk", flat=True)) for model in models]


def test_works_without_an_identifier_are_not_doubled(series: Series) -> None:
    bare = catalogue_book("The Road", identifiers=(), runtime_seconds=3600)
    provider = ask(ScriptedProvider([listing("Saga", ("1", bare))]))
    for day in range(3):
        refresh(series, provider, day=day)
    assert (Book.objects.count(), Recording.objects.count()) == (1, 1)
    Book.objects.update(title="The Road, as a user calls it", title_key="road as a user calls it")
    refresh(series, provider, day=4)
    assert Book.objects.count() == 1


@pytest.mark.parametrize(
    ("owned", "position", "listed"),
    [
        ("The Road", "1", "The Road"),
        ("The Road: A Novel", "1", "The Road"),
        ("Road", "", "The Road"),
        ("The Road", "", "The Road: Being the First Book"),
        ("THE ROAD", "7", "The Road"),
        ("The Road - Second Reading", "1", "The Road"),
        ("813", "1", "813"),
        ("Nineteen Steps", "1", "19 Steps"),
    ],
)
def test_the_librarys_own_book_is_linked(series: Series, owned: str, position: str, listed: str) -> None:
    book = place(series, owned, position, owned=True, source="library", import_source="library")
    refresh(series, ask(ScriptedProvider([saga(listed)])))
    assert titles(series) == [("1", owned)]
    assert list(Book.objects.all()) == [book]
    analyze_gaps(now=NOW)
    series.refresh_from_db()
    assert series.completion_percentage == 100


@pytest.mark.parametrize(("owned", "listed"), [("The Road Part 2", "The Road"), ("The Road Omnibus", "The Road")])
def test_another_work_is_not_linked(series: Series, owned: str, listed: str) -> None:
    place(series, owned, "", owned=True, source="library", import_source="library")
    refresh(series, ask(ScriptedProvider([saga(listed)])))
    assert Book.objects.count() == 2


def test_a_book_of_the_author_that_stands_in_no_series_is_linked(series: Series) -> None:
    book = BookFactory(title="The River", authors=[series.author], is_owned=True, import_source="library")
    refresh(series, ask(ScriptedProvider([saga("The Road", "The River")])))
    assert SeriesEntry.objects.get(positions="2").book == book


def test_several_recordings_and_translations_of_a_work_are_one_book(series: Series) -> None:
    work = {"work": "road"}
    readings = [
        catalogue_book("The Road", provider_id="one", raw=work, narrators=("Bea Reader",)),
        catalogue_book("The Road", provider_id="two", raw=work, is_dramatised=True),
        catalogue_book("La Route", provider_id="three", raw=work, language="fr"),
    ]
    refresh(series, ask(ScriptedProvider([listing("Saga", *(("1", book) for book in readings))])))
    assert Book.objects.count() == 1
    assert sorted(Recording.objects.values_list("title", flat=True)) == ["La Route", "The Road", "The Road"]


def test_the_books_own_language_finds_its_place_among_translations(series: Series) -> None:
    mine = place(series, "La Route", "1", owned=True, source="library", import_source="library")
    readings = [
        catalogue_book("The Road", provider_id="one", raw={"work": "road"}, language="en"),
        catalogue_book("La Route", provider_id="two", raw={"work": "road"}, language="fr"),
    ]
    refresh(series, ask(ScriptedProvider([listing("Saga", *(("1", book) for book in readings))])))
    assert (Book.objects.get(), Copy.objects.get().book) == (mine, mine)


def test_a_book_at_two_places_stays_two_rows_and_neither_is_lost(series: Series) -> None:
    twice = listing("Saga", ("1", catalogue_book("The Road")), ("2", catalogue_book("The Road", provider_id="again")))
    provider = ask(ScriptedProvider([twice]))
    refresh(series, provider)
    refresh(series, provider, day=1)
    assert titles(series) == [("1", "The Road"), ("2", "The Road")]


def test_a_locked_place_is_untouched(series: Series) -> None:
    book = place(series, "The Road", "4", owned=True)
    SeriesEntry.objects.update(is_locked=True)
    refresh(series, ask(ScriptedProvider([saga("The Road")])))
    assert titles(series) == [("4", "The Road")]
    refresh(series, ask(ScriptedProvider([saga("Something Else")])), day=1)
    entry = SeriesEntry.objects.get(book=book)
    assert (entry.positions, entry.vanished_at) == ("4", None)


def test_a_list_that_lost_more_than_a_fifth_is_refused_whole(series: Series) -> None:
    names = [
        f"Tale of {word}" for word in ["Ash", "Birch", "Cedar", "Elm", "Fir", "Gum", "Hazel", "Ivy", "Juniper", "Larch"]
    ]
    refresh(series, ask(ScriptedProvider([saga(*names)])))
    less = saga(*names[:7], "Tale of Maple")
    result = refresh(series, ask(ScriptedProvider([less])), day=1)
    assert "no longer names 3 of 10 books" in result.refused[0]
    assert SeriesEntry.objects.filter(vanished_at__isnull=False).count() == 0
    assert Book.objects.count() == 10


def test_a_place_vanishes_only_after_three_days_that_agree(series: Series) -> None:
    names = [
        f"Tale of {word}" for word in ["Ash", "Birch", "Cedar", "Elm", "Fir", "Gum", "Hazel", "Ivy", "Juniper", "Larch"]
    ]
    refresh(series, ask(ScriptedProvider([saga(*names)])))
    provider = ask(ScriptedProvider([saga(*names[:9])]))
    counted = []
    for day in (1, 1.1, 1.2, 2.3, 3.4):
        refresh(series, provider, day=day)
        analyze_gaps(now=NOW)
        series.refresh_from_db()
        counted.append(series.counted_count)
    assert counted == [10, 10, 10, 10, 9]
    assert Book.objects.count() == 10
    refresh(series, ask(ScriptedProvider([saga(*names)])), day=5)
    analyze_gaps(now=NOW)
    series.refresh_from_db()
    assert series.counted_count == 10


def test_another_author_of_the_same_series_name_is_not_taken(series: Series) -> None:
    other = replace(saga("Strange Tale"), authors=("Otto Nother",))
    result = refresh(series, ask(ScriptedProvider([other])))
    assert (result.series_found, Book.objects.count()) == (0, 0)


def test_two_spellings_of_a_series_become_one(series: Series) -> None:
    turned = SeriesFactory(name="The Great Saga Cycle", author=series.author)
    place(turned, "The River", "2", owned=True, source="library", import_source="library")
    provider = ask(ScriptedProvider([replace(saga("The Road", "The River"), aliases=("The Great Saga Cycle",))]))
    result = refresh_catalogue(now=NOW, series_ids=[series.pk, turned.pk], providers=[provider])
    turned.refresh_from_db()
    assert (result.series_joined, turned.merged_into) == (1, series)
    assert titles(series) == [("1", "The Road"), ("2", "The River")]
    assert Book.objects.count() == 2


# --- Providers that fail ---------------------------------------------------------------------------------------------


def test_a_failing_provider_is_left_alone_and_asked_again_later() -> None:
    rows = [SeriesFactory(name=f"Line {n}") for n in range(5)]
    scripted = ScriptedProvider(fault=Unavailable("It is down.", service="audible"))
    result = refresh_catalogue(now=NOW, series_ids=[row.pk for row in rows], providers=[ask(scripted)])
    assert len(scripted.calls) == 1
    assert result.errors == ["audible: It is down."]
    state = ProviderState.objects.get(name="audible")
    assert (state.failure_level, state.last_error) == (1, "It is down.")
    assert state.paused_until is not None
    assert set(Series.objects.values_list("catalogue_checked_at", flat=True)) == {None}
    scripted.fault = None
    later = refresh_catalogue(now=state.paused_until, series_ids=[rows[0].pk], providers=[ask(scripted)])
    assert (later.errors, len(scripted.calls)) == ([], 2)


def test_the_budget_of_a_day_is_kept() -> None:
    rows = [SeriesFactory(name=f"Line {n}") for n in range(5)]
    scripted = ScriptedProvider()
    provider = ask(scripted, daily_budget=3)
    refresh_catalogue(now=NOW, series_ids=[row.pk for row in rows], providers=[provider])
    assert len(scripted.calls) == 3
    assert ProviderState.objects.get(name="audible").calls_today == 3
    assert Series.objects.filter(catalogue_checked_at=None).count() == 2
    refresh_catalogue(now=NOW + datetime.timedelta(days=1), series_ids=[rows[4].pk], providers=[provider])
    assert len(scripted.calls) == 4


def test_the_next_provider_answers_for_one_that_is_down(series: Series) -> None:
    down = ask(ScriptedProvider(fault=Unavailable("Down.", service="audible")))
    good = ask(ScriptedProvider([saga("The Road")], name="openlibrary"))
    assert refresh(series, down, good).series_found == 1


def test_an_author_who_is_followed_gains_works_once() -> None:
    ada = AuthorFactory(name="Ada Writer", follow="all")
    BookFactory(title="The Road", authors=[ada], is_owned=True, import_source="library")
    scripted = ScriptedProvider(
        books=[
            catalogue_book("The Road"),
            catalogue_book("The Road", provider_id="again", identifiers=(Identifier("isbn", "9780000000002"),)),
            catalogue_book("The Lake"),
        ]
    )
    for day in range(2):
        refresh_catalogue(now=NOW + datetime.timedelta(days=day), author_ids=[ada.pk], providers=[ask(scripted)])
    assert sorted(Book.objects.values_list("title", flat=True)) == ["The Lake", "The Road"]
