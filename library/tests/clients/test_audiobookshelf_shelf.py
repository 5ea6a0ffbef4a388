"""The recorded library of a real Audiobookshelf 2.36.0, read through the client, against what was put on its shelf."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from library.clients.audiobookshelf import AudiobookshelfClient
from library.domain.facts import CopyFacts, FileKind, SeriesPlace
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
from library.tests.fake_audiobookshelf_items import LIBRARY_ID

SHARED = Path(settings.BASE_DIR).parent / "shared"


def books_put_on_the_shelf() -> dict[str, dict[str, Any]]:
    """What the script that made the sample library says that Audiobookshelf should read, by path."""
    place = SHARED / "sample_library" / "make_sample_library.py"
    if not place.exists():
        pytest.fail(f"The sample library is needed for this test and is not at {place}.")
    spec = importlib.util.spec_from_file_location("make_sample_library", place)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return {
        book["audio"][0][0] if folder == "@root" else folder: book["expect"]
        for folder, book in script.books()
        if book["expect"]
    }


@pytest.fixture(scope="module")
def shelf() -> dict[str, CopyFacts]:
    recordings = SHARED / "recordings" / "audiobookshelf"
    if not recordings.exists():
        pytest.fail(f"The recordings of Audiobookshelf are needed for this test and are not at {recordings}.")
    with FakeAudiobookshelf(recordings=recordings) as server:
        client = AudiobookshelfClient(server.url, token=API_KEY)
        copies = [one for one in client.iter_items(LIBRARY_ID, page_size=10) if isinstance(one, CopyFacts)]
    return {copy.path: copy for copy in copies}


def test_every_book_is_read_as_it_was_made(shelf: dict[str, CopyFacts]) -> None:
    expected = books_put_on_the_shelf()
    assert len(shelf) == 62
    assert set(shelf) == set(expected)
    wrong = [
        f"{path}: {field} is {found!r}, should be {wanted!r}"
        for path, expect in expected.items()
        for field, found, wanted in compared(shelf[path], expect)
        if found != wanted
    ]
    assert wrong == []


def compared(copy: CopyFacts, expect: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    yield "title", copy.title, expect["title"].strip()
    if expect["authors"] is not None:
        yield "authors", set(copy.authors), set(expect["authors"])
    yield "series", set(copy.series), {SeriesPlace(name, number or "") for name, number in expect["series"]}
    yield "asin", copy.asin, expect.get("asin", "")
    for key, found in (
        ("narrators", list(copy.narrators)),
        ("isbn", copy.isbn),
        ("language", copy.language),
        ("subtitle", copy.subtitle),
        ("description", copy.description),
    ):
        if key in expect:
            yield key, found, expect[key]
    for key, found in (("tags", set(copy.tags)), ("genres", set(copy.genres))):
        if key in expect:
            yield key, found, set(expect[key])
    if "publishedYear" in expect:
        year = expect["publishedYear"][:4]
        yield "published_year", copy.published_year, int(year) if year.isdigit() else None
    for key, found in (("explicit", copy.is_explicit), ("abridged", copy.is_abridged)):
        yield key, found, expect.get(key)
    yield "is_single_file", copy.is_single_file, expect.get("isFile", False)
    if "numTracks" in expect:
        yield "tracks", sum(1 for file in copy.audio_files if file.duration_seconds), expect["numTracks"]


def test_a_book_without_sound_is_marked_and_no_other(shelf: dict[str, CopyFacts]) -> None:
    marked = {path for path, copy in shelf.items() if any(one.code == "ebook_only" for one in copy.problems)}
    assert marked == {"Lewis Carroll/Alice's Adventures in Wonderland"}


def test_the_files_of_a_book_in_discs_are_one_copy(shelf: dict[str, CopyFacts]) -> None:
    copy = shelf["Arthur Conan Doyle/Sherlock Holmes/The Hound of the Baskervilles - Vol 5"]
    assert [file.path.removeprefix(copy.path) for file in copy.audio_files] == [
        "/Disc 1/01.mp3",
        "/Disc 1/02.mp3",
        "/Disc 2/01.mp3",
        "/Disc 2/02.mp3",
    ]
    assert copy.codec == "mp3"
    assert copy.bitrate_kbps == 32
    assert copy.duration_seconds == pytest.approx(sum(file.duration_seconds or 0 for file in copy.audio_files))


def test_a_single_file_in_the_root_keeps_its_path(shelf: dict[str, CopyFacts]) -> None:
    copy = shelf["Moby Dick.m4b"]
    assert [file.path for file in copy.files] == ["Moby Dick.m4b"]
    assert copy.audio_files[0].codec == "aac"


def test_companions_are_kept_with_the_sound(shelf: dict[str, CopyFacts]) -> None:
    kinds = {file.path.rpartition("/")[2]: file.kind for file in shelf["Mary Shelley/Frankenstein"].files}
    assert kinds["Frankenstein.pdf"] is FileKind.EBOOK
    assert kinds["f.mp3"] is FileKind.AUDIO
    assert kinds["cover.jpg"] is FileKind.IMAGE
