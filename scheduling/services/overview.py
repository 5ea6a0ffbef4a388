"""What is planned and what is alive: the schedules with their next and last runs."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, QuerySet
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from scheduling.domain.jobs import JOBS
from scheduling.models import Run, RunStatus, Trigger
from scheduling.services.schedules import get_schedule

# Beat writes what it did to its rows every three minutes, and a job is due every minute.
ALIVE_WITHIN = datetime.timedelta(minutes=5)
WAITING_TOO_LONG = datetime.timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Task:
    """One job with its schedule. `schedule` reads like cron (`0 4 * * *`) or `every 5 minutes`."""

    name: str
    title: str
    description: str
    schedule: str
    time_zone: str
    is_enabled: bool
    next_run_at: datetime.datetime | None
    last_run: Run | None


@dataclass(frozen=True, slots=True)
class Planned:
    task: str
    title: str
    due_at: datetime.datetime


@dataclass(frozen=True, slots=True)
class Part:
    """A process as seen by the traces that it leaves; `is_alive` is None when it never left any."""

    is_alive: bool | None
    last_seen_at: datetime.datetime | None


@dataclass(frozen=True, slots=True)
class Status:
    beat: Part
    workers: Part
    queued: int
    running: int
    oldest_queued_at: datetime.datetime | None
    next_runs: list[Planned]


def list_tasks(*, now: datetime.datetime) -> list[Task]:
    """All jobs, in the order of the catalogue; three queries."""
    rows = {row.name: row for row in _schedules()}
    latest = Run.objects.filter(job__in=JOBS).order_by().values("job").annotate(latest=Max("pk")).values_list("latest")
    runs = {run.job: run for run in Run.objects.filter(pk__in=[pk for (pk,) in latest]).select_related("requested_by")}
    return [_task(rows[name], runs.get(name), now) for name in JOBS if name in rows]


def get_task(name: str, *, now: datetime.datetime) -> Task:
    """NotFoundError for an unknown name."""
    run = Run.objects.filter(job=name).select_related("requested_by").order_by("-pk").first()
    return _task(get_schedule(name), run, now)


def list_planned(*, now: datetime.datetime, hours: int) -> list[Planned]:
    """Every run that falls due within `hours`, earliest first."""
    until = now + datetime.timedelta(hours=hours)
    planned = [
        Planned(row.name, JOBS[row.name].title, due_at)
        for row in _schedules().filter(enabled=True)
        for due_at in _due(row, now, until)
    ]
    return sorted(planned, key=lambda item: (item.due_at, item.task))


def get_status(*, now: datetime.datetime) -> Status:
    """Whether beat and workers are alive, told by what they did; how much waits; the next runs."""
    ticked = PeriodicTask.objects.aggregate(at=Max("last_run_at"))["at"]
    traces = Run.objects.aggregate(beat=Max("heartbeat_at"), ended=Max("finished_at"))
    started = Run.objects.filter(trigger=Trigger.SCHEDULE).order_by("-created_at").values_list("created_at", flat=True)
    scheduled = started.first()
    queue = Run.objects.filter(status=RunStatus.QUEUED)
    oldest = queue.order_by("created_at").values_list("created_at", flat=True).first()
    workers = _part(now, traces["beat"], traces["ended"], scheduled)
    if oldest and now - oldest > WAITING_TOO_LONG and not Run.objects.filter(status=RunStatus.RUNNING).exists():
        workers = Part(False, workers.last_seen_at)
    return Status(
        beat=_part(now, ticked, scheduled),
        workers=workers,
        queued=queue.count(),
        running=Run.objects.filter(status=RunStatus.RUNNING).count(),
        oldest_queued_at=oldest,
        next_runs=list_planned(now=now, hours=24)[:5],
    )


def _part(now: datetime.datetime, *traces: datetime.datetime | None) -> Part:
    seen = max((trace for trace in traces if trace), default=None)
    return Part(now - seen <= ALIVE_WITHIN if seen else None, seen)


def _schedules() -> QuerySet[PeriodicTask]:
    return PeriodicTask.objects.filter(name__in=JOBS).select_related("crontab", "interval")  # type: ignore[no-any-return]


def _task(row: PeriodicTask, run: Run | None, now: datetime.datetime) -> Task:
    job = JOBS[row.name]
    # A year is enough for any cron line that can come true at all, but for the 29th of February.
    horizon = now + datetime.timedelta(days=366)
    return Task(
        name=row.name,
        title=job.title,
        description=row.description or job.description,
        schedule=_words(row),
        time_zone=str(row.crontab.timezone) if row.crontab else "",
        is_enabled=row.enabled,
        next_run_at=next(_due(row, now, horizon), None) if row.enabled else None,
        last_run=run,
    )


def _words(row: PeriodicTask) -> str:
    if row.crontab:
        cron: CrontabSchedule = row.crontab
        return f"{cron.minute} {cron.hour} {cron.day_of_month} {cron.month_of_year} {cron.day_of_week}"
    return f"every {row.interval.every} {row.interval.period}" if row.interval else ""


def _due(row: PeriodicTask, now: datetime.datetime, until: datetime.datetime) -> Iterator[datetime.datetime]:
    schedule: Any = row.schedule
    if row.crontab:
        yield from _cron_moments(schedule, now, until)
        return
    step = schedule.run_every
    due_at = max(now, (row.last_run_at or now) + step)
    while due_at <= until:
        yield due_at
        due_at += step


def _cron_moments(schedule: Any, now: datetime.datetime, until: datetime.datetime) -> Iterator[datetime.datetime]:
    moment = now.astimezone(schedule.tz)
    while True:
        start, delta, _ = schedule.remaining_delta(moment)
        moment = start + delta
        due_at = moment.astimezone(datetime.UTC)
        if due_at > until:
            return
        yield due_at
