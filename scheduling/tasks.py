"""Celery tasks of scheduling: thin, safe to run twice."""

import logging

from celery import shared_task
from django.utils import timezone

from config.errors import ConflictError
from scheduling.models import Trigger
from scheduling.services.runs import execute_run, recover_runs, request_run

logger = logging.getLogger(__name__)


@shared_task
def execute(*, run_id: int) -> None:
    """Do a queued run."""
    execute_run(run_id)


@shared_task
def start(*, job: str) -> None:
    """What beat calls: queue a run of a job, unless one is under way."""
    try:
        request_run(job=job, trigger=Trigger.SCHEDULE)
    except ConflictError as error:
        logger.info("%s", error.message)


@shared_task
def sweep() -> None:
    """End runs whose worker died; send lost messages again."""
    recover_runs(now=timezone.now())
