"""The report: which rows open and close, why, and what they do to the figures."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.models import Author, Copy, Gap, GapAnalysis, Series
from library.services.gaps import analyze_gaps, preview_follow, recount_books
from library.services.ownership import refresh_ownership
from library.services.settings import change_settings
from library.tests.factories import (
    NOW,
    AuthorFactory,
    BookFactory,
    CopyFactory,
    ExclusionFactory,
    RecordingFactory,
    SeriesFactory,
    place,
)

pytestmark = pytest.mark.django_db
SOON = datetime.date(2026, 9, 1)


@pytest.fixture
def saga() -> Series:
    """1 and 2 are there, 3 and 4 are not; a novella 2.5 is not."""
    series = SeriesFactory(name="Saga", author=AuthorFactory(name="Ada Writer"))
    for number, title in enumerate(["The Road", "The River", "The Sea", "The Sky"], start=1):
        place(series, title, str(number), owned=number < 3)
    place(series, "The Ferry", "2.5", kind="novella")
    return series


def rows(**where: Any) -> dict[str, tuple[str, bool, bool]]:
    found = Gap.objects.open().filter(**where).order_by("position_first", "pk")
    return {gap.position or gap.book.title: (gap.explanation, gap.counts, gap.is_wanted) for gap in found}


def figures(row: Series | Author) -> tuple[int, int, int, int | None, str]:
    row.refresh_from_db()
    return (
        row.owned_count, row.covered_count, row.counted_count, row.completion_percentage, row.completion_status,
    )  # fmt: skip


def test_what_is_missing_and_what_does_not_count(saga: Series) -> None:
    result = analyze_gaps(now=NOW)
    assert rows() == {"2.5": ("missing", False, False), "3": ("missing", True, True), "4": ("missing", True, True)}
    assert figures(saga) == (2, 2, 4, 50, "partial")
    assert (result.gaps, result.rows, result.opened, result.closed) == (2, 3, 3, 0)
    assert GapAnalysis.objects.get().stats["by_class"] == {"main": 2, "novella": 1}


def test_rows_are_stable_over_repeated_runs(saga: Series) -> None:
    analyze_gaps(now=NOW)
    before = list(Gap.objects.order_by("pk").values())
    for day in range(1, 4):
        result = analyze_gaps(now=NOW + datetime.timedelta(days=day))
        assert (result.opened, result.closed) == (0, 0)
    assert list(Gap.objects.order_by("pk").values()) == before


def test_a_gap_closes_when_the_book_comes_and_another_opens_when_it_goes(saga: Series) -> None:
    analyze_gaps(now=NOW)
    first = Gap.objects.get(position="3")
    copy = CopyFactory(book=first.book)
    refresh_ownership([first.book_id])
    result = recount_books([first.book_id], now=NOW)
    first.refresh_from_db()
    assert (result.closed, first.closed_reason, first.is_wanted) == (1, "on the shelf", False)
    assert figures(saga)[3] == 75
    Copy.objects.filter(pk=copy.pk).update(missing_since=NOW)
    refresh_ownership([first.book_id])
    assert recount_books([first.book_id], now=NOW).opened == 1
    assert Gap.objects.filter(position="3").count() == 2
    assert figures(saga)[3] == 50


def test_an_omnibus_covers_and_is_named(saga: Series) -> None:
    omnibus = place(saga, "The Water Omnibus", "2-3", owned=True)
    analyze_gaps(now=NOW)
    gap = Gap.objects.get(position="3")
    assert (gap.explanation, gap.counts, gap.covered_by) == ('covered by "The Water Omnibus"', False, omnibus)
    assert "2-3" not in rows()
    assert figures(saga)[1:4] == (3, 4, 75)


def test_an_omnibus_without_a_series_covers_by_its_title(saga: Series) -> None:
    book = BookFactory(title="Saga Books 3-4", authors=[saga.author], is_owned=True)
    CopyFactory(book=book, authors=["Ada Writer"])
    recount_books([book.pk], now=NOW)
    assert figures(saga)[3] == 100
    assert rows(counts=True) == {}


def test_a_title_of_another_series_does_not_cover_by_chance(saga: Series) -> None:
    other = SeriesFactory(name="Elsewhere")
    place(other, "The Water Omnibus", "1", owned=True)
    mine = place(saga, "The Water Omnibus", "2-3", owned=True)
    analyze_gaps(now=NOW)
    assert Gap.objects.get(position="3", series=saga).covered_by == mine


def test_a_fraction_of_the_shelf_is_not_the_listed_book_of_that_number(saga: Series) -> None:
    place(saga, "Something Quite Different", "2.5", owned=True, source="library")
    analyze_gaps(now=NOW)
    assert rows()["2.5"][0] == "missing"


CASES: list[tuple[str, Callable[[Series], Any], str, bool]] = [
    ("upcoming", lambda s: place(s, "The Moon", "5", release_date=SOON), "upcoming 2026-09-01", False),
    ("excluded", lambda s: ExclusionFactory(book=place(s, "The Moon", "5")), "excluded by you", False),
    ("no position", lambda s: place(s, "The Moon", ""), "no position", False),
    ("guide", lambda s: place(s, "The Moon", "5", kind="guide"), "missing", False),
    ("translation", lambda s: place(s, "Der Mond", "5", language="de"), "missing", False),
    ("box", lambda s: place(s, "The Moons", "5-7"), "missing", False),
    ("part", lambda s: place(s, "The Moon, Part 1", "5p1", kind="part"), "missing", False),
    (
        "other language",
        lambda s: Copy.objects.filter(book=place(s, "The Moon", "5", owned=True)).update(language="German"),
        "owned in German only",
        True,
    ),
    (
        "abridged",
        lambda s: Copy.objects.filter(book=place(s, "The Moon", "5", owned=True)).update(is_abridged=True),
        "abridged only",
        True,
    ),
]


@pytest.mark.parametrize(("make", "words", "counts"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_every_row_says_why(saga: Series, make: Callable[[Series], Any], words: str, counts: bool) -> None:
    make(saga)
    analyze_gaps(now=NOW)
    extra = {key: row for key, row in rows().items() if key not in ("2.5", "3", "4")}
    assert [(text, wanted) for text, _, wanted in extra.values()] == [(words, counts)]
    assert [counted for _, counted, _ in extra.values()] == [counts]


def test_a_release_day_makes_an_upcoming_book_missing(saga: Series) -> None:
    place(saga, "The Moon", "5", release_date=SOON)
    analyze_gaps(now=NOW)
    opened = Gap.objects.get(position="5").pk
    analyze_gaps(now=datetime.datetime(2026, 9, 2, tzinfo=datetime.UTC))
    gap = Gap.objects.get(position="5")
    assert (gap.pk, gap.explanation, gap.is_wanted) == (opened, "missing", True)


def test_preferences_of_a_series_differ_from_the_general_ones(saga: Series) -> None:
    other = SeriesFactory(name="Other")
    for series in (saga, other):
        book = place(series, f"The Moon of {series.name}", "5", owned=True)
        Copy.objects.filter(book=book).update(narrators=["Bea Reader"], is_abridged=True)
    Series.objects.filter(pk=saga.pk).update(
        preference={"accepts_abridged": True, "narrators": ["Cora Voice"]}, counts_novellas=True
    )
    analyze_gaps(now=NOW)
    assert rows(series=saga)["5"][0] == "owned, read by Bea Reader only"
    assert rows(series=saga)["2.5"] == ("missing", True, True)
    assert rows(series=other)["5"][0] == "abridged only"


def test_the_recording_tells_what_the_files_do_not(saga: Series) -> None:
    book = place(saga, "The Moon", "5", owned=True)
    recording = RecordingFactory(book=book, is_dramatised=True)
    Copy.objects.filter(book=book).update(recording=recording)
    analyze_gaps(now=NOW)
    assert "5" not in rows()
    change_settings(changes={"gaps.accepts_dramatised": False})
    analyze_gaps(now=NOW)
    assert rows()["5"] == ("dramatised only", True, True)


# --- Following -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("follow", "wanted", "text"), [("all", ["3", "4", "5"], "missing"), ("none", [], "not followed"),
                                   ("from_now", ["5"], "not followed")]
)  # fmt: skip
def test_a_follow_rule_wants_what_its_preview_said(saga: Series, follow: str, wanted: list[str], text: str) -> None:
    place(saga, "The Moon", "5", release_date=datetime.date(2026, 3, 1))
    assert [row.position for row in preview_follow(series=saga, follow=follow, now=NOW)] == wanted
    Series.objects.filter(pk=saga.pk).update(follow=follow, followed_at=NOW)
    analyze_gaps(now=NOW)
    assert list(Gap.objects.wanted().order_by("position_first").values_list("position", flat=True)) == wanted
    assert rows()["3"][0] == text
    assert figures(saga)[1:3] == (2, 5)


def test_unfollowing_takes_the_wish_back_and_keeps_the_row(saga: Series) -> None:
    analyze_gaps(now=NOW)
    Series.objects.update(follow="none")
    result = analyze_gaps(now=NOW)
    assert (result.opened, result.closed, Gap.objects.wanted().count()) == (0, 0, 0)
    assert rows()["3"] == ("not followed", True, False)


def test_excluding_a_book_takes_it_out_of_the_count(saga: Series) -> None:
    analyze_gaps(now=NOW)
    gap = Gap.objects.get(position="3")
    exclusion = ExclusionFactory(book=gap.book)
    recount_books([gap.book_id], now=NOW)
    assert (rows()["3"], figures(saga)[1:4]) == (("excluded by you", False, False), (2, 3, 66))
    exclusion.delete()
    recount_books([gap.book_id], now=NOW)
    assert (rows()["3"], figures(saga)[3]) == (("missing", True, True), 50)


# --- Authors ---------------------------------------------------------------------------------------------------------


def test_works_outside_followed_series_are_the_authors_gaps(saga: Series) -> None:
    ada = saga.author
    assert ada is not None
    BookFactory(title="A Lone Tale", authors=[ada])
    BookFactory(title="A Short One", authors=[ada], kind="short")
    analyze_gaps(now=NOW)
    assert rows(series=None) == {}
    Author.objects.filter(pk=ada.pk).update(follow="all")
    analyze_gaps(now=NOW)
    assert rows(series=None) == {"A Lone Tale": ("missing", True, True), "A Short One": ("missing", False, False)}
    assert figures(ada) == (2, 2, 5, 40, "incomplete")
    Author.objects.filter(pk=ada.pk).update(follow="none")
    analyze_gaps(now=NOW)
    assert rows(series=None) == {}
    closed = Gap.objects.filter(series=None).values_list("closed_reason", flat=True)
    assert set(closed) == {"the author is not followed"}


def test_an_omnibus_counts_for_its_author_too(saga: Series) -> None:
    place(saga, "The Sea and Sky Omnibus", "3-4", owned=True, kind="omnibus")
    analyze_gaps(now=NOW)
    assert saga.author is not None
    assert figures(saga.author)[1:4] == (4, 4, 100)


def test_a_work_of_two_followed_authors_is_one_row() -> None:
    authors = [AuthorFactory(follow="all"), AuthorFactory(follow="all")]
    BookFactory(title="Together", authors=authors)
    for _ in range(2):
        analyze_gaps(now=NOW)
    assert Gap.objects.filter(closed_at=None).count() == Gap.objects.count() == 1


# --- Figures and cost ------------------------------------------------------------------------------------------------


def test_a_recount_gives_what_the_whole_analysis_gives(saga: Series) -> None:
    analyze_gaps(now=NOW)
    gap = Gap.objects.get(position="3")
    CopyFactory(book=gap.book)
    refresh_ownership([gap.book_id])
    recount_books([gap.book_id], now=NOW)
    assert saga.author is not None
    small = (figures(saga), figures(saga.author), rows())
    Series.objects.update(completion_percentage=None, covered_count=99)
    analyze_gaps(now=NOW)
    assert (figures(saga), figures(saga.author), rows()) == small


def test_the_number_of_queries_does_not_grow_with_the_series() -> None:
    def make(count: int) -> None:
        for _ in range(count):
            series = SeriesFactory(author=AuthorFactory(follow="all"))
            for number in range(1, 4):
                place(series, f"Tale {number} of {series.name}", str(number), owned=number == 1)
            BookFactory(authors=[series.author])

    def queries() -> int:
        Gap.objects.all().delete()
        with CaptureQueriesContext(connection) as captured:
            analyze_gaps(now=NOW)
        return len(captured)

    make(1)
    one = queries()
    make(29)
    assert queries() <= one + 1
