"""Runs, jobs and the tally of failures, in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from config.admin_base import ADMIN, RecordAdmin, button, count_of, who
from config.admin_display import bar, change_url, clock, link, moment, moment_column, pill
from config.admin_site import BEHIND, WORK, site
from scheduling.domain.jobs import JOBS
from scheduling.models import UNFINISHED, FailedAttempt, Run, RunLogEntry, Trigger
from scheduling.services.runs import cancel_run, request_run
from scheduling.services.schedules import set_paused

MOST_LINES = 300


def job_title(name: str) -> str:
    return JOBS[name].title if name in JOBS else name


class JobFilter(admin.SimpleListFilter):
    title = "job"
    parameter_name = "job"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(job.name, job.title) for job in JOBS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(job=self.value()) if self.value() else queryset


@admin.register(Run, site=site)
class RunAdmin(RecordAdmin):
    section, order, pin = WORK, 10, 40
    list_display = (
        "what",
        "state",
        "progress_bar",
        "message",
        moment_column("created_at", "asked for"),
        "requested_by",
        "took",
    )
    list_display_links = ("what",)
    list_filter = ("status", JobFilter, "trigger")
    list_select_related = ("requested_by",)
    search_fields = ("job", "message", "error_code")
    date_hierarchy = "created_at"
    panels = ("scheduling/admin/run.html",)
    buttons: ClassVar[tuple[str, ...]] = ("cancel", "run_again")
    fields = (
        "job", "trigger", "requested_by", "parent", "params", "attempt", "error_code", "result", "created_at",
        "started_at", "heartbeat_at", "finished_at", "cancel_requested_at",
    )  # fmt: skip

    @admin.display(description="job", ordering="job")
    def what(self, run: Run) -> str:
        return f"{job_title(run.job)} #{run.pk}"

    def page_title(self, obj: Run) -> str:
        return self.what(obj)

    @admin.display(description="status", ordering="status")
    def state(self, run: Run) -> str:
        return pill(run.status)

    @admin.display(description="progress")
    def progress_bar(self, run: Run) -> str:
        if run.progress is None:
            return f"{run.processed} done" if run.processed else "–"
        return bar(100 * run.progress, tone="good" if run.progress == 1 else "busy")

    @admin.display(description="took")
    def took(self, run: Run) -> str:
        return clock(run.duration_seconds)

    def panel_context(self, request: HttpRequest, obj: Run) -> dict[str, Any]:
        lines = list(obj.log_entries.order_by("-id")[:MOST_LINES])
        return {
            "run": obj,
            "job_title": job_title(obj.job),
            "is_unfinished": obj.status in UNFINISHED,
            "percent": None if obj.progress is None else int(100 * obj.progress),
            "lines": lines,
            "has_more_lines": len(lines) == MOST_LINES,
            "took": clock(obj.duration_seconds) if obj.duration_seconds is not None else "",
        }

    @button("Cancel", tone="danger", when=lambda run: run.status in UNFINISHED)
    def cancel(self, request: HttpRequest, rows: list[Run]) -> str:
        for run in rows:
            cancel_run(run, now=timezone.now())
        return f"{count_of(len(rows), 'run')} asked to stop. What was done stays done."

    @button("Run it again", in_list=False, when=lambda run: run.status not in UNFINISHED)
    def run_again(self, request: HttpRequest, rows: list[Run]) -> str:
        old = rows[0]
        request_run(job=old.job, params=old.params, trigger=Trigger.USER, user=who(request), lock=old.lock)
        return f"{job_title(old.job)} is queued; see Runs."


@admin.register(RunLogEntry, site=site)
class RunLogEntryAdmin(RecordAdmin):
    section, order = BEHIND, 10
    list_display = ("at", "level_pill", "run_link", "message")
    list_filter = ("level",)
    list_select_related = ("run",)
    search_fields = ("message",)
    date_hierarchy = "at"
    ordering = ("-id",)

    @admin.display(description="level", ordering="level")
    def level_pill(self, entry: RunLogEntry) -> str:
        return pill(entry.level)

    @admin.display(description="run")
    def run_link(self, entry: RunLogEntry) -> str:
        return link(entry.run)


@admin.register(FailedAttempt, site=site)
class FailedAttemptAdmin(RecordAdmin):
    section, order = WORK, 30
    list_display = ("job", "item_type", "item_id", "count", "last_at", "last_error")
    list_filter = ("job", "item_type")
    search_fields = ("item_id", "last_error")
    date_hierarchy = "last_at"


@admin.register(PeriodicTask, site=site)
class JobAdmin(RecordAdmin):
    section, order, list_title = WORK, 20, "Jobs"
    change_role = ADMIN
    list_display = ("title", "description", "timing", "state", "last_run", "last_outcome")
    list_filter = ("enabled",)
    list_select_related = ("crontab", "interval")
    search_fields = ("name", "description")
    ordering = ("name",)
    fields = ("name", "description", "interval", "crontab", "enabled", "last_run_at", "total_run_count")
    editable = ("interval", "crontab", "enabled")
    buttons = ("run_now", "pause", "resume")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        newest = Run.objects.filter(job=OuterRef("name")).order_by("-created_at", "-pk")
        return (
            super()
            .get_queryset(request)
            .filter(name__in=JOBS)
            .annotate(
                newest_pk=Subquery(newest.values("pk")[:1]),
                newest_status=Subquery(newest.values("status")[:1]),
                newest_at=Subquery(newest.values("created_at")[:1]),
            )
        )

    @admin.display(description="job", ordering="name")
    def title(self, task: PeriodicTask) -> str:
        return job_title(task.name)

    @admin.display(description="when")
    def timing(self, task: PeriodicTask) -> str:
        return str(task.interval or (task.crontab and task.crontab.human_readable) or "–")

    @admin.display(description="state", ordering="enabled")
    def state(self, task: PeriodicTask) -> str:
        return pill("on", "good") if task.enabled else pill("paused", "fair")

    @admin.display(description="last run", ordering="newest_at")
    def last_run(self, task: Any) -> str:
        return moment(task.newest_at)

    @admin.display(description="how it ended")
    def last_outcome(self, task: Any) -> str:
        if not task.newest_pk:
            return "–"
        return link(Run(pk=task.newest_pk), task.newest_status)

    @button("Run now")
    def run_now(self, request: HttpRequest, rows: list[PeriodicTask]) -> str | HttpResponse:
        runs = [request_run(job=task.name, trigger=Trigger.USER, user=who(request)) for task in rows]
        if len(runs) == 1:
            return HttpResponseRedirect(change_url(runs[0]))
        return f"{count_of(len(runs), 'job')} queued; see Runs."

    @button("Pause", when=lambda task: task.enabled)
    def pause(self, request: HttpRequest, rows: list[PeriodicTask]) -> str:
        for task in rows:
            set_paused(task.name, paused=True)
        return f"{count_of(len(rows), 'job')} paused. They can still be run by hand."

    @button("Resume", when=lambda task: not task.enabled)
    def resume(self, request: HttpRequest, rows: list[PeriodicTask]) -> str:
        for task in rows:
            set_paused(task.name, paused=False)
        return f"{count_of(len(rows), 'job')} resumed."


@admin.register(IntervalSchedule, site=site)
class IntervalScheduleAdmin(RecordAdmin):
    section, order = BEHIND, 90
    add_role = change_role = ADMIN
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule, site=site)
class CrontabScheduleAdmin(RecordAdmin):
    section, order = BEHIND, 91
    add_role = change_role = ADMIN
    list_display = ("__str__", "minute", "hour", "day_of_week", "day_of_month", "month_of_year")
