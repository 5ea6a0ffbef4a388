"""Files of packs mapped to wanted books, as a table."""

from dataclasses import dataclass

import pytest

from acquisition.domain.identity import WantedBook
from acquisition.domain.packs import PackPlan, plan_pack
from library.domain.facts import SeriesPlace

MB = 1024 * 1024


@dataclass(frozen=True)
class File:
    path: str
    size_bytes: int
    index: int


def wanted(title: str, position: str = "", author: str = "Brandon Sanderson", series: str = "Mistborn") -> WantedBook:
    return WantedBook(title, (author,), (SeriesPlace(series, position),) if position else ())


MISTBORN = {
    1: wanted("The Final Empire", "1"),
    2: wanted("The Well of Ascension", "2"),
    3: wanted("The Hero of Ages", "3"),
}


def plan(paths: list[str], books: dict[int, WantedBook] | None = None) -> PackPlan:
    files = [File(path, 100 * MB, index) for index, path in enumerate(paths)]
    return plan_pack(files, MISTBORN if books is None else books)


CASES: list[tuple[str, list[str], dict[int, list[int]]]] = [
    (
        "a folder for each book",
        [
            "Mistborn/1 - The Final Empire/01.mp3", "Mistborn/1 - The Final Empire/02.mp3",
            "Mistborn/2 - The Well of Ascension/01.mp3", "Mistborn/3 - The Hero of Ages/01.mp3",
        ],
        {1: [0, 1], 2: [2], 3: [3]},
    ),
    (
        "a file for each book",
        ["Pack/The Final Empire.m4b", "Pack/The Well of Ascension.m4b", "Pack/Warbreaker.m4b"],
        {1: [0], 2: [1]},
    ),
    (
        "covers and ebooks go with the book in its own folder",
        [
            "Pack/The Final Empire/book.m4b", "Pack/The Final Empire/cover.jpg", "Pack/Elantris/book.m4b",
            "Pack/Elantris/cover.jpg", "Pack/readme.txt",
        ],
        {1: [0, 1]},
    ),
    (
        "discs belong to the book above them",
        ["Pack/The Final Empire/CD1/01.mp3", "Pack/The Final Empire/CD2/01.mp3", "Pack/Elantris/01.mp3"],
        {1: [0, 1]},
    ),
    ("another author's book of the same name", ["Somebody Else - The Final Empire/01.mp3", "x/Other/1.mp3"], {}),
    ("no wanted book in it", ["Pack/Elantris.m4b", "Pack/Warbreaker.m4b"], {}),
    ("no audio", ["Pack/The Final Empire.epub"], {}),
    (
        "a summary is not the book",
        ["Pack/Summary of The Final Empire.m4b", "Pack/The Hero of Ages.m4b"],
        {3: [1]},
    ),
]  # fmt: skip


@pytest.mark.parametrize("name, paths, expected", CASES, ids=[case[0] for case in CASES])
def test_files_are_mapped_to_the_books_that_they_are(
    name: str, paths: list[str], expected: dict[int, list[int]]
) -> None:
    found = plan(paths)
    assert {key: sorted(paths.index(path) for path in files) for key, files in found.books.items()} == expected
    taken = {index for indexes in expected.values() for index in indexes}
    assert set(found.unwanted) == set(range(len(paths))) - taken
    assert found.wanted_bytes == 100 * MB * len(taken)


def test_of_two_editions_of_one_book_the_larger_is_taken() -> None:
    files = [File("Pack/The Final Empire/1.m4b", 50 * MB, 0), File("Pack/The Final Empire (320kbps)/1.m4b", 90 * MB, 1)]
    assert plan_pack(files, MISTBORN).books == {1: ("Pack/The Final Empire (320kbps)/1.m4b",)}


def test_what_could_be_two_books_is_taken_for_neither() -> None:
    books = {1: wanted("Emma", author="Jane Austen"), 2: wanted("Emma", author="")}
    assert plan(["Emma.m4b", "Other.m4b"], books).books == {}


def test_the_authors_of_the_packs_name_count_where_the_files_name_none() -> None:
    files = [File("The Final Empire.m4b", MB, 0), File("Elantris.m4b", MB, 1)]
    assert plan_pack(files, MISTBORN, authors=("Somebody Else",)).books == {}
    assert set(plan_pack(files, MISTBORN, authors=("Brandon Sanderson",)).books) == {1}


def test_a_pack_is_worth_the_gaps_that_it_closes_per_byte() -> None:
    three = plan(["P/The Final Empire.m4b", "P/The Well of Ascension.m4b", "P/The Hero of Ages.m4b"])
    one = plan(["P/The Final Empire/1.mp3", "P/The Final Empire/2.mp3", "P/Elantris.m4b"])
    assert three.value > one.value
    assert plan([]).value == 0
