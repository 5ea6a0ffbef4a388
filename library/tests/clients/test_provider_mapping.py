"""Odd things that catalogues say, and what becomes of them."""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from library.clients.json_values import date_in, moment_of_ms, plain_text, real, text, texts, whole, year_in
from library.clients.languages import language_code
from library.clients.provider_base import kind_of, position_text, writers
from library.clients.providers import build_provider
from library.domain.facts import BookKind, BookQuery, CatalogueBook, SeriesPlace
from library.tests.fake_http import Reply
from library.tests.fake_providers import (
    OZ_TITLES,
    TOKEN,
    WORKS,
    FakeProviders,
    audible_product,
    audnexus_book,
    google_volume,
    hardcover_book,
    hardcover_document,
    itunes_row,
    librivox_book,
    openlibrary_doc,
)

WORK = WORKS[2]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeProviders]:
    with FakeProviders() as server:
        yield server


def hits(row: Mapping[str, Any]) -> Any:
    return {"data": {"search": {"results": {"hits": [{"document": row}]}}}}


# provider: (path, what it says of the work, how that is wrapped)
PLAIN: dict[str, tuple[str, dict[str, Any], Any]] = {
    "audnexus": ("/audnexus/books/search", audnexus_book(WORK), lambda row: [row]),
    "audible": ("/audible/com/1.0/catalog/products", audible_product(WORK), lambda row: {"products": [row]}),
    "openlibrary": ("/openlibrary/search.json", openlibrary_doc(WORK), lambda row: {"docs": [row]}),
    "google": ("/google/books/v1/volumes", google_volume(WORK), lambda row: {"items": [row]}),
    "hardcover": ("/hardcover/v1/graphql", hardcover_document(WORK), hits),
    "itunes": ("/itunes/search", itunes_row(WORK), lambda row: {"results": [row]}),
    "librivox": ("/librivox/api/feed/audiobooks", librivox_book(WORK), lambda row: {"books": {"0": row}}),
}


def read(server: FakeProviders, name: str, **said: Any) -> list[CatalogueBook]:
    """What a provider makes of a book of which its catalogue says something else than usual."""
    path, row, wrap = PLAIN[name]
    server.replies[path] = Reply(wrap({**row, **said}))
    settings = {"base_url": server.base(name), "min_interval": 0, **({"token": TOKEN} if name == "hardcover" else {})}
    return build_provider(name, settings).find_books(BookQuery(title="Anything"))


DAY = datetime.date


