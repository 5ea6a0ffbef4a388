"""Corners of the kernel: what is rare, and must still be answered well."""

import datetime
import json
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.functional import lazystr
from rest_framework.exceptions import ParseError

from config.api.errors import translate
from config.api.pagination import Cursor
from config.api.parsers import DEPTH, StrictJSONParser, read_object
from config.api.renderers import CSVRenderer, FastJSONRenderer
from config.api.views import _sorted
from conftest import Client
from library.tests.api.makers import make_book


class TestDjangoErrors:
    def test_those_of_fields_name_them(self) -> None:
        problem = translate(DjangoValidationError({"title": ["Too long.", "Too odd."]}))
        assert (problem.status, problem.message) == (400, "Too long.")
        assert [one["message"] for one in problem.context["fields"]["title"]] == ["Too long.", "Too odd."]

    def test_those_of_no_field_are_told_as_such(self) -> None:
        problem = translate(DjangoValidationError("Both at once."))
        assert problem.context["fields"] == {"non_field_errors": [{"code": "invalid", "message": "Both at once."}]}


class TestBodies:
    def test_nothing_is_an_empty_object(self) -> None:
        assert read_object(b" \n") == {}

    def test_nesting_has_a_bound(self) -> None:
        deep = b'{"a":' * (DEPTH + 2) + b"1" + b"}" * (DEPTH + 2)
        with pytest.raises(ParseError, match="nested too deeply"):
            read_object(deep)

    def test_a_number_of_thousands_of_digits_is_refused(self) -> None:
        with pytest.raises(ParseError, match="not valid JSON"):
            read_object(b'{"a": ' + b"9" * 5000 + b"}")

    def test_a_body_that_grew_past_the_limit_is_not_read(self, settings: Any) -> None:
        import io

        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        with pytest.raises(RequestDataTooBig):
            StrictJSONParser().parse(io.BytesIO(b'{"a": "aaaaaaaaaaaa"}'))


class TestRendering:
    def test_translated_texts_and_subclasses_of_text_and_number(self) -> None:
        class Word(str):
            pass

        class Count(int):
            pass

        shown = json.loads(FastJSONRenderer().render({"a": lazystr("lazy"), "b": Word("word"), "c": Count(7)}))
        assert shown == {"a": "lazy", "b": "word", "c": 7}

    def test_nothing_is_no_bytes(self) -> None:
        assert FastJSONRenderer().render(None) == b""

    def test_one_answer_as_csv(self) -> None:
        assert CSVRenderer().render({"a": 1, "b": "x"}).decode().split() == ["a,b", "1,x"]


def test_rows_without_a_queryset_are_ordered_with_nulls_last() -> None:
    rows = [{"n": 2, "at": 1}, {"n": None, "at": 2}, {"n": 1, "at": 3}, {"n": 2, "at": 0}]
    assert [row["n"] for row in _sorted(rows, [("n", False), ("pk", False)])] == [1, 2, 2, None]
    assert [row["at"] for row in _sorted(rows, [("n", True), ("at", False)])] == [0, 1, 3, 2]


def test_a_cursor_holds_days_and_moments() -> None:
    values = [datetime.date(2026, 2, 3), datetime.datetime(2026, 2, 3, 4, tzinfo=datetime.UTC), None, 7]
    cursor = Cursor("day,at,none,pk", values, 3)
    assert Cursor.read(cursor.text(), "day,at,none,pk").values == values


@pytest.mark.django_db
class TestLists:
    def test_a_long_export_comes_in_pieces_and_whole(self, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("config.api.views.CSV_CHUNK", 2)
        for number in range(5):
            make_book(f"Book {number}", authors=(f"Author {number}",))
        lines = viewer.get("/api/authors/?ordering=name", HTTP_ACCEPT="text/csv").getvalue().decode().splitlines()
        assert [line.split(",")[1] for line in lines[1:]] == [f"Author {number}" for number in range(5)]

    def test_an_error_may_not_be_kept_for_a_replay(self, moderator: Client) -> None:
        key = {"HTTP_IDEMPOTENCY_KEY": "again"}
        assert moderator.post("/api/authors/", {"name": ""}, **key).status_code == 400
        assert moderator.post("/api/authors/", {"name": "Ann"}, **key).status_code == 201
        assert moderator.post("/api/authors/", {"name": "Ann"}, **key)["Idempotent-Replayed"] == "true"

    @pytest.mark.parametrize("identifiers", [{"x" * 41: "1"}, {str(number): "1" for number in range(51)}])
    def test_identifiers_have_bounds(self, moderator: Client, identifiers: dict[str, str]) -> None:
        answer = moderator.post("/api/authors/", {"name": "Ann", "identifiers": identifiers})
        assert answer.status_code == 400
        assert "identifiers" in answer.json()["context"]["fields"]
