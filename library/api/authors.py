"""`/api/authors/`."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.filter_fields import FlagFilter, WholeNumberFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet
from library.api.book_filters import BookFilters, active_unless_asked
from library.api.book_rows import BookPages, BookSerializer
from library.api.books import ORDERINGS as BOOK_ORDERINGS
from library.api.fields import COMPLETION, CompletionFields, FollowInput, PersonField
from library.api.series import CompletionTotalsSerializer, catalogue_words
from library.models import Author, Book, BookAuthor, CompletionStatus, Follow, Series, SeriesEntry
from library.services.authors import add_author, books_of_author, change_author, delete_author, favourite_authors
from library.services.reports import completion_summary
from library.services.series import recalculate_author

COLUMNS = (
    "id", "name", "sort_name", "follow", "followed_at", "is_favorite", "total_books", "identifiers",
    "catalogue_checked_at", "created_at", "updated_at", *COMPLETION,
)  # fmt: skip
BOOKS_SHOWN = 200


class AuthorInput(FollowInput):
    name = PersonField()
    is_favorite = serializers.BooleanField(required=False)


class AuthorSerializer(CompletionFields):
    """An author in lists."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    sort_name = serializers.CharField(help_text="As a shelf sorts it: `Tolkien, J.R.R.`")
    follow = serializers.CharField(help_text="none, all or from_now.")
    followed_at = serializers.DateTimeField(allow_null=True)
    is_favorite = serializers.BooleanField()
    total_books = serializers.IntegerField(allow_null=True, help_text="As said by a user or a provider.")
    identifiers = serializers.DictField(child=serializers.CharField())
    catalogue_checked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class AuthorSeriesSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    owned_count = serializers.IntegerField()
    missing_count = serializers.IntegerField()
    completion_percentage = serializers.IntegerField(allow_null=True)


class AuthorBookSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    title = serializers.CharField()
    published_year = serializers.IntegerField(allow_null=True)
    is_owned = serializers.BooleanField()


class AuthorDetailSerializer(AuthorSerializer):
    aliases = serializers.ListField(child=serializers.CharField(), help_text="Other names, such as pen names.")
    series = AuthorSeriesSerializer(many=True)
    books = AuthorBookSerializer(
        many=True, help_text=f"By title, at most {BOOKS_SHOWN}; /api/authors/{{id}}/books/ lists all."
    )
    book_count = serializers.IntegerField()


class AuthorCompletionSerializer(CompletionFields):
    id = serializers.IntegerField()
    name = serializers.CharField()
    series = AuthorSeriesSerializer(many=True)


class AuthorRecalculatedSerializer(AuthorSerializer):
    catalogue = serializers.DictField(help_text="What the providers said: found, books_created, errors, refused.")


class FavoritesQuery(StrictSerializer):
    min_books = serializers.IntegerField(min_value=1, max_value=1_000_000, default=2)


