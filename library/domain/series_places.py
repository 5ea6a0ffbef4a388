"""The place that a title gives itself in one given series.

Knowing the series makes forms certain that are doubtful without it: `Redwall 15 - Triss` is book 15 of Redwall, though
`Apollo 13 - The Flight` is no book 13 of anything.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from library.domain.positions import LABEL, NO_POSITION, NUMBER, Positions, parse_positions
from library.domain.text import straighten

_KIND = r"(?:\s+(?:series|saga|trilogy|cycle|novels?|chronicles?|duology|quartet|sequence|mysteries|books))?"
_RANGE = rf"{NUMBER}(?:\s*(?:-|to|&|and|,)\s*{NUMBER})*"
_PART_AFTER = r"(?!\s*,?\s*(?:part|pt)\b)"


def _core(name: str) -> str:
    name = re.sub(r"^(?:the|an?)\s+", "", straighten(name).casefold())
    return re.sub(r"\s+(?:series|saga|trilogy|cycle)$", "", name)


@lru_cache(maxsize=4096)
def _patterns(name: str) -> tuple[re.Pattern[str], ...]:
    # Words with a bounded gap between them: a gap without bound would make odd names slow to look for.
    core = r"[\W_]{1,4}".join(re.escape(word) for word in re.findall(r"[^\W_]+", _core(name))[:12])
    before = rf"(?:^|[\s(\[:,-])(?:the\s+|an?\s+)?{core}{_KIND}"
    after = rf"{_PART_AFTER}(?=\s*(?:$|[:;)\],.]|-\s|\s-))"
    labelled = rf"{before}\s*[,:-]?\s*(?:{LABEL}\b\.?\s*#?|#)\s*({_RANGE}){after}"
    reversed_ = rf"\b{LABEL}\b\.?\s*({_RANGE})\s+(?:of|in)\s+(?:the\s+)?{core}\b"
    bare = rf"^(?:the\s+)?{core}{_KIND}\s*[,:-]?\s+(\d{{1,3}}(?:\.\d{{1,2}})?)(?=\s*(?:$|:|\s-\s|\(|-\s))"
    tail = rf"(?:\s-\s|:\s|[(\[])(?:the\s+)?{core}{_KIND}\s+(\d{{1,3}}(?:\.\d{{1,2}})?)(?=\s*\)?$|\s-\s|\]|\s*:\s)"
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in (labelled, reversed_, bare, tail))


@lru_cache(maxsize=65536)
def place_in_series(title: str, names: tuple[str, ...]) -> Positions:
    """The positions that `title` claims in the series of these names; none where it claims none."""
    text = re.sub(r"\s*[(\[](?:un)?abridged[)\]]\s*$", "", straighten(title)[:1000], flags=re.IGNORECASE)
    for name in _usable(names):
        for pattern in _patterns(name):
            # The last claim counts: "Series, Vol. 5 - Light Novel: Series, Book 5".
            for match in reversed(list(pattern.finditer(text))):
                if positions := parse_positions(match[1]):
                    return positions
    return NO_POSITION


def _usable(names: Iterable[str]) -> list[str]:
    return [name for name in names if len(re.findall(r"[^\W_]", _core(name))) >= 2]
