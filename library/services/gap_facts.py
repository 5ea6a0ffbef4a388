"""What the gap analysis works from: entries, copies and rules as the domain sees them, in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import Q

from library.domain.facts import SeriesPlace
from library.domain.gaps import EntryFacts, SeriesFacts
from library.domain.holdings import FollowRule, HeldFacts, Preference
from library.domain.languages import language_code
from library.domain.positions import parse_positions
from library.domain.titles import same_work
from library.models import Author, BookStatus, Copy, Exclusion, Follow, Series, SeriesAlias, SeriesEntry
from library.services.placing import LIBRARY
from library.services.resolving import chunks
from library.services.text import stems

VANISHED_AFTER = 3
COPY_FACTS = (
    "pk", "book_id", "title", "authors", "series", "narrators", "language", "is_abridged", "duration_seconds",
    "published_year", "recording__language", "recording__is_abridged", "recording__is_dramatised",
)  # fmt: skip


@dataclass
class SeriesCase:
    """One series with all that may be of it. `entry_ids` are {book id: entry id}."""

    row: Series
    facts: SeriesFacts
    held: list[HeldFacts]
    entry_ids: dict[int, int] = field(default_factory=dict)
    owned: set[int] = field(default_factory=set)


def preference_of(
    settings: dict[str, Any], overrides: dict[str, Any], counts_novellas: bool | None = None
) -> Preference:
    """The general preference with what a series says differently."""
    merged = {
        "languages": settings["gaps.languages"],
        "accepts_abridged": settings["gaps.accepts_abridged"],
        "dramatised": "any" if settings["gaps.accepts_dramatised"] else "never",
        "narrators": [],
        **{key: value for key, value in overrides.items() if value not in (None, "")},
    }
    novellas = settings["gaps.counts_novellas"] if counts_novellas is None else counts_novellas
    return Preference(
        languages=tuple(merged["languages"]),
        accepts_abridged=bool(merged["accepts_abridged"]),
        dramatised=str(merged["dramatised"]),
        narrators=tuple(merged["narrators"]),
        counts_novellas=bool(novellas),
    )


def follow_rule(row: Series | Author) -> FollowRule:
    since = row.followed_at.date() if row.followed_at else None
    return FollowRule({Follow.FROM_NOW: "new", Follow.ALL: "all"}.get(Follow(row.follow), "none"), since)


def excluded_books(book_ids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for part in chunks(sorted(set(book_ids))):
        found.update(Exclusion.objects.filter(book_id__in=part).values_list("book_id", flat=True))
    return found


def series_cases(ids: Sequence[int]) -> list[SeriesCase]:
    """The series of these ids that stand for themselves (not those that were merged into another)."""
    rows = list(Series.objects.filter(pk__in=ids, merged_into=None).select_related("author").order_by("pk"))
    entries = _entries_by_series([row.pk for row in rows])
    aliases: dict[int, list[str]] = defaultdict(list)
    for series_id, name in SeriesAlias.objects.filter(series_id__in=ids).values_list("series_id", "name"):
        aliases[series_id].append(name)
    held = held_by_book({int(entry.book_id) for group in entries.values() for entry, _ in group})
    loose = _loose_copies({row.author_id for row in rows if row.author_id})
    cases = []
    for row in rows:
        places = entries.get(row.pk, [])
        own = [copy for entry, _ in places for copy in held.get(int(entry.book_id), [])]
        facts = SeriesFacts(
            key=row.pk,
            name=row.name,
            authors=(row.author.name,) if row.author else (),
            entries=tuple(entry for entry, _ in places),
            aliases=tuple(aliases[row.pk]),
        )
        cases.append(
            SeriesCase(
                row=row,
                facts=facts,
                held=own + _near(facts, loose.get(row.author_id or 0, ())),
                entry_ids={int(entry.book_id): entry_id for entry, entry_id in places},
                owned={int(entry.book_id) for entry, _ in places if int(entry.book_id) in held},
            )
        )
    return cases


def _near(facts: SeriesFacts, loose: Sequence[tuple[set[str], HeldFacts]]) -> list[HeldFacts]:
    """The loose copies that share a word with the series or one of its books; the others cannot be of it."""
    if not loose:
        return []
    words = stems(facts.name, *facts.aliases, *(entry.title for entry in facts.entries))
    return [copy for told, copy in loose if not told.isdisjoint(words)]


def _entries_by_series(ids: Sequence[int]) -> dict[int, list[tuple[EntryFacts, int]]]:
    """Places whose provider no longer names them, observed on three days, are left out; nothing is deleted."""
    found: dict[int, list[tuple[EntryFacts, int]]] = defaultdict(list)
    listed: dict[int, list[EntryFacts]] = defaultdict(list)
    rows = (
        SeriesEntry.objects.filter(series_id__in=ids)
        .exclude(book__status=BookStatus.ARCHIVED)
        .filter(Q(vanished_count__lt=VANISHED_AFTER) | Q(book__is_owned=True))
        .values_list(
            "series_id", "pk", "book_id", "positions", "label", "source", "is_locked", "book__title", "book__kind",
            "book__language", "book__release_date",
        )
        .order_by("series_id", "position_first", "pk")
    )  # fmt: skip
    said_by_shelf: list[tuple[int, int]] = []
    for series_id, pk, book_id, positions, label, source, is_locked, title, kind, language, release_date in rows:
        facts = EntryFacts(book_id, title, positions or label, kind, language, release_date)
        if source == LIBRARY and not is_locked:
            said_by_shelf.append((series_id, len(found[series_id])))
        else:
            listed[series_id].append(facts)
        found[series_id].append((facts, pk))
    for series_id, number in said_by_shelf:
        facts, pk = found[series_id][number]
        if _is_contested(facts, listed[series_id]):
            found[series_id][number] = replace(facts, positions_label=""), pk
    return found


def _is_contested(entry: EntryFacts, listed: Iterable[EntryFacts]) -> bool:
    """Fractions are given out freely: a file that calls itself 6.5 is not the other book that the catalogue lists as
    6.5. (Whole numbers are the same book in another language or spelling.)"""
    positions = parse_positions(entry.positions_label)
    if not positions.is_single or positions.whole_numbers():
        return False
    return any(
        parse_positions(other.positions_label) == positions and not same_work(other.title, entry.title)
        for other in listed
    )


def _held(row: tuple[Any, ...], *, is_matched: bool) -> HeldFacts:
    pk, book_id, title, authors, series, narrators, language, abridged, seconds, year, r_language, r_abridged, drama = (
        row
    )
    return HeldFacts(
        title=title,
        authors=tuple(authors),
        series=tuple(SeriesPlace(place["name"], place["position"]) for place in series),
        book_ids=(book_id,) if is_matched else (),
        key=pk,
        narrators=tuple(narrators),
        language=r_language or language_code(language),
        is_abridged=abridged if abridged is not None else r_abridged,
        is_dramatised=drama,
        runtime_seconds=seconds,
        year=year,
    )


def held_by_book(book_ids: Iterable[int]) -> dict[int, list[HeldFacts]]:
    """{book id: its present copies}; books without one are left out."""
    found: dict[int, list[HeldFacts]] = defaultdict(list)
    for part in chunks(sorted(book_ids), 5000):
        rows = Copy.objects.present().filter(book_id__in=part).order_by("pk")
        for row in rows.values_list(*COPY_FACTS):
            found[row[1]].append(_held(row, is_matched=True))
    return dict(found)


def _loose_copies(author_ids: set[int]) -> dict[int, list[tuple[set[str], HeldFacts]]]:
    """Copies by these authors whose book stands in no series: they may still be one of it (`Oz 5`, an omnibus)."""
    found: dict[int, list[tuple[set[str], HeldFacts]]] = defaultdict(list)
    for part in chunks(sorted(author_ids)):
        rows = (
            Copy.objects.present()
            .filter(book__book_authors__author_id__in=part, book__series_entries=None)
            .order_by("pk")
            .values_list(*COPY_FACTS, "book__book_authors__author_id")
        )
        for row in rows:
            copy = _held(row[:-1], is_matched=False)
            found[row[-1]].append((stems(copy.title), copy))
    return found


def book_of_title(held: Iterable[HeldFacts], title: str, *, besides: int) -> int | None:
    """The book of the copy with this title among those that were judged together."""
    for copy in held:
        for book_id in copy.book_ids:
            if copy.title == title and book_id != besides:
                return int(book_id)
    return None
