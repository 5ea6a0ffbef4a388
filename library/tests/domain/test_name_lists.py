"""Lists of people read as Audiobookshelf reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from library.domain.name_lists import clean_name, parse_names


@pytest.mark.parametrize(
    "text, names",
    [
        ("", ()),
        ("Homer", ("Homer",)),
        ("Jane Austen", ("Jane Austen",)),
        ("Austen, Jane", ("Jane Austen",)),
        ("Le Guin, Ursula K.", ("Ursula K. Le Guin",)),
        ("Terry Pratchett, Neil Gaiman", ("Terry Pratchett", "Neil Gaiman")),
        ("Terry Pratchett & Neil Gaiman", ("Terry Pratchett", "Neil Gaiman")),
        ("Karl Marx and Friedrich Engels", ("Karl Marx", "Friedrich Engels")),
        ("A B, C D & E F", ("A B", "C D", "E F")),
        ("Austen, Jane; Shelley, Mary", ("Jane Austen", "Mary Shelley")),
        ("Friedman, Milton & Friedman, Rose", ("Milton Friedman", "Rose Friedman")),
        ("Joyce, James; Narrated by Nobody", ("James Joyce",)),
        ("Plato; Homer", ("Homer Plato",)),
        ("Sir Arthur Conan Doyle", ("Arthur Conan Doyle",)),
        ("James Tiptree Jr.", ("James Tiptree",)),
        ("Kurt Vonnegut, Jr.", ("Kurt Vonnegut",)),
        ("Dr. Seuss", ("Dr. Seuss",)),
        ("Jane Austen; Jane Austen", ("Jane Austen",)),
        ("Leo Tolstoy - translator", ("Leo Tolstoy",)),
        ("Rob Inglis (as Frodo)", ("Rob Inglis",)),
        ("夏目漱石", ("夏目漱石",)),
        ("夏目漱石, 森鷗外", ("夏目漱石", "森鷗外")),
        ("Alexander the Great", ("Alexander the Great",)),
        (" , ; & ", ()),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert parse_names(text) == names


@given(st.text(max_size=60))
def test_anything_gives_distinct_names_that_are_not_blank(text: str) -> None:
    names = parse_names(text)
    assert all(name.strip() for name in names)
    assert len(set(names)) == len(names)


@given(st.text(alphabet=st.characters(categories=("L",)), min_size=1, max_size=20))
def test_a_single_word_stays(word: str) -> None:
    assert clean_name(word) == word
