"""The shipped series hold what checks.py demands, and the checks can fail."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from library.catalogue import build
from library.catalogue.checks import find_problems, parse_position, resembles

RECORDINGS: dict[str, Mapping[str, Any]] = {
    "one": {"id": "one", "title": "The First Book", "authors": ["Ann B. Author"]},
    "two": {"id": "two", "title": "Second Book", "authors": ["Ann B. Author"]},
    "strange": {"id": "strange", "title": "Quite Another", "authors": ["Ann B. Author"]},
    "foreign": {"id": "foreign", "title": "Second Book", "authors": ["Carl Else"]},
}


def entry(position: str, title: str, *recordings: str, **more: Any) -> dict[str, Any]:
    return {"position": position, "title": title, "recordings": list(recordings), **more}


def series(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "books", "name": "Books", "authors": ["Ann Author"], "entries": list(entries), **more}


FIRST = entry("1", "The First Book", "one")
SECOND = entry("2", "The Second Book", "two")


def test_shipped_series_have_no_problems() -> None:
    assert find_problems(build.read_series(), build.read_recordings()) == []


def test_shipped_series_are_built_from_their_sources() -> None:
    assert build.SERIES_FILE.read_bytes() == build.pack(build.read_series()), "run python -m library.catalogue.build"


def test_the_figures_in_the_documentation_are_those_of_the_data() -> None:
    recordings, all_series = build.read_recordings(), build.read_series()
    entries = [found for row in all_series for found in row["entries"]]
    held = [[*found["recordings"], *found.get("parts", ())] for found in entries]
    figures = {
        "recordings": len(recordings),
        "works": len({row["work"] for row in recordings.values()}),
        "languages": len({row["language"] for row in recordings.values()}),
        "series": len(all_series),
        "entries": len(entries),
        "entries without a recording": sum(not keys for keys in held),
        "recordings in a series": len({key for keys in held for key in keys}),
    }
    text = (Path(settings.BASE_DIR) / "docs" / "catalogue.md").read_text("utf-8")
    assert [
        f"| {name} | {number:,} |" for name, number in figures.items() if f"| {name} | {number:,} |" not in text
    ] == []


def test_a_good_series_has_no_problem() -> None:
    good = series(FIRST, SECOND, entry("2.5", "Tale", kind="short"), entry("1-2", "Both Books", kind="omnibus"))
    assert find_problems([good], RECORDINGS) == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (series(FIRST), "fewer than two entries"),
        (series(FIRST, entry("2", "Second Book", "absent")), "there is no recording absent"),
        (series(FIRST, entry("2", "Second Book", "strange")), 'is called "Quite Another"'),
        (series(FIRST, entry("2", "Second Book", "foreign")), "is by ['Carl Else']"),
        (series(FIRST, entry("1", "Second Book", "two")), "position 1 is taken twice"),
        (series(FIRST, entry("3", "Second Book", "two")), "no entry for [2]"),
        (series(FIRST, SECOND, holes={"2": "never written"}), "[2] are holes and entries"),
        (series(FIRST, entry("2", "The First Book", "one")), "recording one has two places"),
        (series(FIRST, entry("ii", "Second Book", "two")), "position ii is not a number or a range"),
        (series(FIRST, entry("1-2", "Second Book", "two")), "a range is an omnibus"),
        (series(FIRST, entry("2", "Second Book", "two", kind="romance")), "unknown kind romance"),
        (series(FIRST, entry("2", "Second Book", "two", yaer=1900)), "unknown keys ['yaer']"),
        (series(FIRST, entry("2", "Second Book", "two", year=19000)), "year 19000 cannot be"),
        (series(FIRST, entry("2", "Second", "two", title_differs=["x"])), "title_differs names ['x']"),
        (series(FIRST, SECOND, id="Not a slug"), "the id is not a slug"),
        (series(FIRST, SECOND, authors=[]), "no author"),
        (series(FIRST, SECOND, author="Ann"), "unknown keys ['author']"),
    ],
)
def test_each_check_can_fail(bad: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in find_problems([bad], RECORDINGS))


def test_ids_are_unique_and_names_are_unique_per_author() -> None:
    problems = find_problems([series(FIRST, SECOND), series(FIRST, SECOND)], RECORDINGS)
    assert problems == ["books: two series have this id", "books: two series of ann author have this name"]


def test_a_hole_with_a_reason_an_alternative_and_a_translation_pass() -> None:
    marked = series(
        FIRST,
        entry("3", "Third", "strange", title_differs=["strange"]),
        entry("3", "Third, revised", alternative=True),
        holes={"2": "never written"},
    )
    assert find_problems([marked], RECORDINGS) == []


@pytest.mark.parametrize("text", ["", "x", "1-", "-1", "3-1", "1.234", "1,5", "1-2-3"])
def test_a_position_is_a_number_or_a_rising_range(text: str) -> None:
    assert parse_position(text) is None


def test_titles_resemble_whatever_their_numerals_and_accents() -> None:
    assert resembles("Les Misérables, Volume 3", "Les miserables vol. III")
    assert not resembles("Emma", "Persuasion")
