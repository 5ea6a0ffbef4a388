"""Reading values out of somebody else's JSON.

Outside services change types between versions (a number as text, one thing instead of a list, null for absent). These
readers give the wanted type, or its "not said" value (empty text, None, an empty list), and never raise.
"""

import datetime
import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

TAG = re.compile(r"<[^<>]*>")
BREAK = re.compile(r"(?i)<\s*(?:br|/p|/div|/li)\b[^<>]*>")
UNSEEN = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>")
YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(?!\d)")
DATE = re.compile(r"^\s*(\d{4})-(\d{2})-(\d{2})(?:$|[T ])")
PLACEHOLDER_YEAR = 2199  # catalogues write 2200-01-01 (or later) for "no date yet"


def text(value: object) -> str:
    """Text without surrounding space; a number becomes its digits; anything else is empty."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return ""


def file_path(value: object) -> str:
    """A relative path with forward slashes, its spaces as they are: a folder's name may begin or end with one."""
    return value.strip("/") if isinstance(value, str) else ""


def real(value: object) -> float | None:
    """A finite number, also from text; None otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def whole(value: object) -> int | None:
    """A whole number (fractions are cut off), also from text; None otherwise."""
    number = real(value)
    return None if number is None else int(number)


def boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; a lone object counts as a list of one, other things are left out."""
    if isinstance(value, Mapping):
        return [value]
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def texts(value: object) -> tuple[str, ...]:
    """The non-empty texts of a list, each once, in order; a lone text counts as a list of one."""
    found = value if isinstance(value, list) else [value]
    return distinct(text(one) for one in found)


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """The non-empty values, each once, in order."""
    return tuple(dict.fromkeys(value for value in values if value))


def values_of(rows: object, key: str) -> Iterator[str]:
    """The text under `key` of each object in a list."""
    return (text(row.get(key)) for row in mappings(rows))


def year_in(value: object) -> int | None:
    """The first year (1000 to 2099) in a year, a full date or free text; None when there is none."""
    found = YEAR.search(text(value))
    return int(found[1]) if found else None


def date_in(value: object) -> datetime.date | None:
    """The day of an ISO date or date-time; None for anything less exact, impossible, or a placeholder."""
    found = DATE.match(text(value))
    if not found or int(found[1]) > PLACEHOLDER_YEAR:
        return None
    try:
        return datetime.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def moment_of_ms(value: object) -> datetime.datetime | None:
    """The moment of a Unix time in milliseconds, aware in UTC; None when absent or impossible."""
    milliseconds = whole(value)
    if milliseconds is None or milliseconds <= 0:
        return None
    try:
        return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    except (OverflowError, OSError, ValueError):
        return None


def plain_text(value: object) -> str:
    """The text of a description in HTML: no tags, entities resolved, one line for each paragraph."""
    words = BREAK.sub("\n", UNSEEN.sub(" ", text(value)))
    lines = (re.sub(r"[^\S\n]+", " ", line).strip() for line in html.unescape(TAG.sub("", words)).splitlines())
    return "\n".join(line for line in lines if line)
