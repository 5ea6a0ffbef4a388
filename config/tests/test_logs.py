"""Logs: JSON lines with the request id, and no secret in them."""

import json
import logging
import threading
from pathlib import Path

import pytest

from config import request_ids
from config.logs import JSONFormatter, SharedRotatingFile, redact


@pytest.mark.parametrize(
    "text, secret",
    [
        ("X-API-Key: abcdef123456", "abcdef123456"),
        ("GET /download?apikey=abcdef&x=1", "abcdef"),
        ("GET https://t.example/rss?passkey=0123456789", "0123456789"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("sent bearer abc.def-ghi there", "abc.def-ghi"),
        ("{'password': 'hunter2', 'name': 'x'}", "hunter2"),
        ('{"refresh": "tok123", "access": "tok456"}', "tok123"),
        ("postgres://mira:hunter2@db/x", "hunter2"),
        ("the key ub_AbCdEfGh12345678", "AbCdEfGh12345678"),
        ("eyJhbGciOi.eyJ0b2tl.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("Cookie: sessionid=abcdef", "abcdef"),
        ("DB_PASSWORD=hunter2", "hunter2"),
        ("client_secret = hunter2", "hunter2"),
    ],
)
def test_secrets_are_hidden(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text", ["GET /api/books/17/ 200", "Emma by Jane Austen: 12 files", "https://example.org/a?b=c"]
)
def test_the_rest_stays(text: str) -> None:
    assert redact(text) == text


def line(**extra: object) -> dict[str, object]:
    record = logging.LogRecord("unabridged.x", logging.WARNING, "", 1, "password=%s", ("hunter2",), None)
    record.__dict__.update(extra)
    return json.loads(JSONFormatter().format(record))


def test_a_line_is_json_with_the_request_id() -> None:
    token = request_ids.current.set("walk-1")
    try:
        found = line(facts={"path": "/x?token=abc", "status": 200})
    finally:
        request_ids.current.reset(token)
    assert (found["level"], found["logger"], found["request_id"]) == ("warning", "unabridged.x", "walk-1")
    assert (found["message"], found["path"], found["status"]) == ("password=***", "/x?token=***", 200)
    assert str(found["time"]).endswith("Z")


def test_several_writers_lose_no_line_when_the_file_rotates(tmp_path: Path) -> None:
    place = tmp_path / "logs" / "x.jsonl"
    handlers = [SharedRotatingFile(str(place), maxBytes=2000, backupCount=50) for _ in range(4)]

    def write(number: int) -> None:
        for count in range(50):
            record = logging.LogRecord("x", logging.INFO, "", 1, f"{number}-{count} {'.' * 40}", (), None)
            handlers[number].handle(record)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for handler in handlers:
        handler.close()
    lines = [text for file in place.parent.glob("x.jsonl*") for text in file.read_text().splitlines()]
    assert len(lines) == 200
    assert len(list(place.parent.glob("x.jsonl.*"))) > 1
