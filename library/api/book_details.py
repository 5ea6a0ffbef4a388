"""One book in full: its copies, recordings, where each field came from, and why it is not here."""

from types import SimpleNamespace
from typing import Any

import orjson
from django.db.models import BigIntegerField, OuterRef, QuerySet
from rest_framework import serializers

from config.prepared import Prepared, Reading, Slot
from library.api.book_rows import COLUMNS, TEXTS, BookSerializer, PersonSerializer, show_row, with_nested
from library.models import (
    Book,
    Copy,
    Exclusion,
    FieldSource,
    Gap,
    Recording,
    RecordingIdentifier,
)
from library.models.json_rows import JsonRows
from library.services.completeness import missing_fields


class CopySerializer(serializers.Serializer[Any]):
    """A book on the shelf. `missing`: it was not seen any more."""

    id = serializers.IntegerField()
    root = serializers.CharField(help_text="The name of the library root.")  # type: ignore[assignment]
    path = serializers.CharField()
    abs_item_id = serializers.CharField()
    title = serializers.CharField()
    codec = serializers.CharField()
    bitrate_kbps = serializers.IntegerField(allow_null=True)
    duration_seconds = serializers.FloatField(allow_null=True)
    size_bytes = serializers.IntegerField()
    file_count = serializers.IntegerField()
    chapter_count = serializers.IntegerField()
    match_state = serializers.CharField(help_text="pending, certain, review, none or user.")
    missing = serializers.BooleanField()


class IdentifierSerializer(serializers.Serializer[Any]):
    scheme = serializers.CharField()
    value = serializers.CharField()
    region = serializers.CharField()


class RecordingSerializer(serializers.Serializer[Any]):
    """One audio edition."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    narrators = PersonSerializer(many=True)
    language = serializers.CharField()
    is_abridged = serializers.BooleanField(allow_null=True)
    is_dramatised = serializers.BooleanField(allow_null=True)
    publisher = serializers.CharField()
    release_date = serializers.DateField(allow_null=True)
    runtime_seconds = serializers.IntegerField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    identifiers = IdentifierSerializer(many=True)


class FieldSourceSerializer(serializers.Serializer[Any]):
    """Where a field's value came from; a locked one is never changed by a provider."""

    field = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    set_at = serializers.DateTimeField()
    is_locked = serializers.BooleanField()


class BookGapSerializer(serializers.Serializer[Any]):
    """A row of the gap report about this book."""

    id = serializers.IntegerField()
    series_id = serializers.IntegerField(allow_null=True)
    author_id = serializers.IntegerField(allow_null=True)
    position = serializers.CharField()
    entry_class = serializers.CharField()
    reason = serializers.CharField()
    explanation = serializers.CharField()
    counts = serializers.BooleanField()
    is_wanted = serializers.BooleanField()


class BookDetailSerializer(BookSerializer):
    """One book in full."""

    description = serializers.CharField()
    genres = serializers.ListField(child=serializers.CharField())
    missing_fields = serializers.ListField(
        child=serializers.CharField(), help_text="Empty fields that could be filled."
    )
    copies = CopySerializer(many=True)
    recordings = RecordingSerializer(many=True)
    provenance = FieldSourceSerializer(many=True)
    gaps = BookGapSerializer(many=True)
    is_excluded = serializers.BooleanField(help_text="A user said that it is not wanted.")
    why_not_here = serializers.CharField(allow_null=True, help_text="In words; null when it is on the shelf.")
    metadata_checked_at = serializers.DateTimeField(allow_null=True)
    corrected_at = serializers.DateTimeField(allow_null=True)


