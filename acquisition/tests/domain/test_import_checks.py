"""The checks of what came, as a table; the import's own tests produce each by real files."""

from typing import Any

import pytest

from acquisition.domain.import_checks import NEVER_OVERRULED, Arrived, Check, Expected, check_arrival, failed
from acquisition.domain.upgrades import Held, Quality
from library.domain.facts import CopyFacts, FileFacts, FileKind, Problem

HOUR = 3600
EXPECTED = Expected(
    "Emma", ("Jane Austen",), (10 * HOUR,), ("en",), narrators=("Sherry Crowther",), accepts_abridged=False
)
TAGGED = {"title": "tags", "authors": "tags", "narrators": "tags"}


def held(format_name: str) -> Held:
    return Held(1, "Jane Austen/Emma", Quality(format=format_name))


def facts(**values: Any) -> CopyFacts:
    sound = FileFacts("Emma/1.mp3", FileKind.AUDIO, 1000, duration_seconds=10 * HOUR)
    known: dict[str, Any] = {
        "title": "Emma", "authors": ("Jane Austen",), "duration_seconds": 10 * HOUR, "files": (sound,),
        "sources": TAGGED, **values,
    }  # fmt: skip
    return CopyFacts(path="Emma", **known)


def arrived(book: CopyFacts | None = None, **values: Any) -> Arrived:
    return Arrived(book or facts(), **values)


def standing(came: Arrived, expected: Expected = EXPECTED) -> dict[str, Check]:
    return {check.code: check for check in failed(check_arrival(came, expected))}


def test_a_good_book_passes_everything_and_says_what_was_looked_at() -> None:
    checks = check_arrival(arrived(), EXPECTED)
    assert all(check.ok and check.message.endswith(".") for check in checks)


CASES: list[tuple[Arrived, Expected, str, bool, str]] = [
    (arrived(unreadable=("1.mp3 cannot be read.",)), EXPECTED, "readable", False, "1.mp3 cannot be read."),
    (arrived(unfinished=("2.mp3.part",)), EXPECTED, "finished", False, "still on their way: 2.mp3.part."),
    (arrived(), Expected("Emma", (), held=(held("mp3"),)), "owned", False, "already: Jane Austen/Emma is as good."),
    (arrived(), Expected("Emma", (), held=(held("m4b"),)), "downgrade", False, "It is mp3, and what you have is m4b"),
    (arrived(unpacking=("_UNPACK_Emma",)), EXPECTED, "unpacking", False, "still unpacks or writes there: _UNPACK_Emma"),
    (arrived(facts(files=())), EXPECTED, "audio", True, "There is no audio in it."),
    (arrived(facts(files=()), archives=("b.rar",)), EXPECTED, "audio", False, "It came packed (b.rar)."),
    (arrived(facts(files=()), unfinished=("1.mp3.!qb",)), EXPECTED, "audio", False, "no audio"),
    (arrived(facts(files=()), unreadable=("No permission.",)), EXPECTED, "audio", False, "no audio"),
    (arrived(book_count=3), EXPECTED, "one_book", False, "It holds 3 books."),
    (arrived(facts(problems=(Problem("missing_parts", "Part 2 is missing."),))), EXPECTED, "parts", False, "Part 2"),
    (arrived(decode_faults=("1.mp3: broken.",)), EXPECTED, "decodes", True, "1.mp3: broken."),
    (arrived(decode_faults=("1.mp3: cut.",), unfinished=("2.part",)), EXPECTED, "decodes", False, "1.mp3: cut."),
    (arrived(programs=("Emma/setup.exe",)), EXPECTED, "harmless", True, "no audiobook needs: setup.exe."),
    (arrived(facts(duration_seconds=20)), Expected("Emma", ()), "sample", False, "Only 20 seconds"),
    (arrived(facts(duration_seconds=900)), EXPECTED, "sample", True, "Only 0:15:00 of sound, and the book is 10:00:00"),
    (arrived(facts(duration_seconds=900), unfinished=("2.part",)), EXPECTED, "sample", False, "Only 0:15:00"),
    (arrived(facts(duration_seconds=2 * HOUR)), EXPECTED, "duration", False, "2:00:00 long"),
    (arrived(facts(duration_seconds=None)), EXPECTED, "duration", False, "cannot be told"),
    (arrived(facts(duration_seconds=9 * HOUR)), EXPECTED, "duration", False, "abridged, incomplete"),
    (arrived(facts(duration_seconds=20 * HOUR)), EXPECTED, "duration", False, "twice, or another book?"),
    (arrived(facts(title="Persuasion")), EXPECTED, "same_book", False, "“Persuasion”"),
    (
        arrived(facts(title="Ulysses", authors=("James Joyce",))),
        EXPECTED,
        "same_book",
        True,
        "“Ulysses” by James Joyce",
    ),
    (arrived(facts(language="German")), EXPECTED, "language", False, "It is in German"),
    (arrived(facts(narrators=("Ann Other",))), EXPECTED, "narrator", False, "promised Sherry Crowther"),
    (arrived(facts(is_abridged=True)), EXPECTED, "abridged", False, "abridged"),
]


@pytest.mark.parametrize("came, expected, code, is_fault, words", CASES)
def test_what_stands_in_the_way(came: Arrived, expected: Expected, code: str, is_fault: bool, words: str) -> None:
    check = standing(came, expected)[code]
    assert words in check.message
    assert check.is_fault is is_fault


def test_every_check_is_in_the_table() -> None:
    assert {check.code for check in check_arrival(arrived(), EXPECTED)} == {case[2] for case in CASES}


@pytest.mark.parametrize(
    "came",
    [
        arrived(facts(duration_seconds=10 * HOUR + 170)),  # a shop's opening and closing words
        arrived(facts(duration_seconds=10.29 * HOUR)),
        arrived(facts(narrators=("Somebody",), sources={})),  # only a folder's name
        arrived(facts(narrators=("LibriVox Volunteers",))),
        arrived(facts(narrators=("Sherry Crowther", "Another"))),
        arrived(facts(title="Pride and Prejudice", sources={"title": "folder"})),
        arrived(facts(language="")),
        arrived(facts(authors=("Austen, Jane",))),
    ],
)
def test_what_does_not_contradict_passes(came: Arrived) -> None:
    assert standing(came) == {}


def test_a_person_overrules_all_but_what_is_not_there() -> None:
    came = arrived(facts(files=(), language="German"), unfinished=("1.part",), unreadable=("No.",))
    everything = [check.code for check in check_arrival(came, EXPECTED)]
    assert {check.code for check in failed(check_arrival(came, EXPECTED), everything)} == NEVER_OVERRULED
