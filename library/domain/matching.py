"""Matching copies on the shelf to works of the catalogue, with calibrated certainty and reasons.

Identifiers first; else evidence for and against is added up. Candidates come from keys (title, half title, series and
place, author and rarest word), never from comparing all pairs, so the cost grows with copies plus works.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from library.domain.evidence import Evidence, WorkFacts, weigh
from library.domain.holdings import BookId, HeldFacts
from library.domain.people import parse_people, surname
from library.domain.positions import parse_positions
from library.domain.text import fold
from library.domain.title_parsing import parse_title
from library.domain.works import series_key, title_key

__all__ = ["HeldFacts", "Match", "MatchIndex", "Outcome", "WorkFacts"]

CERTAIN = 0.95
POSSIBLE = 0.5
MARGIN = 0.2
MAX_CANDIDATES = 12  # the right work shares more keys than any other; more candidates only cost time
_COMMON_TITLE = 0.002  # a key that this share of all works has is no key


class Outcome(StrEnum):
    CERTAIN = "certain"
    REVIEW = "review"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Match:
    """`work_id` is the best candidate (None without one), `score` its probability 0 to 1, `reasons` sentences for and
    against it, `runner_up` the next best work's id with its score."""

    outcome: Outcome
    work_id: BookId | None
    score: float
    reasons: tuple[str, ...]
    runner_up: tuple[BookId, float] | None = None


def _half_keys(title: str) -> set[str]:
    """Keys of a title: whole, before the first colon or dash, and after it; cheap where the title has no marks."""
    keys = {title_key(title)}
    for mark in (": ", " - ", " ("):
        head, found, tail = title.partition(mark)
        if found:
            keys |= {title_key(head), title_key(tail.rstrip(")"))}
    keys.discard("")
    return keys


def _place_keys(series: Iterable[tuple[str, str]]) -> set[str]:
    found = ((series_key(name), parse_positions(position).label) for name, position in series)
    return {f"{name}\x1f{label}" for name, label in found if name and label}


def _families(authors: Iterable[str]) -> set[str]:
    return {surname(person) for credit in authors for person in parse_people(credit)}


