"""Embedded tags as fields: what Audiobookshelf sees, what only fills gaps, and damaged text."""

from pathlib import Path
from typing import Any

import mutagen
import mutagen.asf
import mutagen.id3
import mutagen.mp4
import pytest

from library.clients.folders import FolderReader
from library.clients.folders.text import clean, plain
from library.domain.facts import CopyFacts, SeriesPlace
from library.tests.audio_files import make_audio


def read_tagged(root: Path, suffix: str, tags: dict[str, Any] | None = None, folder: str = "A/T") -> CopyFacts:
    """Read one book; `tags` are raw keys of the format, added with mutagen."""
    path = make_audio(root / folder / f"1{suffix}")
    if tags:
        file = mutagen.File(path)
        if file.tags is None:
            file.add_tags()
        for key, value in tags.items():
            if isinstance(value, mutagen.id3.Frame):
                file.tags.add(value)
            else:
                file.tags[key] = value
        file.save()
    (facts,) = FolderReader(root).read()
    assert isinstance(facts, CopyFacts)
    return facts


def freeform(name: str, text: str, mean: str = "com.apple.iTunes") -> dict[str, Any]:
    return {f"----:{mean}:{name}": [mutagen.mp4.MP4FreeForm(text.encode())]}


def txxx(desc: str, *text: str) -> dict[str, Any]:
    return {f"TXXX:{desc}": mutagen.id3.TXXX(encoding=3, desc=desc, text=list(text))}


@pytest.mark.parametrize(
    "suffix, tags, expected",
    [
        (".m4b", {"\xa9alb": ["Album"], "\xa9nam": ["Chapter 1"]}, {"title": "Album"}),
        (".m4b", {"\xa9nam": ["Name"]}, {"title": "Name"}),
        (".m4b", {"\xa9ART": ["A B; C D"], "aART": ["X"]}, {"authors": ("A B", "C D")}),
        (".m4b", {"\xa9ART": ["First One", "Second One"]}, {"authors": ("First One",)}),
        (".m4b", {"aART": ["Only Album Artist"]}, {"authors": ("Only Album Artist",)}),
        (".m4b", {"\xa9wrt": ["N One, N Two"]}, {"narrators": ("N One", "N Two")}),
        (".m4b", {"tvsh": ["Oz"], "tven": ["3"]}, {"series": (SeriesPlace("Oz", "3"),)}),
        (
            ".m4b",
            {**freeform("SERIES", "S1; S2"), **freeform("SERIES-PART", "1; 2.5")},
            {"series": (SeriesPlace("S1", "1"), SeriesPlace("S2", "2.5"))},
        ),
        (
            ".m4b",
            {**freeform("SERIES", "S1; S2"), **freeform("SERIES-PART", "1")},
            {"series": (SeriesPlace("S1; S2", "1"),)},
        ),
        (
            ".m4b",
            {**freeform("series", "S", "com.pilabor.tone"), **freeform("PART", "4", "com.pilabor.tone")},
            {"series": (SeriesPlace("S", "4"),)},
        ),
        (".m4b", {"\xa9grp": ["Oz #1; Other #2.5"]}, {"series": (SeriesPlace("Oz", "1"), SeriesPlace("Other", "2.5"))}),
        (".m4b", freeform("AUDIBLE_ASIN", "b000000001"), {"asin": "B000000001"}),
        (".m4b", {"\xa9day": ["2006-07-17"]}, {"published_year": 2006}),
        (".mp3", {"TDRC": mutagen.id3.TDRC(encoding=3, text=["2012"])}, {"published_year": 2012}),
        (".mp3", {"TIT3": mutagen.id3.TIT3(encoding=3, text=["Sub"])}, {"subtitle": "Sub"}),
        (".mp3", {"TPUB": mutagen.id3.TPUB(encoding=3, text=["House"])}, {"publisher": "House"}),
        (".mp3", {"COMM": mutagen.id3.COMM(encoding=3, lang="eng", desc="", text=["Words"])}, {"description": "Words"}),
        (".mp3", {"TCON": mutagen.id3.TCON(encoding=3, text=["Fantasy; Horror"])}, {"genres": ("Fantasy", "Horror")}),
        (".mp3", {**txxx("Series", "S"), **txxx("series-PART", "2")}, {"series": (SeriesPlace("S", "2"),)}),
        (".flac", {"ALBUM": ["T1"], "ARTIST": ["A B", "C D"]}, {"title": "T1", "authors": ("A B", "C D")}),
        (".opus", {"ALBUM": ["T1"], "COMPOSER": ["N R"]}, {"title": "T1", "narrators": ("N R",)}),
        (".wma", {"WM/AlbumTitle": ["T1"], "WM/Composer": ["N R"]}, {"title": "T1", "narrators": ("N R",)}),
        (".wav", {"TALB": mutagen.id3.TALB(encoding=3, text=["T1"])}, {"title": "T1"}),
    ],
)
def test_fields_as_audiobookshelf_maps_them(
    tmp_path: Path, suffix: str, tags: dict[str, Any], expected: dict[str, Any]
) -> None:
    facts = read_tagged(tmp_path, suffix, tags)
    assert {name: getattr(facts, name) for name in expected} == expected
    assert {facts.sources[name] for name in expected} == {"tags"}


