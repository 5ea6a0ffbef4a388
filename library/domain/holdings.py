"""What is held, as the judging functions see it: one copy, matched already or only described."""

import datetime
from dataclasses import dataclass

from library.domain.facts import SeriesPlace

BookId = int | str


@dataclass(frozen=True, slots=True)
class HeldFacts:
    """One copy on the shelf. `book_ids` are the books it was matched to (more than one for an omnibus or pack).

    With `book_ids` nothing else is judged; without, title, authors and series are. `language` is an ISO 639-1 code,
    empty if unknown; flags are None if unknown; identifiers are (scheme, value) such as ("asin", "B002V1A0WE").
    """

    title: str
    authors: tuple[str, ...] = ()
    series: tuple[SeriesPlace, ...] = ()
    book_ids: tuple[BookId, ...] = ()
    key: BookId = ""
    narrators: tuple[str, ...] = ()
    language: str = ""
    is_abridged: bool | None = None
    is_dramatised: bool | None = None
    runtime_seconds: float | None = None
    year: int | None = None
    identifiers: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Preference:
    """Which recording satisfies the wish. Empty `languages` and `narrators` accept any.

    `dramatised` is `any`, `never` or `only`. What is unknown about a copy never counts against it.
    """

    languages: tuple[str, ...] = ()
    accepts_abridged: bool = False
    dramatised: str = "any"
    narrators: tuple[str, ...] = ()
    counts_novellas: bool = False


@dataclass(frozen=True, slots=True)
class FollowRule:
    """Which books of a series are wanted: `all`, `none`, or `new` (released on or after `since`)."""

    kind: str = "all"
    since: datetime.date | None = None

    def follows(self, release_date: datetime.date | None) -> bool:
        if self.kind != "new":
            return self.kind == "all"
        return self.since is None or (release_date is not None and release_date >= self.since)


ANY_RECORDING = Preference()
FOLLOW_ALL = FollowRule()
