"""Asking for a look at the downloads, from wherever something changed."""

from typing import Any

from config.errors import ConflictError
from scheduling.models import Run
from scheduling.services.runs import request_run

JOB = "download_monitor"


def wake_monitor(*, params: dict[str, Any] | None = None, lock: str = "") -> Run | None:
    """Ask for a look now; None when one is under way already."""
    try:
        return request_run(job=JOB, params=params, lock=lock)
    except ConflictError:
        return None
