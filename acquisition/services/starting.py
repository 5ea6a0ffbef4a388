"""Starting the library's long work on request."""

from collections.abc import Mapping, Sequence
from typing import Any

from accounts.models import User
from config.errors import ConflictError
from scheduling.models import Run, Trigger
from scheduling.services.runs import request_run

# In the order in which each uses what the one before found out.
FULL_SCAN = ("library_import", "catalogue_refresh", "series_completion", "author_completion", "gap_analysis")


def start(job: str, *, user: User | None, params: Mapping[str, Any] | None = None) -> Run:
    """One run; ConflictError (already_running) while the same job is under way."""
    return request_run(job=job, params=params, user=user, trigger=Trigger.USER)


def start_full_scan(*, user: User | None) -> Sequence[Run]:
    """A run of every part; one that is under way already is part of the answer instead of a second one. ConflictError
    (already_running) when all of them are."""
    runs, started = [], 0
    for job in FULL_SCAN:
        try:
            runs.append(start(job, user=user))
            started += 1
        except ConflictError as error:
            running = Run.objects.unfinished().filter(lock=job).first()
            if running is None:
                raise
            runs.append(running)
            last = error
    if not started:
        raise last
    return runs
