"""Readers of the environment: typed, with defaults, loud about what is wrong."""

from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env

NAME = "UNABRIDGED_TRIAL"


@pytest.mark.parametrize(
    "reader, arguments, sent, wanted",
    [
        (env.text, (), "  words ", "words"),
        (env.boolean, (False,), "Yes", True),
        (env.boolean, (True,), "off", False),
        (env.integer, (1,), "42", 42),
        (env.decimal, (1.0,), "0.25", 0.25),
        (env.words, (), "a, b,,c ", ["a", "b", "c"]),
        (env.url, (), "http://host:80/base/", "http://host:80/base"),
        (env.path, (Path("x"),), "/a/b", Path("/a/b")),
    ],
)
def test_reads_the_value(monkeypatch: pytest.MonkeyPatch, reader: Any, arguments: Any, sent: str, wanted: Any) -> None:
    monkeypatch.setenv(NAME, sent)
    assert reader(NAME, *arguments) == wanted


@pytest.mark.parametrize("sent", [None, "", "   "])
def test_an_absent_or_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch, sent: str | None) -> None:
    monkeypatch.delenv(NAME, raising=False)
    if sent is not None:
        monkeypatch.setenv(NAME, sent)
    assert env.integer(NAME, 5) == 5
    assert env.words(NAME, ("a",)) == ["a"]


@pytest.mark.parametrize(
    "read, sent, hint",
    [
        (lambda: env.boolean(NAME, True), "perhaps", "true or false"),
        (lambda: env.integer(NAME, 1, least=1, most=9), "ten", "whole number"),
        (lambda: env.integer(NAME, 1, least=1, most=9), "10", "from 1 to 9"),
        (lambda: env.decimal(NAME, 1.0, least=0.5), "0.1", "at least 0.5"),
        (lambda: env.text(NAME, "a", choices=("a", "b")), "c", "a, b"),
        (lambda: env.url(NAME), "ftp://host", "http://"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_and_what_would_be_right(
    monkeypatch: pytest.MonkeyPatch, read: Any, sent: str, hint: str
) -> None:
    monkeypatch.setenv(NAME, sent)
    with pytest.raises(ImproperlyConfigured) as caught:
        read()
    assert NAME in str(caught.value)
    assert hint in str(caught.value)


def test_a_file_may_hold_the_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hidden\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    assert env.secret(NAME) == "hidden"
    monkeypatch.setenv(NAME, "direct")
    assert env.secret(NAME) == "direct"


def test_a_file_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        env.secret(NAME)
