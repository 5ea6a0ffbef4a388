import io
import json
import sys
from collections.abc import Mapping
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from acquisition.services.cases import answer_cases

QUESTIONS: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = [
    ("people", {"names": "Ash, Paul"}, {"people": ["Paul Ash"]}),
    ("same_person", {"a": "P. Ash", "b": "Paul Ash"}, {"same": True}),
    ("same_work", {"a": "Ebb, Vol. 1", "b": "Ebb, Vol. 2"}, {"same": False}),
    ("title", {"title": "Saltmarsh (Tideland, #2)"}, {"series": "Tideland", "position": "2", "title": "Saltmarsh"}),
    ("title", {"title": "Saltmarsh"}, {"series": None, "position": None, "title": "Saltmarsh"}),
    ("book_files", {"folder": "Ash/Ebb", "files": ["Ash/Ebb/1.mp3", "Ash/Ebb/2.mp3"]}, {"books": 1}),
    (
        "release_is",
        {"release": "Ebb by Paul Ash [ENG / MP3]", "wanted_title": "Neap", "wanted_author": "Paul Ash"},
        {"match": False},
    ),
    (
        "gaps",
        {
            "series": "Tideland",
            "authors": ["Paul Ash"],
            "catalogue": [{"title": "Ebb", "position": "1"}, {"title": "Neap", "position": "2"}],
            "owned": [{"title": "Neap", "author": "Ash, Paul"}],
        },
        {"missing": ["1"]},
    ),
    ("weather", {}, None),
]


@pytest.mark.parametrize(("question", "facts", "expected"), QUESTIONS)
def test_answers(question: str, facts: Mapping[str, Any], expected: Any) -> None:
    line = json.dumps({"id": "x", "question": question, "input": facts})
    assert [json.loads(answer) for answer in answer_cases([line])] == [{"id": "x", "answer": expected}]


def test_languages_are_answered_in_iso_639() -> None:
    line = json.dumps({"id": 1, "question": "release", "input": {"release": "Salzmarsch by Paul Ash [GER / MP3]"}})
    answer = json.loads(next(iter(answer_cases([line]))))["answer"]
    assert answer == {
        "title": "Salzmarsch",
        "authors": ["Paul Ash"],
        "language": "ger",
        "format": "mp3",
        "content": "audiobook",
    }


def test_the_command_reads_lines_and_writes_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    case = json.dumps({"id": "a", "question": "people", "input": {"names": "Ash, Paul"}})
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{case}\n\n{case}\n"))
    out = io.StringIO()
    call_command("answer_cases", stdout=out)
    assert [json.loads(line)["id"] for line in out.getvalue().splitlines()] == ["a", "a"]


@pytest.mark.parametrize("line", ["{", "[]", '{"id": 1}', '{"id": 1, "question": "people", "input": 3}'])
def test_a_bad_line_is_named(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"\n{line}\n"))
    with pytest.raises(CommandError, match=r"ine 2"):
        call_command("answer_cases", stdout=io.StringIO())