class AuthorFilters(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains")
    completion_status = django_filters.MultipleChoiceFilter(choices=CompletionStatus.choices)
    follow = django_filters.MultipleChoiceFilter(choices=Follow.choices)
    is_favorite = FlagFilter()
    min_owned = WholeNumberFilter(field_name="owned_count", lookup_expr="gte", least=0, most=1_000_000)
    min_completion = WholeNumberFilter(field_name="completion_percentage", lookup_expr="gte", least=0, most=100)
    max_completion = WholeNumberFilter(field_name="completion_percentage", lookup_expr="lte", least=0, most=100)


ORDERINGS = {
    "name": "sort_name",
    "completion_percentage": "completion_percentage",
    "missing_count": "missing_count",
    "owned_count": "owned_count",
    "created_at": "created_at",
    "updated_at": "updated_at",
}


class RemovedAuthorSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class AuthorViewSet(BookPages, CrudViewSet):  # type: ignore[misc]
    """Authors with their maintained completion."""

    queryset = Author.objects.filter(merged_into=None)
    serializer_class = AuthorSerializer
    answers = {
        "retrieve": AuthorDetailSerializer,
        "books": BookSerializer,
        "completion": AuthorCompletionSerializer,
        "completion_summary": CompletionTotalsSerializer,
        "recalculate_completion": AuthorRecalculatedSerializer,
        "destroy": RemovedAuthorSerializer,
    }
    inputs = {"create": AuthorInput, "update": AuthorInput}
    queries = {"favorites": FavoritesQuery}
    lists = frozenset({"books", "favorites"})
    book_lists = frozenset({"books"})
    filterset_class = AuthorFilters
    filtersets = {"books": BookFilters}
    ordering_fields = ORDERINGS
    ordering = ("name",)
    orderings = {
        "list": (ORDERINGS, ("name",)),
        "books": (BOOK_ORDERINGS, ("title",)),
        "favorites": ({**ORDERINGS, "is_favorite": "is_favorite"}, ("-is_favorite", "-owned_count")),
    }

    def get_queryset(self) -> QuerySet[Author]:
        return Author.objects.filter(merged_into=None)

    def present(self, value: Any, *, many: bool = False) -> Any:
        if many and self.verb in self.book_lists:
            return super().present(value, many=True)
        if many:
            return [{name: row[name] for name in COLUMNS} for row in value]
        if not isinstance(value, Author):
            return super().present(value)
        shown = {name: getattr(value, name) for name in COLUMNS}
        return {**shown, **_details(value)} if self.verb == "retrieve" else shown

    def _page_rows(self, rows: QuerySet[Any]) -> HttpResponseBase:
        return self.page(rows.values(*COLUMNS))

    def list(self, request: Request) -> HttpResponseBase:
        return self._page_rows(self.get_queryset())

    def create_row(self, data: dict[str, Any]) -> Author:
        return add_author(values=data, now=timezone.now())

    def change_row(self, author: Author, data: dict[str, Any]) -> Author:
        return change_author(author=author, values=data, now=timezone.now())

    def remove_row(self, author: Author) -> dict[str, Any]:
        return delete_author(author=author)

    @action(detail=True, methods=["get"])
    def books(self, request: Request, pk: int) -> HttpResponseBase:
        """The author's books, by title."""
        self.get_object()
        links = BookAuthor.objects.filter(author_id=pk).order_by().values("book_id")
        return self.book_page(active_unless_asked(request, Book.objects.filter(pk__in=links)))

    @action(detail=True, methods=["get"])
    def completion(self, request: Request, pk: int) -> Response:
        """The figures of one author, with those of each series."""
        author = self.get_object()
        shown = {name: getattr(author, name) for name in ("id", "name", *COMPLETION)}
        return self.answer({**shown, "series": _series_of(author)})

    @action(detail=False, methods=["get"])
    def favorites(self, request: Request) -> HttpResponseBase:
        """Those who are marked, and those with at least `min_books` books on the shelf; the marked first."""
        return self._page_rows(favourite_authors(min_books=self.query["min_books"]))

    @action(detail=False, methods=["get"], url_path="completion-summary")
    def completion_summary(self, request: Request) -> Response:
        """Totals over all authors."""
        return self.answer(completion_summary(Author))

    @action(detail=True, methods=["put"], url_path="recalculate-completion")
    def recalculate_completion(self, request: Request, pk: int) -> Response:
        """Ask the catalogue providers about the author and their series now, and recount them."""
        author = self.get_object()
        result = recalculate_author(author=author, now=timezone.now())
        shown = {name: getattr(author, name) for name in COLUMNS}
        return self.answer({**shown, "catalogue": catalogue_words(result)})


def _series_of(author: Author) -> list[dict[str, Any]]:
    """The author's own series, and those in which books of theirs stand."""
    entries = SeriesEntry.objects.filter(book__book_authors__author=author).order_by().values("series_id")
    rows = Series.objects.filter(merged_into=None).filter(author=author) | Series.objects.filter(
        merged_into=None, pk__in=entries
    )
    return list[dict[str, Any]](
        rows.order_by("sort_name", "id").values("id", "name", "owned_count", "missing_count", "completion_percentage")
    )


def _details(author: Author) -> dict[str, Any]:
    books = books_of_author(author)
    shown = list(
        books.order_by("sort_title", "id").values("id", "title", "published_year", "is_owned")[: BOOKS_SHOWN + 1]
    )
    return {
        "aliases": list(author.aliases.order_by("name", "id").values_list("name", flat=True)),
        "series": _series_of(author),
        "books": shown[:BOOKS_SHOWN],
        "book_count": len(shown) if len(shown) <= BOOKS_SHOWN else books.count(),
    }
