"""`/api/books/`."""

from functools import cached_property
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet, etag
from config.errors import NotFoundError
from config.prepared import Reading
from library.api.book_details import BookDetailSerializer, detail_of, show_detail
from library.api.book_filters import BookFilters, active_unless_asked
from library.api.book_inputs import BookChanges, BookInput, as_edit
from library.api.book_rows import BookPages, BookSerializer, show_page
from library.api.corrections import CorrectionSerializer
from library.api.fields import NOT_BLANK, caller
from library.domain.corrections import FIELDS
from library.models import Book
from library.services.books import add_book, archive_book, change_book
from library.services.metadata_history import book_history, set_field_source
from library.services.reports import books_of_series_name, missing_fields_of
from library.services.search import search_books

ORDERINGS = {
    "title": "sort_title",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "published_year": "published_year",
    "release_date": "release_date",
    "completeness": "completeness",
    "duration": "duration_seconds",
}


class SearchQuery(StrictSerializer):
    query = serializers.CharField(min_length=1, max_length=200, validators=[NOT_BLANK])
    limit = serializers.IntegerField(min_value=1, max_value=100, default=10)
    offset = serializers.IntegerField(min_value=0, max_value=100_000, default=0)


class ThresholdQuery(StrictSerializer):
    threshold = serializers.IntegerField(min_value=0, max_value=100, default=80)


class PageInfoSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True, help_text="Always null: the best matches have no cursor.")
    next = serializers.CharField(allow_null=True)


class FoundBookSerializer(BookSerializer):
    score = serializers.FloatField(help_text="How well it fits; for comparing within one answer.")


class SearchAnswerSerializer(serializers.Serializer[Any]):
    items = FoundBookSerializer(many=True)
    total = serializers.IntegerField()
    page_info = PageInfoSerializer()


class IncompleteBookSerializer(BookSerializer):
    missing_fields = serializers.ListField(child=serializers.CharField())


class FieldSourceInput(StrictSerializer):
    field_name = serializers.ChoiceField(FIELDS)  # type: ignore[assignment]
    source = serializers.CharField(max_length=60, validators=[NOT_BLANK])  # type: ignore[assignment]


class FieldSourceAnswer(serializers.Serializer[Any]):
    book_id = serializers.IntegerField()
    field_name = serializers.CharField(source="field")  # type: ignore[assignment]
    source = serializers.CharField()  # type: ignore[assignment]
    set_at = serializers.DateTimeField()
    is_locked = serializers.BooleanField()


class BookViewSet(BookPages, CrudViewSet):  # type: ignore[misc]
    """Books: the works, whether on the shelf or not."""

    queryset = Book.objects.all()
    serializer_class = BookSerializer
    tiers = {"search": "search", "metadata_source": "metadata"}
    answers = {
        "retrieve": BookDetailSerializer,
        "create": BookDetailSerializer,
        "update": BookDetailSerializer,
        "destroy": BookDetailSerializer,
        "search": SearchAnswerSerializer,
        "incomplete_metadata": IncompleteBookSerializer,
        "metadata_history": CorrectionSerializer,
        "metadata_source": FieldSourceAnswer,
    }
    inputs = {"create": BookInput, "update": BookChanges, "metadata_source": FieldSourceInput}
    queries = {"search": SearchQuery, "incomplete_metadata": ThresholdQuery}
    lists = frozenset({"incomplete_metadata", "metadata_history", "by_series"})
    short = frozenset({"list", "retrieve", "search"})
    book_lists = frozenset({"list", "incomplete_metadata", "by_series"})
    filterset_class = BookFilters
    ordering_fields = ORDERINGS
    ordering = ("-created_at",)
    orderings = {
        "list": (ORDERINGS, ("-created_at",)),
        "incomplete_metadata": (ORDERINGS, ("completeness",)),
        "metadata_history": (("created_at", "field", "source"), ("-created_at",)),
        "by_series": ({**ORDERINGS, "position": "place"}, ("place",)),
    }

    @cached_property
    def reading(self) -> Reading | None:
        return detail_of(self.kwargs["pk"]) if self.verb == "retrieve" else None

    def present(self, value: Any, *, many: bool = False) -> Any:
        if isinstance(value, Book):
            return show_detail(detail_of(value.pk))
        shown = super().present(value, many=many)
        if many and self.verb == "incomplete_metadata":
            missing = missing_fields_of([row["id"] for row in shown])
            shown = [{**row, "missing_fields": missing[row["id"]]} for row in shown]
        return shown

    def list(self, request: Request) -> HttpResponseBase:
        return self.book_page(active_unless_asked(request, Book.objects.all()))

    def retrieve(self, request: Request, pk: int) -> Response:
        shown = show_detail(self.reading)
        if shown is None:
            raise self.not_found()
        return Response(shown, headers=etag(pk, shown["updated_at"]))

    def create_row(self, data: dict[str, Any]) -> Book:
        return add_book(edit=as_edit(data), user=caller(self.request), now=timezone.now())

    def change_row(self, book: Book, data: dict[str, Any]) -> Book:
        return change_book(book=book, edit=as_edit(data), user=caller(self.request), now=timezone.now())

    def remove_row(self, book: Book) -> Book:
        archive_book(book=book, user=caller(self.request), now=timezone.now())
        return self.get_object()

    @action(detail=False, methods=["get"])
    def search(self, request: Request) -> Response:
        """The best matches over title, subtitle, authors, series and narrators; accents and case do not matter, and the
        last word may be unfinished. Archived books are left out."""
        query = self.query
        found = search_books(text=query["query"], limit=query["limit"], offset=query["offset"])
        shown = show_page(self, [{"id": hit.book_id} for hit in found.hits])
        scores = {hit.book_id: hit.score for hit in found.hits}
        has_more = query["offset"] + len(found.hits) < found.total
        following = None
        if has_more:
            params = request.query_params.copy()
            params["offset"] = str(query["offset"] + query["limit"])
            following = f"{request.path}?{params.urlencode()}"
        info = {"limit": query["limit"], "offset": query["offset"], "has_more": has_more, "next_cursor": None}
        items = [{**row, "score": scores[row["id"]]} for row in shown]
        return Response({"items": items, "total": found.total, "page_info": {**info, "next": following}})

    @action(detail=False, methods=["get"], url_path="incomplete-metadata")
    def incomplete_metadata(self, request: Request) -> HttpResponseBase:
        """Books whose completeness is under the threshold, the worst first."""
        return self.book_page(Book.objects.active().filter(completeness__lt=self.query["threshold"]))

    @action(detail=True, methods=["get"], url_path="metadata-history")
    def metadata_history(self, request: Request, pk: int) -> HttpResponseBase:
        """Every correction of the book, newest first."""
        return self.page(book_history(self.get_object()))

    @action(detail=False, methods=["get"], url_path="series/<path:series_name>")
    def by_series(self, request: Request, series_name: str) -> HttpResponseBase:
        """The active books of the series with this name (or alias, in any spelling), in series order."""
        books = books_of_series_name(series_name)
        if books is None:
            raise NotFoundError(
                f"There is no series named {series_name[:100]!r}.",
                context={"resource": "series", "id": series_name[:100]},
            )
        return self.book_page(books)

    @action(detail=True, methods=["put"], url_path="metadata-source")
    def metadata_source(self, request: Request, pk: int) -> Response:
        """Record where a field's value came from."""
        book, body = self.get_object(), self.body
        row = set_field_source(
            book=book, field=body["field_name"], source=body["source"], now=timezone.now(), user=caller(request)
        )
        return self.answer(row)
