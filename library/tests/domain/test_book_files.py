import pytest

from library.domain.book_files import group_books

ONE = [
    ["Saltmarsh.m4b"],
    ["Saltmarsh 001 of 120.mp3", "Saltmarsh 002 of 120.mp3"],
    ["CD1/Track 01.mp3", "CD1/Track 02.mp3", "CD2/Track 01.mp3"],
    ["Disc 1/01.mp3", "Disc 2/01.mp3"],
    ["01 - The Storm.mp3", "02 - The Harbour.mp3", "03 - The Lamp.mp3"],
    ["Saltmarsh - Part 01.m4b", "Saltmarsh - Part 02.m4b"],
    ["Saltmarsh (1).mp3", "Saltmarsh (2).mp3"],
    ["saltmarsh_01_ash_64kb.mp3", "saltmarsh_02_ash_64kb.mp3"],
    ["Saltmarsh.m4b", "cover.jpg", "Saltmarsh.epub"],
    ["Opening Credits.mp3", "Chapter 1.mp3", "Chapter 2.mp3", "Epilogue.mp3"],
]


@pytest.mark.parametrize("files", ONE)
def test_parts_of_one_book(files: list[str]) -> None:
    groups = group_books("Paul Ash/Saltmarsh", [f"Paul Ash/Saltmarsh/{name}" for name in files])
    assert len(groups) == 1


def test_titled_files_side_by_side_are_books() -> None:
    files = ["Ash/Saltmarsh.m4b", "Ash/Cold Harbour.m4b", "Ash/The Long Ebb.m4b"]
    assert [group.files for group in group_books("Ash", files)] == [(files[1],), (files[0],), (files[2],)]


def test_numbered_volumes_are_books() -> None:
    files = ["Ash/Tideland Book 1 - Ebb.m4b", "Ash/Tideland Book 2 - Saltmarsh.m4b"]
    assert len(group_books("Ash", files)) == 2


def test_folders_are_books() -> None:
    files = ["Ash/Ebb/01.mp3", "Ash/Ebb/02.mp3", "Ash/Saltmarsh/01.mp3"]
    assert [len(group.files) for group in group_books("Ash", files)] == [2, 1]


def test_without_audio_there_is_no_book() -> None:
    assert group_books("Ash", ["Ash/cover.jpg"]) == []
