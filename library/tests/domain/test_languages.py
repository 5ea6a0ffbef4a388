import pytest

from library.domain.languages import language_alpha3, language_code, language_name

CODES = [
    ("English", "en"),
    ("eng", "en"),
    ("en-GB", "en"),
    ("Deutsch", "de"),
    ("ger", "de"),
    ("deu", "de"),
    ("français", "fr"),
    ("fre", "fr"),
    ("Español", "es"),
    ("Nederlands", "nl"),
    ("ITA", "it"),
    ("Русский", "ru"),
    ("", ""),
    ("no such tongue", ""),
    ("zz", ""),
]


@pytest.mark.parametrize(("text", "code"), CODES)
def test_reads_languages(text: str, code: str) -> None:
    assert language_code(text) == code


def test_names_for_people_and_catalogue_codes() -> None:
    assert language_name("de") == "German"
    assert language_alpha3("de") == "ger"
    assert language_alpha3("") == ""
