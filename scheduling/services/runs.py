"""Requesting, executing, cancelling and recovering runs.

The row is the truth and the message is a hint: a run is claimed by a conditional update, so a message that arrives
twice does nothing the second time, and one that is lost is sent again by `recover_runs`.
"""

import datetime
import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import User
from config.errors import ConflictError, NotFoundError, UnabridgedError
from scheduling.domain.jobs import JOBS
from scheduling.models import FailedAttempt, Run, RunStatus, Trigger
from scheduling.services.context import RunCancelled, RunContext, count_attempt
from scheduling.services.holding import died_here, forget, held, is_held
from scheduling.services.registry import HANDLERS

logger = logging.getLogger(__name__)
EXECUTE_TASK = "scheduling.tasks.execute"  # by name: services do not know the tasks above them
HEARTBEAT_SECONDS = 5
SILENT_AFTER = datetime.timedelta(seconds=30)
RESEND_AFTER = datetime.timedelta(seconds=60)
RESEND_EVERY = datetime.timedelta(minutes=10)


def request_run(
    *,
    job: str,
    params: Mapping[str, Any] | None = None,
    trigger: str = Trigger.SYSTEM,
    user: User | None = None,
    lock: str = "",
    parent: Run | None = None,
    send: Callable[[int], object] | None = None,
) -> Run:
    """Queue a run of a job. ConflictError (already_running) while a run with the same lock is unfinished."""
    if job not in JOBS:
        raise NotFoundError(f"There is no job named {job}.", context={"resource": "job", "id": job})
    key = lock or job
    try:
        with transaction.atomic():
            run = Run.objects.create(
                job=job, params=dict(params or {}), trigger=trigger, requested_by=user, lock=key, parent=parent
            )
    except IntegrityError:
        running = Run.objects.unfinished().filter(lock=key).first()
        raise ConflictError(
            f"{JOBS[job].title} is already {running.status if running else 'running'}; wait for it or cancel it.",
            code="already_running",
            context={"run": running.pk if running else None, "job": job},
        ) from None
    transaction.on_commit(lambda: (send or send_run)(run.pk))
    return run


def send_run(run_id: int) -> None:
    """Put the hint into the queue. A broker that is down is not an error here: the sweep sends it again."""
    try:
        prepare_queue()
        current_app.tasks[EXECUTE_TASK].delay(run_id=run_id)
    except (OSError, OperationalError):
        logger.warning("The queue cannot be reached; run %s waits for the next sweep.", run_id)


def prepare_queue() -> None:
    """The folders of the embedded queue; nothing where a broker is used."""
    if not settings.REDIS_URL:
        for folder in ("messages", "control"):
            (settings.QUEUE_DIR / folder).mkdir(parents=True, exist_ok=True)


def execute_run(run_id: int) -> Run | None:
    """Claim a queued run and do it. None when somebody else has it."""
    with held(run_id):
        return _claim_and_do(run_id)


def _claim_and_do(run_id: int) -> Run | None:
    now = timezone.now()
    claimed = Run.objects.filter(pk=run_id, status=RunStatus.QUEUED).update(
        status=RunStatus.RUNNING, started_at=now, heartbeat_at=now
    )
    if not claimed:
        return None
    count_attempt(run_id)
    run = Run.objects.get(pk=run_id)
    context = RunContext(run)
    with _heartbeat(run_id):
        status, message, code, result = _perform(run, context)
    _finish(context, status=status, message=message, code=code, result=result)
    run.refresh_from_db()
    return run


def _perform(run: Run, context: RunContext) -> tuple[str, str, str, Mapping[str, Any]]:
    try:
        context.check()
        result = HANDLERS[run.job](context) or {}
    except RunCancelled:
        return RunStatus.CANCELLED, "Cancelled.", "", {}
    except UnabridgedError as error:
        logger.warning("%s failed: %s", run, error.message)
        return RunStatus.FAILED, error.message, error.code, {"context": error.context}
    except Exception:  # why: whatever a job raises, its run must end and say so; the whole is logged
        logger.exception("%s failed", run)
        return RunStatus.FAILED, "Something unforeseen went wrong; the log has the details.", "internal_error", {}
    return RunStatus.SUCCEEDED, str(result.get("message", "") or context.message), "", result


