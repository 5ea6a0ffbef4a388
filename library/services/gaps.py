"""The gap analysis: what is known and what is held, judged by the domain, kept as rows that open and close.

Set-based: a fixed number of queries per few hundred series, so that the cost grows with the library and the catalogue,
not with their product. The same function recounts one series after an import and all of them at night.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from library.domain.gaps import GapRow, Reason, SeriesReport, find_series_gaps
from library.domain.holdings import FollowRule
from library.domain.positions import parse_positions
from library.models import Author, BookAuthor, CompletionStatus, Copy, Follow, Gap, GapAnalysis, Series, SeriesEntry
from library.services.gap_facts import (
    SeriesCase,
    book_of_title,
    excluded_books,
    follow_rule,
    preference_of,
    series_cases,
)
from library.services.settings import get_settings
from scheduling.models import Run
from scheduling.services.context import RunContext

__all__ = ["GapResult", "analyze_gaps", "follow_rule", "preference_of", "preview_follow", "recount_books"]

SERIES_AT_ONCE = 300
AUTHORS_AT_ONCE = 200
FIGURES = (
    "owned_count", "counted_count", "covered_count", "missing_count", "completion_percentage", "completion_status",
)  # fmt: skip
GAP_FIELDS = (
    "entry", "position", "position_first", "entry_class", "reason", "explanation", "counts", "is_wanted", "covered_by",
)  # fmt: skip
# Rows that are shown, and that lower no figure.
SETTLED = (Reason.OWNED, Reason.COVERED, Reason.EXCLUDED)


@dataclass
class GapResult:
    """Totals of one analysis, over what was analysed. `opened` and `closed` are rows of the report."""

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

    def count(self, row: GapRow) -> None:
        self.rows += 1
        self.gaps += row.is_gap
        self.by_reason[row.reason.value] += 1
        self.by_class[row.entry_class.value] += 1


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
    wanted_series = list(series.values_list("pk", flat=True)) if everything else sorted(set(series_ids or []))
    authors = Author.objects.filter(merged_into=None).order_by("pk")
    wanted_authors = list(authors.values_list("pk", flat=True)) if everything else sorted(set(author_ids or []))
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
        scope = {} if everything else {"series_ids": wanted_series, "author_ids": wanted_authors}
        _keep_report(result, run.run if run else None, scope)
    return result


def _keep_report(result: GapResult, run: Run | None, scope: dict[str, Any]) -> None:
    GapAnalysis.objects.create(
        run=run, scope=scope, stats=result.as_stats(), opened_count=result.opened, closed_count=result.closed
    )


def recount_books(book_ids: Iterable[int], *, now: datetime.datetime) -> GapResult:
    """Recount the series and authors of these books: what a change of the shelf calls for.

    A book in no series may still be one of its author's series (an omnibus that says nothing of it): those are
    recounted too.
    """
    ids = list(book_ids)
    series = set(SeriesEntry.objects.filter(book_id__in=ids).values_list("series_id", flat=True))
    authors = set(BookAuthor.objects.filter(book_id__in=ids).values_list("author_id", flat=True))
    loose = BookAuthor.objects.filter(book_id__in=ids, book__series_entries=None).values("author_id")
    series |= set(Series.objects.filter(author_id__in=loose).values_list("pk", flat=True))
    return analyze_gaps(now=now, series_ids=sorted(series), author_ids=sorted(authors), keep_report=False)


def preview_follow(*, series: Series, follow: str, now: datetime.datetime) -> list[GapRow]:
    """The books that a follow rule would make wanted, before it is set."""
    rule = FollowRule({Follow.FROM_NOW.value: "new", Follow.ALL.value: "all"}.get(follow, "none"), now.date())
    settings = get_settings()
    return [
        row
        for case in series_cases([series.pk])
        for row in judge_case(case, settings, now, rule, excluded_books(case.entry_ids)).gaps
        if rule.follows(_release_date(case, row))
    ]


def judge_case(
    case: SeriesCase, settings: dict[str, Any], now: datetime.datetime, rule: FollowRule, excluded: set[int]
) -> SeriesReport:
    """The domain's report on one series."""
    return find_series_gaps(
        case.facts,
        case.held,
        preference=preference_of(settings, case.row.preference, case.row.counts_novellas),
        follow=rule,
        excluded=excluded,
        today=now.date(),
    )


def _release_date(case: SeriesCase, row: GapRow) -> datetime.date | None:
    return next((entry.release_date for entry in case.facts.entries if entry.book_id == row.book_id), None)


def _take_turns(model: Any, ids: Sequence[int]) -> None:
    """Two who recount the same rows at once follow one another: the second would else judge a shelf from before the
    first one's commit by gaps from after it, and open anew what the first has closed."""
    list(model.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))


