"""Names that Audiobookshelf reads back, and that no file system can be hurt by."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from library.domain.facts import SeriesPlace
from library.domain.file_names import cut_bytes, safe_component
from library.domain.folder_grammar import FolderFacts, parse_path
from library.domain.naming import (
    AUDIOBOOKSHELF,
    PLEX,
    PRESETS,
    BookName,
    NamingTemplate,
    find_lost_fields,
    render_file,
    render_folder,
    sidecar_metadata,
)

EMPIRE = BookName(
    title="The Final Empire",
    authors=("Brandon Sanderson",),
    narrators=("Michael Kramer",),
    series=(SeriesPlace("Mistborn", "1"),),
    asin="B002UZMNZU",
    published_year=2006,
)


@pytest.mark.parametrize(
    "book, folder",
    [
        (EMPIRE, "Brandon Sanderson/Mistborn/Vol 1 - 2006 - The Final Empire [B002UZMNZU] {Michael Kramer}"),
        (
            replace(EMPIRE, series=()),
            "Brandon Sanderson/2006 - The Final Empire [B002UZMNZU] {Michael Kramer}",
        ),
        (BookName("Emma", authors=("Jane Austen",)), "Jane Austen/Emma"),
        (BookName("Emma"), "Unknown Author/Emma"),
        (
            BookName("Good Omens", authors=("Terry Pratchett", "Neil Gaiman")),
            "Terry Pratchett, Neil Gaiman/Good Omens",
        ),
        (
            BookName("T", authors=("A B",), series=(SeriesPlace("Oz", "02.50"),)),
            "A B/Oz/Vol 2.5 - T",
        ),
        (BookName("T", authors=("A B",), series=(SeriesPlace("Oz", "1-3"),)), "A B/Oz/T"),
        (BookName("T", authors=("A B",), series=(SeriesPlace("Oz", "1a"),)), "A B/Oz/T"),
        (BookName("Foo: Bar: Baz?", authors=("A B",)), "A B/Foo - Bar Baz"),
        (BookName("1984: A Novel", authors=("A B",)), "A B/1984 – A Novel"),
        (BookName("2001-A Space Odyssey", authors=("A B",)), "A B/2001–A Space Odyssey"),
        (BookName("T [UNABRIDGED]", authors=("A B",)), "A B/T (UNABRIDGED)"),
        (BookName("Disc 1", authors=("A B",)), "A B/Disc 1 (audiobook)"),
        (BookName("...", authors=("..",)), "Unknown Author/Untitled"),
        (BookName("../../etc/passwd", authors=("/root",)), "root/etcpasswd"),
        (BookName("T", authors=("A B",), asin="short"), "A B/T"),
        (BookName("T", authors=("A B",), published_year=800), "A B/T"),
    ],
)
def test_folders_for_audiobookshelf(book: BookName, folder: str) -> None:
    assert render_folder(book) == folder


def test_folder_and_files_for_plex() -> None:
    assert render_folder(EMPIRE, PLEX) == "Brandon Sanderson/Mistborn/2006 - The Final Empire [Mistborn 1]"
    assert (
        render_file(EMPIRE, suffix=".m4b", part=2, part_count=3, template=PLEX)
        == "The Final Empire (2006) [Mistborn 1] - pt02.m4b"
    )


@pytest.mark.parametrize(
    "part, count, name",
    [
        (None, 1, "The Final Empire.mp3"),
        (1, 1, "The Final Empire.mp3"),
        (1, 3, "The Final Empire - 01.mp3"),
        (7, 120, "The Final Empire - 007.mp3"),
    ],
)
def test_names_of_files(part: int | None, count: int, name: str) -> None:
    assert render_file(EMPIRE, suffix=".MP3", part=part, part_count=count) == name


def test_own_template_with_padding_and_groups() -> None:
    template = NamingTemplate("{author}/<{series} {position:000} - >{title}<, {subtitle}>< ({language})>", "{title}")
    assert render_folder(EMPIRE, template) == "Brandon Sanderson/Mistborn 001 - The Final Empire"
    book = replace(EMPIRE, series=(), subtitle="Sub", language="en")
    assert render_folder(book, template) == "Brandon Sanderson/The Final Empire, Sub (en)"


@pytest.mark.parametrize(
    "folder, file, words",
    [
        ("{author}", "{title}", "no {title}"),
        ("{title}/{nonsense}", "{title}", "Unknown token {nonsense}"),
        ("<{title}", "{title}", "never closed"),
        ("{title}>", "{title}", "no `<`"),
        ("{title} {", "{title}", "single brace"),
        ("/{title}", "{title}", "relative path"),
        ("../{title}", "{title}", "relative path"),
        ("{title}", "a/{title}", "slash"),
        ("a\\{title}", "{title}", "relative path"),
    ],
)
def test_templates_that_cannot_work_are_refused(folder: str, file: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the sentence is what is tested)
        NamingTemplate(folder, file)
    assert words in str(caught.value)


# Facts that the grammar can express: what each part of a name may hold, stated here apart from the code under test.
_word = st.text(alphabet=st.characters(categories=("Lu", "Ll"), max_codepoint=0x24F), min_size=2, max_size=9).map(
    lambda text: safe_component("x" + text)
)
_title = st.lists(_word | st.sampled_from(["1984", "of", "Part 2,", "101", "(No. 3)"]), min_size=1, max_size=6).map(
    " ".join
)
_person = st.tuples(_word, _word).map(lambda names: f"{names[0].capitalize()} Q{names[1]}")
_people = st.lists(_person, max_size=3, unique=True).map(tuple)
_position = st.integers(0, 999).map(str) | st.builds("{}.{}".format, st.integers(0, 99), st.integers(1, 9))
_asin = st.just("") | st.text(alphabet="ABCXYZ0123456789", min_size=10, max_size=10)


@st.composite
def expressible(draw: st.DrawFn) -> BookName:
    series = draw(st.just(()) | _title.map(lambda name: (SeriesPlace(name),)))
    if series and draw(st.booleans()):
        series = (SeriesPlace(series[0].name, draw(_position)),)
    return BookName(
        title=draw(_title.filter(lambda title: not title.isdigit())),
        authors=draw(_people.filter(bool)),
        narrators=draw(_people),
        series=series,
        asin=draw(_asin),
        published_year=draw(st.none() | st.integers(1000, 2100)),
    )


@given(expressible())
def test_what_the_grammar_can_express_is_read_back_exactly(book: BookName) -> None:
    folder = render_folder(book)
    place = book.series[0] if book.series else SeriesPlace("")
    assert parse_path(folder) == FolderFacts(
        title=book.title,
        authors=book.authors,
        series=place.name,
        position=place.position,
        year=book.published_year,
        narrators=book.narrators,
        asin=book.asin,
    )
    assert find_lost_fields(book, folder) == ()


_any_text = st.text(max_size=300) | st.text(alphabet='./\\:*?"<>| -{}[]#\x00\n\u202e\u0301aé夏🐞', max_size=300)
_any_book = st.builds(
    BookName,
    title=_any_text,
    subtitle=_any_text,
    authors=st.lists(_any_text, max_size=4).map(tuple),
    narrators=st.lists(_any_text, max_size=4).map(tuple),
    series=st.lists(st.builds(SeriesPlace, _any_text, _any_text), max_size=2).map(tuple),
    asin=_any_text,
    published_year=st.none() | st.integers(-3000, 99999),
    language=_any_text,
)


@given(_any_book, st.sampled_from(sorted(PRESETS)), st.integers(1, 5000))
@example(BookName("é" * 300, authors=("夏" * 300,), series=(SeriesPlace("🐞" * 200, "1"),)), "audiobookshelf", 1)
@example(BookName("CON", authors=("nul.txt",), series=(SeriesPlace("LPT1"),)), "audiobookshelf", 1)
def test_any_facts_give_a_safe_path(book: BookName, preset: str, part: int) -> None:
    template = PRESETS[preset]
    path = (
        render_folder(book, template)
        + "/"
        + render_file(book, suffix=".mp3", part=part, part_count=5000, template=template)
    )
    components = path.split("/")
    assert 3 <= len(components) <= 4
    assert components[-1].endswith(".mp3")
    for component in components:
        assert component not in ("", ".", "..")
        assert len(component.encode("utf-8")) <= 255
        assert not set(component) & set('\\:*?"<>|\x00\n\r\t\u202e\u200f')
        assert component[0] != "."
        assert component[-1] not in ". "
        assert component.split(".")[0].lower() not in {"con", "prn", "aux", "nul", "com1", "lpt1"}


@given(_any_text)
def test_safe_text_is_safe_and_stays_as_it_is(text: str) -> None:
    once = safe_component(text)
    assert safe_component(once) == once


@given(st.text(alphabet="ae\u0301夏🐞", max_size=40), st.integers(1, 60))
def test_cutting_parts_no_character(text: str, limit: int) -> None:
    kept = cut_bytes(text, limit)
    assert text.startswith(kept)
    assert len(kept.encode()) <= limit
    assert not text[len(kept) :].startswith("\u0301") or kept == ""


def test_long_names_keep_their_number_and_identifier() -> None:
    book = replace(EMPIRE, title="Word " * 100, narrators=tuple(f"Nora Reader{n}" for n in range(40)))
    name = render_folder(book).rpartition("/")[2]
    assert name.startswith("Vol 1 - 2006 - Word Word")
    assert name.endswith("[B002UZMNZU]")
    assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    "change, lost",
    [
        ({}, ()),
        ({"series": (SeriesPlace("Mistborn", "1-3"),)}, ("position",)),
        ({"series": (SeriesPlace("Mistborn", "1"), SeriesPlace("Cosmere"))}, ("series",)),
        ({"title": "Mistborn: The Final Empire"}, ("title",)),
        ({"subtitle": "A Subtitle"}, ("subtitle",)),
        ({"authors": ("Homer", "Virgil")}, ("authors",)),
        ({"asin": "b002uzmnzu"}, ("asin",)),
        ({"published_year": -700}, ("published_year",)),
    ],
)
def test_what_the_path_cannot_carry_is_told(change: dict[str, object], lost: tuple[str, ...]) -> None:
    book = replace(EMPIRE, **change)
    assert find_lost_fields(book, render_folder(book, AUDIOBOOKSHELF)) == lost


def test_sidecar_has_the_shape_of_audiobookshelf() -> None:
    book = replace(
        EMPIRE,
        series=(SeriesPlace("Mistborn", "1-3"), SeriesPlace("Cosmere"), SeriesPlace("Odd", "Book One")),
        genres=("Fantasy",),
        is_abridged=False,
    )
    assert sidecar_metadata(book) == {
        "tags": [],
        "chapters": [],
        "title": "The Final Empire",
        "subtitle": None,
        "authors": ["Brandon Sanderson"],
        "narrators": ["Michael Kramer"],
        "series": ["Mistborn #1-3", "Cosmere", "Odd"],
        "genres": ["Fantasy"],
        "publishedYear": "2006",
        "publishedDate": None,
        "publisher": None,
        "description": None,
        "isbn": None,
        "asin": "B002UZMNZU",
        "language": None,
        "explicit": None,
        "abridged": False,
    }
