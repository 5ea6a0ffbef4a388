"""The job `health_check` and the command `doctor`: every check in one list, the results kept, changes told once."""

import datetime
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone

from acquisition.domain.facts import ClientHealth
from acquisition.domain.health import Change, Finding, Severity, compare_health, error, worst
from acquisition.services import health_disks, health_services, health_work
from acquisition.services.notifications import queue_fact
from acquisition.services.tracker import check_tracker
from config.errors import UnabridgedError
from library.services.states import read_state, write_state

logger = logging.getLogger(__name__)
STATE = "health"


@dataclass
class HealthReport:
    """All findings, the worst severity, and what changed since the last time."""

    as_of: datetime.datetime
    findings: list[Finding]
    changes: list[Change] = field(default_factory=list)

    @property
    def severity(self) -> Severity:
        return worst(self.findings)

    @property
    def is_healthy(self) -> bool:
        return self.severity is not Severity.ERROR

    def problems(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity is not Severity.OK]

    def as_dict(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of.isoformat(),
            "severity": self.severity.value,
            "healthy": self.is_healthy,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def check_health(*, now: datetime.datetime, talk: str = "own") -> HealthReport:
    """All checks. `talk`: `own` asks the user's own services now (download clients, Audiobookshelf) and tells of the
    others how the last contact went; `all` asks every one; `none` asks nobody. Writes only the services' own state."""
    return HealthReport(now, list(_all_findings(now, talk)))


def _all_findings(now: datetime.datetime, talk: str) -> Iterator[Finding]:
    everything, own = talk == "all", talk in ("all", "own")
    healths: dict[str, ClientHealth] = {}
    parts = (
        lambda: health_work.check_settings(now),
        lambda: health_work.check_database(now),
        lambda: health_disks.check_data_directory(now),
        lambda: health_disks.check_roots(now),
        lambda: health_work.check_profiles(now),
        lambda: health_services.check_audiobookshelves(now, talk=own),
        lambda: health_services.check_clients(now, healths, talk=own),
        lambda: health_disks.check_mappings(health_disks.download_folders(healths)),
        lambda: health_disks.check_hardlinks(health_disks.download_folders(healths)),
        lambda: health_services.check_indexers(now, talk=everything),
        lambda: health_services.check_prowlarr_servers(now, talk=everything),
        lambda: health_services.check_providers(now, talk=everything),
        lambda: check_tracker(now),
        lambda: health_work.check_workers(now),
        lambda: health_work.check_beat(now),
        lambda: health_work.check_downloads(now),
        lambda: health_work.check_reviews(now),
        lambda: health_work.check_runs(now),
        lambda: health_work.check_integrity(now),
        lambda: health_work.check_backups(now),
        lambda: health_work.check_clock(now),
    )
    for part in parts:
        try:
            yield from part()
        except (UnabridgedError, OSError, DatabaseError, ValueError, TypeError, KeyError) as fault:
            # A check that itself breaks is a finding; the others still speak.
            logger.exception("A health check broke")
            words = (
                fault.message if isinstance(fault, UnabridgedError) else f"{type(fault).__name__}; the log has it all."
            )
            yield error("health_check", f"A check could not be made: {words}", str(parts.index(part)))


def run_health_check(*, now: datetime.datetime | None = None, talk: str = "own") -> HealthReport:
    """Check, keep the results, and tell people what broke or works again, once each."""
    moment = now or timezone.now()
    report = check_health(now=moment, talk=talk)
    # What changed and that it was told are written together, so that no crash in between tells it twice or never.
    with transaction.atomic():
        before = read_state(STATE)
        broken, report.changes = compare_health(before.get("broken") or {}, report.findings, now=moment.isoformat())
        for change in report.changes:
            queue_fact(**_fact(change, moment), now=moment)
        write_state(STATE, {**report.as_dict(), "broken": broken})
    return report


def _fact(change: Change, now: datetime.datetime) -> dict[str, str]:
    if change.is_lost:
        event, title = "health_lost", f"Not working: {change.subject or change.key}"
        body = change.message
    else:
        event, title = "health_restored", f"Working again: {change.subject or change.key}"
        body = f"It works again. It had been so since {change.since[:16].replace('T', ' ')} UTC: {change.message}"
    return {"event": event, "key": f"{event}:{change.key}:{change.since}", "title": title, "body": body}


def last_health() -> dict[str, Any]:
    """What the last check found, as kept: {as_of, severity, healthy, findings}; `as_of` None before the first check."""
    kept = read_state(STATE)
    return {
        "as_of": kept.get("as_of"),
        "severity": kept.get("severity"),
        "healthy": kept.get("healthy"),
        "findings": kept.get("findings", []),
    }
