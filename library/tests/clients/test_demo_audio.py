"""Demonstration books are real: they decode, are small, and read back as what they are."""

from pathlib import Path

import pytest

from library.clients.audio import decode_check
from library.clients.demo_audio import make_demo_book
from library.clients.folders import FolderReader
from library.domain.facts import CopyFacts, SeriesPlace


@pytest.mark.parametrize("parts, seconds", [(1, 5), (3, 90), (4, 10)])
def test_demo_book(tmp_path: Path, parts: int, seconds: int) -> None:
    paths = make_demo_book(
        tmp_path / "Any Folder",
        title="Ozma of Oz",
        author="L. Frank Baum",
        narrator="Demo Voice",
        series="Oz",
        position="3",
        seconds=seconds,
        parts=parts,
    )
    assert all(decode_check(path, full=True).ok for path in paths)
    assert sum(path.stat().st_size for path in paths) < 100_000
    (facts,) = FolderReader(tmp_path).read()
    assert isinstance(facts, CopyFacts)
    assert (facts.title, facts.authors, facts.narrators) == ("Ozma of Oz", ("L. Frank Baum",), ("Demo Voice",))
    assert facts.series == (SeriesPlace("Oz", "3"),)
    assert facts.duration_seconds == pytest.approx(seconds, abs=0.2 * parts)
    assert [tmp_path / file.path for file in facts.audio_files] == list(paths)
    assert facts.problems == ()


@pytest.mark.parametrize("parts, seconds", [(0, 5), (1, 0), (5, 4), (1, 91)])
def test_impossible_lengths_are_refused(tmp_path: Path, parts: int, seconds: int) -> None:
    with pytest.raises(ValueError, match="demonstration book"):
        make_demo_book(tmp_path, title="T", author="A", seconds=seconds, parts=parts)
