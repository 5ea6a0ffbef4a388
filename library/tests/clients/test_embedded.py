"""The embedded catalogue, through the doors that the product uses."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from config.errors import Malformed, Unavailable
from library.clients.embedded import DATA_FOLDER, RECORDINGS_FILE, SERIES_FILE, EmbeddedCatalogue
from library.domain.facts import BookKind, BookQuery, Identifier, SeriesPlace

CATALOGUE = EmbeddedCatalogue()


def titles(query: BookQuery) -> list[str]:
    return [book.title for book in CATALOGUE.find_books(query)]


@pytest.mark.parametrize(
    "author", ["L. Frank Baum", "Baum, L. Frank", "L.Frank Baum", "lyman frank baum", "Baum", "Baum & Denslow"]
)
def test_finds_a_book_by_title_and_any_spelling_of_its_author(author: str) -> None:
    found = CATALOGUE.find_books(BookQuery(title="wonderful wizard of OZ", author=author))
    assert {book.title for book in found} == {"The Wonderful Wizard of Oz"}
    first = found[0]
    assert first.series[0] == SeriesPlace("Oz", "1")
    assert first.is_dramatised is False
    assert first.published_year == 1900
    assert first.runtime_seconds
    assert len({book.raw["work"] for book in found}) == 1


def test_the_wrong_author_finds_nothing() -> None:
    assert titles(BookQuery(title="The Wonderful Wizard of Oz", author="Jane Austen")) == []


@pytest.mark.parametrize(
    "query", [BookQuery(), BookQuery(title="  "), BookQuery(title="qqqq zzzz"), BookQuery(title="the")]
)
def test_nothing_to_look_for_finds_nothing(query: BookQuery) -> None:
    assert titles(query) == []


@pytest.mark.parametrize(
    "identifier",
    [
        Identifier("archive", "at_earths_core2_1410_librivox"),
        Identifier("librivox", "anne-of-avonlea-dramatic-reading-by-l-m-montgomery"),
    ],
)
def test_finds_by_identifier(identifier: Identifier) -> None:
    found = CATALOGUE.find_books(BookQuery(title="ignored", identifiers=[identifier]))
    assert len(found) == 1
    assert identifier in found[0].identifiers


@settings_of_hypothesis(deadline=None, max_examples=25)
@given(st.text(max_size=30), st.text(max_size=20))
def test_any_question_has_an_answer(title: str, author: str) -> None:
    assert len(CATALOGUE.find_books(BookQuery(title=title, author=author))) <= 50
    assert isinstance(CATALOGUE.find_series(title, author=author), list)
    assert isinstance(CATALOGUE.find_author_books(author), list)


@pytest.mark.parametrize("title", ["Emma (Unabridged)", "Emma: A Novel", "Emma [Naxos edition]", "emma"])
def test_brackets_and_subtitles_of_shops_do_not_hide_a_book(title: str) -> None:
    assert set(titles(BookQuery(title=title, author="Jane Austen"))) == {"Emma"}


def test_an_unknown_identifier_falls_back_to_the_title() -> None:
    query = BookQuery(
        title="Pellucidar", identifiers=[Identifier("archive", "no_such"), Identifier("asin", "B000000000")]
    )
    assert set(titles(query)) == {"Pellucidar"}


def test_the_language_of_the_query_is_kept() -> None:
    query = BookQuery(title="Salammbô", author="Flaubert", language="fr-FR")
    assert {book.language for book in CATALOGUE.find_books(query)} == {"fr"}


def test_a_translation_is_found_under_the_title_of_its_series_entry() -> None:
    found = CATALOGUE.find_books(BookQuery(title="The Sign of the Four", author="Arthur Conan Doyle", language="de"))
    assert [book.title for book in found] == ["Das Zeichen der Vier"]


def test_plain_readings_come_before_dramatised_and_abridged_ones() -> None:
    found = CATALOGUE.find_books(
        BookQuery(title="Alice's Adventures in Wonderland", author="Lewis Carroll", language="en")
    )
    exact = [book for book in found if book.title == "Alice's Adventures in Wonderland"]
    kinds = [(book.is_abridged is not False, bool(book.is_dramatised)) for book in exact]
    assert kinds == sorted(kinds)
    assert {(False, False), (False, True), (True, False)} <= set(kinds)


def test_a_reading_of_doubtful_length_does_not_claim_to_be_whole() -> None:
    found = CATALOGUE.find_books(BookQuery(title="Dombey and Son", author="Charles Dickens", language="en"))
    assert [book.is_abridged for book in found] == [False, False, None]


def test_narrators_are_the_solo_reader_or_the_volunteers() -> None:
    for book in CATALOGUE.find_author_books("Jane Austen"):
        solo = book.raw.get("readers") == 1
        assert book.narrators == ((book.raw["reader"],) if solo else ("LibriVox Volunteers",))


@pytest.mark.parametrize("author", ["Émile Zola", "Zola, Emile", "e zola"])
def test_finds_the_books_of_an_author(author: str) -> None:
    assert {"Germinal", "Therese Raquin"} <= {book.title for book in CATALOGUE.find_author_books(author)}


@pytest.mark.parametrize(
    "author", ["Lord Byron", "Augustine", "Confucius", "Tennyson", "Conan Doyle, Arthur", "JK Jerome"]
)
def test_finds_the_books_of_authors_with_ranks_scripts_and_initials(author: str) -> None:
    assert CATALOGUE.find_author_books(author)


@pytest.mark.parametrize(
    "title, author",
    [
        ("Crime and Punishment", "Fyodor Dostoevsky"),
        ("Metamorphoses", "Ovid"),
        ("Grimm's Fairy Tales", "Brothers Grimm"),
        ("Aunt Jane's Nieces", "Edith Van Dyne"),
        ("The Boat Club", "Oliver Optic"),
        ("Bulldog Drummond", "H. C. McNeile"),
        ("The Chronicles of Clovis", "H.H. Munro"),
        ("Germinal", "Emile Zola; Havelock Ellis"),
    ],
)
def test_authors_are_found_under_their_other_names(title: str, author: str) -> None:
    found = CATALOGUE.find_books(BookQuery(title=title, author=author))
    assert found
    assert found[0].provider_id in {book.provider_id for book in CATALOGUE.find_author_books(author.split(";")[0])}


def test_a_series_is_found_under_the_pen_name_of_its_author() -> None:
    assert [row.provider_id for row in CATALOGUE.find_series("Rick Brant", author="John Blaine")] == ["rick-brant"]


def test_an_unknown_author_has_no_books() -> None:
    assert list(CATALOGUE.find_author_books("Nobody Atall")) == []
    assert list(CATALOGUE.find_author_books("")) == []


@pytest.mark.parametrize("name", ["Sherlock Holmes", "the sherlock holmes series", "SHERLOCK  HOLMES mysteries"])
def test_finds_a_series_by_name(name: str) -> None:
    assert [series.provider_id for series in CATALOGUE.find_series(name, author="Doyle")] == ["sherlock-holmes"]


@pytest.mark.parametrize("author", ["George M. Wrong", "Wood, William", "Stephen Leacock"])
def test_a_series_of_several_hands_is_found_by_each_author(author: str) -> None:
    assert [row.name for row in CATALOGUE.find_series("Chronicles of Canada", author=author)] == [
        "Chronicles of Canada"
    ]


def test_finds_a_series_by_alias_part_of_its_name_and_not_for_another_author() -> None:
    assert [series.name for series in CATALOGUE.find_series("Psammead Trilogy")] == ["Five Children"]
    assert "Anne of Green Gables" in [series.name for series in CATALOGUE.find_series("green gables")]
    assert CATALOGUE.find_series("Sherlock Holmes", author="Jane Austen") == []
    assert CATALOGUE.find_series("") == []


def test_a_series_holds_every_work_in_order_recorded_or_not() -> None:
    series = CATALOGUE.get_series("anne-of-green-gables")
    assert series is not None
    positions = list(dict.fromkeys(entry.position for entry in series.entries))
    assert positions == ["1", "2", "3", "4", "5", "6", "7", "8"]
    fourth = [entry.book for entry in series.entries if entry.position == "4"]
    assert [(book.title, book.identifiers, book.runtime_seconds) for book in fourth] == [
        ("Anne of Windy Poplars", (), None)
    ]


def test_an_omnibus_a_novella_and_parts_keep_their_places() -> None:
    heidi = CATALOGUE.get_series("heidi")
    oz = CATALOGUE.get_series("oz")
    lecoq = CATALOGUE.get_series("monsieur-lecoq")
    assert heidi
    assert oz
    assert lecoq
    assert {entry.book.kind for entry in heidi.entries if entry.position == "1-2"} == {BookKind.OMNIBUS}
    assert [entry.book.title for entry in oz.entries if entry.position == "6.5"] == ["Little Wizard Stories of Oz"]
    kinds = Counter(entry.book.kind for entry in lecoq.entries if entry.position == "5")
    assert kinds == {BookKind.NOVEL: 1, BookKind.PART: 2}


def test_a_book_in_two_series_is_primary_in_one() -> None:
    series = [CATALOGUE.get_series("oz"), CATALOGUE.get_series("the-famous-forty-of-oz")]
    flags = [entry.is_primary for row in series if row for entry in row.entries if entry.book.title == "Ozma of Oz"]
    assert flags == [True] * 3 + [False] * 3


def test_an_unknown_series_is_none() -> None:
    assert CATALOGUE.get_series("no-such-series") is None


def test_every_book_and_series_is_whole() -> None:
    books = list(CATALOGUE.iter_books())
    ids = {book.provider_id for book in books}
    assert len(ids) == len(books) > 9_000
    assert all(book.title and book.language and book.publisher == "LibriVox" for book in books)
    assert all(Identifier("archive", book.provider_id) in book.identifiers for book in books)
    assert sum(book.runtime_seconds is None for book in books) < 20
    series = list(CATALOGUE.iter_series())
    assert all(len(row.entries) >= 2 and row.name and row.authors for row in series)


def test_the_version_names_the_data() -> None:
    assert len(CATALOGUE.version) == 16
    assert EmbeddedCatalogue().version == CATALOGUE.version


def test_absent_data_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not installed"):
        EmbeddedCatalogue(tmp_path).find_books(BookQuery(title="x"))


@pytest.mark.parametrize("content", [b"", b"not gzip", b"\x1f\x8b\x08broken"])
def test_damaged_data_is_malformed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RECORDINGS_FILE).write_bytes(content)
    (tmp_path / SERIES_FILE).write_bytes((DATA_FOLDER / SERIES_FILE).read_bytes())
    with pytest.raises(Malformed, match="Install Unabridged again"):
        EmbeddedCatalogue(tmp_path).get_series("oz")


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9])
def test_data_damaged_in_the_middle_is_malformed(tmp_path: Path, place: float) -> None:
    packed = bytearray((DATA_FOLDER / RECORDINGS_FILE).read_bytes())
    at = int(len(packed) * place)
    packed[at : at + 64] = b"\xff" * 64
    (tmp_path / RECORDINGS_FILE).write_bytes(bytes(packed))
    (tmp_path / SERIES_FILE).write_bytes((DATA_FOLDER / SERIES_FILE).read_bytes())
    with pytest.raises(Malformed, match="damaged"):
        EmbeddedCatalogue(tmp_path).get_series("oz")


def test_translations_are_recordings_of_one_work() -> None:
    series = CATALOGUE.get_series("voyages-extraordinaires")
    assert series
    places = [entry for entry in series.entries if entry.position == "6"]
    assert len({entry.book.language for entry in places}) > 3
    assert len({entry.book.raw["work"] for entry in places}) == 1


def test_series_of_other_recordings_are_malformed(tmp_path: Path) -> None:
    from library.catalogue.build import pack

    (tmp_path / RECORDINGS_FILE).write_bytes(pack([]))
    (tmp_path / SERIES_FILE).write_bytes((DATA_FOLDER / SERIES_FILE).read_bytes())
    with pytest.raises(Malformed):
        EmbeddedCatalogue(tmp_path).get_series("oz")


def test_importing_it_reads_nothing_and_loading_is_quick() -> None:
    """In a fresh process: nothing is read before the first question; then it takes well under two seconds and 80 MB."""
    script = (
        "import time, tracemalloc, library.clients.embedded as e\n"
        "assert e._load.cache_info().currsize == 0\n"
        "start = time.perf_counter(); c = e.EmbeddedCatalogue(); c.version; seconds = time.perf_counter() - start\n"
        "e._load.cache_clear(); tracemalloc.start(); c.version\n"
        "print(seconds, tracemalloc.get_traced_memory()[0] / 1e6)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 2
    assert megabytes < 80
