"""`manage.py explain`: the reasoning that a person reads is the one that decides."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from acquisition.models import Decision, SearchState
from library.models import Copy, Gap, MatchState, Series
from library.services.gaps import analyze_gaps
from library.services.shelf import read_root
from library.tests.factories import (
    NOW,
    AuthorFactory,
    BookFactory,
    ExclusionFactory,
    RootFactory,
    SeriesFactory,
    copy_facts,
    place,
)
from library.tests.services.scripts import ScriptedReader

pytestmark = pytest.mark.django_db


def explain(*words: str) -> str:
    said = StringIO()
    call_command("explain", *words, stdout=said)
    return said.getvalue()


@pytest.fixture
def saga() -> Series:
    series = SeriesFactory(name="Saga", author=AuthorFactory(name="Ada Writer"))
    place(series, "The Road", "1", owned=True)
    place(series, "The River", "2")
    place(series, "The Sea", "3")
    analyze_gaps(now=NOW)
    return series


def test_a_gap_is_explained_from_shelf_to_search(saga: Series) -> None:
    book = Gap.objects.get(position="2").book
    SearchState.objects.create(book=book, search_count=2, last_outcome="No indexer offers it.")
    Decision.objects.create(
        book=book, release_title="The Rivers", is_accepted=False, reasons=[{"message": "Another book."}]
    )
    text = explain("gap", "The River")
    for line in (
        "“The River” by Ada Writer",
        "There is no copy.",
        "Its place: 2 (written “2”, said by audible).",
        "it counts.",
        "So: missing. This is a gap.",
        "The series has 1 of 3: 33 %.",
        "open since 2026-03-01, missing.",
        "Searched 2 times. No indexer offers it.",
        "rejected: Another book.",
    ):
        assert line in text
    assert explain("gap", f"gap:{Gap.objects.get(position='2').pk}") == text
    assert explain("gap", str(book.pk)) == text


def test_what_covers_and_what_a_person_said_is_told(saga: Series) -> None:
    place(saga, "The Water Omnibus", "2-3", owned=True)
    ExclusionFactory(book=BookFactory(title="The Sky", authors=[saga.author]))
    text = explain("gap", "The Sea")
    assert "The copy “The Water Omnibus” covers 2-3 (matched)." in text
    assert 'So: covered by "The Water Omnibus". This is no gap.' in text


def test_a_closed_gap_keeps_its_history(saga: Series) -> None:
    Gap.objects.filter(position="2").update(closed_at=NOW, closed_reason="on the shelf")
    assert "open from 2026-03-01 to 2026-03-01; closed: on the shelf." in explain("gap", "The River")


def test_a_path_tells_what_was_read_and_which_book_it_is(saga: Series) -> None:
    facts = copy_facts("Ada Writer/Saga/2 - The River", "The River", series="Saga 2", sources={"title": "tags"})
    read_root(root=RootFactory(), reader=ScriptedReader([facts]), run_id=0, now=NOW)
    text = explain("path", "Ada Writer/Saga/2 - The River/")
    for line in (
        "series: Saga",
        "title: The River  (from tags)",
        "It is the book “The River”",
        "It is matched for certain.",
    ):
        assert line in text
    Copy.objects.filter(path=facts.path).update(match_state=MatchState.USER)
    assert "A person decided; nothing overrides it." in explain("path", facts.path)
    assert "No copy with this path is known." in explain("path", "Nobody/Nothing")


def test_a_title_tells_how_it_is_read_and_what_it_could_be(saga: Series) -> None:
    text = explain("title", "The River (Unabridged)", "--author", "Ada Writer")
    assert "title: The River" in text
    assert "It is certainly “The River”" in text
    assert "No known book shares" in explain("title", "Something Else Entirely")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ada Writer - Saga 02 - The River [64k m4b]", "It is this book"),
        ("Ada Writer - Saga 03 - The Sea [64k m4b]", "It is another book"),
        ("Ada Writer - The River (German)", "wanted in en. (for good)"),
        ("Ada Writer - The River epub", "This is an ebook"),
    ],
)
def test_a_release_is_judged_as_it_would_be(saga: Series, name: str, words: str) -> None:
    assert words in explain("release", name, "--book", "The River")


def test_programs_get_it_too(saga: Series) -> None:
    data: dict[str, Any] = json.loads(explain("--json", "gap", "The River"))
    assert "In Saga" in [part["heading"] for part in data["parts"]]


def test_an_unknown_or_ambiguous_book_is_said(saga: Series) -> None:
    with pytest.raises(CommandError, match="No book is called"):
        explain("gap", "Nonsense")
    BookFactory(title="The River")
    with pytest.raises(CommandError, match="Several books are called"):
        explain("gap", "The River")


@pytest.mark.parametrize("odd", ["", " ", "\u202e\u0000", "x" * 10_000, "🐞", "1984", "../../etc/passwd", "((("])
def test_odd_text_is_explained_too(db: None, odd: str) -> None:
    assert explain("title", f" {odd}")
    assert explain("path", f" {odd}")
