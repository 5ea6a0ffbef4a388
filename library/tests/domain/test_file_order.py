"""The order of a book's files, and the evidence that some are missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.domain.file_order import (
    Part,
    find_duplicate_encodings,
    find_incompleteness,
    is_sample,
    natural_key,
    order_parts,
    roman_number,
)


def named(*paths: str) -> list[Part]:
    return [Part(path) for path in paths]


@pytest.mark.parametrize(
    "in_order, words",
    [
        (["1.mp3", "2.mp3", "10.mp3"], ()),
        (["Dracula - 01.mp3", "Dracula - 02.mp3", "Dracula - 11.mp3"], ("Dracula",)),
        (["1984 - 1.mp3", "1984 - 2.mp3"], ("1984",)),
        (["CD 1/01.mp3", "CD 1/02.mp3", "CD 2/01.mp3", "CD 10/01.mp3"], ()),
        (["d/Disc 1/b.mp3", "d/Disc 2/a.mp3"], ()),
        (["Prologue.mp3", "Alpha.mp3", "Beta.mp3", "Epilogue.mp3"], ()),
        (["Chapter IV.mp3", "Chapter IX.mp3", "Chapter XL.mp3"], ()),
        (["part2of3.mp3", "part3of3.mp3"], ()),
    ],
)
def test_order_by_name(in_order: list[str], words: tuple[str, ...]) -> None:
    for shuffled in (in_order, in_order[::-1], sorted(in_order)):
        assert [part.path for part in order_parts(named(*shuffled), words=words)] == in_order


def test_tags_win_where_they_tell_more_files_apart() -> None:
    parts = [Part("b.mp3", track=1), Part("a.mp3", track=2)]
    assert [part.path for part in order_parts(parts)] == ["b.mp3", "a.mp3"]


def test_names_win_where_tags_repeat() -> None:
    parts = [Part("02.mp3", track=1), Part("01.mp3", track=1)]
    assert [part.path for part in order_parts(parts)] == ["01.mp3", "02.mp3"]


def test_disc_tags_count_only_when_all_have_them_in_sequence() -> None:
    in_sequence = [Part("1.mp3", disc=2, track=1), Part("2.mp3", disc=1, track=1)]
    assert [part.path for part in order_parts(in_sequence)] == ["2.mp3", "1.mp3"]
    broken = [Part("1.mp3", disc=9, track=1), Part("2.mp3", disc=1, track=1)]
    assert [part.path for part in order_parts(broken)] == ["1.mp3", "2.mp3"]


def test_tracks_that_start_again_on_each_disc() -> None:
    parts = [Part(f"CD {disc}/x{disc}{track}.mp3", track=track) for disc in (1, 2) for track in (1, 2)]
    assert list(order_parts(reversed(parts))) == parts
    assert find_incompleteness(parts) == ()


@given(st.lists(st.text(alphabet="abIVX/ 0123456789.-", min_size=1, max_size=12), unique=True, max_size=12))
def test_order_is_total_and_does_not_depend_on_the_given_order(paths: list[str]) -> None:
    forward = order_parts(named(*paths))
    assert sorted(part.path for part in forward) == sorted(paths)
    assert order_parts(named(*reversed(paths))) == forward


@given(st.integers(1, 399))
def test_roman_numbers(number: int) -> None:
    digits = (("c", 100), ("xc", 90), ("l", 50), ("xl", 40), ("x", 10), ("ix", 9), ("v", 5), ("iv", 4), ("i", 1))
    numeral, rest = "", number
    for letters, value in digits:
        numeral, rest = numeral + letters * (rest // value), rest % value
    assert roman_number(numeral) == number


@pytest.mark.parametrize(
    "parts, codes",
    [
        (named("1.mp3", "2.mp3", "3.mp3"), []),
        (named("1.mp3", "2.mp3", "4.mp3"), ["missing_parts"]),
        (named("2.mp3", "3.mp3", "4.mp3"), ["missing_parts"]),
        (named("00.mp3", "01.mp3"), []),
        (named("101.mp3", "102.mp3"), []),
        (named("CD 1/1.mp3", "CD 1/3.mp3", "CD 2/1.mp3"), ["missing_parts"]),
        (named("CD 1/1.mp3", "CD 1/2.mp3", "CD 2/3.mp3", "CD 2/4.mp3"), []),
        (named("Book - 1 of 12.mp3"), ["wrong_part_count"]),
        ([Part(f"{n}.mp3", track=n, track_total=12) for n in (1, 2, 3)], ["wrong_part_count"]),
        ([Part(f"{n}.mp3", track=n, track_total=3) for n in (1, 2, 3)], []),
        ([Part("whole.m4b", duration_seconds=100), Part("whole.mp3", duration_seconds=99)], ["duplicate_encodings"]),
        (named("Alpha.mp3", "Beta.mp3"), []),
    ],
)
def test_evidence(parts: list[Part], codes: list[str]) -> None:
    assert [problem.code for problem in find_incompleteness(parts)] == codes


def test_evidence_names_the_missing_parts() -> None:
    (problem,) = find_incompleteness(named("1.mp3", "2.mp3", "5.mp3"))
    assert "3, 4" in problem.message


def test_two_bitrates_of_the_same_parts_are_one_book_twice() -> None:
    both = [
        Part(f"book_{n:02}_{kbps}kb.mp3", duration_seconds=600 + n, bitrate_kbps=kbps)
        for kbps in (64, 128)
        for n in (1, 2, 3)
    ]
    assert find_duplicate_encodings(both) == ("mp3 128 kbps", "mp3 64 kbps")


def test_parts_of_differing_bitrate_are_not_the_book_twice() -> None:
    parts = [Part("1.mp3", duration_seconds=600, bitrate_kbps=48), Part("2.mp3", duration_seconds=600, bitrate_kbps=96)]
    assert find_duplicate_encodings(parts) == ()


@pytest.mark.parametrize(
    "path, seconds, expected",
    [
        ("Book sample.mp3", 120.0, True),
        ("a/book_preview.mp3", None, True),
        ("Sample Size.m4b", 30000.0, False),
        ("Chapter 1.mp3", 20.0, False),
    ],
)
def test_samples(path: str, seconds: float | None, expected: bool) -> None:
    assert is_sample(path, duration_seconds=seconds) is expected


@given(st.text(max_size=30), st.text(max_size=30))
def test_natural_keys_always_compare(one: str, other: str) -> None:
    assert (natural_key(one) < natural_key(other)) or (natural_key(one) >= natural_key(other))
