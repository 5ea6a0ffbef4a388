"""Which books of a series, or of an author, are missing, and the reason for every row.

A series' coverage is a union of position sets: an omnibus 1-3, a pack or all parts of a split book cover what they
cover. Whole positions count; novellas if the user says so; ranges, parts, translations, guides, unnumbered and
upcoming books never make a gap by themselves.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from library.domain.coverage import CatalogueEntry, Covering, SeriesCoverage
from library.domain.holdings import ANY_RECORDING, FOLLOW_ALL, BookId, FollowRule, HeldFacts, Preference
from library.domain.languages import language_name
from library.domain.people import any_same_person
from library.domain.positions import NO_POSITION, Positions, parse_positions
from library.domain.title_parsing import parse_title


class EntryClass(StrEnum):
    MAIN = "main"
    NOVELLA = "novella"
    RANGE = "range"
    PART = "part"
    TRANSLATION = "translation"
    UPCOMING = "upcoming"
    GUIDE = "guide"
    UNNUMBERED = "unnumbered"


class Reason(StrEnum):
    OWNED = "owned"
    MISSING = "missing"
    COVERED = "covered"
    UPCOMING = "upcoming"
    OTHER_LANGUAGE = "other_language"
    ABRIDGED_ONLY = "abridged_only"
    DRAMATISED_ONLY = "dramatised_only"
    NOT_DRAMATISED = "not_dramatised"
    OTHER_NARRATOR = "other_narrator"
    EXCLUDED = "excluded"
    NOT_FOLLOWED = "not_followed"
    NO_POSITION = "no_position"
    UNCLEAR = "unclear"


class SeriesStatus(StrEnum):
    COMPLETE = "complete"
    PARTIAL = "partial"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


# What is owned but does not satisfy, and what is not owned: both are wanted.
WANTED = frozenset(
    {
        Reason.MISSING, Reason.OTHER_LANGUAGE, Reason.ABRIDGED_ONLY, Reason.DRAMATISED_ONLY, Reason.NOT_DRAMATISED,
        Reason.OTHER_NARRATOR,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """One book's place in a series, or one work of an author. `positions_label` as `parse_positions` reads it.

    `kind` is a value of BookKind or empty; `language` an ISO 639-1 code or empty; `release_date` that of the first
    recording, None if unknown; `has_audio` False if no recording exists or is announced.
    """

    book_id: BookId
    title: str
    positions_label: str = ""
    kind: str = ""
    language: str = ""
    release_date: datetime.date | None = None
    authors: tuple[str, ...] = ()
    has_audio: bool = True


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    key: BookId
    name: str
    authors: tuple[str, ...] = ()
    entries: tuple[EntryFacts, ...] = ()
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GapRow:
    """One entry in a report. `is_gap`: it counts, is wanted, and nothing on the shelf satisfies the wish."""

    book_id: BookId
    title: str
    position: str
    entry_class: EntryClass
    counts: bool
    is_gap: bool
    reason: Reason
    text: str
    covered_by: str = ""


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """`covered` of `counted` positions; `completion` in per cent, None if nothing is known to exist."""

    rows: tuple[GapRow, ...]
    covered: int
    counted: int
    completion: int | None
    status: SeriesStatus

    @property
    def gaps(self) -> tuple[GapRow, ...]:
        return tuple(row for row in self.rows if row.is_gap)

    @property
    def missing_positions(self) -> tuple[str, ...]:
        """The positions with a gap, ascending, each once."""
        labels = {row.position for row in self.gaps if row.position}
        return tuple(sorted(labels, key=lambda label: parse_positions(label).first or 0))


def _main_languages(entries: Iterable[EntryFacts], preference: Preference) -> frozenset[str]:
    if preference.languages:
        return frozenset(preference.languages)
    spoken = Counter(entry.language for entry in entries if entry.language)
    return frozenset({spoken.most_common(1)[0][0]}) if spoken else frozenset()


def classify_entry(
    entry: EntryFacts, *, languages: frozenset[str] = frozenset(), today: datetime.date | None = None
) -> EntryClass:
    """The class of an entry; `languages` are those that are not translations (empty: any)."""
    positions = parse_positions(entry.positions_label)
    if entry.kind == "guide":
        return EntryClass.GUIDE
    if positions.parts or entry.kind == "part" or (parse_title(entry.title).part and not positions.is_single):
        return EntryClass.PART
    if positions.is_range:
        return EntryClass.RANGE
    if entry.language and languages and entry.language not in languages:
        return EntryClass.TRANSLATION
    if not entry.has_audio or (today and entry.release_date and entry.release_date > today):
        return EntryClass.UPCOMING
    if not positions:
        return EntryClass.UNNUMBERED
    return EntryClass.MAIN if positions.whole_numbers() else EntryClass.NOVELLA


def find_fault(held: HeldFacts, preference: Preference) -> tuple[Reason, str] | None:
    """Why a copy does not satisfy the wish, or None if it does. The unknown is given the benefit of the doubt."""
    if preference.languages and held.language and held.language not in preference.languages:
        return Reason.OTHER_LANGUAGE, f"owned in {language_name(held.language)} only"
    if held.is_abridged and not preference.accepts_abridged:
        return Reason.ABRIDGED_ONLY, "abridged only"
    if held.is_dramatised and preference.dramatised == "never":
        return Reason.DRAMATISED_ONLY, "dramatised only"
    if held.is_dramatised is False and preference.dramatised == "only":
        return Reason.NOT_DRAMATISED, "owned, but not dramatised"
    if preference.narrators and held.narrators and not any_same_person(held.narrators, preference.narrators):
        return Reason.OTHER_NARRATOR, f"owned, read by {', '.join(held.narrators)} only"
    return None


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The copies of the series: those that satisfy the wish, and the others with their fault."""

    good: tuple[Covering, ...]
    faulty: tuple[tuple[Covering, Reason, str], ...]
    covered: Positions
    unclear: dict[BookId, str]

    def owner_of(self, entry: EntryFacts) -> Covering | None:
        return next((c for c in self.good if entry.book_id in c.entries and not _is_wider(c, entry)), None)

    def cover_of(self, positions: Positions) -> Covering | None:
        return next((c for c in self.good if c.positions.covers(positions)), None)

    def fault_of(self, entry: EntryFacts, positions: Positions) -> tuple[Reason, str] | None:
        for covering, reason, text in self.faulty:
            if entry.book_id in covering.entries or covering.positions.covers(positions):
                return reason, text
        return None


