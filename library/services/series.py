"""Series as people add, change and delete them, and their entries as they stand."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from config.errors import ConflictError
from library.domain.people import parse_people
from library.domain.titles import series_key
from library.models import Author, BookAuthor, Gap, GapReason, Series, SeriesEntry
from library.services.catalogue import CatalogueResult, refresh_catalogue
from library.services.gaps import analyze_gaps
from library.services.resolving import resolve_authors
from library.services.text import sort_title

VANISHED_AFTER = 3
STATES = ("owned", "missing", "wanted", "upcoming", "ignored")


@dataclass(frozen=True, slots=True)
class EntryState:
    """One entry of a series as it stands.

    `state`: owned; wanted (missing, and searched for); missing (it counts, and is not searched for); upcoming; or
    ignored (it does not count, is covered by another book, or was excluded). `explanation` says why in words.
    """

    book_id: int
    title: str
    position: str
    position_first: Decimal | None
    entry_class: str
    state: str
    reason: str
    explanation: str
    counts: bool
    release_date: datetime.date | None
    is_primary: bool
    gap_id: int | None


def add_series(*, values: Mapping[str, Any], now: datetime.datetime) -> Series:
    """A new series; `author` is a name. ConflictError when that author has a series of this name."""
    series = Series()
    with transaction.atomic():
        _assign(series, values, now)
        _save(series)
        analyze_gaps(now=now, series_ids=[series.pk], author_ids=[], keep_report=False)
    series.refresh_from_db()
    return series


def change_series(*, series: Series, values: Mapping[str, Any], now: datetime.datetime) -> Series:
    """Write the given values and recount. ConflictError when the name is taken."""
    with transaction.atomic():
        fresh = Series.objects.select_for_update(no_key=True).get(pk=series.pk)
        _assign(fresh, values, now)
        _save(fresh)
        analyze_gaps(now=now, series_ids=[fresh.pk], author_ids=[], keep_report=False)
    fresh.refresh_from_db()
    return fresh


def delete_series(*, series: Series, now: datetime.datetime) -> dict[str, Any]:
    """Delete a series with its entries and rows of the report; its books stay. Their authors are recounted."""
    books = list(SeriesEntry.objects.filter(series=series).values_list("book_id", flat=True))
    authors = sorted(set(BookAuthor.objects.filter(book_id__in=books).values_list("author_id", flat=True)))
    removed = {"id": series.pk, "name": series.name, "books_kept": len(books)}
    with transaction.atomic():
        series.delete()
        analyze_gaps(now=now, series_ids=[], author_ids=authors, keep_report=False)
    return removed


def _assign(series: Series, values: Mapping[str, Any], now: datetime.datetime) -> None:
    if "name" in values:
        series.name = values["name"]
        series.sort_name = sort_title(series.name)[:500]
        series.name_key = series_key(series.name)[:500] or series.name.casefold()[:500]
    if "author" in values:
        name = values["author"]
        series.author_id = next(iter(resolve_authors((parse_people(name) or (name,))[:1]).values())) if name else None
    if "follow" in values and values["follow"] != series.follow:
        series.follow, series.followed_at = values["follow"], now
    for name in ("total_books", "identifiers"):
        if name in values:
            setattr(series, name, values[name])


def _save(series: Series) -> None:
    try:
        with transaction.atomic():
            series.save()
    except IntegrityError:
        held = Series.objects.filter(name_key=series.name_key, author=series.author).first()
        raise ConflictError(
            f"There is a series named {series.name!r} of this author already.",
            code="duplicate_resource",
            context={"resource": "series", "id": held.pk if held else None},
        ) from None


def series_entries(series: Series) -> list[EntryState]:
    """The entries in order, each with its state; two queries. Archived books are left out."""
    gaps = {gap.book_id: gap for gap in Gap.objects.open().filter(series=series)}
    entries = (
        SeriesEntry.objects.filter(series=series)
        .exclude(book__status="archived")
        .select_related("book")
        .order_by("position_first", "id")
    )
    states = [_state(entry, gaps.get(entry.book_id)) for entry in entries]
    return [state for state in states if state.position_first is not None] + [
        state for state in states if state.position_first is None
    ]


def _state(entry: SeriesEntry, gap: Gap | None) -> EntryState:
    state, explanation = "owned", "On the shelf."
    if gap is not None:
        explanation = gap.explanation
        state = _state_of(gap)
    elif not entry.book.is_owned and entry.vanished_count >= VANISHED_AFTER:
        state, explanation = "ignored", "Its provider no longer names it in this series."
    elif not entry.book.is_owned:
        state, explanation = "missing", "Not analysed since it was added."
    return EntryState(
        book_id=entry.book_id,
        title=entry.book.title,
        position=entry.label,
        position_first=entry.position_first,
        entry_class=gap.entry_class if gap else "",
        state=state,
        reason=gap.reason if gap else "",
        explanation=explanation,
        counts=gap.counts if gap else True,
        release_date=entry.book.release_date,
        is_primary=entry.is_primary,
        gap_id=gap.pk if gap else None,
    )


def _state_of(gap: Gap) -> str:
    if gap.reason == GapReason.UPCOMING:
        return "upcoming"
    if gap.is_wanted:
        return "wanted"
    is_ignored = not gap.counts or gap.reason in (GapReason.COVERED, GapReason.EXCLUDED)
    return "ignored" if is_ignored else "missing"


def recalculate_series(*, series: Series, now: datetime.datetime) -> CatalogueResult:
    """Ask the catalogue providers about the series now, and recount it. What a provider fails at stands in `errors`."""
    result = refresh_catalogue(now=now, series_ids=[series.pk], force=True)
    analyze_gaps(now=now, series_ids=[series.pk], author_ids=[], keep_report=False)
    series.refresh_from_db()
    return result


def recalculate_author(*, author: Author, now: datetime.datetime) -> CatalogueResult:
    """As `recalculate_series`, for an author and all of their series."""
    ids = list(Series.objects.filter(author=author, merged_into=None).values_list("pk", flat=True))
    result = refresh_catalogue(now=now, series_ids=ids, author_ids=[author.pk], force=True)
    analyze_gaps(now=now, series_ids=ids, author_ids=[author.pk], keep_report=False)
    author.refresh_from_db()
    return result
