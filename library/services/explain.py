"""The whole reasoning about a path, a title, a copy or a missing book, in words that a person can follow.

The same functions that decide are asked here, with what the database knows at this moment; nothing is written.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from django.db.models import Q

from config.errors import NotFoundError
from library.domain.coverage import CatalogueEntry, SeriesCoverage
from library.domain.gaps import GapRow
from library.domain.holdings import HeldFacts
from library.domain.matching import Match, Outcome
from library.domain.paths import parse_path
from library.domain.people import person_key, sort_name
from library.domain.positions import parse_positions
from library.domain.titles import parse_title, series_key, title_key
from library.models import Book, CatalogueRecord, Copy, Gap, MatchState, SeriesEntry
from library.services.gap_facts import SeriesCase, excluded_books, follow_rule, preference_of, series_cases
from library.services.gaps import judge_case
from library.services.linking import Candidates, candidate_ids, held_facts, work_facts
from library.services.settings import get_settings

DECIDED = {
    MatchState.PENDING: "It has not been matched yet; the next import looks again.",
    MatchState.CERTAIN: "It is matched for certain.",
    MatchState.REVIEW: "It may be another book too: a person should look.",
    MatchState.NONE: "Nothing in the catalogue is near it; it is a book of its own.",
    MatchState.USER: "A person decided; nothing overrides it.",
}


@dataclass
class Explanation:
    """Headed paragraphs of sentences."""

    title: str
    parts: list[tuple[str, list[str]]] = field(default_factory=list)

    def add(self, heading: str, lines: Iterable[str]) -> "Explanation":
        found = [line for line in lines if line]
        if found:
            self.parts.append((heading, found))
        return self

    def as_text(self) -> str:
        """For a terminal."""
        blocks = [self.title]
        blocks += [f"{heading}\n" + "\n".join(f"  {line}" for line in lines) for heading, lines in self.parts]
        return "\n\n".join(blocks)

    def as_data(self) -> dict[str, Any]:
        """For programs."""
        return {
            "title": self.title,
            "parts": [{"heading": heading, "lines": lines} for heading, lines in self.parts],
        }


def told(value: Any) -> list[str]:
    """`name: value` of every field of a value type that says something."""
    if not is_dataclass(value):
        return [str(value)]
    lines = []
    for item in fields(value):
        said = getattr(value, item.name)
        if said in ("", None, (), [], 0) or said is False or not item.repr:
            continue
        lines.append(f"{item.name.replace('_', ' ')}: {_plain(said)}")
    return lines or ["It says nothing."]


def _plain(value: Any) -> str:
    if hasattr(value, "label"):
        return str(value.label)
    if isinstance(value, (tuple, list, frozenset)):
        return "; ".join(_plain(item) for item in value)
    if is_dataclass(value):
        return ", ".join(told(value))
    return "yes" if value is True else "no" if value is False else str(value)


def _searchable(text: str) -> str:
    """Without NUL, which no text in PostgreSQL holds."""
    return text.replace("\x00", "")


def explain_path(path: str) -> Explanation:
    """What a path alone says; and, where a copy lies there, what was read of it and which book it is."""
    found = Explanation(f"The path {path}").add("What the path alone says", told(parse_path(path)))
    copy = (
        Copy.objects.filter(path=_searchable(path).strip("/"))
        .select_related("book", "root")
        .order_by("missing_since")
        .first()
    )
    if copy is None:
        return found.add("On the shelf", ["No copy with this path is known."])
    return _add_copy(found, copy)


def explain_title(title: str, *, author: str = "") -> Explanation:
    """How a title is read, the key that it is compared by, and which known books it could be."""
    found = Explanation(f"The title “{title}”" + (f" by {author}" if author else ""))
    found.add("How it is read", told(parse_title(title, author=author)))
    keys = [f"key of the title: {title_key(title)}"]
    if author:
        keys += [f"key of the author: {person_key(author)}", f"the author is sorted as: {sort_name(author)}"]
    found.add("What it is compared by", keys)
    title, author = _searchable(title), _searchable(author)
    copy = Copy(title=title, authors=[author] if author else [], series=[], narrators=[])
    ids = candidate_ids([copy]) | set(
        Book.objects.filter(title_key=title_key(title)[:500]).values_list("pk", flat=True)
    )
    return _add_match(found, held_facts(copy), ids)


def explain_copy(copy: Copy) -> Explanation:
    """What was read of a copy, from where, and which book it is."""
    return _add_copy(Explanation(f"The copy {copy.path}"), copy)


def _add_copy(found: Explanation, copy: Copy) -> Explanation:
    series = "; ".join(f"{place['name']} {place['position']}".strip() for place in copy.series)
    said = {
        "title": copy.title, "authors": "; ".join(copy.authors), "series": series,
        "narrators": "; ".join(copy.narrators), "asin": copy.asin, "isbn": copy.isbn, "language": copy.language,
        "published_year": copy.published_year or "",
    }  # fmt: skip
    found.add(
        "What was read of it",
        [
            f"{name.replace('_', ' ')}: {value}" + (f"  (from {copy.sources[name]})" if name in copy.sources else "")
            for name, value in said.items()
            if value
        ],
    )
    state = [] if copy.missing_since is None else [f"It has been missing since {copy.missing_since:%Y-%m-%d}."]
    state += [str(problem["message"]) for problem in copy.problems]
    found.add("Its state", state)
    decided = [DECIDED[MatchState(copy.match_state)], *copy.match_reasons]
    if copy.book:
        decided.insert(0, f"It is the book “{copy.book.title}” (number {copy.book_id}).")
    found.add("Which book it is", decided)
    if copy.match_state == MatchState.USER:
        return found
    return _add_match(found, held_facts(copy), candidate_ids([copy]))


def _add_match(found: Explanation, held: HeldFacts, ids: Iterable[int]) -> Explanation:
    works = work_facts(ids)
    if not works:
        return found.add("What matching says now", ["No known book shares an author, a code or a title with it."])
    match = Candidates(works).match(held)
    names = {work.work_id: work.title for work in works}
    compared = "1 known book was compared." if len(works) == 1 else f"{len(works)} known books were compared."
    lines = [compared, _verdict(match, names), *match.reasons]
    if match.runner_up:
        lines.append(f"The next best: “{names[match.runner_up[0]]}” ({match.runner_up[1]:.0%}).")
    if match.outcome != Outcome.CERTAIN:
        lines.append("Nothing is linked without a certainty of 95 % and a clear lead.")
    return found.add("What matching says now", lines)


def _verdict(match: Match, names: dict[Any, str]) -> str:
    if match.work_id is None:
        return "It is none of them."
    words = {Outcome.CERTAIN: "It is certainly", Outcome.REVIEW: "It may be", Outcome.NONE: "It is hardly even"}
    return f"{words[match.outcome]} “{names[match.work_id]}” (number {match.work_id}): {match.score:.1%}."


def find_book(text: str) -> Book:
    """A book by its number or its title. NotFoundError where there is none, or it could be several."""
    text = _searchable(text)
    if text.isdigit() and (book := Book.objects.filter(pk=int(text)).first()):
        return book
    rows = Book.objects.filter(Q(title_key=title_key(text)[:500]) | Q(title__iexact=text)).order_by("-is_owned", "pk")
    books = list(rows[:6])
    if not books:
        raise NotFoundError(f"No book is called “{text}”. Give its number, or its title as it is listed.")
    if len(books) > 1:
        numbers = ", ".join(
            f"{book.pk} ({', '.join(a.name for a in book.authors.all()) or 'nobody'})" for book in books
        )
        raise NotFoundError(f"Several books are called “{text}”: {numbers}. Give the number.")
    return books[0]


def explain_gap(book: Book, *, now: datetime.datetime) -> Explanation:
    """Why a book counts as missing or does not, in each of its series, step by step."""
    authors = ", ".join(author.name for author in book.authors.all())
    found = Explanation(f"“{book.title}”" + (f" by {authors}" if authors else "") + f" (number {book.pk})")
    copies = list(book.copies.select_related("root"))
    found.add(
        "On the shelf",
        [f"{c.path} ({c.root.name}{', missing' if c.missing_since else ''})" for c in copies] or ["There is no copy."],
    )
    records = CatalogueRecord.objects.filter(book=book).order_by("provider", "provider_id")
    known = [
        f"{row.provider} knows it as “{row.title}” ({row.provider_id}), {row.fetched_at:%Y-%m-%d}." for row in records
    ]
    found.add("Who says that it exists", known[:8] + ([f"… and {len(known) - 8} more."] if len(known) > 8 else []))
    entries = SeriesEntry.objects.filter(book=book, series__merged_into=None).select_related("series").order_by("pk")
    for entry in entries:
        for case in series_cases([entry.series_id]):
            found.add(f"In {entry.series.name}", _series_lines(case, entry, now))
    if not entries:
        found.add("In series", ["It stands in no series; only a followed author makes it wanted."])
    history = Gap.objects.filter(book=book).select_related("series", "author").order_by("pk")
    return found.add("In the report", [_history(gap) for gap in history] or ["It has never been in the report."])


def _series_lines(case: SeriesCase, entry: SeriesEntry, now: datetime.datetime) -> list[str]:
    settings = get_settings()
    preference = preference_of(settings, case.row.preference, case.row.counts_novellas)
    rule = follow_rule(case.row)
    report = judge_case(case, settings, now, rule, excluded_books(case.entry_ids))
    row = next((row for row in report.rows if row.book_id == entry.book_id), None)
    if row is None:
        return ["Its provider names it no more; it is left out."]
    lines = [
        f"Its place: {row.position or 'none'} (written “{entry.label}”, said by {entry.source}).",
        f"As an entry it is: {row.entry_class.value}; it {'counts' if row.counts else 'does not count'}.",
        f"Wanted are: {_preference(preference)}.",
        f"The series is followed: {case.row.get_follow_display().lower()}.",
        *_coverage(case, row),
        f"So: {row.text}." + (" This is a gap." if row.is_gap else " This is no gap."),
        f"The series has {report.covered} of {report.counted}: {_percent(report.completion)}.",
    ]
    return [line for line in lines if line]


def _coverage(case: SeriesCase, row: GapRow) -> list[str]:
    """The copies that touch this place, and how each is known to."""
    entries = [CatalogueEntry(e.book_id, e.title, parse_positions(e.positions_label)) for e in case.facts.entries]
    coverage = SeriesCoverage(case.facts.name, case.facts.authors, entries, case.facts.aliases)
    positions = parse_positions(row.position)
    lines = []
    for held in case.held:
        covering = coverage.judge(held)
        if covering and (row.book_id in covering.entries or covering.positions.covers(positions)):
            place = covering.positions.label
            lines.append(f"The copy “{held.title}” covers {place or 'it'} ({covering.reason}).")
    return lines or [f"None of the {len(case.held)} copies that may be of {series_key(case.facts.name)} covers it."]


def _preference(preference: Any) -> str:
    words = ["in " + " or ".join(preference.languages) if preference.languages else "in any language"]
    words.append("abridged or not" if preference.accepts_abridged else "unabridged")
    words.append({"any": "dramatised or not", "never": "not dramatised", "only": "dramatised"}[preference.dramatised])
    if preference.narrators:
        words.append("read by " + " or ".join(preference.narrators))
    return ", ".join(words)


def _percent(completion: int | None) -> str:
    return "nothing is known to exist" if completion is None else f"{completion} %"


def _history(gap: Gap) -> str:
    home = gap.series.name if gap.series else str(gap.author or "its author")
    if gap.closed_at is None:
        return f"{home}: open since {gap.opened_at:%Y-%m-%d}, {gap.explanation}."
    return f"{home}: open from {gap.opened_at:%Y-%m-%d} to {gap.closed_at:%Y-%m-%d}; closed: {gap.closed_reason}."
