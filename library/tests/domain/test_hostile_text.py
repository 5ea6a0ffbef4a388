"""No text is too strange: nothing raises, keys stay put, sameness is symmetric, and time grows with length."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.domain.book_files import group_books
from library.domain.gaps import EntryFacts, SeriesFacts, find_series_gaps
from library.domain.holdings import HeldFacts
from library.domain.languages import language_code
from library.domain.paths import parse_path
from library.domain.people import parse_people, person_key, same_person, sort_name
from library.domain.positions import parse_positions
from library.domain.series_places import place_in_series
from library.domain.text import clean, compact, fold, fold_german
from library.domain.titles import parse_title, same_work, series_key, title_key

PIECES = (
    "Book 3",
    "Part One",
    "1984",
    "2001",
    "#",
    "(",
    ")",
    "[",
    "]",
    " - ",
    ": ",
    ", ",
    "&amp;",
    "&",
    "Vol. ",
    "II",
    " by ",
    "Ã©",
    "\u202e",
    "\u200b",
    "\x00",
    "🎧",
    "日本",
    "שלום",
    "é",
    "e\u0301",
    "’s",
    "Jr.",
    "von ",
    "The ",
    "A Novel",
    "Series",
    "1-3",
    "½",
    "(Unabridged)",
    "B00ABCDEFG",
    ".m4b",
    "/",
    "\\",
    "CD1",
    "{",
    "}",
    "\ud800",
    "Ａ",
    "ß",
    "...",
    "_",
)
pieced = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=14).map("".join)
anything = st.text(max_size=80) | pieced

TOTAL: list[Callable[[str], object]] = [
    clean,
    fold,
    fold_german,
    compact,
    parse_people,
    person_key,
    sort_name,
    parse_positions,
    parse_title,
    title_key,
    series_key,
    parse_path,
    language_code,
    lambda text: group_books(text, [f"{text}.mp3", f"x/{text}.m4b"]),
    lambda text: place_in_series(text, (text[:9], "Tideland")),
    lambda text: parse_path(text, file=text),
    lambda text: parse_title(text, author=text[:12], known_series=(text[:7],)),
    lambda text: find_series_gaps(
        SeriesFacts(1, text[:20], (text,), (EntryFacts(1, text, text), EntryFacts(2, text[::-1], "2"))),
        [HeldFacts(text, (text[::-1],)), HeldFacts(text[5:])],
    ),
]


@settings(max_examples=150, deadline=None)
@given(anything)
def test_nothing_raises(text: str) -> None:
    for function in TOTAL:
        function(text)


@settings(max_examples=250, deadline=None)
@given(anything)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    for function in (clean, fold, compact):
        once = function(text)
        assert function(once) == once
    label = parse_positions(text).label
    assert parse_positions(label).whole_numbers() == parse_positions(text).whole_numbers()


@settings(max_examples=200, deadline=None)
@given(anything, anything)
def test_sameness_is_symmetric(a: str, b: str) -> None:
    assert same_person(a, b) == same_person(b, a)
    assert same_work(a, b) == same_work(b, a)
    assert same_work(a, f"{a} {b}") == same_work(f"{a} {b}", a)


@settings(max_examples=100, deadline=None)
@given(anything.filter(lambda text: bool(fold(text))))
def test_everything_is_the_same_as_itself(text: str) -> None:
    assert same_person(text, text)
    assert same_work(text, text)


LONG = [
    "a",
    " ",
    "(",
    "[(",
    "a - ",
    "A B, ",
    "1 ",
    "1-",
    "#1 ",
    "&amp;",
    "&amp;amp;",
    "Ã©",
    "🎧",
    "Book 1 ",
    "A. ",
    "AaBb-",
    ": ",
    "日",
    "1,",
    "part 1 of ",
    "a/b",
    ", or ",
    "(a) ",
    "i v x ",
    "novel ",
    "by ",
]


@pytest.mark.parametrize("unit", LONG)
def test_long_text_takes_no_long_time(unit: str) -> None:
    text = (unit * 10_000)[:10_000]
    started = time.perf_counter()
    for function in TOTAL:
        function(text)
    same_work(text, f"{text}x")
    same_person(text, f"{text}x")
    assert time.perf_counter() - started < 3