HIDDEN = [
    (".m4b", {"\xa9mvn": ["Oz"], "\xa9mvi": [3]}, "series", (SeriesPlace("Oz", "3"),)),
    (".m4b", {"\xa9nrt": ["Nora Reader"]}, "narrators", ("Nora Reader",)),
    (".m4b", {"CDEK": ["B000000001"]}, "asin", "B000000001"),
    (".m4b", {"\xa9pub": ["House"]}, "publisher", "House"),
    (".mp3", txxx("NARRATOR", "Nora Reader"), "narrators", ("Nora Reader",)),
    (
        ".mp3",
        {
            "MVNM": mutagen.id3.MVNM(encoding=3, text=["Oz"]),
            "MVIN": mutagen.id3.MVIN(encoding=3, text=["3/9"]),
        },
        "series",
        (SeriesPlace("Oz", "3"),),
    ),
    (".flac", {"NARRATOR": ["Nora Reader"]}, "narrators", ("Nora Reader",)),
    (".flac", {"ORGANIZATION": ["House"]}, "publisher", "House"),
]


@pytest.mark.parametrize("suffix, tags, field, value", HIDDEN)
def test_tags_that_audiobookshelf_does_not_see_fill_empty_fields(
    tmp_path: Path, suffix: str, tags: dict[str, Any], field: str, value: Any
) -> None:
    assert getattr(read_tagged(tmp_path, suffix, tags), field) == value


def test_hidden_tags_never_replace(tmp_path: Path) -> None:
    tags = {"\xa9nrt": ["Hidden Reader"], "CDEK": ["B000000002"], "\xa9mvn": ["Other"], "\xa9mvi": [7]}
    facts = read_tagged(tmp_path, ".m4b", tags, folder="A/Oz/1 - T [B000000001] {Nora Reader}")
    assert facts.narrators == ("Nora Reader",)
    assert facts.asin == "B000000001"
    assert facts.series == (SeriesPlace("Oz", "1"),)


def test_hidden_number_completes_the_series_of_the_folder(tmp_path: Path) -> None:
    facts = read_tagged(tmp_path, ".m4b", {"\xa9mvn": ["oz"], "\xa9mvi": [7]}, folder="A/Oz/T")
    assert facts.series == (SeriesPlace("Oz", "7"),)


def test_metadata_json_can_say_that_there_is_no_series(tmp_path: Path) -> None:
    book = tmp_path / "A" / "Oz" / "1 - T"
    book.mkdir(parents=True)
    (book / "metadata.json").write_text('{"series": [], "narrators": [], "authors": []}')
    facts = read_tagged(tmp_path, ".m4b", {"\xa9nrt": ["Hidden"], "\xa9mvn": ["Oz"]}, folder="A/Oz/1 - T")
    assert (facts.series, facts.narrators, facts.authors) == ((), (), ("A",))


def test_first_file_in_playing_order_describes_the_book(tmp_path: Path) -> None:
    make_audio(tmp_path / "A" / "T" / "b.mp3", tags={"album": "First", "track": "1/2"})
    make_audio(tmp_path / "A" / "T" / "a.mp3", tags={"album": "Second", "track": "2/2"})
    (facts,) = FolderReader(tmp_path).read()
    assert isinstance(facts, CopyFacts)
    assert facts.title == "First"


@pytest.mark.parametrize(
    "damaged, whole",
    [
        ("Émile Zola".encode().decode("latin-1"), "Émile Zola"),
        ("夏目漱石".encode().decode("latin-1"), "夏目漱石"),
        ("Преступление и наказание".encode("cp1251").decode("latin-1"), "Преступление и наказание"),
        ("“Quoted” – Émile".encode().decode("cp1252", "ignore"), None),
        ("Émile Zola", "Émile Zola"),
        ("Ærø", "Ærø"),
        ("Çà et là", "Çà et là"),
        ("Größe", "Größe"),
        ("\ufeffTitle\x00", "Title"),
    ],
)
def test_text_is_mended_only_where_that_is_certain(damaged: str, whole: str | None) -> None:
    assert clean(damaged) == (damaged if whole is None else whole)


def test_damaged_tags_are_mended_in_the_book(tmp_path: Path) -> None:
    damaged = "Достоевский".encode("cp1251").decode("latin-1")
    frame = mutagen.id3.TPE1(encoding=0, text=[damaged])
    assert read_tagged(tmp_path, ".mp3", {"TPE1": frame}).authors == ("Достоевский",)


@pytest.mark.parametrize(
    "markup, text",
    [
        ("<p>Bold <b>HTML</b> <script>alert(1)</script> here</p>", "Bold HTML here"),
        ("One.<br/>Two.", "One.\nTwo."),
        ("A &amp; B", "A & B"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<script>alert(1)", ""),
    ],
)
def test_descriptions_are_plain_text(markup: str, text: str) -> None:
    assert plain(markup) == text
