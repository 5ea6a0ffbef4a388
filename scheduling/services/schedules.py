"""Schedules: the job catalogue as rows of Celery beat, which users change and which are never reset."""

import json
from typing import Any

from django.conf import settings
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from accounts.models import User
from config.errors import NotFoundError
from scheduling.domain.jobs import JOBS, Job

START_TASK = "scheduling.tasks.start"
SWEEP_TASK = "scheduling.tasks.sweep"


def sync_schedules() -> int:
    """Create the rows that are missing; returns how many. What a user changed stays."""
    known = set(PeriodicTask.objects.values_list("name", flat=True))
    made = 0
    for job in JOBS.values():
        if job.name not in known:
            PeriodicTask.objects.create(
                name=job.name,
                task=START_TASK,
                kwargs=json.dumps({"job": job.name}),
                expire_seconds=job.expires_seconds,
                description=job.description,
                **_timing(job),
            )
            made += 1
    if "sweep" not in known:
        interval, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.MINUTES)
        PeriodicTask.objects.create(
            name="sweep",
            task=SWEEP_TASK,
            interval=interval,
            expire_seconds=50,
            description="Ends runs whose worker died and sends lost messages again.",
        )
        made += 1
    return made


def _timing(job: Job) -> dict[str, Any]:
    if job.every_minutes:
        interval, _ = IntervalSchedule.objects.get_or_create(every=job.every_minutes, period=IntervalSchedule.MINUTES)
        return {"interval": interval}
    minute, hour, day, month, weekday = job.cron.split()
    crontab, _ = CrontabSchedule.objects.get_or_create(
        minute=minute,
        hour=hour,
        day_of_month=day,
        month_of_year=month,
        day_of_week=weekday,
        timezone=settings.TIME_ZONE,
    )
    return {"crontab": crontab}


def get_schedule(name: str) -> PeriodicTask:
    """The beat row of a job; NotFoundError for an unknown name."""
    if name in JOBS:
        task = PeriodicTask.objects.filter(name=name).select_related("crontab", "interval").first()
        if task:
            return task
    raise NotFoundError(f"There is no job named {name}.", context={"resource": "task", "id": name})


def set_paused(name: str, *, paused: bool, user: User | None = None) -> PeriodicTask:
    """Pause or resume a job's schedule. Runs that are under way go on; it can still be triggered by hand."""
    task = get_schedule(name)
    if task.enabled == paused:
        task.enabled = not paused
        task.save(update_fields=["enabled", "date_changed"])
        PeriodicTasks.update_changed()
    return task
