"""Reading the library for people: totals of completion, books of a series by its name, and what books lack."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db.models import Avg, Count, Max, OuterRef, Q, QuerySet, Subquery, Sum

from library.domain.titles import series_key
from library.models import (
    Author,
    Book,
    BookAuthor,
    BookNarrator,
    CompletionStatus,
    Gap,
    GapAnalysis,
    Series,
    SeriesAlias,
    SeriesEntry,
)
from library.services.completeness import missing_fields


def books_of_series_name(name: str) -> QuerySet[Book] | None:
    """The active books of every series of this name or alias, annotated with their `place`; None if there is none."""
    key = series_key(name)[:500] or name.casefold()[:500]
    ids = set(SeriesAlias.objects.filter(name_key=key).values_list("series_id", flat=True))
    for pk, merged in Series.objects.filter(Q(name_key=key) | Q(name__iexact=name)).values_list("pk", "merged_into"):
        ids.add(merged or pk)
    return books_of_series(sorted(ids)) if ids else None


def books_of_series(series_ids: Sequence[int]) -> QuerySet[Book]:
    """The active books of these series, annotated with their `place` (a number, or None)."""
    entries = SeriesEntry.objects.filter(series_id__in=series_ids).order_by("position_first")
    place = Subquery(entries.filter(book=OuterRef("pk")).values("position_first")[:1])
    return Book.objects.active().filter(pk__in=entries.order_by().values("book_id")).annotate(place=place)


def missing_fields_of(book_ids: Sequence[int]) -> dict[int, list[str]]:
    """{book id: its empty fields that could be filled}, in three queries."""
    with_authors = set(BookAuthor.objects.filter(book_id__in=book_ids).values_list("book_id", flat=True))
    with_narrators = set(BookNarrator.objects.filter(book_id__in=book_ids).values_list("book_id", flat=True))
    return {
        book.pk: missing_fields(book, has_authors=book.pk in with_authors, has_narrators=book.pk in with_narrators)
        for book in Book.objects.filter(pk__in=book_ids)
    }


def completion_summary(model: type[Series] | type[Author]) -> dict[str, Any]:
    """Totals over all series or all authors. `average_percentage` is over those about which something is known."""
    rows = model._default_manager.filter(merged_into=None)
    sums = rows.aggregate(
        total=Count("pk"),
        followed=Count("pk", filter=~Q(follow="none")),
        owned_books=Sum("owned_count", default=0),
        counted_books=Sum("counted_count", default=0),
        covered_books=Sum("covered_count", default=0),
        missing_books=Sum("missing_count", default=0),
        average_percentage=Avg("completion_percentage"),
        as_of=Max("completion_at"),
        **{status: Count("pk", filter=Q(completion_status=status)) for status in CompletionStatus.values},
    )
    average = sums.pop("average_percentage")
    by_status = {status: sums.pop(status) for status in CompletionStatus.values}
    counted, covered = sums["counted_books"], sums["covered_books"]
    return {
        **sums,
        "by_status": by_status,
        "completion_percentage": min(100, 100 * covered // counted) if counted else None,
        "average_percentage": None if average is None else round(float(average), 1),
    }


def latest_analysis() -> GapAnalysis | None:
    """The newest analysis of everything, or else the newest of a part."""
    rows = GapAnalysis.objects.select_related("run").order_by("-created_at", "-id")
    return rows.filter(scope={}).first() or rows.first()


def report_rows() -> QuerySet[Gap]:
    """The open rows of the report, with what they show."""
    return Gap.objects.open().select_related("book", "series", "author", "covered_by")


def upcoming_books(*, today: datetime.date, days: int | None = None) -> QuerySet[Book]:
    """Active books that will be released from today on, not on the shelf and not excluded."""
    books = Book.objects.active().filter(release_date__gte=today, is_owned=False, exclusion=None)
    return books.filter(release_date__lte=today + datetime.timedelta(days=days)) if days is not None else books
