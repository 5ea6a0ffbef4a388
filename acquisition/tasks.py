"""The acquisition's jobs: thin wrappers over services."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from acquisition.services.backups import create_backup
from acquisition.services.facts_to_tell import collect_facts
from acquisition.services.feeds import sync_feeds
from acquisition.services.gap_acquiring import acquire_gaps
from acquisition.services.health import run_health_check
from acquisition.services.housekeeping import keep_house
from acquisition.services.importing import import_download
from acquisition.services.monitoring import monitor_downloads, remove_seeded, sweep_retries, transfer
from acquisition.services.notifications import deliver_notifications
from acquisition.services.prowlarr import sync_due
from acquisition.services.renaming import finish_renames, rename_library, undo_renames
from acquisition.services.ripening import take_ripe
from acquisition.services.settling import confirm_imports
from acquisition.services.tracker import check_events, read_account
from acquisition.services.wanted import search_wanted
from scheduling.services.context import RunContext
from scheduling.services.registry import job


@job("download_monitor")
def download_monitor(run: RunContext) -> Mapping[str, Any]:
    """A look at all downloads; or, with a parameter, the transfer or the import of one, or a renaming of the shelf."""
    if "transfer" in run.params:
        return transfer(download_id=run.params["transfer"], run=run)
    if "import" in run.params:
        return import_download(download_id=run.params["import"], run=run)
    if "rename" in run.params:
        return rename_library(root_id=run.params["rename"], copy_ids=run.params.get("copies"), run=run)
    if "undo_renames" in run.params:
        return undo_renames(run_id=run.params["undo_renames"], run=run)
    finish_renames()
    result = monitor_downloads(run=run)
    removed = remove_seeded(now=timezone.now())
    confirm_imports(now=timezone.now())
    for line in result.errors:
        run.warn(line)
    tell_people(run)
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


def tell_people(run: RunContext) -> None:
    """Write down what is new and deliver what is due; a message that does not go out never fails the job."""
    now = timezone.now()
    collect_facts(now=now)
    result = deliver_notifications(now=now)
    if result.failed or result.given_up:
        run.warn(f"{result.failed + result.given_up} notifications were not delivered.")


@job("feed_sync")
def feed_sync(run: RunContext) -> Mapping[str, Any]:
    now = timezone.now()
    for words in sync_due(now=now):
        run.warn(words)
    result = sync_feeds(run=run, now=now)
    ripe = take_ripe(now=now)
    words = f" {ripe} that had waited for a better one." if ripe else ""
    return {**result, "message": f"{result['message']}{words}", "ripe": ripe}


@job("health_check")
def health_check(run: RunContext) -> Mapping[str, Any]:
    """Params: `talk` (own, all, none); see acquisition.services.health."""
    report = run_health_check(now=timezone.now(), talk=str(run.params.get("talk") or "own"))
    for finding in report.problems():
        run.log(finding.message, level="warning" if finding.severity != "notice" else "info")
    tell_people(run)
    counts = Counter(finding.severity.value for finding in report.findings)
    words = "All is well." if not report.problems() else f"{counts['error']} errors, {counts['warning']} warnings."
    return {"message": words, "severity": report.severity.value, "counts": dict(counts)}


@job("tracker_account")
def tracker_account(run: RunContext) -> Mapping[str, Any]:
    report = read_account(now=timezone.now(), force=bool(run.params.get("force")))
    if report.status == "not_configured":
        return {"message": "No tracker with an account is set up.", "status": report.status}
    ratio = (report.figures or {}).get("ratio")
    words = f"Ratio {ratio:.2f}." if ratio is not None else "The tracker said no ratio."
    if report.guard and report.guard.get("is_stopped"):
        words += " Downloads are stopped."
    return {"message": words, **report.as_dict()}


@job("tracker_events")
def tracker_events(run: RunContext) -> Mapping[str, Any]:
    found = check_events(now=timezone.now())
    words = {True: "Freeleech for all.", False: "No freeleech.", None: "Nothing is known of events."}
    return {"message": words[found.get("is_freeleech")], **found}


@job("housekeeping")
def housekeeping(run: RunContext) -> Mapping[str, Any]:
    return keep_house(run=run, now=timezone.now())


@job("backup")
def backup(run: RunContext) -> Mapping[str, Any]:
    """Params: `keep`."""
    made, removed = create_backup(
        now=timezone.now(), keep=run.params.get("keep"), alive=lambda words: run.report(message=words)
    )
    words = f"{made.name}, {made.size_bytes / 1e6:.1f} MB." + (f" {len(removed)} old ones deleted." if removed else "")
    return {
        "message": words,
        "name": made.name,
        "size_bytes": made.size_bytes,
        "method": made.method,
        "deleted": removed,
    }
