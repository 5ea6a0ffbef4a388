"""`/api/calendar/` and `/api/calendar.ics`: what will be released."""

from typing import Any

import django_filters
import orjson
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from config.api.filter_fields import FlagFilter
from config.api.schema import READ_ERRORS, error_answers
from config.api.serializers import StrictSerializer
from config.api.viewsets import ListMixin, ResourceViewSet
from library.api.book_filters import BookFilters
from library.api.book_rows import BookPages, BookSerializer, with_nested
from library.models import Book
from library.services.calendar import Release, write_calendar
from library.services.reports import upcoming_books

MOST_EVENTS = 2000


class CalendarFilters(BookFilters):
    """The filters of books, and a span of days."""

    released_from = django_filters.DateFilter(field_name="release_date", lookup_expr="gte")
    released_to = django_filters.DateFilter(field_name="release_date", lookup_expr="lte")
    wanted = FlagFilter(method="by_wanted", help_text="Of followed series, or not.")

    def by_wanted(self, books: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        followed = Book.objects.exclude(series_entries__series__follow="none").filter(series_entries__isnull=False)
        ids = followed.order_by().values("pk")
        return books.filter(pk__in=ids) if value else books.exclude(pk__in=ids)


class CalendarQuery(StrictSerializer):
    days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, help_text="Only releases within so many days from today."
    )


class CalendarFileRenderer(BaseRenderer):
    """Names the format; the text is written by the service."""

    media_type = "text/calendar"
    format = "ics"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return str(data).encode()


class CalendarViewSet(BookPages, ListMixin, ResourceViewSet):  # type: ignore[misc]
    """Books that are not out yet and not on the shelf, the next first."""

    queryset = Book.objects.all()
    serializer_class = BookSerializer
    queries = {"list": CalendarQuery, "file": CalendarQuery}
    book_lists = frozenset({"list"})
    filterset_class = CalendarFilters
    ordering_fields = {"release_date": "release_date", "title": "sort_title"}
    ordering = ("release_date",)

    def list(self, request: Request) -> HttpResponseBase:
        return self.book_page(upcoming_books(today=timezone.localdate(), days=self.query.get("days")))

    def get_renderers(self) -> Any:
        return [CalendarFileRenderer()] if self.action == "file" else super().get_renderers()

    @extend_schema(
        parameters=[CalendarQuery],
        responses={(200, "text/calendar"): OpenApiTypes.STR, **error_answers(READ_ERRORS)},
    )
    def file(self, request: Request) -> HttpResponse:
        """The same as a file that calendar programs subscribe to (RFC 5545)."""
        books = upcoming_books(today=timezone.localdate(), days=self.query.get("days"))
        rows = with_nested(books).order_by("release_date", "id")
        releases = [_release(row) for row in rows.values(*RELEASE_COLUMNS)[:MOST_EVENTS]]
        text = write_calendar(releases, now=timezone.now(), name="Audiobook releases")
        response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
        response["Content-Disposition"] = 'inline; filename="calendar.ics"'
        return response


RELEASE_COLUMNS = ("id", "title", "release_date", "authors_json", "series_entries_json")


def _release(row: dict[str, Any]) -> Release:
    entries = orjson.loads(row["series_entries_json"])
    return Release(
        book_id=row["id"],
        title=row["title"],
        author=", ".join(author["name"] for author in orjson.loads(row["authors_json"])),
        series=entries[0]["series"] if entries else "",
        position=entries[0]["position"] if entries else "",
        day=row["release_date"],
    )
