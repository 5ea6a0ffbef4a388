import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.domain.release_names import ParsedRelease, parse_release

# release, title, authors
NAMES = [
    ("Saltmarsh by Paul Ash [ENG / M4B]", "Saltmarsh", ("Paul Ash",)),
    ("Stand by the Weir by Paul Ash, Ruth Bell [GER / MP3]", "Stand by the Weir", ("Paul Ash", "Ruth Bell")),
    ("Paul Ash - Saltmarsh (2014) [Unabridged] MP3 64kbps", "Saltmarsh", ("Paul Ash",)),
    ("Paul.Ash.Saltmarsh.2014.RETAIL.EPUB.eBook-GRP", "Paul Ash Saltmarsh", ()),
    ("Paul Ash - [Tideland 02] - Saltmarsh (Read by Ruth Bell)", "Saltmarsh", ("Paul Ash",)),
    ("Paul_Ash_-_Saltmarsh_(Unabridged)_M4B", "Saltmarsh", ("Paul Ash",)),
    ("[01/12] - Paul Ash - Saltmarsh.nzb yEnc", "Saltmarsh", ("Paul Ash",)),
    ("!bot Paul Ash - Saltmarsh.epub ::INFO:: 1.2MB", "Saltmarsh", ("Paul Ash",)),
    ("Paul Ash - Saltmarsh (2021) (Read by Ruth Bell) [M4B 64kbps]", "Saltmarsh", ("Paul Ash",)),
    ("The Saltmarsh - Robert Ash - 2021 [Audiobook]", "The Saltmarsh", ("Robert Ash",)),
    ("Paul Ash - 1987 (Unabridged)", "1987", ("Paul Ash",)),
    ('(01/20) "Paul Ash - Saltmarsh.par2" yEnc', "Saltmarsh", ("Paul Ash",)),
]


@pytest.mark.parametrize(("release", "title", "authors"), NAMES)
def test_reads_title_and_authors(release: str, title: str, authors: tuple[str, ...]) -> None:
    parsed = parse_release(release)
    assert (parsed.title, parsed.authors) == (title, authors)


LANGUAGES = [
    ("Saltmarsh by Paul Ash [ENG / M4B]", "en"),
    ("Salzmarsch by Paul Ash [GER / MP3]", "de"),
    ("Paul Ash - Salzmarsch (Hörbuch German)", "de"),
    ("Paul.Ash.Salzmarsch.GERMAN.AUDIOBOOK.MP3-GRP", "de"),
    ("Paul Ash - Le marais [French] [MP3]", "fr"),
    ("Paul Ash - La marisma (Español)", "es"),
    ("Paul Ash - The English Marsh", ""),
    ("Saltmarsh by Paul Ash [NLD / MP3]", "nl"),
]


@pytest.mark.parametrize(("release", "language"), LANGUAGES)
def test_reads_languages(release: str, language: str) -> None:
    assert parse_release(release).language == language


CONTENT = [
    ("Saltmarsh Unabridged", "audiobook"),
    ("Saltmarsh.M4B", "audiobook"),
    ("Saltmarsh (Hörbuch)", "audiobook"),
    ("Saltmarsh.EPUB", "ebook"),
    ("Saltmarsh.AZW3", "ebook"),
    ("Saltmarsh [MP3 + EPUB]", "audiobook"),
    ("!bot A - T.rar ::INFO:: 1MB", "ebook"),
    ("!bot A - T (Audiobook).rar ::INFO:: 1MB", "audiobook"),
]


@pytest.mark.parametrize(("release", "content"), CONTENT)
def test_tells_audiobooks_from_ebooks(release: str, content: str) -> None:
    assert parse_release(release).content == content


def test_reads_technical_marks() -> None:
    parsed = parse_release("Paul Ash - Tideland, Books 1-3 (2014) (Unabridged) [MP3 128kbps] narrated by Ruth Bell")
    assert parsed.format == "mp3"
    assert parsed.bitrate_kbps == 128
    assert parsed.year == 2014
    assert parsed.is_abridged is False
    assert parsed.is_pack
    assert parsed.positions.label == "1-3"
    assert parsed.narrators == ("Ruth Bell",)


def test_reads_group_series_and_dramatised() -> None:
    assert parse_release("Paul.Ash.Saltmarsh.2014.MP3-GRP").group == "GRP"
    assert parse_release("Paul Ash - [Tideland 02] - Saltmarsh").series == "Tideland"
    assert parse_release("Saltmarsh (Dramatized Adaptation) by Paul Ash [ENG / M4B]").is_dramatised is True
    assert parse_release("Saltmarsh (Abridged) by Paul Ash [ENG / M4B]").is_abridged is True


def test_a_range_of_books_is_read_without_its_label() -> None:
    assert parse_release("Paul Ash - Tideland 01-12 Complete").positions.label == "1-12"


def test_a_title_that_is_a_year_is_no_year() -> None:
    assert parse_release("1987 by Paul Ash [ENG / M4B]").year is None


def test_a_single_book_is_no_pack() -> None:
    assert not parse_release("Saltmarsh by Paul Ash [ENG / M4B]").is_pack
    assert parse_release("Tideland Series by Paul Ash [ENG / M4B]").is_pack


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120))
def test_no_name_raises(text: str) -> None:
    assert isinstance(parse_release(text), ParsedRelease)
    assert isinstance(parse_release(f"{text} by {text} [ENG / MP3]"), ParsedRelease)


@pytest.mark.parametrize("unit", ["by ", "[", "(a) ", "a.b_", " - ", "1-", "english ", "mp3 "])
def test_long_names_are_read_quickly(unit: str) -> None:
    assert parse_release((unit * 10_000)[:10_000]).raw
