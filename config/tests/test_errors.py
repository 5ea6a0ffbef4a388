"""One error shape, whatever raised it and wherever."""

import io
import logging
from typing import Any

import pytest

from config.tests.test_matrix import assert_error
from conftest import Client

pytestmark = [pytest.mark.django_db, pytest.mark.urls("config.tests.urls")]


@pytest.mark.parametrize(
    "name, status, code, retry_after",
    [
        ("crash", 500, "INTERNAL_ERROR", None),
        ("conflict", 409, "DUPLICATE_RESOURCE", None),
        ("unprocessable", 422, "UNPROCESSABLE_ENTITY", None),
        ("internal", 500, "INTERNAL_ERROR", None),
        ("database", 503, "DATABASE_ERROR", "5"),
        ("unavailable", 503, "QBITTORRENT_ERROR", "13"),
        ("unavailable-plain", 503, "SERVICE_UNAVAILABLE", "30"),
        ("rejected", 502, "INDEXER_ERROR", None),
        ("malformed", 502, "UPSTREAM_ERROR", None),
        ("external", 502, "EXTERNAL_API_ERROR", None),
        ("integrity", 409, "CONFLICT", None),
        ("operational", 503, "DATABASE_CONNECTION_ERROR", "5"),
        ("interface", 503, "DATABASE_CONNECTION_ERROR", "5"),
        ("data", 400, "INVALID_INPUT", None),
        ("overflow", 400, "INVALID_INPUT", None),
        ("protected", 409, "CONFLICT", None),
    ],
)
def test_what_is_raised_is_translated(
    viewer: Client, name: str, status: int, code: str, retry_after: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    answer = viewer.get(f"/api/falling/raise/{name}/")
    assert_error(answer, status)
    body = answer.json()
    assert (body["code"], body["error"]) == (code, code.lower())
    assert answer.get("Retry-After") == retry_after
    text = answer.content.decode()
    assert not any(inner in text for inner in ("hunter2", "Traceback", "secret_table", "SQLite", "locked"))


def test_the_log_has_what_the_answer_hides(viewer: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        viewer.get("/api/falling/raise/crash/")
    assert any(record.exc_info and "hunter2" in str(record.exc_info[1]) for record in caplog.records)


class TestOutsideTheViews:
    @pytest.mark.parametrize(
        "path", ["/api/no-such/", "/api/runs/abc/", "/api/runs/1/no/", "/api/../x", "/api/%00", "/api"]
    )
    @pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
    def test_unknown_paths(self, nobody: Client, path: str, method: str) -> None:
        answer = getattr(nobody, method)(path)
        assert_error(answer, 400 if "%00" in path else 404)
        assert answer["X-RateLimit-Limit"]

    def test_a_crash_of_a_plain_view(self, nobody: Client) -> None:
        answer = nobody.get("/api/plain-crash/")
        assert_error(answer, 500)
        assert b"hunter2" not in answer.content

    def test_a_page_crashes_as_a_page(self, nobody: Client) -> None:
        answer = nobody.get("/page-crash/", HTTP_ACCEPT="text/html")
        assert answer.status_code == 500
        assert answer["Content-Type"].startswith("text/html")
        assert answer["X-Request-ID"]

    def test_a_host_that_is_not_ours(self, viewer: Client) -> None:
        assert_error(viewer.get("/api/runs/", HTTP_HOST="evil.example"), 400)

    def test_a_query_with_a_nul(self, viewer: Client) -> None:
        assert_error(viewer.get("/api/runs/?task=%00"), 400)

    def test_a_query_that_is_no_utf8(self, viewer: Client) -> None:
        assert viewer.get("/api/runs/?task=%ff%fe").status_code == 200


class TestMethodsAndFormats:
    def test_a_wrong_method_is_405_with_those_allowed(self, viewer: Client) -> None:
        answer = viewer.post("/api/runs/", {})
        assert_error(answer, 405)
        assert "GET" in answer["Allow"]

    def test_a_method_that_nobody_knows(self, viewer: Client) -> None:
        assert_error(viewer.generic("BREW", "/api/runs/"), 405)

    @pytest.mark.parametrize("accept", ["application/xml", "image/png", "text/csv; q=0"])
    def test_another_format_is_406(self, viewer: Client, accept: str) -> None:
        assert_error(viewer.get("/api/titles/1/", HTTP_ACCEPT=accept), 406)

    def test_an_unknown_format_is_406(self, viewer: Client) -> None:
        assert_error(viewer.get("/api/runs/?format=xml"), 406)

    def test_csv_is_for_lists(self, viewer: Client) -> None:
        assert_error(viewer.get("/api/scheduler/status/", HTTP_ACCEPT="text/csv"), 406)

    def test_options_tells_the_methods(self, viewer: Client) -> None:
        answer = viewer.options("/api/titles/")
        assert answer.status_code == 200
        assert {"GET", "POST"} <= set(answer["Allow"].split(", "))


class TestBodies:
    def test_too_large_is_413(self, moderator: Client, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024
        assert_error(moderator.post("/api/titles/", {"title": "x" * 2000}), 413)

    def test_too_large_in_chunks_is_413(self, moderator: Client, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024
        body = b'{"title": "' + b"x" * 2000 + b'"}'
        answer = moderator.generic(
            "POST", "/api/titles/", body, "application/json", HTTP_TRANSFER_ENCODING="chunked", CONTENT_LENGTH=""
        )
        assert_error(answer, 413)

    def test_chunks_are_read(self, moderator: Client) -> None:
        stream = {"wsgi.input": io.BytesIO(b'{"title": "In pieces"}')}
        answer = moderator.generic(
            "POST",
            "/api/titles/",
            b"",
            "application/json",
            HTTP_TRANSFER_ENCODING="chunked",
            CONTENT_LENGTH="",
            **stream,
        )
        assert answer.status_code == 201

    def test_every_unknown_field_is_named(self, moderator: Client) -> None:
        answer = moderator.post("/api/titles/", {"title": "x", "colour": "red", "size": 3})
        assert_error(answer, 400)
        assert set(answer.json()["context"]["fields"]) == {"colour", "size"}

    def test_a_missing_field_is_named(self, moderator: Client) -> None:
        body = moderator.post("/api/titles/", {}).json()
        assert body["code"] == "MISSING_FIELD"
        assert body["context"]["fields"] == {"title": [{"code": "required", "message": "This field is required."}]}


class TestRequestIds:
    @pytest.mark.parametrize("sent", ["walk-1", "A.b_c-9", "f" * 64])
    def test_a_good_one_is_kept(self, viewer: Client, sent: str) -> None:
        answer = viewer.get("/api/nothing/", HTTP_X_REQUEST_ID=sent)
        assert answer["X-Request-ID"] == answer.json()["request_id"] == sent

    @pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "<script>", "a\nb", "ä"])
    def test_another_is_replaced(self, viewer: Client, sent: str) -> None:
        made = viewer.get("/api/runs/", HTTP_X_REQUEST_ID=sent)["X-Request-ID"]
        assert made != sent
        assert made.startswith("req_")
        assert len(made) == 16
