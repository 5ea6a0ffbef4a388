"""The acquisition's jobs: thin wrappers over services."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from acquisition.services.acquiring import search_wanted
from acquisition.services.gap_acquiring import acquire_gaps
from acquisition.services.importing import import_download
from acquisition.services.monitoring import monitor_downloads, remove_seeded, sweep_retries, transfer
from scheduling.services.context import RunContext
from scheduling.services.registry import job


@job("download_monitor")
def download_monitor(run: RunContext) -> Mapping[str, Any]:
    """A look at all downloads; or, with a parameter, the transfer or the import of one."""
    if "transfer" in run.params:
        return transfer(download_id=run.params["transfer"], run=run)
    if "import" in run.params:
        return import_download(download_id=run.params["import"], run=run)
    result = monitor_downloads(run=run)
    removed = remove_seeded(now=timezone.now())
    for line in result.errors:
        run.warn(line)
    return {"moved": dict(result.moved), "removed": removed, "errors": result.errors}


@job("retry_sweep")
def retry_sweep(run: RunContext) -> Mapping[str, Any]:
    count = sweep_retries(now=timezone.now())
    return {"message": f"{count} downloads queued again.", "queued": count}


@job("wanted_search")
def wanted_search(run: RunContext) -> Mapping[str, Any]:
    if run.params.get("gaps"):
        return acquire_gaps(run=run)
    return search_wanted(run=run)
