"""Starting jobs by hand."""

from dataclasses import dataclass, field

from django_celery_beat.models import PeriodicTask

from accounts.models import User
from accounts.services import audit
from config.errors import ConflictError
from scheduling.domain.jobs import JOBS
from scheduling.models import Run, Trigger
from scheduling.services.runs import request_run


@dataclass(slots=True)
class Triggered:
    """The runs that were queued, and the jobs that were left out because they are under way."""

    runs: list[Run] = field(default_factory=list)
    already_running: list[str] = field(default_factory=list)


def trigger_job(*, job: str, user: User) -> Run:
    """Queue one job now. ConflictError (already_running) while it is under way, NotFoundError for an unknown name."""
    run = request_run(job=job, trigger=Trigger.USER, user=user)
    audit.record("task.triggered", actor=user, target=run, target_name=job)
    return run


def trigger_all(*, user: User) -> Triggered:
    """Queue every enabled job now, in the order of the catalogue."""
    enabled = set(PeriodicTask.objects.filter(name__in=JOBS, enabled=True).values_list("name", flat=True))
    triggered = Triggered()
    for job in JOBS:
        if job in enabled:
            try:
                triggered.runs.append(request_run(job=job, trigger=Trigger.USER, user=user))
            except ConflictError:
                triggered.already_running.append(job)
    audit.record("task.triggered_all", actor=user, detail={"runs": [run.pk for run in triggered.runs]})
    return triggered
