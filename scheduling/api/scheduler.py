"""`/api/scheduler/`: the schedules, what is due, and starting by hand."""

import dataclasses
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services import audit
from config.api.serializers import RunSummarySerializer, StrictSerializer
from config.api.viewsets import OperationsViewSet
from scheduling.api.runs import RunFilters, RunSerializer
from scheduling.models import Run
from scheduling.services.overview import get_status, get_task, list_planned, list_tasks
from scheduling.services.schedules import get_schedule, set_paused
from scheduling.services.triggering import trigger_all, trigger_job

RECENT = 10
LATEST_FIRST = (("created_at", "finished_at", "status"), ("-created_at",))


class TaskSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    schedule = serializers.CharField(help_text="A cron line (`0 4 * * *`), or `every 5 minutes`.")
    time_zone = serializers.CharField(help_text="Of the cron line; empty for intervals.")
    is_enabled = serializers.BooleanField(help_text="False while paused.")
    next_run_at = serializers.DateTimeField(allow_null=True)
    last_run = RunSerializer(allow_null=True)


class TaskDetailSerializer(TaskSerializer):
    runs = RunSerializer(many=True, help_text=f"The last {RECENT}, newest first.")


class PlannedSerializer(serializers.Serializer[Any]):
    task = serializers.CharField()
    title = serializers.CharField()
    due_at = serializers.DateTimeField()


class PartSerializer(serializers.Serializer[Any]):
    is_alive = serializers.BooleanField(allow_null=True, help_text="Null when it has never been seen.")
    last_seen_at = serializers.DateTimeField(allow_null=True)


class StatusSerializer(serializers.Serializer[Any]):
    beat = PartSerializer()
    workers = PartSerializer()
    queued = serializers.IntegerField(help_text="Runs that wait for a worker.")
    running = serializers.IntegerField()
    oldest_queued_at = serializers.DateTimeField(allow_null=True)
    next_runs = PlannedSerializer(many=True)


class HoursQuery(StrictSerializer):
    hours = serializers.IntegerField(min_value=1, max_value=168, default=24)


class TriggeredSerializer(serializers.Serializer[Any]):
    runs = RunSummarySerializer(many=True)
    already_running = serializers.ListField(child=serializers.CharField(), help_text="Tasks that were under way.")


class SchedulerViewSet(OperationsViewSet):
    """The scheduler."""

    access = {"pause": "admin", "resume": "admin", "trigger_everything": "admin"}
    tiers = {"trigger": "admin", "pause": "admin", "resume": "admin", "trigger_everything": "admin"}
    statuses = {"trigger": 202, "trigger_everything": 202}
    lists = frozenset({"tasks", "history", "upcoming"})
    queries = {"upcoming": HoursQuery}
    filtersets = {"history": RunFilters}
    orderings = {
        "tasks": (("name", "is_enabled", "next_run_at"), ()),
        "upcoming": (("due_at", "task"), ()),
        "history": LATEST_FIRST,
    }
    answers = {
        "status": StatusSerializer,
        "tasks": TaskSerializer,
        "task": TaskDetailSerializer,
        "trigger_everything": TriggeredSerializer,
        "pause": TaskSerializer,
        "resume": TaskSerializer,
        "history": RunSerializer,
        "upcoming": PlannedSerializer,
    }

    @action(detail=False, methods=["get"])
    def status(self, request: Request) -> Response:
        """Beat and workers, told by what they did lately; how much waits; the next runs."""
        return self.answer(get_status(now=timezone.now()))

    @action(detail=False, methods=["get"])
    def tasks(self, request: Request) -> HttpResponseBase:
        """Every scheduled task with its schedule, state and last run."""
        return self.page(list_tasks(now=timezone.now()))

    @action(detail=False, methods=["get"], url_path="task/<str:task_name>")
    def task(self, request: Request, task_name: str) -> Response:
        """One task with its schedule and its last 10 runs."""
        found = get_task(task_name, now=timezone.now())
        runs = Run.objects.filter(job=task_name).select_related("requested_by").order_by("-created_at", "-id")[:RECENT]
        facts = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        return Response(TaskDetailSerializer({**facts, "runs": runs}).data)

    @action(detail=False, methods=["post"], url_path="trigger/<str:task_name>")
    def trigger(self, request: Request, task_name: str) -> Response:
        """Run a task now; 409 while the same task runs."""
        user: Any = request.user
        return self.accepted(trigger_job(job=task_name, user=user))

    @action(detail=False, methods=["post"], url_path="trigger-all")
    def trigger_everything(self, request: Request) -> Response:
        """Run every enabled task now; those that are under way are left out and named."""
        user: Any = request.user
        found = trigger_all(user=user)
        return self.answer(found, headers={"Location": "/api/runs/"})

    @action(detail=False, methods=["put"], url_path="task/<str:task_name>/pause")
    def pause(self, request: Request, task_name: str) -> Response:
        """Pause a task's schedule. It can still be triggered; what runs goes on."""
        return self._set_paused(task_name, is_paused=True)

    @action(detail=False, methods=["put"], url_path="task/<str:task_name>/resume")
    def resume(self, request: Request, task_name: str) -> Response:
        """Resume a task's schedule."""
        return self._set_paused(task_name, is_paused=False)

    def _set_paused(self, task_name: str, *, is_paused: bool) -> Response:
        user: Any = self.request.user
        row = set_paused(task_name, paused=is_paused, user=user)
        audit.record("task.paused" if is_paused else "task.resumed", actor=user, target=row, target_name=task_name)
        return self.answer(get_task(task_name, now=timezone.now()))

    @action(detail=False, methods=["get"], url_path="execution-history/<str:task_name>")
    def history(self, request: Request, task_name: str) -> HttpResponseBase:
        """Runs of one task, newest first."""
        get_schedule(task_name)
        return self.page(Run.objects.filter(job=task_name).select_related("requested_by"))

    @action(detail=False, methods=["get"], url_path="upcoming-tasks")
    def upcoming(self, request: Request) -> HttpResponseBase:
        """Runs that fall due within `hours`, earliest first."""
        return self.page(list_planned(now=timezone.now(), hours=self.query["hours"]))
