"""What a job sees of its run: progress, log, cancellation."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import F
from django.utils import timezone

from scheduling.models import Run, RunLogEntry, RunStatus

WRITE_INTERVAL_SECONDS = 0.5
MESSAGE_LENGTH = 500


class RunCancelled(Exception):
    """Somebody asked the run to stop."""


class RunContext:
    """Progress is written at most twice a second, so that a job may report every item. `check` raises RunCancelled."""

    def __init__(self, run: Run, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.run = run
        self.clock = clock
        self.processed = 0
        self.succeeded = 0
        self.failed = 0
        self.total: int | None = None
        self.message = ""
        self._written_at = float("-inf")

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.run.params)

    def advance(self, *, ok: bool = True, count: int = 1, message: str = "") -> None:
        """Count items as done; also the place where a cancelled run stops."""
        self.processed += count
        if ok:
            self.succeeded += count
        else:
            self.failed += count
        self.report(message=message)

    def report(self, *, total: int | None = None, message: str = "") -> None:
        """Say how far it is. Raises RunCancelled when the run was asked to stop."""
        self.total = total if total is not None else self.total
        self.message = message or self.message
        if self.clock() - self._written_at >= WRITE_INTERVAL_SECONDS:
            self.flush()
            self.check()

    def flush(self) -> None:
        self._written_at = self.clock()
        Run.objects.filter(pk=self.run.pk).update(
            processed=self.processed,
            succeeded=self.succeeded,
            failed=self.failed,
            total=self.total,
            message=self.message[:MESSAGE_LENGTH],
            heartbeat_at=timezone.now(),
        )

    def check(self) -> None:
        state = Run.objects.filter(pk=self.run.pk).values_list("cancel_requested_at", "status").first()
        if state is None or state[0] is not None or state[1] != RunStatus.RUNNING:
            raise RunCancelled

    def log(self, message: str, *, level: str = "info", context: Mapping[str, Any] | None = None) -> None:
        """A line in the run's log, for people."""
        RunLogEntry.objects.create(
            run=self.run, at=timezone.now(), level=level, message=message[:1000], context=dict(context or {})
        )

    def warn(self, message: str, **context: Any) -> None:
        self.log(message, level="warning", context=context)


def count_attempt(run_id: int) -> None:
    """One more worker took this run up."""
    Run.objects.filter(pk=run_id).update(attempt=F("attempt") + 1)
