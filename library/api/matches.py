"""`/api/matches/`: copies of which it is not certain which book they are."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.filter_fields import IdFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import ReadOnlyViewSet
from config.errors import ValidationError
from library.api.fields import caller
from library.models import Book, BookAuthor, Copy, MatchState
from library.services.matching_review import decide_match


class MatchBookSerializer(serializers.Serializer[Any]):
    """A book that the copy may be."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    authors = serializers.ListField(child=serializers.CharField())
    published_year = serializers.IntegerField(allow_null=True)
    language = serializers.CharField()
    duration_seconds = serializers.IntegerField(allow_null=True)


class MatchSerializer(serializers.Serializer[Any]):
    """A copy, the book that it is taken for, and the others that it may be."""

    id = serializers.IntegerField()
    root = serializers.CharField()  # type: ignore[assignment]
    path = serializers.CharField()
    title = serializers.CharField()
    authors = serializers.ListField(child=serializers.CharField())
    narrators = serializers.ListField(child=serializers.CharField())
    series = serializers.ListField(child=serializers.DictField())
    asin = serializers.CharField()
    isbn = serializers.CharField()
    language = serializers.CharField()
    duration_seconds = serializers.FloatField(allow_null=True)
    match_state = serializers.CharField(help_text="pending, certain, review, none or user.")
    score = serializers.FloatField(allow_null=True)
    reasons = serializers.ListField(child=serializers.CharField())
    book = MatchBookSerializer(allow_null=True, help_text="The book that it is taken for now.")
    candidates = MatchBookSerializer(many=True)
    matched_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()


class DecisionInput(StrictSerializer):
    book_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class MatchFilters(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(
        field_name="match_state", choices=MatchState.choices, help_text="Default: review."
    )
    root = IdFilter(field_name="root_id", help_text="Id of the library root.")
    book = IdFilter(field_name="book_id")


class MatchViewSet(ReadOnlyViewSet):
    """Copies and the books that they are; those to be reviewed first of all."""

    queryset = Copy.objects.select_related("root")
    serializer_class = MatchSerializer
    inputs = {"decide": DecisionInput}
    filterset_class = MatchFilters
    ordering_fields = {"title": "title", "score": "match_score", "matched_at": "matched_at", "created_at": "created_at"}
    ordering = ("title",)

    def get_queryset(self) -> QuerySet[Copy]:
        return Copy.objects.select_related("root")

    def list(self, request: Request) -> HttpResponseBase:
        copies = self.get_queryset()
        return self.page(copies if request.query_params.get("state") else copies.filter(match_state=MatchState.REVIEW))

    def present(self, value: Any, *, many: bool = False) -> Any:
        rows = value if many else [value]
        if not all(isinstance(row, Copy) for row in rows):
            return super().present(value, many=many)
        shown = _show(rows)
        return shown if many else shown[0]

    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: int) -> Response:
        """The copy is this book; nothing overrides it."""
        copy = self.get_object()
        book = Book.objects.filter(pk=self.body["book_id"]).first()
        if book is None:
            raise ValidationError("There is no such book.", fields={"book_id": "is not the id of a book"})
        decide_match(copy=copy, book=book, user=caller(request), now=timezone.now())
        return self.answer(self.get_object())

    @action(detail=True, methods=["post"])
    def reject(self, request: Request, pk: int) -> Response:
        """The copy stays the book that it is taken for; no candidate is meant, and it is not asked again."""
        decide_match(copy=self.get_object(), book=None, user=caller(request), now=timezone.now())
        return self.answer(self.get_object())


def _show(copies: Sequence[Copy]) -> list[dict[str, Any]]:
    ids = {pk for copy in copies for pk in (copy.book_id, *copy.match_candidates) if pk}
    names: dict[int, list[str]] = {}
    for book_id, name in (
        BookAuthor.objects.filter(book_id__in=ids).order_by("order", "id").values_list("book_id", "author__name")
    ):
        names.setdefault(book_id, []).append(name)
    books = {
        row["id"]: {**row, "authors": names.get(row["id"], [])}
        for row in Book.objects.filter(pk__in=ids).values(
            "id", "title", "published_year", "language", "duration_seconds"
        )
    }
    return [
        {
            "id": copy.pk,
            "root": copy.root.name,
            "path": copy.path,
            "title": copy.title,
            "authors": copy.authors,
            "narrators": copy.narrators,
            "series": copy.series,
            "asin": copy.asin,
            "isbn": copy.isbn,
            "language": copy.language,
            "duration_seconds": copy.duration_seconds,
            "match_state": copy.match_state,
            "score": copy.match_score,
            "reasons": copy.match_reasons,
            "book": books.get(copy.book_id) if copy.book_id else None,
            "candidates": [books[pk] for pk in copy.match_candidates if pk in books],
            "matched_at": copy.matched_at,
            "updated_at": copy.updated_at,
        }
        for copy in copies
    ]
