import pytest

from library.domain.text import clean, compact, fold, fold_german, is_latin

CLEANED = [
    ("Tom &amp; Jerry", "Tom & Jerry"),
    ("Tom &amp;amp;amp; Jerry", "Tom & Jerry"),
    ("CafÃ© Society", "Café Society"),
    ("Itâ€™s Late", "It’s Late"),
    ("Привет".encode().decode("cp1252"), "Привет"),
    ("The\u200b Hidden\u202e Sea\u202c", "The Hidden Sea"),
    ("Two\n\tlines  here", "Two lines here"),
    ("Cafe\u0301", "Café"),
    ("\x00\x07", ""),
    ("MÜLLER", "MÜLLER"),
]


@pytest.mark.parametrize(("text", "expected"), CLEANED)
def test_cleans_what_no_person_wrote(text: str, expected: str) -> None:
    assert clean(text) == expected


FOLDED = [
    ("The Émigré’s Song", "the emigres song"),
    ("Salt & Iron", "salt and iron"),
    ("STRAẞE", "strasse"),
    ("Øyvind Ångström", "oyvind angstrom"),
    ("7:15 to Dover", "7 15 to dover"),
    ("ＦＵＬＬ width", "full width"),
    ("", ""),
    ("***", ""),
]


@pytest.mark.parametrize(("text", "expected"), FOLDED)
def test_folds_to_plain_words(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_other_scripts_are_transliterated_not_lost() -> None:
    assert fold("Москва") == "moskva"
    assert fold("東京") != fold("京都") != ""


def test_umlauts_may_be_written_out() -> None:
    assert fold_german("Jürgen Größe") == fold("Juergen Groesse")


def test_compact_ignores_spaces_and_points() -> None:
    assert compact("A. B. Cole") == compact("A.B. Cole") == "abcole"


def test_latin_is_told_from_other_scripts() -> None:
    assert is_latin("Zoë Ñandú")
    assert is_latin("1984")
    assert not is_latin("村上")
