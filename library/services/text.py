"""Small conversions of text for rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from library.domain.text import fold

ARTICLES = re.compile(r"^(the|a|an|der|die|das|le|la|les|un|une|el|los|las|il|lo|i|gli)\s+(?=\S)", re.IGNORECASE)
# `06 The Return`: nobody writes a zero before a number that belongs to the title.
PADDED = re.compile(r"^0(\d{1,3})(?:\s*[-.:_]\s*|\s+)(?=\S)")
# `1a - Far from the Madding Crowd`: only where the series says the same place.
LABELLED = re.compile(r"^(\d{1,4}(?:\.\d{1,2})?[a-d]?)\s*(?:-\s+|\.\s+|:\s+|\s-\s*)(?=\S)", re.IGNORECASE)
TURNED = re.compile(r"^([^,]{2,60}),\s+([^,]{1,60})$")
# Words that half of all titles have tell nothing.
COMMON = frozenset(
    {
        "the", "a", "an", "of", "and", "to", "in", "on", "for", "from", "with", "at", "by", "or", "book",
        "der", "die", "das", "le", "la", "les", "el", "los", "las", "il",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OwnTitle:
    """A copy's title without the number that a folder gave it, and that number where its series has none."""

    title: str
    position: str = ""


def sort_title(title: str) -> str:
    """The title without a leading article, in lower case: what lists are ordered by."""
    return ARTICLES.sub("", title.strip()).casefold()


def read_title(title: str, series: Sequence[Any]) -> OwnTitle:
    """The title of a copy that says to be in `series` (rows of `{name, position}`), parted from a number before it."""
    if not series:
        return OwnTitle(title)
    said = {str(place["position"]).lstrip("0").casefold() for place in series if place["position"]}
    if match := PADDED.match(title):
        number = match[1].lstrip("0")
        if number and (not said or number in said):
            return OwnTitle(title[match.end() :], "" if said else number)
    if (match := LABELLED.match(title)) and match[1].lstrip("0").casefold() in said:
        return OwnTitle(title[match.end() :])
    return OwnTitle(title)


def turned(name: str) -> str:
    """`Holmes, Sherlock` as `Sherlock Holmes`, `Wheel of Time, The` as `The Wheel of Time`; empty for other names."""
    match = TURNED.match(name.strip())
    return f"{match[2]} {match[1]}" if match else ""


@lru_cache(maxsize=65536)
def _stems(text: str) -> frozenset[str]:
    words = set(fold(text).split())
    return frozenset(word[:4] for word in (words - COMMON or words))


def stems(*texts: str) -> set[str]:
    """The beginnings of the telling words of some texts: two that name one work share one, slips of the pen aside."""
    return {stem for text in texts for stem in _stems(text)}
