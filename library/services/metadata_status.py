"""The quality of the library's metadata, in figures."""

import datetime
from collections.abc import Iterable
from typing import Any

from django.db.models import Avg, Count, Max, Q, QuerySet

from library.domain.corrections import FIELDS
from library.models import Book, CatalogueRecord, Correction, FieldSource, ProviderState
from library.services.book_fields import read_fields, with_fields
from library.services.completeness import missing_fields
from library.services.providers import ensure_providers
from library.services.settings import get_setting
from scheduling.models import Run

BANDS = ((0, 49), (50, 69), (70, 79), (80, 89), (90, 100))
JOBS = ("metadata_full", "metadata_new")


def metadata_status(*, now: datetime.datetime, owned_only: bool = True) -> dict[str, Any]:
    """Average completeness, books per band, who the fields came from, what was corrected lately, who may be asked.

    `average_completeness` is None while there is no book. Figures are of the books on the shelf (`owned_only`).
    """
    books = Book.objects.active().filter(is_owned=True) if owned_only else Book.objects.active()
    threshold = get_setting("metadata.completeness_threshold")
    counts = {
        f"band_{low}": Count("pk", filter=Q(completeness__gte=low, completeness__lte=high)) for low, high in BANDS
    }
    sums = books.aggregate(
        total=Count("pk"),
        average=Avg("completeness"),
        incomplete=Count("pk", filter=Q(completeness__lt=threshold)),
        never=Count("pk", filter=Q(corrected_at=None)),
        **counts,
    )
    last_run = Run.objects.filter(job__in=JOBS, status="succeeded").order_by("-finished_at").first()
    recent = Correction.objects.select_related("book").order_by("-created_at", "-id")[:10]
    return {
        "as_of": now,
        "books": sums["total"],
        "average_completeness": None if sums["average"] is None else round(float(sums["average"]), 1),
        "threshold": threshold,
        "incomplete_books": sums["incomplete"],
        "never_corrected_books": sums["never"],
        "bands": [{"from": low, "to": high, "books": sums[f"band_{low}"]} for low, high in BANDS],
        "field_sources": dict(FieldSource.objects.values_list("source").annotate(n=Count("pk")).order_by("-n")),
        "providers": provider_rows(now=now),
        "corrections_total": Correction.objects.count(),
        "corrections_last_30_days": Correction.objects.filter(
            created_at__gte=now - datetime.timedelta(days=30)
        ).count(),
        "last_run": {"id": last_run.pk, "finished_at": last_run.finished_at} if last_run else None,
        "recent_corrections": [correction_row(row) for row in recent],
    }


def provider_rows(*, now: datetime.datetime) -> list[dict[str, Any]]:
    """The providers with their state and the age of what they said."""
    ensure_providers()
    said: dict[str, dict[str, Any]] = {
        row["provider"]: dict(row)
        for row in CatalogueRecord.objects.values("provider")
        .annotate(n=Count("pk"), newest=Max("fetched_at"))
        .order_by()
    }
    return [
        {
            "name": state.name,
            "is_enabled": state.is_enabled,
            "trust": state.trust,
            "is_paused": bool(state.paused_until and state.paused_until > now),
            "last_ok_at": state.last_ok_at,
            "last_error": state.last_error,
            "records": said.get(state.name, {}).get("n", 0),
            "newest_record_at": said.get(state.name, {}).get("newest"),
        }
        for state in ProviderState.objects.order_by("-trust", "name")
    ]


def correction_row(row: Correction) -> dict[str, Any]:
    return {
        "id": row.pk,
        "book_id": row.book_id,
        "book_title": row.book.title,
        "field": row.field,
        "old": row.old,
        "new": row.new,
        "source": row.source,
        "reason": row.reason,
        "created_at": row.created_at,
        "undone_at": row.undone_at,
    }


def corrections_by_source(*, days: int, now: datetime.datetime) -> list[dict[str, Any]]:
    """Corrections of the last days per source, the busiest first."""
    rows = (
        Correction.objects.filter(created_at__gte=now - datetime.timedelta(days=days))
        .values("source")
        .annotate(
            corrections=Count("pk"),
            undone=Count("pk", filter=Q(undone_at__isnull=False)),
            books=Count("book", distinct=True),
            last_at=Max("created_at"),
        )
        .order_by("-corrections", "source")
    )
    return [dict(row) for row in rows]


def incomplete_books(*, threshold: int, owned_only: bool = False) -> QuerySet[Book]:
    """Books under a threshold, worst first."""
    books = Book.objects.active().filter(completeness__lt=threshold)
    return (books.filter(is_owned=True) if owned_only else books).order_by("completeness", "pk")


def provenance(book_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """{book id: {missing_fields, fields: {name: {source, set_at, is_locked}}}} for a page of books; four queries."""
    result = {}
    for book in with_fields(book_ids):
        states = read_fields(book)
        rows = {row.field: row for row in book.field_sources.all()}
        result[book.pk] = {
            "missing_fields": missing_fields(
                book, has_authors=bool(states["authors"].value), has_narrators=bool(states["narrators"].value)
            ),
            "fields": {
                name: {
                    "source": states[name].source if states[name].value not in (None, "", []) else None,
                    "set_at": rows[name].set_at if name in rows else None,
                    "is_locked": states[name].is_locked,
                }
                for name in FIELDS
            },
        }
    return result
