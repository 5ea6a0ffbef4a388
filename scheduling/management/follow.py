"""Doing a job at the command line: in this process, with a progress bar, and an exit code that tells the outcome."""

import sys
import threading
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone
from tqdm import tqdm

from config.errors import UnabridgedError
from scheduling.models import Run, RunStatus, Trigger
from scheduling.services.runs import execute_run, request_run


def follow_run(command: BaseCommand, *, job: str, params: dict[str, Any] | None = None, lock: str = "") -> Run:
    """Run a job here and now. CommandError (exit 1) when it fails, 2 when the same job is under way elsewhere."""
    try:
        run = request_run(job=job, params=params, trigger=Trigger.USER, lock=lock, send=lambda run_id: None)
    except UnabridgedError as error:
        raise CommandError(error.message, returncode=2) from error
    stop = threading.Event()
    watcher = threading.Thread(target=_draw, args=(run.pk, stop), daemon=True)
    if sys.stderr.isatty():
        watcher.start()
    try:
        if execute_run(run.pk) is None:
            _wait_for(run)  # a server took it up first
    except KeyboardInterrupt:
        Run.objects.filter(pk=run.pk, status=RunStatus.RUNNING).update(
            status=RunStatus.CANCELLED, message="Interrupted at the keyboard.", finished_at=timezone.now()
        )
        raise CommandError("Interrupted. What was done stays done; run it again to go on.", returncode=130) from None
    finally:
        stop.set()
        if watcher.is_alive():
            watcher.join(timeout=2)
    run.refresh_from_db()
    for entry in run.log_entries.filter(level__in=["warning", "error"])[:50]:
        command.stderr.write(f"{entry.level}: {entry.message}")
    if run.status != RunStatus.SUCCEEDED:
        raise CommandError(run.message or f"The job ended as {run.status}.")
    command.stdout.write(run.message or "Done.")
    return run


def _wait_for(run: Run) -> None:
    while Run.objects.unfinished().filter(pk=run.pk).exists():
        time.sleep(0.2)


def _draw(run_id: int, stop: threading.Event) -> None:
    """Draw the progress of a run until told to stop; reads the row, as every other watcher does."""
    bar = tqdm(unit=" items", leave=False)
    while not stop.wait(0.3):
        run = Run.objects.filter(pk=run_id).first()
        if run:
            bar.total = run.total
            bar.n = run.processed
            bar.set_description(run.message[:40], refresh=True)
    bar.close()
    connection.close()