_OF_BOOK = {"book": OuterRef("pk")}
_GAP_NAMES = (
    "id", "series_id", "author_id", "position", "entry_class", "reason", "explanation", "counts", "is_wanted",
)  # fmt: skip
DETAILS = {
    "copies_json": JsonRows(
        Copy.objects.filter(**_OF_BOOK).order_by("id"),
        {
            "id": "id", "root": "root__name", "path": "path", "abs_item_id": "abs_item_id", "title": "title",
            "codec": "codec", "bitrate_kbps": "bitrate_kbps", "duration_seconds": "duration_seconds",
            "size_bytes": "size_bytes", "file_count": "file_count", "chapter_count": "chapter_count",
            "match_state": "match_state", "missing": "missing_since",
        },
    ),
    "sources_json": JsonRows(
        FieldSource.objects.filter(**_OF_BOOK).order_by("field"),
        {name: name for name in ("field", "source", "set_at", "is_locked")},
        frozenset({"is_locked"}),
    ),
    "gaps_json": JsonRows(
        Gap.objects.filter(**_OF_BOOK, closed_at=None).order_by("id"),
        {name: name for name in _GAP_NAMES},
        frozenset({"counts", "is_wanted"}),
    ),
    "recordings_json": JsonRows(
        Recording.objects.filter(**_OF_BOOK).order_by("id"),
        {
            "id": "id", "title": "title", "language": "language", "is_abridged": "is_abridged",
            "is_dramatised": "is_dramatised", "publisher": "publisher", "release_date": "release_date",
            "runtime_seconds": "runtime_seconds", "source": "source",
            "narrators": JsonRows(
                Recording.narrators.through.objects.filter(recording=OuterRef("pk")).order_by("id"),
                {"id": "narrator_id", "name": "narrator__name"},
            ),
            "identifiers": JsonRows(
                RecordingIdentifier.objects.filter(recording=OuterRef("pk")).order_by("scheme", "value"),
                {name: name for name in ("scheme", "value", "region")},
            ),
        },
        frozenset({"is_abridged", "is_dramatised"}),
    ),
    "exclusion_json": JsonRows(Exclusion.objects.filter(**_OF_BOOK), {"reason": "reason"}),
}  # fmt: skip


OWN = ("description", "genres", "metadata_checked_at", "corrected_at")


def with_details(books: QuerySet[Book]) -> "QuerySet[Book, dict[str, Any]]":
    """Rows with all that `show_detail` needs, in one statement."""
    return with_nested(books).annotate(**DETAILS).order_by().values(*COLUMNS, *OWN, *TEXTS, *DETAILS)


DETAIL = Prepared(lambda: with_details(Book.objects.filter(pk=Slot("pk", BigIntegerField()))))


def detail_of(pk: int) -> Reading | None:
    """What `show_detail` shows of the book with this id; None for ids that no database can hold."""
    return Reading(DETAIL, pk=pk) if pk <= BigIntegerField.MAX_BIGINT else None


def show_detail(reading: Reading | None) -> dict[str, Any] | None:
    """The book as `BookDetailSerializer` says, if there is one."""
    book = reading.row() if reading else None
    return _shown(book) if book else None


def _shown(book: dict[str, Any]) -> dict[str, Any]:
    row = show_row(book)
    row["is_owned"] = bool(row["is_owned"])
    copies = orjson.loads(book["copies_json"])
    for copy in copies:
        copy["missing"] = copy["missing"] is not None
    recordings = orjson.loads(book["recordings_json"])
    for recording in recordings:
        recording["narrators"] = orjson.loads(recording["narrators"])
        recording["identifiers"] = orjson.loads(recording["identifiers"])
    sources = orjson.loads(book["sources_json"])
    for source in sources:
        source["set_at"] = _moment(source["set_at"])
    gaps, exclusion = orjson.loads(book["gaps_json"]), orjson.loads(book["exclusion_json"])
    return {
        **row,
        "description": book["description"],
        "genres": book["genres"],
        "missing_fields": missing_fields(
            SimpleNamespace(**book), has_authors=bool(row["authors"]), has_narrators=bool(row["narrators"])
        ),
        "copies": copies,
        "recordings": recordings,
        "provenance": sources,
        "gaps": gaps,
        "is_excluded": bool(exclusion),
        "why_not_here": _why_not_here(row, gaps, exclusion),
        "metadata_checked_at": book["metadata_checked_at"],
        "corrected_at": book["corrected_at"],
    }


def _moment(text: str) -> str:
    """A moment as databases write it into JSON, in our form."""
    return text.replace(" ", "T").removesuffix("+00:00").removesuffix("Z") + "Z"


def _why_not_here(row: dict[str, Any], gaps: list[dict[str, Any]], exclusion: list[dict[str, Any]]) -> str | None:
    if row["is_owned"]:
        return None
    if exclusion:
        reason = exclusion[0]["reason"]
        return f"Excluded by a user: {reason}" if reason else "Excluded by a user."
    if gaps:
        return str(gaps[0]["explanation"])
    if row["status"] != "active":
        return f"It is {row['status']}, so it is not looked for."
    if row["series_entries"]:
        return "Its series was not analysed since it was added; the next gap analysis says more."
    return "It is in no series, and none of its authors is followed."


__all__ = ["BookDetailSerializer", "detail_of", "show_detail", "with_details"]
