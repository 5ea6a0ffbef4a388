"""The sample library read from folders gives what a real Audiobookshelf gave for it."""

import json
import re
from typing import Any

import pytest

from library.clients.folders import NOT_A_COPY, FolderReader
from library.domain.facts import CopyFacts, FileKind
from library.tests.audio_files import SHARED, make_shelf, sample_library

RECORDING = SHARED / "recordings" / "audiobookshelf" / "items_all.json"
MANIFEST = [
    ("Moby Dick.m4b" if folder == "@root" else folder, book["expect"], book["why"])
    for folder, book in sample_library().books()
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CopyFacts]:
    root = tmp_path_factory.mktemp("shelf")
    make_shelf(root)
    return {facts.path: facts for facts in FolderReader(root).read() if isinstance(facts, CopyFacts)}


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    if not RECORDING.is_file():
        pytest.fail(f"The recording of a real server is not there: {RECORDING} is read by this test.")
    answer = json.loads(RECORDING.read_text(encoding="utf-8"))
    return {item["relPath"]: item["media"] for item in answer.get("body", answer)["results"]}


def as_expected(facts: CopyFacts, field: str) -> Any:
    """A field in the words of the manifest."""
    ebooks = [file.path.rpartition(".")[2] for file in facts.files if file.kind is FileKind.EBOOK]
    return {
        "title": facts.title,
        "subtitle": facts.subtitle,
        "authors": sorted(facts.authors),
        "narrators": list(facts.narrators),
        "series": sorted([place.name, place.position] for place in facts.series),
        "publishedYear": facts.published_year,
        "asin": facts.asin,
        "isbn": facts.isbn,
        "language": facts.language,
        "description": facts.description,
        "genres": list(facts.genres),
        "tags": list(facts.tags),
        "explicit": facts.is_explicit,
        "abridged": facts.is_abridged,
        "numTracks": len(facts.audio_files),
        "ebookFormat": ebooks[0] if ebooks else None,
        "isFile": facts.is_single_file,
    }[field]


def normal(field: str, value: Any) -> Any:
    """What the manifest expects, in our types: a year is a number or unknown, a series without a number has ''."""
    if field == "publishedYear":
        year = re.search(r"\d{4}", value)
        return int(year.group()) if year else None
    if field == "series":
        return sorted([name, position or ""] for name, position in value)
    return sorted(value) if field == "authors" else value


@pytest.mark.parametrize(
    "path, expect", [(path, expect) for path, expect, _ in MANIFEST if expect], ids=[why for _, e, why in MANIFEST if e]
)
def test_book_reads_as_audiobookshelf_reads_it(shelf: dict[str, CopyFacts], path: str, expect: dict[str, Any]) -> None:
    facts = shelf[path]
    checked = {field: value for field, value in expect.items() if value is not None}
    assert {field: as_expected(facts, field) for field in checked} == {f: normal(f, v) for f, v in checked.items()}


@pytest.mark.parametrize("path", [path for path, expect, _ in MANIFEST if expect is None])
def test_what_audiobookshelf_skips_is_no_copy(shelf: dict[str, CopyFacts], path: str) -> None:
    facts = shelf.get(path)
    assert facts is None or NOT_A_COPY & {problem.code for problem in facts.problems}


def test_nothing_is_read_that_is_not_expected(shelf: dict[str, CopyFacts]) -> None:
    assert set(shelf) <= {path for path, _, _ in MANIFEST}


def test_sound_agrees_with_a_real_server(shelf: dict[str, CopyFacts], recorded: dict[str, Any]) -> None:
    """Tracks, chapters, narrators and genres exactly; durations within the length of a few frames."""
    assert len(recorded) == 62
    for path, media in recorded.items():
        facts = shelf[path]
        metadata = media["metadata"]
        seen = (len(facts.audio_files), facts.chapter_count, ", ".join(facts.narrators), list(facts.genres))
        said = (media["numTracks"], media["numChapters"], metadata["narratorName"] or "", metadata["genres"])
        assert seen == said, path
        assert (facts.duration_seconds or 0) == pytest.approx(media["duration"], abs=0.15 * max(1, media["numTracks"]))


def test_every_field_says_where_it_came_from(shelf: dict[str, CopyFacts]) -> None:
    tarzan = shelf["Edgar Rice Burroughs/Tarzan/Tarzan the Terrible"]
    oz = shelf["L. Frank Baum/Oz/01 - The Wonderful Wizard of Oz"]
    time_machine = shelf["H. G. Wells/The Time Machine"]
    assert tarzan.sources["series"] == "metadata.json"
    assert (oz.sources["title"], oz.sources["narrators"]) == ("tags", "tags")
    assert (time_machine.sources["narrators"], time_machine.sources["authors"]) == ("txt", "folder")


def test_broken_files_and_sidecars_are_named(shelf: dict[str, CopyFacts]) -> None:
    codes = {
        path: {problem.code: problem.path for problem in facts.problems}
        for path, facts in shelf.items()
        if facts.problems
    }
    assert codes == {
        "Wilkie Collins/The Moonstone": {"unreadable_audio": "Wilkie Collins/The Moonstone/broken.mp3"},
        "Henry James/The Turn of the Screw": {
            "sidecar_unreadable": "Henry James/The Turn of the Screw/metadata.json"
        },
        "Edith Wharton/Ethan Frome": {"sidecar_unreadable": "Edith Wharton/Ethan Frome/metadata.opf"},
        "Lewis Carroll/Alice's Adventures in Wonderland": {
            "ebook_only": "Lewis Carroll/Alice's Adventures in Wonderland"
        },
        "Broken/Zero Bytes": {
            "empty_file": "Broken/Zero Bytes/zero.mp3", "no_readable_audio": "Broken/Zero Bytes"
        },
        "Broken/Not Sound": {
            "unreadable_audio": "Broken/Not Sound/noise.mp3", "no_readable_audio": "Broken/Not Sound"
        },
    }  # fmt: skip
