"""Which entries and positions of a series a copy on the shelf covers."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from library.domain.holdings import BookId, HeldFacts
from library.domain.people import any_same_person, parse_people
from library.domain.positions import NO_POSITION, Positions, parse_positions
from library.domain.series_places import place_in_series
from library.domain.text import fold
from library.domain.title_parsing import parse_title
from library.domain.works import judge_works, series_key, title_key

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """What coverage needs of a series entry."""

    book_id: BookId
    title: str
    positions: Positions


@dataclass(frozen=True, slots=True)
class Covering:
    """What one copy covers: positions, the entries it is, and how that is known (a sentence).

    A copy that is of the series but could be any of several entries covers none; `candidates` are those entries.
    """

    held: HeldFacts
    positions: Positions
    entries: tuple[BookId, ...]
    reason: str
    candidates: tuple[BookId, ...] = ()


@dataclass(frozen=True)
class SeriesCoverage:
    """The copies of one series, judged. Cost: the held copies given, times the entries only where no key answers."""

    name: str
    authors: tuple[str, ...]
    entries: Sequence[CatalogueEntry]
    aliases: tuple[str, ...] = ()

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(series_key(name) for name in (self.name, *self.aliases))

    @cached_property
    def _people(self) -> tuple[str, ...]:
        return tuple(person for credit in self.authors for person in parse_people(credit))

    @cached_property
    def _by_id(self) -> dict[BookId, list[CatalogueEntry]]:
        return _grouped((entry.book_id, entry) for entry in self.entries)

    @cached_property
    def _by_title(self) -> dict[str, list[CatalogueEntry]]:
        return _grouped((fold(entry.title), entry) for entry in self.entries)

    @cached_property
    def _by_key(self) -> dict[str, list[CatalogueEntry]]:
        return _grouped((title_key(entry.title), entry) for entry in self.entries)

    def judge(self, held: HeldFacts) -> Covering | None:
        """What a copy covers of this series, or None if it is not of the series."""
        if held.book_ids:
            found = [entry for book_id in held.book_ids for entry in self._by_id.get(book_id, ())]
            return self._covering(held, found, "matched") if found else None
        if not self._author_agrees(held):
            return None
        placed = self._place_said(held)
        exact = self._by_title.get(fold(held.title))
        if exact and (_one_place(exact) or not placed):
            return self._covering(held, exact, "the title is equal")
        keyed = self._by_key.get(title_key(held.title))
        if keyed and not placed and _few_places(keyed):
            return self._covering(held, keyed, "the title agrees")
        if placed:
            return self._covering(held, self._entries_meant(held, placed), "its place in the series", placed)
        return self._judged_by_title(held)

    def _author_agrees(self, held: HeldFacts) -> bool:
        people = tuple(person for credit in held.authors for person in parse_people(credit))
        return not people or not self._people or any_same_person(people, self._people)

    def _place_said(self, held: HeldFacts) -> Positions:
        """The place that the copy gives itself, by its series or in its title."""
        for place in held.series:
            if series_key(place.name) in self._names and (positions := parse_positions(place.position)):
                return positions
        if positions := place_in_series(held.title, (self.name, *self.aliases)):
            return positions
        parsed = parse_title(held.title, author=held.authors[0] if held.authors else "", known_series=(self.name,))
        if parsed.positions and series_key(parsed.series) in self._names:
            return parsed.positions if parsed.part is None else NO_POSITION
        for other in parsed.other_series:
            if other.positions and series_key(other.series) in self._names:
                return other.positions
        return NO_POSITION

    def _entries_at(self, positions: Positions) -> list[CatalogueEntry]:
        return [entry for entry in self.entries if positions.covers(entry.positions)]

    def _entries_meant(self, held: HeldFacts, positions: Positions) -> list[CatalogueEntry]:
        """The entries at a place; of two books at one place, the one whose title the copy has."""
        there = self._entries_at(positions)
        if len(there) < 2 or positions.is_range:
            return there
        titled = [entry for entry in there if fold(entry.title) in fold(held.title)]
        return titled or there

    def _judged_by_title(self, held: HeldFacts) -> Covering | None:
        author = self.authors[0] if self.authors else ""
        judged = [(judge_works(*sorted((held.title, e.title)), author=author), e) for e in self.entries]
        same = [(judgement.certainty, entry) for judgement, entry in judged if judgement.same]
        if not same:
            return self._cut_at_colon(held)
        best = max(certainty for certainty, _ in same)
        entries = [entry for certainty, entry in same if certainty == best]
        if _one_place(entries):
            return self._covering(held, entries, "the title agrees")
        # Equally good for several places (a title cut at its colon): nobody can say which, so it covers none.
        candidates = tuple(entry.book_id for entry in entries)
        return Covering(held, NO_POSITION, (), "the title fits several", candidates)

    def _cut_at_colon(self, held: HeldFacts) -> Covering | None:
        """`X` for `X: The Long Night, Vol. 3`: the title of several entries, cut at the colon by some program."""
        cut = [
            e.book_id for e in self.entries if ":" in e.title and fold(e.title.partition(":")[0]) == fold(held.title)
        ]
        return (
            Covering(held, NO_POSITION, (), "the title fits several", tuple(cut)) if fold(held.title) and cut else None
        )

    def _at_own_places(self, entries: tuple[CatalogueEntry, ...]) -> tuple[CatalogueEntry, ...]:
        """A catalogue may list one book at two places. It is both, but for a place that another book claims too."""
        if _one_place(entries):
            return entries
        keys = {title_key(entry.title) for entry in entries}
        claimed = {entry.positions for entry in self.entries if title_key(entry.title) not in keys}
        return tuple(entry for entry in entries if entry.positions not in claimed) or entries

    def _covering(
        self, held: HeldFacts, entries: Iterable[CatalogueEntry], reason: str, positions: Positions = NO_POSITION
    ) -> Covering:
        found = {entry.book_id: entry for entry in entries}
        for entry in tuple(found.values()):
            same = self._by_key[title_key(entry.title)]
            if len({other.positions for other in same}) == 2:
                found.update((other.book_id, other) for other in same)
        entries = self._at_own_places(tuple(found.values()))
        for entry in entries:
            positions = positions.union(entry.positions)
        return Covering(held, positions, tuple(entry.book_id for entry in entries), reason)


def _grouped(pairs: Iterable[tuple[Key, CatalogueEntry]]) -> dict[Key, list[CatalogueEntry]]:
    grouped: dict[Key, list[CatalogueEntry]] = {}
    for key, entry in pairs:
        grouped.setdefault(key, []).append(entry)
    return grouped


def _few_places(entries: Sequence[CatalogueEntry]) -> bool:
    """At most two places: more, under one title, is a catalogue that does not know the titles."""
    return len({entry.positions for entry in entries}) <= 2


def _one_place(entries: Sequence[CatalogueEntry]) -> bool:
    return len({entry.positions for entry in entries}) == 1
