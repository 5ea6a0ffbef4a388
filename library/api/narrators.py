"""`/api/narrators/`."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponseBase
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request

from config.api.filter_fields import WholeNumberFilter
from config.api.viewsets import ReadOnlyViewSet
from library.api.book_filters import BookFilters, active_unless_asked
from library.api.book_rows import BookPages, BookSerializer
from library.api.books import ORDERINGS as BOOK_ORDERINGS
from library.models import Book, BookNarrator, Narrator
from library.services.authors import narrators_with_counts


class NarratorSerializer(serializers.ModelSerializer[Narrator]):
    book_count = serializers.IntegerField(read_only=True, help_text="Active books.")
    owned_count = serializers.IntegerField(read_only=True, help_text="Of these, on the shelf.")

    class Meta:
        model = Narrator
        fields = ("id", "name", "sort_name", "book_count", "owned_count", "created_at")
        read_only_fields = fields


class NarratorFilters(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains")
    min_books = WholeNumberFilter(field_name="book_count", lookup_expr="gte", least=0, most=1_000_000)


class NarratorViewSet(BookPages, ReadOnlyViewSet):  # type: ignore[misc]
    """Who reads: narrators with how many books they read."""

    queryset = Narrator.objects.all()
    serializer_class = NarratorSerializer
    answers = {"books": BookSerializer}
    lists = frozenset({"books"})
    book_lists = frozenset({"books"})
    filterset_class = NarratorFilters
    filtersets = {"books": BookFilters}
    ordering_fields = {
        "name": "sort_name", "book_count": "book_count", "owned_count": "owned_count", "created_at": "created_at",
    }  # fmt: skip
    ordering = ("name",)
    orderings = {"list": (ordering_fields, ordering), "books": (BOOK_ORDERINGS, ("title",))}

    def get_queryset(self) -> QuerySet[Any]:
        return narrators_with_counts()

    @action(detail=True, methods=["get"])
    def books(self, request: Request, pk: int) -> HttpResponseBase:
        """The books that the narrator reads, by title."""
        self.get_object()
        links = BookNarrator.objects.filter(narrator_id=pk).order_by().values("book_id")
        return self.book_page(active_unless_asked(request, Book.objects.filter(pk__in=links)))