class MatchIndex:
    """An index over works; `match` finds the work of a copy. About 1.1 kB and 0.1 ms a work."""

    def __init__(self, works: Iterable[WorkFacts]) -> None:
        self._works: Sequence[WorkFacts] = tuple(works)
        self._frequency: Counter[str] = Counter()
        self._blocks: dict[int, int | array[int]] = {}
        for work in self._works:
            self._frequency.update(set(fold(work.title).split()))
        for number, work in enumerate(self._works):
            for key in self._keys(
                work.title, work.authors, [(p.name, p.position) for p in work.series], work.identifiers
            ):
                self._add(hash(key), number)

    def __len__(self) -> int:
        return len(self._works)

    def _add(self, key: int, number: int) -> None:
        held = self._blocks.get(key)
        if held is None:
            self._blocks[key] = number
        elif isinstance(held, int):
            self._blocks[key] = array("I", (held, number))
        else:
            held.append(number)

    def _rarest(self, title: str) -> list[str]:
        words = sorted(set(fold(title).split()), key=lambda word: (self._frequency[word] or math.inf, word))
        return words[:2]

    def _keys(
        self,
        title: str,
        authors: Sequence[str],
        series: Iterable[tuple[str, str]],
        identifiers: Iterable[tuple[str, str]],
    ) -> set[tuple[str, str]]:
        keys = {("id", f"{scheme}:{value.upper()}") for scheme, value in identifiers}
        keys |= {("title", key) for key in _half_keys(title)}
        keys |= {("place", key) for key in _place_keys(series)}
        keys |= {("word", f"{family}:{word}") for family in _families(authors) for word in self._rarest(title)}
        return keys

    def _candidates(self, held: HeldFacts) -> list[tuple[WorkFacts, bool]]:
        """Works that share a key, those with more and rarer keys first; and whether they share more than a word."""
        parsed = parse_title(held.title)
        places = [(place.name, place.position) for place in held.series]
        if parsed.series:
            places.append((parsed.series, parsed.position))
        keys = self._keys(held.title, held.authors, places, held.identifiers)
        keys |= self._keys(parsed.title, held.authors, (), ())
        votes: Counter[int] = Counter()
        strong: set[int] = set()
        for key in keys:
            block = self._blocks.get(hash(key))
            if block is None:
                continue
            numbers = (block,) if isinstance(block, int) else block
            if len(numbers) > max(200, int(_COMMON_TITLE * len(self._works))):
                continue
            weight = 1000 if key[0] == "id" else max(1, 64 // len(numbers))
            for number in numbers:
                votes[number] += weight
            if key[0] != "word":
                strong.update(numbers)
        ranked = votes.most_common(MAX_CANDIDATES)
        # One shared word in a common family name is nothing beside a work that shares the whole title.
        return [(self._works[number], number in strong) for number, vote in ranked if vote * 16 >= ranked[0][1]]

    def _rarity(self, title: str) -> float:
        """How telling a title is, 0 to 1: the information of its rarest words against that of a word met once."""
        words = set(fold(title).split())
        if not words or len(self._works) < 2:
            return 0.5
        most = math.log(len(self._works) + 1)
        told = sum(math.log((len(self._works) + 1) / (self._frequency[word] + 1)) for word in words)
        return min(1.0, told / (2 * most))

    def _parted(self, held: HeldFacts) -> tuple[list[WorkFacts], list[WorkFacts]]:
        """Likely candidates, and those that share but a word or whose authors have other family names.

        To weigh is dear: the others need no look if one of the likely is certain.
        """
        families = _families(held.authors)
        ids = {value.upper() for _, value in held.identifiers}
        parted: tuple[list[WorkFacts], list[WorkFacts]] = ([], [])
        for work, strong in self._candidates(held):
            theirs = _families(work.authors)
            other = not strong or (bool(families and theirs) and families.isdisjoint(theirs))
            parted[other and ids.isdisjoint(value.upper() for _, value in work.identifiers)].append(work)
        return parted

    def _weighed(self, held: HeldFacts, works: Iterable[WorkFacts]) -> list[tuple[Evidence, WorkFacts]]:
        rarity = self._rarity(held.title)
        weighed = [(weigh(held, work, rarity=rarity), work) for work in works]
        return sorted(weighed, key=lambda pair: -pair[0].score)

    def match(self, held: HeldFacts) -> Match:
        """The work that a copy is. Certain only with a score of 0.95 and a margin of 0.2 to the runner-up."""
        near, far = self._parted(held)
        weighed = self._weighed(held, near)
        if not weighed or weighed[0][0].score < CERTAIN:
            weighed = sorted((*weighed, *self._weighed(held, far)), key=lambda pair: -pair[0].score)
        if not weighed or weighed[0][0].score < POSSIBLE:
            reasons = weighed[0][0].reasons if weighed else ("Nothing in the catalogue is near.",)
            best_id = weighed[0][1].work_id if weighed else None
            return Match(Outcome.NONE, best_id if weighed and weighed[0][0].score > 0.2 else None,
                         weighed[0][0].score if weighed else 0.0, reasons)  # fmt: skip
        best, work = weighed[0]
        second = weighed[1] if len(weighed) > 1 else None
        runner_up = (second[1].work_id, second[0].score) if second and second[0].score >= 0.05 else None
        close = second is not None and best.score - second[0].score < MARGIN
        if best.score >= CERTAIN and not close and not best.doubts:
            return Match(Outcome.CERTAIN, work.work_id, best.score, best.reasons, runner_up)
        reasons = best.reasons
        if close and second is not None:
            reasons = (*reasons, f'"{second[1].title}" is as likely.')
        return Match(Outcome.REVIEW, work.work_id, best.score, reasons, runner_up)
