from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.domain.positions import PartOf, Positions, parse_positions, single

READ = [
    ("2", "2"),
    ("02", "2"),
    ("2.0", "2"),
    ("2.5", "2.5"),
    ("2½", "2.5"),
    ("#7", "7"),
    ("Book 3", "3"),
    ("Vol. IV", "4"),
    ("Volume Twelve", "12"),
    ("Band 3", "3"),
    ("1-3", "1-3"),
    ("1–3", "1-3"),
    ("1 to 3", "1-3"),
    ("Books 1-3", "1-3"),
    ("1,2", "1-2"),
    ("1, 3", "1,3"),
    ("1 & 2", "1-2"),
    ("1 and 2", "1-2"),
    ("1-3,5", "1-3,5"),
    ("0", "0"),
    ("0.1-0.5", "0.1-0.5"),
    ("Book 01 of 10", "1"),
    ("1p2", "1p2"),
    ("Book 1, Part 2 of 3", "1p2/3"),
    ("1p2/3", "1p2/3"),
    ("3b", "3p2"),
    ("Novella", ""),
    ("Prequel", ""),
    ("", ""),
    ("Part Two", ""),
    ("-", ""),
    ("3-1", ""),
    ("one or other", ""),
    ("99999", ""),
]


@pytest.mark.parametrize(("text", "label"), READ)
def test_reads_positions(text: str, label: str) -> None:
    assert parse_positions(text).label == label


def test_an_omnibus_covers_its_books_but_not_the_novella_between() -> None:
    omnibus = parse_positions("1-3")
    assert omnibus.covers(parse_positions("2"))
    assert omnibus.covers(parse_positions("1,3"))
    assert not omnibus.covers(parse_positions("2.5"))
    assert not omnibus.covers(parse_positions("4"))
    assert parse_positions("0.1-0.5").covers(parse_positions("0.3"))


def test_all_parts_make_the_book_and_one_part_does_not() -> None:
    first, second = parse_positions("4p1/2"), parse_positions("4p2/2")
    assert not first.covers(parse_positions("4"))
    assert first.union(second).covers(parse_positions("4"))
    assert first.union(second).label == "4"
    assert parse_positions("4").covers(second)


def test_unions_join_neighbours() -> None:
    assert (single(1) | single(2) | single(4)).label == "1-2,4"
    assert (parse_positions("1-3") | parse_positions("2.5")).label == "1-3,2.5"


def test_nothing_neither_covers_nor_is_covered() -> None:
    assert not Positions().covers(single(1))
    assert not single(1).covers(Positions())
    assert not Positions()


def test_first_last_and_whole_numbers() -> None:
    positions = parse_positions("1-3,5.5,7")
    assert (positions.first, positions.last) == (Decimal(1), Decimal(7))
    assert positions.whole_numbers() == (1, 2, 3, 7)
    assert parse_positions("2p1").first == Decimal(2)


numbers = st.integers(0, 60).map(Decimal) | st.integers(0, 599).map(lambda n: Decimal(n) / 10)
spans = st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))
parts = st.builds(PartOf, st.integers(0, 20).map(Decimal), st.integers(1, 4), st.integers(0, 4))
sets = st.builds(
    lambda s, p: Positions().union(Positions(tuple(s), tuple(p))),
    st.lists(spans, max_size=3).map(lambda found: [span for span in found if span[1] - span[0] < 30]),
    st.lists(parts, max_size=2),
)


@given(sets, sets)
def test_a_union_covers_what_both_cover(a: Positions, b: Positions) -> None:
    both = a | b
    assert both == b | a
    for one in (a, b):
        assert set(one.whole_numbers()) <= set(both.whole_numbers())


@given(sets)
def test_labels_read_back(positions: Positions) -> None:
    again = parse_positions(positions.label) if len(positions.label) < 70 and not positions.parts else positions
    assert set(again.whole_numbers()) == set(positions.whole_numbers())
