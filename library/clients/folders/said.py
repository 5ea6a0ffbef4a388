"""What one source (a path, tags, a sidecar) says about a book, and how sources are laid over one another."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from library.domain.facts import Problem, SeriesPlace

PRECEDENCE = ("folder", "tags", "nfo", "txt", "opf", "metadata.json")
"""The sources, from weak to strong: a later one overrides an earlier one (the default of Audiobookshelf 2.36)."""

_YEAR = re.compile(r"(?<!\d)(1\d{3}|20\d{2})(?!\d)")


@dataclass(frozen=True, slots=True)
class Said:
    """Empty text, () and None mean "says nothing", save that `narrators` and `series` may be () for "there are none"
    (metadata.json can say so) and None for "says nothing"."""

    title: str = ""
    subtitle: str = ""
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] | None = None
    series: tuple[SeriesPlace, ...] | None = None
    asin: str = ""
    isbn: str = ""
    publisher: str = ""
    published_year: int | None = None
    language: str = ""
    description: str = ""
    genres: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    is_abridged: bool | None = None
    is_explicit: bool | None = None
    chapter_count: int | None = None
    problems: tuple[Problem, ...] = ()


_MERGED = tuple(field.name for field in fields(Said) if field.name != "problems")
_MAY_BE_NONE_AT_ALL = frozenset({"narrators", "series"})


def lay_over(layers: Iterable[tuple[str, Said]]) -> tuple[dict[str, Any], dict[str, str]]:
    """(values, sources): each field from the last layer that says something about it, and that layer's name."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, said in layers:
        for field in _MERGED:
            value = getattr(said, field)
            if value is None or (value in ("", ()) and field not in _MAY_BE_NONE_AT_ALL):
                continue
            values[field] = value
            sources[field] = name
    return values, sources


def fill_empty(values: dict[str, Any], sources: dict[str, str], said: Said, *, source: str) -> None:
    """Add what `said` knows to fields of which no source has said anything; never replace."""
    for field in _MERGED:
        value = getattr(said, field)
        if value in (None, "", ()) or field in values:
            continue
        values[field] = value
        sources[field] = source


def year_in(text: str) -> int | None:
    """The first year (1000 to 2099) in a text such as `2006-07-17`, or None."""
    match = _YEAR.search(text)
    return int(match.group()) if match else None


def split_list(text: str) -> tuple[str, ...]:
    """Genres and the like: parted at the first of `//`, `/`, `;` that is there."""
    for separator in ("//", "/", ";"):
        if separator in text:
            return distinct(text.split(separator))
    return distinct([text])


def distinct(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for part in texts if (text := part.strip())))
