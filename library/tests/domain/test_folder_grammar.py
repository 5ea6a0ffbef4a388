"""Folder names read as Audiobookshelf reads them (cases seen on a real server, and its documented layouts)."""

import pytest

from library.domain.folder_grammar import (
    FolderFacts,
    is_disc_folder,
    parse_file_name,
    parse_path,
    split_series_label,
)

AUTHORS = ("Ann Author",)


@pytest.mark.parametrize(
    "folder, title, position",
    [
        ("1 - Title", "Title", "1"),
        ("01 - Title", "Title", "1"),
        ("Vol 1 - Title", "Title", "1"),
        ("Vol. 1 Title", "Title", "1"),
        ("vol. 003 - Title", "Title", "3"),
        ("Volume 12 - Title", "Title", "12"),
        ("Book 2 - Title - Sub", "Title - Sub", "2"),
        ("Title - Vol 12", "Title", "12"),
        ("6. Title", "Title", "6"),
        ("0.5 - Title", "Title", "0.5"),
        ("0 - Title", "Title", "0"),
        ("2.50 - Title", "Title", "2.5"),
        ("Book 11", "", "11"),
        ("101. Dalmatians", "Dalmatians", "101"),
        ("101 Dalmatians", "101 Dalmatians", ""),
        ("10 Tenth", "10 Tenth", ""),
        ("#9 - Ninth", "#9 - Ninth", ""),
        ("1-3 - Omnibus", "1-3 - Omnibus", ""),
        ("1a - Title", "1a - Title", ""),
        ("Book II - Title", "Book II - Title", ""),
        ("Bookends", "Bookends", ""),
        ("Volume of Poems", "Volume of Poems", ""),
    ],
)
def test_position_needs_a_series_folder(folder: str, title: str, position: str) -> None:
    assert parse_path(f"Ann Author/Saga/{folder}") == FolderFacts(title, "", AUTHORS, "Saga", position)
    assert parse_path(f"Ann Author/{folder}").position == ""


@pytest.mark.parametrize(
    "path, facts",
    [
        ("Title", FolderFacts("Title")),
        ("Ann Author/Title", FolderFacts("Title", authors=AUTHORS)),
        ("Shelf 7/Ann Author/Saga/Title", FolderFacts("Title", "", AUTHORS, "Saga")),
        ("Ann Author/1 - Solo", FolderFacts("1 - Solo", authors=AUTHORS)),
        ("Ann Author/1994 - Title", FolderFacts("Title", authors=AUTHORS, year=1994)),
        ("Ann Author/(1994) - Title", FolderFacts("Title", authors=AUTHORS, year=1994)),
        ("Ann Author/1984", FolderFacts("1984", authors=AUTHORS)),
        ("Ann Author/Saga/1980 - Book 2 - Title", FolderFacts("Title", "", AUTHORS, "Saga", "2", 1980)),
        ("Ann Author/Saga/Vol 1 - 2006 - Title", FolderFacts("Title", "", AUTHORS, "Saga", "1", 2006)),
        ("Ann Author/Title {Nora Reader}", FolderFacts("Title", authors=AUTHORS, narrators=("Nora Reader",))),
        (
            "Ann Author/Title {Nora Reader & Bob Voice}",
            FolderFacts("Title", authors=AUTHORS, narrators=("Nora Reader", "Bob Voice")),
        ),
        ("Ann Author/Title {unclosed", FolderFacts("Title {unclosed", authors=AUTHORS)),
        ("Ann Author/Title [B000000001]", FolderFacts("Title", authors=AUTHORS, asin="B000000001")),
        ("Ann Author/[B000000001] Title", FolderFacts("Title", authors=AUTHORS, asin="B000000001")),
        ("Ann Author/Title [b000000001]", FolderFacts("Title [b000000001]", authors=AUTHORS)),
        ("Ann Author/Title[B000000001]", FolderFacts("Title[B000000001]", authors=AUTHORS)),
        (
            "Ann Author/Saga/Vol 1 - 2006 - Title [B000000001] {Nora Reader}",
            FolderFacts("Title", "", AUTHORS, "Saga", "1", 2006, ("Nora Reader",), "B000000001"),
        ),
        (
            "Ann Author/Saga/Vol 1 - 2006 - Title {Nora Reader} [B000000001]",
            FolderFacts("Title", "", AUTHORS, "Saga", "1", 2006, ("Nora Reader",), "B000000001"),
        ),
    ],
)
def test_paths(path: str, facts: FolderFacts) -> None:
    assert parse_path(path) == facts


def test_subtitle_is_parted_only_on_demand() -> None:
    path = "Ann Author/Saga/Vol 1 - Title - Sub - More"
    assert parse_path(path).title == "Title - Sub - More"
    with_subtitle = parse_path(path, with_subtitle=True)
    assert (with_subtitle.title, with_subtitle.subtitle) == ("Title", "Sub - More")


def test_a_file_in_the_root_says_only_its_title() -> None:
    assert parse_file_name("Vol. 1 - Title {X}.m4b") == FolderFacts("Vol. 1 - Title {X}")


@pytest.mark.parametrize(
    "name, is_disc",
    [
        ("CD1", True),
        ("cd 02", True),
        ("Disc 3", True),
        ("disk 117", True),
        ("Part 1", False),
        ("CD", False),
        ("Discworld 1", False),
        ("CD 1 extra", False),
    ],
)
def test_disc_folders(name: str, is_disc: bool) -> None:
    assert is_disc_folder(name) is is_disc


@pytest.mark.parametrize(
    "label, place",
    [
        ("Oz #2.5", ("Oz", "2.5")),
        ("Barsoom #1-3", ("Barsoom", "1-3")),
        ("Wessex #1a", ("Wessex", "1a")),
        ("Cosmere", ("Cosmere", "")),
        ("Three Men #Book One", ("Three Men #Book One", "")),
    ],
)
def test_series_labels(label: str, place: tuple[str, str]) -> None:
    assert split_series_label(label) == place
