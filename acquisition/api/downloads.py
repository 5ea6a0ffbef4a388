"""`/api/downloads/`: what is on its way, from queue to shelf."""

from collections.abc import Callable
from typing import Any

import django_filters
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.shapes import BookRefSerializer, book_refs, check_row
from acquisition.domain.states import PENDING, SENTENCES, DownloadState
from acquisition.models import Download, DownloadEvent, ImportRecord, Release
from acquisition.services.adding import add_download
from acquisition.services.steering import (
    LONGEST_WAIT_DAYS,
    change_status,
    mark_complete,
    mark_failed,
    remove_download,
    retry_download,
)
from config.api.filter_fields import BIGGEST_ID, IdFilter
from config.api.schema import with_changes
from config.api.serializers import StrictSerializer
from config.api.viewsets import CreateMixin, ListMixin, ResourceViewSet, RetrieveMixin
from config.http import redact
from library.models import Book

EVENTS_SHOWN = 200


class DownloadFilters(django_filters.FilterSet):
    status = django_filters.MultipleChoiceFilter(choices=[(state.value, state.value) for state in DownloadState])
    source = django_filters.CharFilter(help_text="An indexer's name, or manual.")
    book = IdFilter(field_name="download_books__book", help_text="The id of a book.")
    client = django_filters.CharFilter(field_name="client__name", help_text="The name of a download client.")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class DownloadSerializer(serializers.ModelSerializer[Download]):
    status_text = serializers.SerializerMethodField(help_text="What the status means, and what happens next.")
    books = serializers.SerializerMethodField()
    release_id = serializers.IntegerField(allow_null=True, read_only=True)
    client = serializers.CharField(source="client.name", default=None, allow_null=True, read_only=True)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True, read_only=True)
    progress = serializers.FloatField(read_only=True, help_text="0 to 1.")
    error_message = serializers.SerializerMethodField(help_text="Why it is blocked or failed; empty when it is not.")

    class Meta:
        model = Download
        fields = (
            "id", "title", "author", "source", "status", "status_text", "books", "release_id", "client", "progress",
            "size_bytes", "downloaded_bytes", "speed_bytes", "eta_seconds", "attempts", "max_retries", "next_retry_at",
            "error_code", "error_message", "created_by", "created_at", "status_at", "grabbed_at", "progressed_at",
            "completed_at", "imported_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_status_text(self, download: Download) -> str:
        return SENTENCES[DownloadState(download.status)]

    @extend_schema_field(BookRefSerializer(many=True))
    def get_books(self, download: Download) -> Any:
        return book_refs(link.book for link in download.download_books.all())

    def get_error_message(self, download: Download) -> str:
        return redact(download.error_message)


class DownloadEventSerializer(serializers.ModelSerializer[DownloadEvent]):
    message = serializers.SerializerMethodField()

    class Meta:
        model = DownloadEvent
        fields = ("id", "at", "actor", "old_status", "new_status", "code", "message")
        read_only_fields = fields

    def get_message(self, event: DownloadEvent) -> str:
        return redact(event.message)


class ReleaseOfDownloadSerializer(serializers.ModelSerializer[Release]):
    """The release without the addresses that it is fetched from: these may hold keys."""

    indexer = serializers.CharField(source="indexer.name", read_only=True)
    info_url = serializers.SerializerMethodField()

    class Meta:
        model = Release
        fields = (
            "id", "indexer", "title", "protocol", "infohash", "format", "bitrate_kbps", "language", "size_bytes",
            "seeders", "is_free", "info_url", "published_at", "last_seen_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_info_url(self, release: Release) -> str:
        return redact(release.info_url)


class ImportCheckSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    ok = serializers.BooleanField()
    message = serializers.CharField(allow_blank=True)


class ImportOfDownloadSerializer(serializers.ModelSerializer[ImportRecord]):
    book_id = serializers.IntegerField(allow_null=True, read_only=True)
    checks = serializers.SerializerMethodField()

    class Meta:
        model = ImportRecord
        fields = (
            "id", "book_id", "status", "target_path", "method", "checks", "error_message", "confirmed_at", "created_at",
            "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(ImportCheckSerializer(many=True))
    def get_checks(self, record: ImportRecord) -> Any:
        return [check_row(row) for row in record.checks]


class DownloadDetailSerializer(DownloadSerializer):
    release = ReleaseOfDownloadSerializer(allow_null=True, read_only=True)
    imports = ImportOfDownloadSerializer(many=True, read_only=True)
    overrules = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Import checks.")
    events = serializers.SerializerMethodField(help_text=f"The last {EVENTS_SHOWN}, oldest first.")

    class Meta(DownloadSerializer.Meta):
        fields = (*DownloadSerializer.Meta.fields, "client_state", "infohash", "content_path", "overrules", "release",
                  "imports", "events")  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(DownloadEventSerializer(many=True))
    def get_events(self, download: Download) -> Any:
        return DownloadEventSerializer(download.events.order_by("-id")[:EVENTS_SHOWN][::-1], many=True).data


class DownloadInput(StrictSerializer):
    """Exactly one of release_id, magnet_link, torrent_url and file_url says where it comes from."""

    title = serializers.CharField(max_length=1000)
    author = serializers.CharField(max_length=500, required=False, allow_blank=True)
    source = serializers.CharField(max_length=100, help_text="An indexer's name, or manual.")
    book_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False, allow_null=True)
    release_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False, allow_null=True)
    magnet_link = serializers.CharField(max_length=20_000, required=False, allow_blank=True)
    torrent_url = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    file_url = serializers.CharField(max_length=2000, required=False, allow_blank=True)

    def validate_magnet_link(self, text: str) -> str:
        if text and not text.lower().startswith("magnet:?"):
            raise serializers.ValidationError("A magnet link begins with magnet:?.")
        return text

    def validate_book_id(self, identity: int | None) -> Book | None:
        return _named(Book.objects.active(), identity, "book")

    def validate_release_id(self, identity: int | None) -> Release | None:
        return _named(Release.objects.select_related("indexer"), identity, "release")


def _named(rows: Any, identity: int | None, what: str) -> Any:
    row = rows.filter(pk=identity).first() if identity is not None else None
    if identity is not None and row is None:
        raise serializers.ValidationError(f"No {what} has the id {identity}.", code="does_not_exist")
    return row


class StatusInput(StrictSerializer):
    status = serializers.ChoiceField(choices=[state.value for state in DownloadState])
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class CompleteInput(StrictSerializer):
    path = serializers.CharField(
        max_length=2000,
        required=False,
        trim_whitespace=False,
        help_text="The folder or file; by default where the download client says it is.",
    )


class FailedInput(StrictSerializer):
    error_msg = serializers.CharField(max_length=1000)


class RetryInput(StrictSerializer):
    days_until_retry = serializers.IntegerField(min_value=0, max_value=LONGEST_WAIT_DAYS, default=0)


class RemoveQuery(StrictSerializer):
    delete_files = serializers.BooleanField(
        default=False, help_text="The client deletes what it fetched; the library keeps what was imported."
    )
    blocklist = serializers.BooleanField(default=False, help_text="Never grab this release again.")


class RemovedDownloadSerializer(DownloadDetailSerializer):
    """What was removed, and how."""

    removed = serializers.BooleanField(default=True, read_only=True)
    delete_files = serializers.BooleanField(default=False, read_only=True)
    blocklist = serializers.BooleanField(default=False, read_only=True)

    class Meta(DownloadDetailSerializer.Meta):
        fields = (*DownloadDetailSerializer.Meta.fields, "removed", "delete_files", "blocklist")
        read_only_fields = fields


class DownloadViewSet(ListMixin, RetrieveMixin, CreateMixin, ResourceViewSet):
    """Downloads, newest first."""

    queryset = Download.objects.select_related("client", "created_by").prefetch_related("download_books__book")
    serializer_class = DownloadSerializer
    tiers = dict.fromkeys(("create", "destroy", "change_status", "complete", "mark_failed", "retry"), "download")
    lists = frozenset({"pending", "failed", "retry_due"})
    filterset_class = DownloadFilters
    filtersets = dict.fromkeys(("pending", "failed", "retry_due"), DownloadFilters)
    ordering_fields = (
        "created_at", "status_at", "title", "status", "source", "progress", "size_bytes", "next_retry_at", "attempts",
    )  # fmt: skip
    ordering = ("-created_at",)
    orderings = {
        "pending": (ordering_fields, ("created_at",)),
        "failed": (ordering_fields, ("-status_at",)),
        "retry_due": (ordering_fields, ("next_retry_at",)),
    }
    answers = {
        **dict.fromkeys(("retrieve", "create"), DownloadDetailSerializer),
        **dict.fromkeys(("change_status", "complete", "mark_failed", "retry"), with_changes(DownloadDetailSerializer)),
        "destroy": RemovedDownloadSerializer,
    }
    inputs = {
        "create": DownloadInput,
        "change_status": StatusInput,
        "complete": CompleteInput,
        "mark_failed": FailedInput,
        "retry": RetryInput,
    }
    queries = {"destroy": RemoveQuery}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.is_list:
            return rows
        return rows.select_related("release__indexer").prefetch_related("imports")

    def retrieve(self, request: Request, pk: int) -> Response:
        # No ETag: a download moves by its state machine, and the states guard against stale writes.
        return self.answer(self.get_object())

    def create_row(self, data: dict[str, Any]) -> Download:
        book, release = data.pop("book_id", None), data.pop("release_id", None)
        return add_download(**data, book=book, release=release, user=self.request.user, now=timezone.now())

    def destroy(self, request: Request, pk: int) -> Response:
        """Take a download out of its client and out of the list; the library keeps what was imported."""
        download = self.get_object()
        shown = self.present(download)
        remove_download(download=download, **self.query, user=request.user, now=timezone.now())
        return Response({**shown, "removed": True, **self.query})

    @action(detail=False)
    def pending(self, request: Request) -> HttpResponseBase:
        """Not yet handed to a client, oldest first."""
        return self.page(self.get_queryset().filter(status__in=[state.value for state in PENDING]))

    @action(detail=False)
    def failed(self, request: Request) -> HttpResponseBase:
        """Failed and abandoned, the latest attempt first."""
        states = [DownloadState.FAILED.value, DownloadState.ABANDONED.value]
        return self.page(self.get_queryset().filter(status__in=states))

    @action(detail=False, url_path="retry-due")
    def retry_due(self, request: Request) -> HttpResponseBase:
        """Failed, and the time of the next attempt has come; the longest due first."""
        return self.page(self.get_queryset().retry_due(now=timezone.now()))

    @action(detail=True, methods=["put"], url_path="status")
    def change_status(self, request: Request, pk: int) -> Response:
        """One step along the state machine; 409 `illegal_transition` where there is no such step."""
        download = self.get_object()
        words = {"status": self.body["status"], "reason": self.body.get("reason", "")}
        return self._move(download, change_status, **words)

    @action(detail=True, methods=["put"], url_path="mark-complete")
    def complete(self, request: Request, pk: int) -> Response:
        """Everything is there: the import starts. A blocked import is tried again."""
        download = self.get_object()
        return self._move(download, mark_complete, path=self.body.get("path", ""))

    @action(detail=True, methods=["put"], url_path="mark-failed")
    def mark_failed(self, request: Request, pk: int) -> Response:
        """Count a failed attempt; the next one is planned in 1, 3, then 7 days, or the download is given up."""
        download = self.get_object()
        return self._move(download, mark_failed, message=self.body["error_msg"])

    @action(detail=True, methods=["put"])
    def retry(self, request: Request, pk: int) -> Response:
        """Queue it again, now or in days; what failed, was given up or was cancelled."""
        download = self.get_object()
        return self._move(download, retry_download, days=self.body["days_until_retry"])

    def _move(self, download: Download, service: Callable[..., Download], **values: Any) -> Response:
        before = self.present(download)
        service(download=download, user=self.request.user, now=timezone.now(), **values)
        after = self.present(self.get_object())
        changes = {
            name: {"old": before[name], "new": value}
            for name, value in after.items()
            if value != before[name] and name not in ("events", "status_text", "status_at")
        }
        return Response({**after, "changes_made": changes})