@pytest.mark.parametrize(
    ("name", "said", "field", "wanted"),
    [
        ("audnexus", {"releaseDate": "2200-01-01T00:00:00.000Z"}, "release_date", None),
        ("audnexus", {"releaseDate": "2031-02-03T00:00:00.000Z"}, "release_date", DAY(2031, 2, 3)),
        ("audnexus", {"runtimeLengthMin": 0}, "runtime_seconds", None),
        ("audnexus", {"formatType": "abridged"}, "is_abridged", True),
        ("audnexus", {"formatType": "original_recording"}, "is_abridged", None),
        ("audnexus", {"language": "mandarin_chinese"}, "language", "zh"),
        (
            "audnexus",
            {"seriesSecondary": {"name": "Land of Oz", "position": "Book 3"}},
            "series",
            (SeriesPlace("Oz", "3"), SeriesPlace("Land of Oz", "3")),
        ),
        ("audnexus", {"seriesPrimary": {"name": "Oz"}}, "series", (SeriesPlace("Oz", ""),)),
        ("audnexus", {"seriesPrimary": {"name": "Oz", "position": "1-3"}}, "kind", BookKind.OMNIBUS),
        ("audnexus", {"narrators": None}, "narrators", ()),
        ("audnexus", {"title": "Tom &amp; Jerry"}, "title", "Tom & Jerry"),
        ("audnexus", {"asin": "0123456789"}, "provider_id", "0123456789"),
        (
            "audnexus",
            {"authors": [{"name": "Haruki Murakami"}, {"name": "Jay Rubin - translator"}]},
            "authors",
            ("Haruki Murakami",),
        ),
        ("audible", {"publication_datetime": "2200-01-01T00:00:00Z", "release_date": None, "issue_date": None},
         "release_date", None),
        ("audible", {"release_date": "2200-01-01", "issue_date": None, "publication_datetime": None},
         "release_date", None),
        ("audible", {"runtime_length_min": None}, "runtime_seconds", None),
        ("audible", {"subtitle": "A Full-Cast Dramatization"}, "is_dramatised", True),
        ("audible", {"title": "Elantris (1 of 3) [Dramatized Adaptation]"}, "kind", BookKind.PART),
        ("audible", {"content_type": "Lecture"}, "kind", BookKind.GUIDE),
        ("audible", {"series": [{"title": "A", "sequence": "2.0"}, {"title": "B", "sequence": ""}]}, "series",
         (SeriesPlace("A", "2"), SeriesPlace("B", ""))),
        ("audible", {"product_images": {"500": "https://x/a._SL500_.jpg", "1024": "https://x/b._SL1024_.jpg"}},
         "cover_url", "https://x/b.jpg"),
        ("audible", {"authors": None}, "authors", ()),
        ("openlibrary", {"language": ["eng", "ger", "fre"]}, "language", ""),
        ("openlibrary", {"language": ["ger"]}, "language", "de"),
        ("openlibrary", {"cover_i": -1}, "cover_url", ""),
        ("openlibrary", {"first_publish_year": None}, "published_year", None),
        ("openlibrary", {"series_name": ["A", "B"], "series_position": ["1"]}, "series",
         (SeriesPlace("A", "1"), SeriesPlace("B", ""))),
        ("openlibrary", {"series_name": None}, "series", ()),
        ("hardcover", {"featured_series_position": 2.5}, "series", (SeriesPlace("Oz", "2.5"),)),
        ("hardcover", {"compilation": True}, "kind", BookKind.COLLECTION),
        ("hardcover", {"book_category_id": 2}, "kind", BookKind.NOVELLA),
        ("itunes", {"collectionName": "Ozma of Oz (Abridged)"}, "is_abridged", True),
        ("itunes", {"collectionName": "Ozma of Oz"}, "is_abridged", None),
        ("itunes", {"collectionName": "Ozma of Oz [Unabridged]"}, "title", "Ozma of Oz"),
        ("itunes", {"artistName": "Ann A, Bo B & Cy C"}, "authors", ("Ann A", "Bo B", "Cy C")),
        ("itunes", {"artworkUrl100": "https://x/a.jpg/100x100bb.jpg"}, "cover_url", "https://x/a.jpg/600x600bb.jpg"),
        ("librivox", {"copyright_year": "0"}, "published_year", None),
        ("librivox", {"title": "Emma (version 6 dramatic reading)"}, "title", "Emma"),
        ("librivox", {"title": "Emma (Dramatic Reading)"}, "is_dramatised", True),
        ("librivox", {"language": "Ancient Greek"}, "language", "grc"),
        ("librivox", {"sections": [{"readers": [{"display_name": f"R{n}"}]} for n in range(9)]}, "narrators",
         ("LibriVox Volunteers",)),
        ("librivox", {"sections": [{"readers": [{"display_name": "A"}, {"display_name": "B"}]}]}, "narrators",
         ("A", "B")),
    ],
)  # fmt: skip
def test_mapping(server: FakeProviders, name: str, said: dict[str, Any], field: str, wanted: Any) -> None:
    [book] = read(server, name, **said)
    assert getattr(book, field) == wanted


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("audnexus", {"title": None}),
        ("audible", {"title": None}),
        ("audible", {"content_delivery_type": "PodcastParent"}),
        ("audible", {"content_delivery_type": "BookSeries"}),
        ("openlibrary", {"key": "/books/OL1M"}),
        ("google", {"volumeInfo": {}}),
        ("hardcover", {"id": None}),
        ("itunes", {"wrapperType": "track"}),
        ("librivox", {"totaltimesecs": 0}),
        ("librivox", {"url_iarchive": "", "url_zip_file": ""}),
    ],
)
def test_what_is_no_audiobook_is_left_out(server: FakeProviders, name: str, said: dict[str, Any]) -> None:
    assert read(server, name, **said) == []


@pytest.mark.parametrize("name", PLAIN)
def test_no_field_of_any_type_raises(server: FakeProviders, name: str) -> None:
    row = PLAIN[name][1]
    for field in row:
        for odd in (None, True, -3, 2.5, "", "x", [], [None, 1, "x"], {}, {"name": 4}, [{"name": None}]):
            assert isinstance(read(server, name, **{field: odd}), list)


def test_the_volume_of_google_in_all_its_dates(server: FakeProviders) -> None:
    for written, year in (("1907", 1907), ("1907-05", 1907), ("1907-05-06", 1907), ("19??", None), (None, None)):
        [book] = read(server, "google", volumeInfo={"title": "T", "publishedDate": written})
        assert (book.published_year, book.release_date) == (year, None)


def test_the_positions_of_a_hardcover_series(server: FakeProviders) -> None:
    book = {**hardcover_book(WORK), "book_series": []}

    def row(number: int, position: float | None, details: str = "", **more: Any) -> dict[str, Any]:
        return {"position": position, "details": details, "book": {**book, "id": number}, **more}

    rows = [
        row(1, 1.0),
        row(2, 1.0),
        row(3, 2.5, "2.5"),
        row(4, 1.0, "1-3", compilation=True),
        row(5, None),
        row(6, None),
        row(7, 3.0, featured=False),
        {"position": 4.0, "book": {**book, "id": 8, "canonical_id": 3}},
        {"position": 5.0, "book": None},
    ]
    server.replies["/hardcover/v1/graphql"] = Reply({"data": {"series_by_pk": {"name": "Oz", "book_series": rows}}})
    series = build_provider("hardcover", {"base_url": server.base("hardcover"), "token": TOKEN}).get_series("7")
    assert series
    assert [(entry.book.provider_id, entry.position, entry.is_primary) for entry in series.entries] == [
        ("1", "1", True),
        ("3", "2.5", True),
        ("4", "1-3", True),
        ("5", "", True),
        ("6", "", True),
        ("7", "3", False),
    ]


