"""What is filed under a name of ours, with its sidecar, is read back as the same book."""

import json
from pathlib import Path

import pytest

from library.clients.folders import FolderReader
from library.domain.facts import CopyFacts, SeriesPlace
from library.domain.naming import BookName, find_lost_fields, render_file, render_folder, sidecar_metadata
from library.tests.audio_files import make_audio

BOOKS = [
    BookName("Emma", authors=("Jane Austen",)),
    BookName("Barsoom: The Trilogy?", authors=("E. R. Burroughs",), series=(SeriesPlace("Barsoom", "1-3"),)),
    BookName("Far Away", authors=("T. Hardy",), series=(SeriesPlace("Wessex", "1a"), SeriesPlace("Other", "2"))),
    BookName("1984: A Novel", subtitle="Big", authors=("Homer", "Virgil"), published_year=1949),
    BookName("Book 3", authors=("A B",), series=(SeriesPlace("Saga"),)),
    BookName("Tale {not a reader}", authors=("A B",)),
    BookName("T [UNABRIDGED]", authors=("A B",), is_abridged=False, is_explicit=True, language="en"),
    BookName("AC/DC", authors=("A/B C",), narrators=("Nora: Reader",), genres=("G",), tags=("t",), publisher="House"),
    BookName("...", authors=("A B",), description="Words.", isbn="978"),
    BookName("Disc 1", authors=("A B",)),
]


@pytest.mark.parametrize("book", BOOKS, ids=[book.title for book in BOOKS])
def test_filed_book_is_read_back(tmp_path: Path, book: BookName) -> None:
    folder = tmp_path / render_folder(book)
    for part in (1, 2):
        make_audio(folder / render_file(book, suffix=".mp3", part=part, part_count=2))
    if find_lost_fields(book, render_folder(book)) or book.genres or book.is_explicit:
        (folder / "metadata.json").write_text(json.dumps(sidecar_metadata(book)), encoding="utf-8")
    (facts,) = FolderReader(tmp_path).read()
    assert isinstance(facts, CopyFacts)
    names = [name for name in BookName.__slots__ if name not in {"asin", "published_year"}]
    assert {name: getattr(facts, name) for name in names} == {name: getattr(book, name) for name in names}
    assert (facts.asin, facts.published_year) == (book.asin, book.published_year)
    assert (len(facts.audio_files), facts.problems) == (2, ())
