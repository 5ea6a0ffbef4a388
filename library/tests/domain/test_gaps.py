"""A library of gaps: each test is a false gap, or a missed one, that others report."""

import datetime

import pytest

from library.domain.facts import SeriesPlace
from library.domain.gaps import (
    EntryClass,
    EntryFacts,
    Reason,
    SeriesFacts,
    SeriesStatus,
    find_author_gaps,
    find_series_gaps,
)
from library.domain.holdings import FollowRule, HeldFacts, Preference

ASH = ("Paul Ash",)
TODAY = datetime.date(2026, 3, 1)


def tideland(*entries: EntryFacts) -> SeriesFacts:
    books = entries or (
        EntryFacts(1, "Ebb", "1"), EntryFacts(2, "Saltmarsh", "2"), EntryFacts(25, "The Lamp", "2.5"),
        EntryFacts(3, "Cold Harbour", "3"), EntryFacts(13, "The Tideland Set", "1-3"),
    )  # fmt: skip
    return SeriesFacts("tideland", "Tideland", ASH, books)


def held(title: str, series: str = "", position: str = "", **facts: object) -> HeldFacts:
    places = (SeriesPlace(series, position),) if series else ()
    return HeldFacts(title, facts.pop("authors", ASH), places, **facts)  # type: ignore[arg-type]


OWNED = [
    ([], ("1", "2", "3")),
    ([held("Ebb")], ("2", "3")),
    ([held("EBB (Unabridged)"), held("Saltmarsh: Tideland, Book 2")], ("3",)),
    ([held("Tideland 02 - Saltmarsh")], ("1", "3")),
    ([held("Something Else", "The Tideland Series", "Book 3")], ("1", "2")),
    ([held("The Tideland Set")], ()),
    ([held("Tideland: The Whole Story", "Tideland", "1-3")], ()),
    ([held("Ebb", "Tideland", "1p1/2"), held("Ebb", "Tideland", "1p2/2")], ("2", "3")),
    ([held("Ebb", authors=("Ruth Bell",))], ("1", "2", "3")),
    ([held("Ebb", authors=("Ash, Paul",))], ("2", "3")),
    ([held("Ebb and Other Stories")], ("1", "2", "3")),
    ([held("Ebb", "Another Series", "2")], ("2", "3")),
    ([held("whatever", book_ids=(2,))], ("1", "3")),
    ([held("whatever", book_ids=(99,))], ("1", "2", "3")),
    ([held("The Lamp")], ("1", "2", "3")),
]


@pytest.mark.parametrize(("shelf", "missing"), OWNED)
def test_finds_exactly_the_missing_positions(shelf: list[HeldFacts], missing: tuple[str, ...]) -> None:
    assert find_series_gaps(tideland(), shelf).missing_positions == missing


def test_every_row_says_why() -> None:
    shelf = [held("Ebb"), held("Saltmarsh", language="de"), held("Cold Harbour", is_abridged=True)]
    series = tideland(
        EntryFacts(1, "Ebb", "1", language="en"),
        EntryFacts(2, "Saltmarsh", "2", language="en"),
        EntryFacts(3, "Cold Harbour", "3", language="en"),
        EntryFacts(4, "Spring Tide", "4", language="en", release_date=datetime.date(2027, 3, 2)),
        EntryFacts(5, "Neap", "5", language="en"),
        EntryFacts(6, "The Atlas of Tideland", "", kind="guide"),
        EntryFacts(7, "A Letter Home", ""),
        EntryFacts(8, "Ebbe", "1", language="de"),
        EntryFacts(9, "Slack Water", "6", language="en"),
    )
    report = find_series_gaps(series, shelf, preference=Preference(languages=("en",)), excluded=[5], today=TODAY)
    assert {row.book_id: (row.entry_class, row.text, row.is_gap) for row in report.rows} == {
        1: (EntryClass.MAIN, "owned", False),
        2: (EntryClass.MAIN, "owned in German only", True),
        3: (EntryClass.MAIN, "abridged only", True),
        4: (EntryClass.UPCOMING, "upcoming 2027-03-02", False),
        5: (EntryClass.MAIN, "excluded by you", False),
        6: (EntryClass.GUIDE, "no position", False),
        7: (EntryClass.UNNUMBERED, "no position", False),
        8: (EntryClass.TRANSLATION, 'covered by "Ebb"', False),
        9: (EntryClass.MAIN, "missing", True),
    }
    assert (report.covered, report.counted, report.completion, report.status) == (1, 4, 25, SeriesStatus.INCOMPLETE)


def test_covered_rows_name_what_covers_them() -> None:
    report = find_series_gaps(tideland(), [held("The Tideland Set")])
    rows = {row.book_id: row for row in report.rows}
    assert rows[2].text == 'covered by "The Tideland Set"'
    assert rows[13].reason is Reason.OWNED
    assert rows[25].reason is Reason.MISSING
    assert not rows[25].is_gap
    assert report.status is SeriesStatus.COMPLETE


