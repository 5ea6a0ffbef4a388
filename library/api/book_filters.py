"""Filters of lists of books."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from config.api.filter_fields import FlagFilter, WholeNumberFilter
from library.domain.people import person_key
from library.domain.titles import series_key
from library.models import BookAuthor, BookKind, BookNarrator, BookStatus, SeriesEntry


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def active_unless_asked(request: Any, books: QuerySet[Any]) -> QuerySet[Any]:
    """Without a `status` among the filters, lists show the active books."""
    return books if request.query_params.get("status") else books.filter(status=BookStatus.ACTIVE)


class BookFilters(django_filters.FilterSet):
    """For lists of `active_unless_asked`."""

    status = django_filters.MultipleChoiceFilter(
        choices=BookStatus.choices, help_text="May stand several times. Default: active."
    )
    author = django_filters.CharFilter(method="by_author", help_text="A part of the name, an alias, or the id.")
    series = django_filters.CharFilter(method="by_series", help_text="A part of the name, an alias, or the id.")
    narrator = django_filters.CharFilter(method="by_narrator", help_text="A part of the name, or the id.")
    owned = FlagFilter(field_name="is_owned", help_text="On the shelf, or not.")
    language = django_filters.CharFilter(lookup_expr="iexact")
    kind = django_filters.MultipleChoiceFilter(choices=BookKind.choices)
    source = django_filters.CharFilter(field_name="import_source", help_text="library, catalogue, api, or a provider.")
    publisher = django_filters.CharFilter(lookup_expr="iexact")
    isbn = django_filters.CharFilter()
    asin = django_filters.CharFilter()
    abs_id = django_filters.CharFilter()
    year = WholeNumberFilter(field_name="published_year", least=0, most=9999)
    year_from = WholeNumberFilter(field_name="published_year", lookup_expr="gte", least=0, most=9999)
    year_to = WholeNumberFilter(field_name="published_year", lookup_expr="lte", least=0, most=9999)
    min_completeness = WholeNumberFilter(field_name="completeness", lookup_expr="gte", least=0, most=100)
    max_completeness = WholeNumberFilter(field_name="completeness", lookup_expr="lte", least=0, most=100)
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    updated_after = django_filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    def by_author(self, books: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        pk = _id(value)
        if pk is not None:
            return books.filter(pk__in=BookAuthor.objects.order_by().filter(author_id=pk).values("book_id"))
        key = person_key(value)[:500]
        named = Q(author__name_key=key) | Q(author__aliases__name_key=key) | Q(author__name__icontains=value)
        return books.filter(pk__in=BookAuthor.objects.order_by().filter(named).values("book_id"))

    def by_series(self, books: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        pk = _id(value)
        if pk is not None:
            return books.filter(pk__in=SeriesEntry.objects.order_by().filter(series_id=pk).values("book_id"))
        key = series_key(value)[:500] or value.casefold()[:500]
        named = Q(series__name_key=key) | Q(series__aliases__name_key=key) | Q(series__name__icontains=value)
        return books.filter(pk__in=SeriesEntry.objects.order_by().filter(named).values("book_id"))

    def by_narrator(self, books: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        pk = _id(value)
        named = Q(narrator__name_key=person_key(value)[:500]) | Q(narrator__name__icontains=value)
        named = named if pk is None else Q(narrator_id=pk)
        return books.filter(pk__in=BookNarrator.objects.order_by().filter(named).values("book_id"))