def _is_wider(covering: Covering, entry: EntryFacts) -> bool:
    return covering.positions.is_range and parse_positions(entry.positions_label) != covering.positions


def _judge_shelf(series: SeriesFacts, held: Iterable[HeldFacts], preference: Preference) -> _Shelf:
    entries = [CatalogueEntry(e.book_id, e.title, parse_positions(e.positions_label)) for e in series.entries]
    coverage = SeriesCoverage(series.name, series.authors, entries, series.aliases)
    good: list[Covering] = []
    faulty: list[tuple[Covering, Reason, str]] = []
    unclear: list[Covering] = []
    covered = NO_POSITION
    for copy in held:
        covering = coverage.judge(copy)
        if covering is None:
            continue
        if covering.candidates:
            unclear.append(covering)
            continue
        fault = find_fault(copy, preference)
        if fault:
            faulty.append((covering, *fault))
        else:
            good.append(covering)
            covered = covered.union(covering.positions)
    return _Shelf(tuple(good), tuple(faulty), covered, _find_unclear(entries, unclear, covered))


def _find_unclear(
    entries: Iterable[CatalogueEntry], copies: Iterable[Covering], covered: Positions
) -> dict[BookId, str]:
    """Entries that are rather owned than not, with the title of a copy that may be them.

    Copies whose title fits several entries ("Tideland" for "Tideland: Ebb" and "Tideland: Neap") cannot be told apart.
    Where they are at least half as many as the open entries that they fit, each of these is as likely owned as missing:
    to claim a gap would be wrong every other time, so a person is asked.
    """
    places = {entry.book_id: entry.positions for entry in entries}
    groups: dict[tuple[BookId, ...], list[Covering]] = {}
    for copy in copies:
        groups.setdefault(copy.candidates, []).append(copy)
    unclear: dict[BookId, str] = {}
    for candidates, fitting in groups.items():
        still_open = [book_id for book_id in candidates if not covered.covers(places[book_id])]
        if 2 * len(fitting) >= len({places[book_id] for book_id in still_open}):
            unclear.update((book_id, fitting[0].held.title) for book_id in still_open)
    return unclear


def _reason(
    entry: EntryFacts, entry_class: EntryClass, shelf: _Shelf, *, follow: FollowRule, is_excluded: bool
) -> tuple[Reason, str, str]:
    """Reason, its text, and the title of what covers it."""
    positions = parse_positions(entry.positions_label)
    if shelf.owner_of(entry):
        return Reason.OWNED, "owned", ""
    if positions and shelf.covered.covers(positions):
        covering = shelf.cover_of(positions)
        title = covering.held.title if covering else "its parts"
        return Reason.COVERED, f'covered by "{title}"' if covering else "covered by its parts", title
    if is_excluded:
        return Reason.EXCLUDED, "excluded by you", ""
    if entry_class is EntryClass.UPCOMING:
        when = f" {entry.release_date.isoformat()}" if entry.release_date else ", no audio release yet"
        return Reason.UPCOMING, f"upcoming{when}", ""
    if fault := shelf.fault_of(entry, positions):
        return *fault, ""
    if entry.book_id in shelf.unclear:
        return Reason.UNCLEAR, f'perhaps owned as "{shelf.unclear[entry.book_id]}"', ""
    if not follow.follows(entry.release_date):
        return Reason.NOT_FOLLOWED, "not followed", ""
    if not positions:
        return Reason.NO_POSITION, "no position", ""
    return Reason.MISSING, "missing", ""


