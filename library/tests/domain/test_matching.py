import time

import pytest

from library.domain.facts import SeriesPlace
from library.domain.matching import HeldFacts, MatchIndex, Outcome, WorkFacts

ASH = ("Paul Ash",)
WORKS = [
    WorkFacts(
        1, "Ebb", ASH, (SeriesPlace("Tideland", "1"),), frozenset({("asin", "B0EBB00001")}), runtimes_seconds=(36000,)
    ),
    WorkFacts(2, "Saltmarsh", ASH, (SeriesPlace("Tideland", "2"),), runtimes_seconds=(40000,), languages=("en",)),
    WorkFacts(3, "Saltmarsh in Winter", ASH, (SeriesPlace("Tideland", "3"),)),
    WorkFacts(4, "Saltmarsh", ("Ruth Bell",)),
    WorkFacts(5, "The Lamp Keepers, Vol. 1", ("Ann Oak",), (SeriesPlace("The Lamp Keepers", "1"),)),
    WorkFacts(6, "The Lamp Keepers, Vol. 2", ("Ann Oak",), (SeriesPlace("The Lamp Keepers", "2"),)),
    WorkFacts(7, "Heron", ("Ann Oak",)),
    WorkFacts(8, "Heron", ("Ann Oak",)),
]


@pytest.fixture(scope="module")
def index() -> MatchIndex:
    return MatchIndex(WORKS)


CERTAIN = [
    (HeldFacts("Saltmarsh", ASH), 2),
    (HeldFacts("Saltmarsh (Unabridged)", ("Ash, Paul",)), 2),
    (HeldFacts("Saltmarsh: Tideland, Book 2", ASH), 2),
    (HeldFacts("Tideland 02 - Saltmarsh", ASH), 2),
    (HeldFacts("Saltmarsh in Winter", ASH), 3),
    (HeldFacts("Saltmarsh", ("Ruth Bell",)), 4),
    (HeldFacts("The Lamp Keepers Vol. 2", ("Ann Oak",)), 6),
    (HeldFacts("Ebb", ASH, identifiers=frozenset({("asin", "b0ebb00001")})), 1),
    (HeldFacts("Ebb", (), identifiers=frozenset({("asin", "B0EBB00001")})), 1),
]


@pytest.mark.parametrize(("copy", "work_id"), CERTAIN)
def test_links_what_is_certain(index: MatchIndex, copy: HeldFacts, work_id: int) -> None:
    match = index.match(copy)
    assert (match.outcome, match.work_id) == (Outcome.CERTAIN, work_id), match


def test_an_identifier_against_title_and_author_is_for_a_person(index: MatchIndex) -> None:
    copy = HeldFacts("Quite Another", ("Someone Else",), identifiers=frozenset({("asin", "B0EBB00001")}))
    match = index.match(copy)
    assert match.outcome is Outcome.REVIEW
    assert "The identifier agrees (ASIN B0EBB00001)." in match.reasons


def test_two_equal_works_are_for_a_person(index: MatchIndex) -> None:
    match = index.match(HeldFacts("Heron", ("Ann Oak",)))
    assert match.outcome is Outcome.REVIEW
    assert match.runner_up is not None
    assert match.reasons[-1] == '"Heron" is as likely.'


NOT_THERE = [
    HeldFacts("Saltmarsh", ("Some Other",)),
    HeldFacts("The Lamp Keepers, Vol. 3", ("Ann Oak",)),
    HeldFacts("Saltmarsh, Part 1", ASH),
    HeldFacts("Cold Harbour", ASH),
    HeldFacts(""),
]


@pytest.mark.parametrize("copy", NOT_THERE)
def test_does_not_link_what_is_not_there(index: MatchIndex, copy: HeldFacts) -> None:
    assert index.match(copy).outcome is Outcome.NONE


def test_a_title_without_author_is_never_certain(index: MatchIndex) -> None:
    assert index.match(HeldFacts("Saltmarsh in Winter")).outcome is not Outcome.CERTAIN


def test_another_runtime_raises_doubt(index: MatchIndex) -> None:
    near = index.match(HeldFacts("Saltmarsh", ASH, runtime_seconds=40100))
    far = index.match(HeldFacts("Saltmarsh", ASH, runtime_seconds=9000))
    assert near.outcome is Outcome.CERTAIN
    assert far.outcome is Outcome.REVIEW
    assert near.score > far.score


def test_cost_grows_with_copies_not_with_pairs() -> None:
    works = [WorkFacts(n, f"Word{n % 977} Thing{n % 311} Place{n}", (f"Paul Fell{n % 500}",)) for n in range(4000)]
    index = MatchIndex(works)
    started = time.perf_counter()
    found = [index.match(HeldFacts(work.title, work.authors)).work_id for work in works[:400]]
    assert found == list(range(400))
    assert time.perf_counter() - started < 5
