"""How books are shown: one statement for a page of them, with authors, narrators and places in series.

Lists select only ids and the fields that they are ordered by, which indexes answer however deep the page lies; the rows
of the page are then read at once. The shapes of answers are built by hand, because per-row serializer work costs more
than the database; the serializers state them for the schema.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db.models import OuterRef, QuerySet
from rest_framework import serializers

from config.api.renderers import FastJSONRenderer
from config.prepared import IsOneOf, Prepared
from library.models import Book, BookAuthor, BookNarrator, SeriesEntry
from library.models.json_rows import JsonRows

COLUMNS = (
    "id", "title", "subtitle", "kind", "status", "language", "publisher", "published_year", "release_date", "isbn",
    "asin", "abs_id", "duration_seconds", "cover_url", "import_source", "is_owned", "completeness", "created_at",
    "updated_at",
)  # fmt: skip
NESTED = {
    "authors": JsonRows(
        BookAuthor.objects.filter(book=OuterRef("pk")).order_by("order", "id"),
        {"id": "author_id", "name": "author__name"},
    ),
    "narrators": JsonRows(
        BookNarrator.objects.filter(book=OuterRef("pk")).order_by("order", "id"),
        {"id": "narrator_id", "name": "narrator__name"},
    ),
    "series_entries": JsonRows(
        SeriesEntry.objects.filter(book=OuterRef("pk")).order_by("-is_primary", "id"),
        {"series_id": "series_id", "series": "series__name", "position": "label", "is_primary": "is_primary"},
        frozenset({"is_primary"}),
    ),
}
TEXTS = tuple(f"{name}_json" for name in NESTED)


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class PlaceSerializer(serializers.Serializer[Any]):
    """A book's place in a series."""

    series_id = serializers.IntegerField()
    series = serializers.CharField(help_text="The name of the series.")
    position = serializers.CharField(help_text="As printed: `2`, `2.5`, `1-3`, or empty.")
    is_primary = serializers.BooleanField()


class BookSerializer(serializers.Serializer[Any]):
    """A book in lists."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    subtitle = serializers.CharField()
    author = serializers.CharField(help_text="The names of its authors in one text.")
    authors = PersonSerializer(many=True)
    narrators = PersonSerializer(many=True)
    series = serializers.CharField(allow_null=True, help_text="The name of its primary series.")
    series_number = serializers.CharField(allow_null=True, help_text="Its position there, as printed.")
    series_entries = PlaceSerializer(many=True)
    kind = serializers.CharField(help_text="novel, novella, short, collection, omnibus, part or guide.")
    status = serializers.CharField(help_text="active, duplicate or archived.")
    is_owned = serializers.BooleanField(help_text="A copy is on the shelf.")
    language = serializers.CharField()
    publisher = serializers.CharField()
    published_year = serializers.IntegerField(allow_null=True)
    release_date = serializers.DateField(allow_null=True)
    duration_minutes = serializers.IntegerField(allow_null=True)
    isbn = serializers.CharField()
    asin = serializers.CharField()
    abs_id = serializers.CharField()
    cover_url = serializers.CharField()
    import_source = serializers.CharField()
    completeness = serializers.IntegerField(help_text="Of its metadata, 0 to 100.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def with_nested(books: QuerySet[Book]) -> QuerySet[Book]:
    """With the texts of `NESTED` as annotations."""
    return books.annotate(**{f"{name}_json": found for name, found in NESTED.items()})


PAGE = Prepared(
    lambda: with_nested(Book.objects.filter(IsOneOf("pk", "ids")).order_by()).values(*COLUMNS, *TEXTS),
)


def page_keys(view: Any, books: QuerySet[Any]) -> QuerySet[Any]:
    """Only what paging needs: the ids, and the fields of the order, which a cursor carries."""
    fields = [field for field, _ in view.order_terms(view.request) if field != "pk"]
    return books.values("id", *fields)


def show_page(view: Any, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The books of a page of keys, in its order."""
    ids = [row["id"] for row in keys]
    found = {row["id"]: row for row in PAGE.rows(ids=ids)}
    read = orjson.Fragment if writes_json(view) else orjson.loads
    return [show_row(found[pk], read) for pk in ids if pk in found]


def writes_json(view: Any) -> bool:
    """Whether the answer goes to orjson, which takes JSON texts as they are."""
    return isinstance(getattr(view.request, "accepted_renderer", None), FastJSONRenderer)


def show_row(row: dict[str, Any], read: Any = orjson.loads) -> dict[str, Any]:
    """A row of COLUMNS and TEXTS as `BookSerializer` says. `read` makes what is nested of its JSON text."""
    authors = orjson.loads(row["authors_json"])
    entries = orjson.loads(row["series_entries_json"])
    primary = entries[0] if entries else None
    seconds = row["duration_seconds"]
    return {
        "id": row["id"],
        "title": row["title"],
        "subtitle": row["subtitle"],
        "author": ", ".join([author["name"] for author in authors]),
        "authors": authors,
        "narrators": read(row["narrators_json"]),
        "series": primary["series"] if primary else None,
        "series_number": primary["position"] or None if primary else None,
        "series_entries": entries,
        "kind": row["kind"],
        "status": row["status"],
        "is_owned": row["is_owned"],
        "language": row["language"],
        "publisher": row["publisher"],
        "published_year": row["published_year"],
        "release_date": row["release_date"],
        "duration_minutes": None if seconds is None else round(seconds / 60),
        "isbn": row["isbn"],
        "asin": row["asin"],
        "abs_id": row["abs_id"],
        "cover_url": row["cover_url"],
        "import_source": row["import_source"],
        "completeness": row["completeness"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


class BookPages:
    """For views whose lists show books: `book_page(queryset)` answers a page of them."""

    book_lists: frozenset[str] = frozenset()

    def book_page(self: Any, books: QuerySet[Any]) -> Any:
        return self.page(page_keys(self, books))

    def present(self: Any, value: Any, *, many: bool = False) -> Any:
        if many and self.verb in self.book_lists:
            return show_page(self, value)
        return super().present(value, many=many)  # type: ignore[misc]
