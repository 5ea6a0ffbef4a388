"""`/api/system/`: figures of the whole product, and starting its long work."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.system_shapes import (
    DownloadStatsSerializer,
    LibraryStatusSerializer,
    StatsSerializer,
    StorageSerializer,
)
from acquisition.services.figures import count_everything, download_figures, library_status
from acquisition.services.log_export import LEVELS, export_log
from acquisition.services.starting import start, start_full_scan
from acquisition.services.storage import storage_report
from config.api.filter_fields import BIGGEST_ID
from config.api.renderers import FastJSONRenderer
from config.api.schema import WRITE_ERRORS, error_answers
from config.api.serializers import RunAcceptedSerializer, RunsAcceptedSerializer, StrictSerializer
from config.api.viewsets import OperationsViewSet
from library.models import LibraryRoot

JSON_LINES = "application/x-ndjson"


class FiguresViewSet(OperationsViewSet):
    """Figures, each counted when it is asked for."""

    answers = {
        "stats": StatsSerializer,
        "library_status": LibraryStatusSerializer,
        "download_stats": DownloadStatsSerializer,
        "storage": StorageSerializer,
    }

    @action(detail=False)
    def stats(self, request: Request) -> Response:
        """Counts of books, series, authors, downloads and failed attempts."""
        return self.answer(count_everything(now=timezone.now()))

    @action(detail=False, url_path="library-status")
    def library_status(self, request: Request) -> Response:
        """How good the metadata of what is owned is, and how complete the series and authors are."""
        return self.answer(library_status(now=timezone.now()))

    @action(detail=False, url_path="download-stats")
    def download_stats(self, request: Request) -> Response:
        """Downloads by status and source, what is due for a retry, and the throughput."""
        return self.answer(download_figures(now=timezone.now()))

    @action(detail=False)
    def storage(self, request: Request) -> Response:
        """What library, downloads and database take up, and what is free."""
        # Not `answer`: a mapping would go as it is, with the paths that are nobody's business here.
        return Response(StorageSerializer(storage_report(now=timezone.now())).data)


class ImportLibraryInput(StrictSerializer):
    root_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=BIGGEST_ID),
        required=False,
        allow_empty=False,
        max_length=100,
        help_text="Only these library roots; by default all that are enabled.",
    )
    dry_run = serializers.BooleanField(default=False, help_text="Report what would change, and change nothing.")

    def validate_root_ids(self, ids: list[int]) -> list[int]:
        unknown = set(ids) - set(LibraryRoot.objects.filter(pk__in=ids).values_list("pk", flat=True))
        if unknown:
            raise serializers.ValidationError(f"No library root has the id {min(unknown)}.", code="does_not_exist")
        return list(dict.fromkeys(ids))


class LogsInput(StrictSerializer):
    lines = serializers.IntegerField(min_value=1, max_value=10_000, default=500)
    level = serializers.ChoiceField(
        choices=[name.lower() for name in LEVELS], required=False, help_text="Of this level and above."
    )
    request_id = serializers.CharField(max_length=64, required=False, help_text="Only the lines of one request.")


class JSONLinesRenderer(FastJSONRenderer):
    """Only names the type, so that it may be asked for."""

    media_type = JSON_LINES
    format = "jsonl"


class WorkViewSet(OperationsViewSet):
    """Starting long work, and reading the log."""

    tier = "admin"
    access = {"export_logs": "admin"}
    inputs = {"import_library": ImportLibraryInput, "export_logs": LogsInput}
    answers = {
        "full_scan": RunsAcceptedSerializer,
        "import_library": RunAcceptedSerializer,
        "integrity_check": RunAcceptedSerializer,
        "sync_categories": RunAcceptedSerializer,
    }
    statuses = dict.fromkeys(answers, 202)

    def get_renderers(self) -> list[BaseRenderer]:
        found = super().get_renderers()
        return [JSONLinesRenderer(), *found] if self.verb == "export_logs" else found

    @action(detail=False, methods=["post"], url_path="trigger-full-scan")
    def full_scan(self, request: Request) -> Response:
        """Read the library, refresh the catalogue, recount series and authors, and analyse the gaps."""
        return self.accepted_runs(start_full_scan(user=request.user))

    @action(detail=False, methods=["post"], url_path="import-library")
    def import_library(self, request: Request) -> Response:
        """Read the library from its roots; nothing of it is moved or written."""
        return self.accepted(start("library_import", user=request.user, params=self.body))

    @action(detail=False, methods=["post"], url_path="integrity/check")
    def integrity_check(self, request: Request) -> Response:
        """Check that the library's files are there, can be read, and have the expected duration."""
        return self.accepted(start("integrity_check", user=request.user))

    @action(detail=False, methods=["post"], url_path="category/sync-now")
    def sync_categories(self, request: Request) -> Response:
        """Find the most wanted titles of the enabled genres (settings `features.discovery`, `discovery.genres`)."""
        return self.accepted(start("discovery_top", user=request.user))

    @extend_schema(
        responses={
            (200, JSON_LINES): OpenApiResponse(OpenApiTypes.STR, "One JSON object a line."),
            **error_answers(WRITE_ERRORS),
        }
    )
    @action(detail=False, methods=["post"], url_path="logs/export")
    def export_logs(self, request: Request) -> HttpResponse:
        """The last lines of the log, oldest first, one JSON object a line, without secrets."""
        render = FastJSONRenderer().render
        body = b"".join(_line(render(entry)) for entry in export_log(**self.body))
        response = HttpResponse(body, content_type=f"{JSON_LINES}; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="unabridged-log.jsonl"'
        return response


def _line(rendered: Any) -> bytes:
    return bytes(rendered).strip() + b"\n"