def _finish(context: RunContext, *, status: str, message: str, code: str, result: Mapping[str, Any]) -> None:
    context.flush()
    Run.objects.filter(pk=context.run.pk, status=RunStatus.RUNNING).update(
        status=status, message=message[:500], error_code=code, result=dict(result), finished_at=timezone.now()
    )


@contextmanager
def _heartbeat(run_id: int) -> Any:
    """Say "alive" while the job works, even when it waits long for an outside service."""
    if settings.TESTING:
        yield
        return
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_SECONDS):
            Run.objects.filter(pk=run_id, status=RunStatus.RUNNING).update(heartbeat_at=timezone.now())
        connection.close()

    thread = threading.Thread(target=beat, daemon=True, name=f"heartbeat-{run_id}")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def cancel_run(run: Run, *, now: datetime.datetime) -> Run:
    """Ask a run to stop. A queued one ends at once; a running one at its next step; an ended one is a conflict."""
    ended = Run.objects.filter(pk=run.pk, status=RunStatus.QUEUED).update(
        status=RunStatus.CANCELLED, finished_at=now, message="Cancelled before it began."
    )
    if not ended:
        asked = Run.objects.filter(pk=run.pk, status=RunStatus.RUNNING).update(cancel_requested_at=now)
        if not asked:
            raise ConflictError("This run has ended; there is nothing to cancel.", context={"run": run.pk})
    run.refresh_from_db()
    return run


def recover_runs(*, now: datetime.datetime, all_running: bool = False, at_start: bool = False) -> dict[str, int]:
    """End the runs whose worker died and send the hints again that were lost.

    A worker that died on this machine is known at once, one of another machine by its silence. `all_running`: at the
    start of the only worker, every run that is still marked as running is an orphan, unless a living process (a command
    at this moment) works on it. `at_start`: every hint is sent again, since a worker that died may have taken some; one
    that is sent twice does nothing.
    """
    # Read before the locks are: a run is running only after its process has taken its lock.
    running = list(Run.objects.filter(status=RunStatus.RUNNING).values_list("pk", flat=True))
    dead = [pk for pk in running if not is_held(pk)] if all_running else died_here(running)
    orphans = Run.objects.filter(status=RunStatus.RUNNING, pk__in=dead)
    if not all_running:
        orphans |= Run.objects.silent_since(now - SILENT_AFTER)
    lost = orphans.update(
        status=RunStatus.FAILED,
        error_code="worker_lost",
        message="The worker stopped in the middle. Nothing is lost: the next run goes on from what was done.",
        finished_at=now,
    )
    forget(dead)
    waiting = Run.objects.filter(status=RunStatus.QUEUED)
    if not (all_running or at_start):
        # A run that waits behind others is not lost: its hint is sent again now and then, not at every sweep.
        quiet = Q(heartbeat_at=None) | Q(heartbeat_at__lt=now - RESEND_EVERY)
        waiting = waiting.filter(quiet, created_at__lt=now - RESEND_AFTER)
    ids = list(waiting.order_by("created_at").values_list("pk", flat=True)[:100])
    for run_id in ids:
        send_run(run_id)
    Run.objects.filter(pk__in=ids, status=RunStatus.QUEUED).update(heartbeat_at=now)
    return {"lost": lost, "resent": len(ids)}


def tally_failure(*, job: str, item_type: str, item_id: object, error: str, now: datetime.datetime) -> None:
    """Count a failed attempt on one item; the tally is kept for ever."""
    row, _ = FailedAttempt.objects.get_or_create(
        job=job, item_type=item_type, item_id=str(item_id)[:200], defaults={"first_at": now, "last_at": now}
    )
    FailedAttempt.objects.filter(pk=row.pk).update(count=F("count") + 1, last_at=now, last_error=error[:500])
