"""Driving downloads from a command, when no server does it: the same runs, executed in this process."""

from collections.abc import Sequence

from acquisition.models import Download
from acquisition.services.waking import JOB, wake_monitor
from scheduling.models import Run, RunStatus
from scheduling.services.runs import execute_run


def drive_downloads(ids: Sequence[int]) -> None:
    """One look, and whatever it asked for. Runs are claimed, so a server that works beside does nothing twice."""
    if not Download.objects.active().filter(pk__in=ids).exists():
        return
    wake_monitor()
    for _ in range(3 * len(ids) + 3):
        run = Run.objects.filter(job=JOB, status=RunStatus.QUEUED).order_by("created_at", "pk").first()
        if run is None:
            return
        execute_run(run.pk)
