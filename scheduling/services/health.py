"""What health and metrics tell of beat, workers and runs."""

import datetime
from collections.abc import Iterator

from django.db.models import Count
from django.utils import timezone

from config.findings import Finding
from scheduling.models import UNFINISHED, Run
from scheduling.services.overview import Part, get_status


def check_workers() -> Finding:
    return _finding(get_status(now=timezone.now()).workers, "worker")


def check_beat() -> Finding:
    return _finding(get_status(now=timezone.now()).beat, "scheduler")


def _finding(part: Part, name: str) -> Finding:
    if part.is_alive is None:
        return Finding(True, f"No {name} has been seen yet.", is_essential=False)
    seen = part.last_seen_at.astimezone(datetime.UTC).isoformat(timespec="seconds") if part.last_seen_at else "never"
    return Finding(part.is_alive, f"The {name} was last seen at {seen}.")


def run_figures() -> Iterator[tuple[str, str, dict[str, str], float]]:
    """Unfinished runs by status."""
    counted = dict(
        Run.objects.unfinished()
        .order_by()
        .values_list("status")
        .annotate(count=Count("pk"))
        .values_list("status", "count")
    )
    for status in UNFINISHED:
        yield "unabridged_runs", "Unfinished runs.", {"status": status.value}, counted.get(status.value, 0)