# --- The small readers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("english", "en"), ("English", "en"), ("eng", "en"), ("en-GB", "en"), ("en_US", "en"), ("Deutsch", "de"),
        ("ger", "de"), ("deu", "de"), ("fre", "fr"), ("français", "fr"), ("jpn", "ja"), ("portuguese", "pt"),
        ("Brazilian Portuguese", "pt"), ("mandarin_chinese", "zh"), ("русский", "ru"), ("Klingon", "tlh"),
        ("und", ""), ("", ""), ("Unknown", ""), ("no such tongue", ""), ("multilingual", ""), ("x" * 500, ""),
        ("a-b-c-d-e", ""),
    ],
)  # fmt: skip
def test_languages(written: str, code: str) -> None:
    assert language_code(written) == code


@pytest.mark.parametrize(
    ("written", "position"),
    [
        ("1", "1"), ("Book 1", "1"), ("0.5", "0.5"), (".5", ".5"), ("1-3", "1-3"), ("Books 1 – 3", "1-3"), (2.0, "2"),
        (2.5, "2.5"), ("10", "10"), ("1.0-3.0", "1-3"), ("", ""), (None, ""), ("Prequel", "Prequel"), ("1a", "1a"),
    ],
)  # fmt: skip
def test_positions(written: Any, position: str) -> None:
    assert position_text(written) == position


@pytest.mark.parametrize(
    ("credited", "authors"),
    [
        (["A B", "C D - translator"], ("A B",)),
        (["A B", "C D - introduction", "E F - foreword by"], ("A B",)),
        (["C D - editor", "E F - editor"], ("C D", "E F")),
        (["Jean-Paul Sartre", "Mary-Kate Olsen"], ("Jean-Paul Sartre", "Mary-Kate Olsen")),
        (["A B", "A B", " ", ""], ("A B",)),
        (["Brien O&#39;Neill"], ("Brien O'Neill",)),
    ],
)
def test_people_with_other_roles_are_no_authors(credited: list[str], authors: tuple[str, ...]) -> None:
    assert writers(credited) == authors


@pytest.mark.parametrize(
    ("title", "position", "kind"),
    [
        ("The Way of Kings (2 of 5)", "1", BookKind.PART),
        ("Warbreaker (Part 1 of 3)", "1", BookKind.PART),
        ("The Complete Set", "1-3", BookKind.OMNIBUS),
        ("Part of Your World", "1", None),
        ("One of Us", "", None),
    ],
)
def test_kinds(title: str, position: str, kind: BookKind | None) -> None:
    assert kind_of(title, [SeriesPlace("S", position)]) == kind


@pytest.mark.parametrize(
    ("reader", "value", "wanted"),
    [
        (text, 3, "3"), (text, 2.50, "2.5"), (text, True, ""), (text, None, ""), (text, [1], ""),
        (real, "2.5", 2.5), (real, "1e999", None), (real, float("nan"), None), (real, True, None), (real, "x", None),
        (whole, "7.9", 7), (whole, None, None), (whole, 10**400, None),
        (texts, ["a", "a", None, 3], ("a", "3")), (texts, "a", ("a",)), (texts, None, ()),
        (year_in, "May 1994", 1994), (year_in, "19940", None), (year_in, "2200-01-01", None), (year_in, 1907, 1907),
        (date_in, "2012-05-04", DAY(2012, 5, 4)), (date_in, "2012-02-31", None), (date_in, "2012", None),
        (date_in, "2200-01-01T00:00:00Z", None), (date_in, "9999-12-31", None),
        (moment_of_ms, 0, None), (moment_of_ms, 10**20, None),
        (moment_of_ms, 1_500_000_000_000, datetime.datetime(2017, 7, 14, 2, 40, tzinfo=datetime.UTC)),
        (plain_text, "<p>A<br>B</p>", "A\nB"), (plain_text, "1 < 2 & 3", "1 < 2 & 3"), (plain_text, None, ""),
    ],
)  # fmt: skip
def test_values(reader: Any, value: Any, wanted: Any) -> None:
    assert reader(value) == wanted


def test_the_sample_titles_are_no_parts_or_dramas() -> None:
    assert [kind_of(title, ()) for title, _ in OZ_TITLES] == [None] * len(OZ_TITLES)
