"""`/api/imports/`: what was filed into the library, what waits for a person, and taking it back."""

from typing import Any

import django_filters
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.downloads import (
    DownloadDetailSerializer,
    DownloadFilters,
    DownloadSerializer,
    ImportCheckSerializer,
)
from acquisition.api.releases import existing_book
from acquisition.api.shapes import BookRefSerializer, book_ref, check_row
from acquisition.domain.states import DownloadState
from acquisition.models import Download, ImportRecord, ImportStatus
from acquisition.services.reviewing import assign_book, overrule_import
from acquisition.services.settling import undo_import
from acquisition.services.steering import name_of
from config.api.filter_fields import BIGGEST_ID, FlagFilter, IdFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import ReadOnlyViewSet
from config.errors import NotFoundError
from library.models import Book


class ImportFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=ImportStatus.choices)
    book = IdFilter(field_name="book_id", help_text="An id.")
    download = IdFilter(field_name="download_id")
    root = django_filters.CharFilter(field_name="root__name", help_text="The name of a library root.")
    is_confirmed = FlagFilter(
        field_name="confirmed_at", lookup_expr="isnull", exclude=True, help_text="Seen by Audiobookshelf."
    )
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class ImportSerializer(serializers.ModelSerializer[ImportRecord]):
    book = serializers.SerializerMethodField()
    download_id = serializers.IntegerField(allow_null=True, read_only=True)
    root = serializers.CharField(source="root.name", read_only=True)
    copy_id = serializers.IntegerField(allow_null=True, read_only=True)
    file_count = serializers.SerializerMethodField()
    size_bytes = serializers.SerializerMethodField()

    class Meta:
        model = ImportRecord
        fields = (
            "id", "status", "book", "download_id", "root", "target_path", "copy_id", "method", "file_count",
            "size_bytes", "error_message", "confirmed_at", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(BookRefSerializer(allow_null=True))
    def get_book(self, record: ImportRecord) -> Any:
        return book_ref(record.book) if record.book else None

    def get_file_count(self, record: ImportRecord) -> int:
        return len(record.files)

    def get_size_bytes(self, record: ImportRecord) -> int:
        return sum(int(file.get("size_bytes") or 0) for file in record.files)


class ImportedFileSerializer(serializers.Serializer[Any]):
    target = serializers.CharField(help_text="Relative to the book's folder.")
    size_bytes = serializers.IntegerField()


class ImportDetailSerializer(ImportSerializer):
    files = serializers.SerializerMethodField()
    checks = serializers.SerializerMethodField()
    replaced = serializers.ListField(read_only=True, help_text="What went to the recycle bin.")

    class Meta(ImportSerializer.Meta):
        fields = (*ImportSerializer.Meta.fields, "source_path", "files", "checks", "replaced")
        read_only_fields = fields

    @extend_schema_field(ImportedFileSerializer(many=True))
    def get_files(self, record: ImportRecord) -> Any:
        return [{"target": str(f.get("target", "")), "size_bytes": int(f.get("size_bytes") or 0)} for f in record.files]

    @extend_schema_field(ImportCheckSerializer(many=True))
    def get_checks(self, record: ImportRecord) -> Any:
        return [check_row(row) for row in record.checks]


class PreviewCheckSerializer(ImportCheckSerializer):
    overruled = serializers.BooleanField(help_text="A person has overruled it already.")


class PreviewFileSerializer(serializers.Serializer[Any]):
    source = serializers.CharField(help_text="As it came.")
    target = serializers.CharField(help_text="Relative to the book's folder.")
    size_bytes = serializers.IntegerField()


class ImportPreviewSerializer(serializers.Serializer[Any]):
    """What the import of one book would do, as of the last look."""

    as_of = serializers.DateTimeField()
    book = BookRefSerializer()
    root = serializers.CharField()
    folder = serializers.CharField(help_text="Relative to the root.")
    checks = PreviewCheckSerializer(many=True)
    files = PreviewFileSerializer(many=True, help_text="The first 500.")
    file_count = serializers.IntegerField()
    joins_parts = serializers.BooleanField(help_text="The parts become one m4b.")
    replaces = serializers.ListField(child=serializers.CharField(), help_text="Copies that go to the recycle bin.")


class PreviewSerializer(serializers.Serializer[Any]):
    download_id = serializers.IntegerField()
    status = serializers.CharField()
    error_code = serializers.CharField()
    error_message = serializers.CharField()
    books = ImportPreviewSerializer(many=True)


class OverruleInput(StrictSerializer):
    reason = serializers.CharField(max_length=500)
    codes = serializers.ListField(
        child=serializers.CharField(max_length=60),
        max_length=50,
        required=False,
        help_text="The checks that are overruled; by default all that stand in its way.",
    )


class AssignInput(StrictSerializer):
    book_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID)

    def validate_book_id(self, identity: int) -> Book:
        return existing_book(identity)


