"""`/api/runs/`: slow work that was started, with its progress, its log and its result."""

from typing import Any

import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.serializers import run_url
from config.api.viewsets import ReadOnlyViewSet
from scheduling.models import Run, RunLogEntry, RunStatus, Trigger
from scheduling.services.runs import cancel_run

TAIL = 50


class RunFilters(django_filters.FilterSet):
    task = django_filters.CharFilter(field_name="job", help_text="The name of the task.")
    status = django_filters.MultipleChoiceFilter(choices=RunStatus.choices)
    trigger = django_filters.ChoiceFilter(choices=Trigger.choices)
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class RunSerializer(serializers.ModelSerializer[Run]):
    task = serializers.CharField(source="job", read_only=True)
    progress = serializers.FloatField(
        allow_null=True, read_only=True, help_text="0 to 1; null while the total is unknown."
    )
    duration_seconds = serializers.FloatField(allow_null=True, read_only=True)
    requested_by = serializers.CharField(source="requested_by.username", default=None, allow_null=True, read_only=True)
    url = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            "id", "task", "status", "trigger", "requested_by", "parent", "progress", "processed", "succeeded", "failed",
            "total", "message", "error_code", "created_at", "started_at", "finished_at", "duration_seconds",
            "cancel_requested_at", "url",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, run: Run) -> str:
        return run_url(run.pk)


class LogLineSerializer(serializers.ModelSerializer[RunLogEntry]):
    class Meta:
        model = RunLogEntry
        fields = ("at", "level", "message", "context")


class RunDetailSerializer(RunSerializer):
    log = serializers.SerializerMethodField(help_text=f"The last {TAIL} lines, oldest first.")

    class Meta(RunSerializer.Meta):
        fields = (*RunSerializer.Meta.fields, "params", "result", "log")
        read_only_fields = fields

    @extend_schema_field(LogLineSerializer(many=True))
    def get_log(self, run: Run) -> Any:
        return LogLineSerializer(run.log_entries.order_by("-id")[:TAIL][::-1], many=True).data


class RunViewSet(ReadOnlyViewSet):
    """Runs of tasks, newest first."""

    queryset = Run.objects.select_related("requested_by")
    serializer_class = RunSerializer
    answers = {"retrieve": RunDetailSerializer, "cancel": RunDetailSerializer}
    filterset_class = RunFilters
    ordering_fields = {"created_at": "created_at", "finished_at": "finished_at", "task": "job", "status": "status"}
    ordering = ("-created_at",)

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        """Ask a run to stop: a queued one ends at once, a running one at its next step; 409 when it has ended."""
        return self.answer(cancel_run(self.get_object(), now=timezone.now()))