def _analyse_series(ids: Sequence[int], settings: dict[str, Any], now: datetime.datetime, result: GapResult) -> None:
    _take_turns(Series, ids)
    cases = series_cases(ids)
    excluded = excluded_books(book_id for case in cases for book_id in case.entry_ids)
    known = {(gap.book_id, gap.series_id): gap for gap in Gap.objects.open().filter(series_id__in=ids)}
    ledger = Ledger(now=now, result=result)
    figures = []
    for case in cases:
        rule = follow_rule(case.row)
        report = judge_case(case, settings, now, rule, excluded)
        dates = {int(entry.book_id): entry.release_date for entry in case.facts.entries}
        for row in report.rows:
            if row.reason is Reason.OWNED:
                continue
            book_id = int(row.book_id)
            gap = known.pop((book_id, case.row.pk), None) or Gap(book_id=book_id, series_id=case.row.pk)
            covering = book_of_title(case.held, row.covered_by, besides=book_id) if row.covered_by else None
            wanted = row.is_gap and rule.follows(dates[book_id])
            ledger.write(gap, row, is_wanted=wanted, entry_id=case.entry_ids[book_id], covered_by_id=covering)
        figures.append(
            (case.row, len(case.owned), report.covered, report.counted, report.completion, report.status.value)
        )
        result.series += 1
    ledger.close(known.values())
    write_figures(figures, now)


Figures = tuple[Series | Author, int, int, int, int | None, str]


def write_figures(figures: Sequence[Figures], now: datetime.datetime) -> None:
    """Owned, covered, counted, percentage and status of series or authors; only what differs is written."""
    if not figures:
        return
    changed = []
    for row, owned, covered, counted, percentage, status in figures:
        before = [getattr(row, name) for name in FIGURES]
        row.owned_count, row.covered_count, row.counted_count = owned, covered, counted
        row.missing_count, row.completion_percentage = max(counted - covered, 0), percentage
        row.completion_status = CompletionStatus(status)
        if before != [getattr(row, name) for name in FIGURES]:
            changed.append(row)
    model: Any = type(figures[0][0])._default_manager
    model.bulk_update(changed, FIGURES, batch_size=250)
    model.filter(pk__in=[row.pk for row, *_ in figures]).update(completion_at=now)


@dataclass
class Ledger:
    """Rows of the report, written together: new ones are opened, what reads differently is changed, the rest is left
    alone."""

    now: datetime.datetime
    result: GapResult
    fresh: list[Gap] = field(default_factory=list)
    changed: list[Gap] = field(default_factory=list)

    def write(
        self, gap: Gap, row: GapRow, *, is_wanted: bool, entry_id: int | None = None, covered_by_id: int | None = None
    ) -> None:
        self.result.count(row)
        values = {
            "entry_id": entry_id,
            "position": row.position[:100],
            "position_first": parse_positions(row.position).first,
            "entry_class": row.entry_class.value,
            "reason": row.reason.value,
            "explanation": row.text[:500],
            "counts": row.counts and row.reason not in SETTLED,
            "is_wanted": is_wanted,
            "covered_by_id": covered_by_id,
        }
        differs = any(getattr(gap, name) != value for name, value in values.items())
        for name, value in values.items():
            setattr(gap, name, value)
        if gap.pk is None:
            gap.opened_at = self.now
            self.fresh.append(gap)
        elif differs:
            self.changed.append(gap)

    def close(self, gone: Iterable[Gap], *, reason: str = "") -> None:
        """Write everything; `gone` are the open rows that nothing speaks for any more."""
        # Somebody may have recounted the same series meanwhile: the row that is there already holds.
        Gap.objects.bulk_create(self.fresh, batch_size=500, ignore_conflicts=True)
        Gap.objects.bulk_update(self.changed, GAP_FIELDS, batch_size=250)
        closing = list(gone)
        held = Copy.objects.present().filter(book_id__in=[gap.book_id for gap in closing])
        owned = set(held.values_list("book_id", flat=True))
        for gap in closing:
            gap.closed_at, gap.is_wanted = self.now, False
            gap.closed_reason = "on the shelf" if gap.book_id in owned else reason or "no longer listed"
        Gap.objects.bulk_update(closing, ["closed_at", "closed_reason", "is_wanted"], batch_size=250)
        self.result.opened += len(self.fresh)
        self.result.closed += len(closing)


def _analyse_authors(ids: Sequence[int], settings: dict[str, Any], now: datetime.datetime, result: GapResult) -> None:
    from library.services.author_gaps import analyse_authors

    _take_turns(Author, ids)
    analyse_authors(ids, settings, now, result)
