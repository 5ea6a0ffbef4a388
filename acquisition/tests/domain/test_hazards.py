"""Programs are known by their names, however they hide them; what belongs to a book is none."""

import pytest

from acquisition.domain.hazards import find_programs, programs_sentence


@pytest.mark.parametrize(
    "name",
    ["setup.exe", "Book/01.mp3.EXE", "a/b.scr", "Read me.lnk", "play.vbs", "x.exe ", "x.exe...", "codec. exe", "a.bat"],
)
def test_a_program_is_found(name: str) -> None:
    assert find_programs(["Book/01.mp3", name, "Book/cover.jpg"]) == [name]


@pytest.mark.parametrize("name", ["01.mp3", "exe", ".exe", "The .exe Files/01.mp3", "exe.mp3", "notes.txt", "b.m4b"])
def test_what_belongs_to_a_book_is_none(name: str) -> None:
    assert find_programs([name]) == []


def test_the_sentence_names_a_few() -> None:
    assert programs_sentence([f"x/{n}.exe" for n in range(5)]).endswith("0.exe, 1.exe, 2.exe and more.")