def _counts(entry_class: EntryClass, preference: Preference) -> bool:
    return entry_class is EntryClass.MAIN or (entry_class is EntryClass.NOVELLA and preference.counts_novellas)


def _summarise(rows: Sequence[GapRow]) -> SeriesReport:
    """Counts positions, not rows: several editions of one position are one book."""
    counted = {row.position for row in rows if row.counts and row.reason is not Reason.EXCLUDED}
    have = {row.position for row in rows if row.counts and row.reason in (Reason.OWNED, Reason.COVERED)}
    covered = len(have & counted)
    if not counted:
        return SeriesReport(tuple(rows), 0, 0, None, SeriesStatus.UNKNOWN)
    completion = min(100, 100 * covered // len(counted))
    status = SeriesStatus.INCOMPLETE
    if completion == 100:
        status = SeriesStatus.COMPLETE
    elif completion >= 50:
        status = SeriesStatus.PARTIAL
    return SeriesReport(tuple(rows), covered, len(counted), completion, status)


def find_series_gaps(
    series: SeriesFacts,
    held: Iterable[HeldFacts],
    *,
    preference: Preference = ANY_RECORDING,
    follow: FollowRule = FOLLOW_ALL,
    excluded: Iterable[BookId] = (),
    today: datetime.date | None = None,
) -> SeriesReport:
    """Every entry of a series with what is known of it. `held` are copies that may be of the series (all of them, or
    those of its authors); a copy with `book_ids` is not judged again. `excluded` are book ids; `today` decides what is
    upcoming (None: nothing is)."""
    shelf = _judge_shelf(series, held, preference)
    languages = _main_languages(series.entries, preference)
    excluded = frozenset(excluded)
    rows: list[GapRow] = []
    for entry in series.entries:
        entry_class = classify_entry(entry, languages=languages, today=today)
        reason, text, covered_by = _reason(
            entry, entry_class, shelf, follow=follow, is_excluded=entry.book_id in excluded
        )
        counts = _counts(entry_class, preference)
        label = parse_positions(entry.positions_label).label
        is_gap = counts and reason in WANTED
        rows.append(GapRow(entry.book_id, entry.title, label, entry_class, counts, is_gap, reason, text, covered_by))
    rows.sort(
        key=lambda row: (
            parse_positions(row.position).first is None,
            parse_positions(row.position).first or 0,
            row.title,
        )
    )
    return _summarise(rows)


def find_author_gaps(
    authors: tuple[str, ...],
    works: Iterable[EntryFacts],
    held: Iterable[HeldFacts],
    *,
    followed_book_ids: Iterable[BookId] = (),
    preference: Preference = ANY_RECORDING,
    follow: FollowRule = FOLLOW_ALL,
    excluded: Iterable[BookId] = (),
    today: datetime.date | None = None,
) -> SeriesReport:
    """The works of an author outside any followed series, with the same classes and reasons.

    `followed_book_ids` are books whose series is followed: they are reported there. A novel or story collection counts;
    positions mean nothing here, so every row carries none.
    """
    followed = frozenset(followed_book_ids)
    entries = tuple(
        EntryFacts(w.book_id, w.title, "", w.kind, w.language, w.release_date, w.authors, w.has_audio)
        for w in works
        if w.book_id not in followed
    )
    facts = SeriesFacts("", "", authors, entries)
    shelf = _judge_shelf(facts, held, preference)
    languages = _main_languages(entries, preference)
    excluded = frozenset(excluded)
    rows: list[GapRow] = []
    for entry in entries:
        entry_class = classify_entry(entry, languages=languages, today=today)
        reason, text, covered_by = _reason(
            entry, entry_class, shelf, follow=follow, is_excluded=entry.book_id in excluded
        )
        if reason is Reason.NO_POSITION:
            reason, text = Reason.MISSING, "missing"
        counts = entry_class is EntryClass.UNNUMBERED and (
            entry.kind in ("", "novel", "collection") or (preference.counts_novellas and entry.kind == "novella")
        )
        rows.append(
            GapRow(
                entry.book_id,
                entry.title,
                "",
                entry_class,
                counts,
                counts and reason in WANTED,
                reason,
                text,
                covered_by,
            )
        )
    return _summarise_works(rows)


def _summarise_works(rows: Sequence[GapRow]) -> SeriesReport:
    numbered = [
        GapRow(r.book_id, r.title, str(i), r.entry_class, r.counts, r.is_gap, r.reason, r.text, r.covered_by)
        for i, r in enumerate(rows)
    ]
    report = _summarise(numbered)
    return SeriesReport(tuple(rows), report.covered, report.counted, report.completion, report.status)
