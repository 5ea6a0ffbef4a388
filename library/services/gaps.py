"""The gap analysis: what is known and what is held, judged by the domain, kept as rows that open and close.

Set-based: a fixed number of queries per few hundred series, so that the cost grows with the library and the catalogue,
not with their product. The same function recounts one series after an import and all of them at night.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Count, Q

from library.domain.facts import SeriesPlace
from library.domain.gaps import (
    EntryFacts,
    GapRow,
    Reason,
    SeriesFacts,
    SeriesReport,
    find_author_gaps,
    find_series_gaps,
)
from library.domain.holdings import FollowRule, HeldFacts, Preference
from library.domain.languages import language_code
from library.models import (
    Author,
    Book,
    BookAuthor,
    BookStatus,
    CompletionStatus,
    Copy,
    Exclusion,
    Follow,
    Gap,
    GapAnalysis,
    Series,
    SeriesAlias,
    SeriesEntry,
)
from library.services.resolving import chunks
from library.services.settings import get_settings
from scheduling.models import Run
from scheduling.services.context import RunContext

SERIES_AT_ONCE = 300
AUTHORS_AT_ONCE = 200


@dataclass
class GapResult:
    """Totals of one analysis, over what was analysed."""

    series: int = 0
    authors: int = 0
    rows: int = 0
    gaps: int = 0
    opened: int = 0
    closed: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    by_class: Counter[str] = field(default_factory=Counter)

    def as_stats(self) -> dict[str, Any]:
        return {
            "series": self.series,
            "authors": self.authors,
            "rows": self.rows,
            "gaps": self.gaps,
            "opened": self.opened,
            "closed": self.closed,
            "by_reason": dict(self.by_reason),
            "by_class": dict(self.by_class),
        }


def analyze_gaps(
    *,
    now: datetime.datetime,
    series_ids: Sequence[int] | None = None,
    author_ids: Sequence[int] | None = None,
    run: RunContext | None = None,
    keep_report: bool = True,
) -> GapResult:
    """Analyse the given series and authors, or everything. Changes nothing but the report and the figures."""
    everything = series_ids is None and author_ids is None
    settings = get_settings()
    result = GapResult()
    series = Series.objects.filter(merged_into=None).order_by("pk")
    wanted_series = list(series.values_list("pk", flat=True)) if everything else list(series_ids or [])
    authors = Author.objects.filter(merged_into=None).order_by("pk")
    wanted_authors = list(authors.values_list("pk", flat=True)) if everything else list(author_ids or [])
    if run:
        run.report(total=len(wanted_series) + len(wanted_authors), message="Series")
    for start in range(0, len(wanted_series), SERIES_AT_ONCE):
        part = wanted_series[start : start + SERIES_AT_ONCE]
        with transaction.atomic():
            _analyse_series(part, settings, now, result)
        if run:
            run.advance(count=len(part))
    for start in range(0, len(wanted_authors), AUTHORS_AT_ONCE):
        part = wanted_authors[start : start + AUTHORS_AT_ONCE]
        with transaction.atomic():
            _analyse_authors(part, settings, now, result)
        if run:
            run.advance(count=len(part), message="Authors")
    if keep_report:
        _keep_report(result, run.run if run else None, everything, series_ids, author_ids)
    return result


def _keep_report(
    result: GapResult,
    run: Run | None,
    everything: bool,
    series_ids: Sequence[int] | None,
    author_ids: Sequence[int] | None,
) -> None:
    scope = {} if everything else {"series_ids": list(series_ids or []), "author_ids": list(author_ids or [])}
    GapAnalysis.objects.create(
        run=run, scope=scope, stats=result.as_stats(), opened_count=result.opened, closed_count=result.closed
    )


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


def _analyse_series(ids: Sequence[int], settings: dict[str, Any], now: datetime.datetime, result: GapResult) -> None:
    rows = list(Series.objects.filter(pk__in=ids).select_related("author"))
    entries = _entries_by_series(ids)
    aliases: dict[int, list[str]] = defaultdict(list)
    for series_id, name in SeriesAlias.objects.filter(series_id__in=ids).values_list("series_id", "name"):
        aliases[series_id].append(name)
    book_ids = {entry.book_id for group in entries.values() for entry, _ in group}
    held = _held_by_book(int(pk) for pk in book_ids)
    loose = _loose_copies({row.author_id for row in rows if row.author_id})
    excluded = set(Exclusion.objects.filter(book_id__in=book_ids).values_list("book_id", flat=True))
    found: dict[tuple[int, int], tuple[GapRow, int]] = {}
    for row in rows:
        places = entries.get(row.pk, [])
        report = find_series_gaps(
            SeriesFacts(
                key=row.pk,
                name=row.name,
                authors=(row.author.name,) if row.author else (),
                entries=tuple(entry for entry, _ in places),
                aliases=tuple(aliases[row.pk]),
            ),
            [copy for entry, _ in places for copy in held.get(int(entry.book_id), [])]
            + loose.get(row.author_id or 0, []),
            preference=preference_of(settings, row.preference, row.counts_novellas),
            follow=follow_rule(row),
            excluded=excluded,
            today=now.date(),
        )
        entry_ids = {entry.book_id: entry_id for entry, entry_id in places}
        for gap in report.rows:
            if gap.reason is not Reason.OWNED:
                found[int(gap.book_id), row.pk] = gap, entry_ids[gap.book_id]
        owned = sum(1 for entry, _ in places if int(entry.book_id) in held)
        _set_figures(row, report, owned, now)
        result.series += 1
    Series.objects.bulk_update(rows, FIGURES, batch_size=250)
    existing = Gap.objects.open().filter(series_id__in=ids)
    _settle(existing, found, {row.pk: row for row in rows}, now, result)


FIGURES = [
    "owned_count", "counted_count", "covered_count", "missing_count", "completion_percentage", "completion_status",
    "completion_at",
]  # fmt: skip


def _set_figures(row: Series | Author, report: SeriesReport, owned: int, now: datetime.datetime) -> None:
    row.owned_count = owned
    row.counted_count, row.covered_count = report.counted, report.covered
    row.missing_count = report.counted - report.covered
    row.completion_percentage = report.completion
    row.completion_status = CompletionStatus(report.status)
    row.completion_at = now


def _entries_by_series(ids: Sequence[int]) -> dict[int, list[tuple[EntryFacts, int]]]:
    """Places whose provider no longer names them, observed three times, are left out; nothing is deleted."""
    found: dict[int, list[tuple[EntryFacts, int]]] = defaultdict(list)
    rows = (
        SeriesEntry.objects.filter(series_id__in=ids)
        .exclude(book__status=BookStatus.ARCHIVED)
        .filter(Q(vanished_count__lt=3) | Q(book__is_owned=True))
        .values_list(
            "series_id", "pk", "book_id", "positions", "label", "book__title", "book__kind", "book__language",
            "book__release_date",
        )
        .order_by("series_id", "position_first", "pk")
    )  # fmt: skip
    for series_id, pk, book_id, positions, label, title, kind, language, release_date in rows:
        facts = EntryFacts(book_id, title, positions or label, kind, language, release_date)
        found[series_id].append((facts, pk))
    return found


COPY_FACTS = (
    "pk", "book_id", "title", "authors", "series", "narrators", "language", "is_abridged", "duration_seconds",
    "published_year", "recording__language", "recording__is_abridged", "recording__is_dramatised",
)  # fmt: skip


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


def _held_by_book(book_ids: Iterable[int]) -> dict[int, list[HeldFacts]]:
    found: dict[int, list[HeldFacts]] = defaultdict(list)
    for part in chunks(sorted(book_ids)):
        for row in Copy.objects.present().filter(book_id__in=part).values_list(*COPY_FACTS):
            found[row[1]].append(_held(row, is_matched=True))
    return found


def _loose_copies(author_ids: set[int]) -> dict[int, list[HeldFacts]]:
    """Copies by these authors whose book stands in no series: they may still be one of it (`Oz 5`, an omnibus)."""
    found: dict[int, list[HeldFacts]] = defaultdict(list)
    for part in chunks(sorted(author_ids)):
        rows = (
            Copy.objects.present()
            .filter(book__book_authors__author_id__in=part, book__series_entries=None)
            .values_list(*COPY_FACTS, "book__book_authors__author_id")
        )
        for row in rows:
            found[row[-1]].append(_held(row[:-1], is_matched=False))
    return found


def _settle(
    existing: Iterable[Gap],
    found: dict[tuple[int, int], tuple[GapRow, int]],
    series: dict[int, Series],
    now: datetime.datetime,
    result: GapResult,
) -> None:
    """Open what is new, close what is gone, change what reads differently; leave the rest alone."""
    known = {(gap.book_id, gap.series_id or 0): gap for gap in existing}
    covering = _books_by_title({row.covered_by for row, _ in found.values() if row.covered_by})
    fresh: list[Gap] = []
    changed: list[Gap] = []
    for key, (row, entry_id) in found.items():
        book_id, series_id = key
        result.rows += 1
        result.gaps += row.is_gap
        result.by_reason[row.reason] += 1
        result.by_class[row.entry_class] += 1
        gap = known.pop(key, None) or Gap(book_id=book_id, series_id=series_id, opened_at=now)
        wanted = row.is_gap and series[series_id].follow != Follow.NONE
        values = {
            "entry_id": entry_id,
            "position": row.position[:100],
            "entry_class": row.entry_class.value,
            "reason": row.reason.value,
            "explanation": row.text[:500],
            "counts": row.counts,
            "is_wanted": wanted,
            "covered_by_id": covering.get(row.covered_by),
        }
        _assign(gap, values, fresh, changed)
    Gap.objects.bulk_create(fresh, batch_size=500)
    Gap.objects.bulk_update(changed, GAP_FIELDS, batch_size=250)
    result.opened += len(fresh)
    result.closed += _close(list(known.values()), now)


GAP_FIELDS = [
    "entry", "position", "position_first", "entry_class", "reason", "explanation", "counts", "is_wanted", "covered_by",
]  # fmt: skip


def _assign(gap: Gap, values: dict[str, Any], fresh: list[Gap], changed: list[Gap]) -> None:
    from library.domain.positions import parse_positions

    values["position_first"] = parse_positions(values["position"]).first
    differs = gap.pk is None or any(getattr(gap, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(gap, name, value)
    if gap.pk is None:
        fresh.append(gap)
    elif differs:
        changed.append(gap)


def _close(gaps: Sequence[Gap], now: datetime.datetime) -> int:
    owned = set(Book.objects.filter(pk__in=[gap.book_id for gap in gaps], is_owned=True).values_list("pk", flat=True))
    for gap in gaps:
        gap.closed_at = now
        gap.is_wanted = False
        gap.closed_reason = "on the shelf" if gap.book_id in owned else "no longer listed"
    Gap.objects.bulk_update(gaps, ["closed_at", "closed_reason", "is_wanted"], batch_size=250)
    return len(gaps)


def _books_by_title(titles: set[str]) -> dict[str, int]:
    return dict(Copy.objects.present().filter(title__in=titles, book__isnull=False).values_list("title", "book_id"))


def _analyse_authors(ids: Sequence[int], settings: dict[str, Any], now: datetime.datetime, result: GapResult) -> None:
    """Figures for every author from counts; rows only for those that are followed."""
    rows = {row.pk: row for row in Author.objects.filter(pk__in=ids)}
    works = Q(book__status=BookStatus.ACTIVE, book__exclusion=None) & ~Q(book__kind__in=["part", "guide", "omnibus"])
    counts = (
        BookAuthor.objects.filter(works, author_id__in=ids)
        .values("author_id")
        .annotate(known=Count("pk"), owned=Count("pk", filter=Q(book__is_owned=True)))
    )
    figures = {row["author_id"]: (row["known"], row["owned"]) for row in counts}
    for pk, author in rows.items():
        known, owned = figures.get(pk, (0, 0))
        known = max(known, author.total_books or 0)
        author.owned_count = author.covered_count = owned
        author.counted_count, author.missing_count = known, max(known - owned, 0)
        author.completion_percentage = min(100, 100 * owned // known) if known else None
        author.completion_status = _status(author.completion_percentage)
        author.completion_at = now
        result.authors += 1
    Author.objects.bulk_update(rows.values(), FIGURES, batch_size=250)
    followed = [author for author in rows.values() if author.follow != Follow.NONE]
    for author in followed:
        _author_rows(author, settings, now, result)
    gone = Gap.objects.open().filter(
        series=None, author_id__in=[pk for pk in rows if pk not in {a.pk for a in followed}]
    )
    result.closed += _close(list(gone), now)


def _status(percentage: int | None) -> str:
    if percentage is None:
        return CompletionStatus.UNKNOWN
    if percentage == 100:
        return CompletionStatus.COMPLETE
    return CompletionStatus.PARTIAL if percentage >= 50 else CompletionStatus.INCOMPLETE


def _author_rows(author: Author, settings: dict[str, Any], now: datetime.datetime, result: GapResult) -> None:
    books = list(Book.objects.active().filter(book_authors__author=author))
    in_followed = set(
        SeriesEntry.objects.filter(book__book_authors__author=author)
        .exclude(series__follow=Follow.NONE)
        .values_list("book_id", flat=True)
    )
    ids = {book.pk for book in books}
    report = find_author_gaps(
        (author.name,),
        [EntryFacts(b.pk, b.title, "", b.kind, b.language, b.release_date) for b in books],
        [copy for copies in _held_by_book(ids).values() for copy in copies],
        followed_book_ids=in_followed,
        preference=preference_of(settings, {}),
        follow=follow_rule(author),
        excluded=set(Exclusion.objects.filter(book_id__in=ids).values_list("book_id", flat=True)),
        today=now.date(),
    )
    known = {gap.book_id: gap for gap in Gap.objects.open().filter(series=None, author=author)}
    taken = set(
        Gap.objects.open().filter(series=None, book_id__in=ids).exclude(author=author).values_list("book_id", flat=True)
    )
    fresh: list[Gap] = []
    changed: list[Gap] = []
    for row in report.rows:
        if row.reason is Reason.OWNED or row.book_id in taken:
            continue
        result.rows += 1
        result.gaps += row.is_gap
        result.by_reason[row.reason] += 1
        gap = known.pop(int(row.book_id), None) or Gap(book_id=int(row.book_id), author=author, opened_at=now)
        values = {
            "position": "",
            "entry_class": row.entry_class.value,
            "reason": row.reason.value,
            "explanation": row.text[:500],
            "counts": row.counts,
            "is_wanted": row.is_gap,
        }
        _assign(gap, values, fresh, changed)
    Gap.objects.bulk_create(fresh, batch_size=500)
    Gap.objects.bulk_update(changed, GAP_FIELDS, batch_size=250)
    result.opened += len(fresh)
    result.closed += _close(list(known.values()), now)


def recount_books(book_ids: Iterable[int], *, now: datetime.datetime) -> GapResult:
    """Recount the series and authors of these books: what a change of the shelf calls for."""
    ids = list(book_ids)
    series = list(SeriesEntry.objects.filter(book_id__in=ids).values_list("series_id", flat=True).distinct())
    authors = list(BookAuthor.objects.filter(book_id__in=ids).values_list("author_id", flat=True).distinct())
    return analyze_gaps(now=now, series_ids=series, author_ids=authors, keep_report=False)


def preview_follow(*, series: Series, follow: str, now: datetime.datetime) -> list[GapRow]:
    """The books that a follow rule would make wanted, before it is set."""
    settings = get_settings()
    places = _entries_by_series([series.pk]).get(series.pk, [])
    held = _held_by_book(int(entry.book_id) for entry, _ in places)
    rule = FollowRule({"from_now": "new", "all": "all"}.get(follow, "none"), now.date())
    report = find_series_gaps(
        SeriesFacts(
            series.pk, series.name, (series.author.name,) if series.author else (), tuple(e for e, _ in places)
        ),
        [copy for copies in held.values() for copy in copies],
        preference=preference_of(settings, series.preference, series.counts_novellas),
        follow=rule,
        excluded=set(Exclusion.objects.values_list("book_id", flat=True)),
        today=now.date(),
    )
    return list(report.gaps)