def downloads() -> Any:
    return Download.objects.select_related("client", "created_by").prefetch_related("download_books__book")


class ImportViewSet(ReadOnlyViewSet):
    """Imports, newest first."""

    queryset = ImportRecord.objects.select_related("book", "root")
    serializer_class = ImportSerializer
    answers = {
        "retrieve": ImportDetailSerializer,
        "undo": ImportDetailSerializer,
        "review": DownloadSerializer,
        "preview": PreviewSerializer,
        "overrule": DownloadDetailSerializer,
        "assign": DownloadDetailSerializer,
    }
    inputs = {"overrule": OverruleInput, "assign": AssignInput}
    lists = frozenset({"review"})
    filterset_class = ImportFilters
    filtersets = {"review": DownloadFilters}
    ordering_fields = ("created_at", "finished_at", "target_path", "status")
    ordering = ("-created_at",)
    orderings = {"review": (("status_at", "title", "source", "created_at"), ("status_at",))}

    @action(detail=False)
    def review(self, request: Request) -> HttpResponseBase:
        """Downloads that came, and that a person must look at; the longest waiting first."""
        return self.page(downloads().filter(status=DownloadState.BLOCKED))

    @action(detail=False, url_path="review/<int:download_id>/preview")
    def preview(self, request: Request, download_id: int) -> Response:
        """What would be filed where, and every check with its reason. Importing again looks anew."""
        download = self._blocked(download_id)
        return self.answer(
            {
                "download_id": download.pk,
                "status": download.status,
                "error_code": download.error_code,
                "error_message": download.error_message,
                "books": list(download.preview.values()),
            }
        )

    @action(detail=False, methods=["post"], url_path="review/<int:download_id>/overrule")
    def overrule(self, request: Request, download_id: int) -> Response:
        """Import it although a check failed; the reason is kept."""
        download = self._blocked(download_id)
        codes, reason = self.body.get("codes") or [], self.body["reason"]
        overrule_import(download=download, codes=codes, reason=reason, user=request.user)
        return self.answer(self._blocked(download_id))

    @action(detail=False, methods=["post"], url_path="review/<int:download_id>/assign")
    def assign(self, request: Request, download_id: int) -> Response:
        """Say which book it is, and import it."""
        download = self._blocked(download_id)
        assign_book(download=download, book=self.body["book_id"], user=request.user, now=timezone.now())
        return self.answer(self._blocked(download_id))

    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: int) -> Response:
        """Take a finished import back: its files leave the library, what seeds stays, and the gap opens again."""
        record = self.get_object()
        undo_import(record=record, actor=name_of(request.user), now=timezone.now())
        return self.answer(self.get_object())

    def _blocked(self, download_id: int) -> Download:
        rows = downloads().select_related("release__indexer").filter(pk=min(download_id, BIGGEST_ID))
        found: Download | None = rows.first()
        if found is None:
            raise NotFoundError(f"No download has the id {str(download_id)[:30]}.", context={"resource": "download"})
        return found