def test_novellas_count_if_the_user_says_so() -> None:
    report = find_series_gaps(tideland(), [held("The Tideland Set")], preference=Preference(counts_novellas=True))
    assert report.missing_positions == ("2.5",)
    assert report.completion == 75


def test_two_editions_of_one_position_are_one_book() -> None:
    series = tideland(EntryFacts(1, "Ebb", "1"), EntryFacts(2, "Ebb: Revised Edition", "1"), EntryFacts(3, "Neap", "2"))
    report = find_series_gaps(series, [held("Ebb")])
    assert (report.covered, report.counted, report.missing_positions) == (1, 2, ("2",))


def test_the_preferred_narrator_and_form_decide() -> None:
    shelf = [held("Ebb", narrators=("Ruth Bell",), is_dramatised=True)]
    series = tideland(EntryFacts(1, "Ebb", "1"))
    wants = [Preference(narrators=("Ann Oak",)), Preference(dramatised="never"), Preference()]
    texts = [find_series_gaps(series, shelf, preference=want).rows[0].text for want in wants]
    assert texts == ["owned, read by Ruth Bell only", "dramatised only", "owned"]


def test_what_is_not_followed_is_no_gap() -> None:
    series = tideland(
        EntryFacts(1, "Ebb", "1", release_date=datetime.date(2020, 1, 1)),
        EntryFacts(2, "Neap", "2", release_date=datetime.date(2026, 1, 1)),
    )
    new = FollowRule("new", datetime.date(2025, 1, 1))
    assert find_series_gaps(series, [], follow=new).missing_positions == ("2",)
    assert find_series_gaps(series, [], follow=FollowRule("none")).rows[0].text == "not followed"


def test_nothing_known_is_unknown_not_complete() -> None:
    report = find_series_gaps(SeriesFacts("x", "X"), [])
    assert (report.completion, report.status) == (None, SeriesStatus.UNKNOWN)


def test_completion_is_floored() -> None:
    entries = tuple(EntryFacts(n, f"Title{n}", str(n)) for n in range(1, 4))
    report = find_series_gaps(tideland(*entries), [held("x", book_ids=(1, 2))])
    assert (report.completion, report.status) == (66, SeriesStatus.PARTIAL)


def test_a_bare_series_name_does_not_cover_every_book_named_after_it() -> None:
    titles = ("Ebb", "Neap", "Spring", "Slack")
    series = tideland(*(EntryFacts(n, f"Tideland: {title}", str(n)) for n, title in enumerate(titles, start=1)))
    assert find_series_gaps(series, [held("Tideland")]).missing_positions == ("1", "2", "3", "4")


def test_what_is_rather_owned_than_not_is_asked_not_claimed() -> None:
    series = tideland(EntryFacts(1, "Tideland: Ebb", "1"), EntryFacts(2, "Tideland: Neap", "2"))
    report = find_series_gaps(series, [held("Tideland")])
    assert [row.text for row in report.rows] == ['perhaps owned as "Tideland"'] * 2
    assert (report.gaps, report.covered, report.counted) == ((), 0, 2)


def test_a_book_does_not_cover_a_second_place_that_another_book_holds() -> None:
    entries = (EntryFacts(1, "Ebb", "1"), EntryFacts(2, "Ebb", "2"), EntryFacts(3, "Neap", "2"))
    assert find_series_gaps(tideland(*entries), [held("Ebb")]).missing_positions == ("2",)


def test_one_book_listed_at_two_places_is_owned_at_both() -> None:
    series = tideland(EntryFacts(1, "Ebb, Flow", "1"), EntryFacts(2, "Ebb Flow", "2"), EntryFacts(3, "Neap", "3"))
    assert find_series_gaps(series, [held("Ebb, Flow")]).missing_positions == ("3",)


def test_an_authors_works_outside_followed_series() -> None:
    works = [
        EntryFacts(1, "Ebb", kind="novel"), EntryFacts(2, "Heron Songs", kind="collection"),
        EntryFacts(3, "Stones", kind="novel"), EntryFacts(4, "A Short Walk", kind="short"),
        EntryFacts(5, "Far", kind="novel", release_date=datetime.date(2027, 1, 1)),
    ]  # fmt: skip
    report = find_author_gaps(ASH, works, [held("Stones (Unabridged)")], followed_book_ids=[1], today=TODAY)
    assert {row.book_id: (row.text, row.is_gap) for row in report.rows} == {
        2: ("missing", True), 3: ("owned", False), 4: ("missing", False), 5: ("upcoming 2027-01-01", False),
    }  # fmt: skip
    assert (report.covered, report.counted) == (1, 2)
