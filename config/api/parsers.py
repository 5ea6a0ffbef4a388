"""Reading bodies: JSON objects only, strictly."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

DEPTH = 32


class StrictJSONParser(BaseParser):
    """Refuses what JSON readers disagree about: duplicate keys, NaN, NUL characters, lone surrogates, bad UTF-8."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        return read_object(raw)


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`; an empty body is an empty object. ParseError says where it is wrong."""
    if not raw.strip():
        return {}
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not valid UTF-8 (byte {error.start}).") from None
    except json.JSONDecodeError as error:
        raise ParseError(
            f"The body is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        ) from None
    except RecursionError:
        raise ParseError("The body is nested too deeply.") from None
    except ValueError as error:
        raise ParseError(f"The body is not valid JSON: {str(error)[:100]}.") from None
    if not isinstance(value, dict):
        raise ParseError("The body must be a JSON object.")
    _check_texts(value, "", 0)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ParseError(f"The key {key[:60]!r} stands twice in the body.")
        found[key] = value
    return found


def _no_constant(name: str) -> None:
    raise ParseError(f"{name} is not a JSON value.")


def _check_texts(value: Any, place: str, depth: int) -> None:
    if depth > DEPTH:
        raise ParseError("The body is nested too deeply.")
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key, place)
            _check_texts(inner, f"{place}.{key}".strip("."), depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner, place, depth + 1)
    elif isinstance(value, str):
        _check_text(value, place)


def _check_text(text: str, place: str) -> None:
    if "\x00" in text:
        raise ValidationError({place or "body": "Null characters are not allowed."}, code="null_characters_not_allowed")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValidationError({place or "body": "Half of a surrogate pair is not a character."}, code="invalid")
