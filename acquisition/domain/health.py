"""Health checks as values: what is wrong, how bad it is, and what to do."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """`notice`: worth knowing. `warning`: something works less well. `error`: something does not work."""

    OK = "ok"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


WEIGHT = {Severity.OK: 0, Severity.NOTICE: 1, Severity.WARNING: 2, Severity.ERROR: 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check on one subject. `message` is a sentence that says what to do unless all is well."""

    code: str
    severity: Severity
    message: str
    subject: str = ""

    @property
    def key(self) -> str:
        return f"{self.code}:{self.subject}" if self.subject else self.code

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "severity": self.severity.value}


def ok(code: str, message: str, subject: str = "") -> Finding:
    return Finding(code, Severity.OK, message, subject)


def notice(code: str, message: str, subject: str = "") -> Finding:
    return Finding(code, Severity.NOTICE, message, subject)


def warning(code: str, message: str, subject: str = "") -> Finding:
    return Finding(code, Severity.WARNING, message, subject)


def error(code: str, message: str, subject: str = "") -> Finding:
    return Finding(code, Severity.ERROR, message, subject)


def worst(findings: Iterable[Finding]) -> Severity:
    return max((finding.severity for finding in findings), key=lambda severity: WEIGHT[severity], default=Severity.OK)


@dataclass(frozen=True, slots=True)
class Change:
    """Something that broke (`is_lost`) or works again."""

    key: str
    subject: str
    message: str
    is_lost: bool
    since: str


def compare_health(
    before: Mapping[str, Mapping[str, Any]], findings: Iterable[Finding], *, now: str
) -> tuple[dict[str, dict[str, Any]], list[Change]]:
    """What is broken now ({key: {message, subject, since}}), and what changed against `before` (of the same shape).

    Only errors count, so that a warning wakes nobody; something that stays broken keeps the moment it broke.
    """
    broken = {finding.key: finding for finding in findings if finding.severity is Severity.ERROR}
    state = {
        key: {
            "message": finding.message,
            "subject": finding.subject,
            "since": before[key]["since"] if key in before else now,
        }
        for key, finding in broken.items()
    }
    lost = [
        Change(key, finding.subject, finding.message, True, now) for key, finding in broken.items() if key not in before
    ]
    restored = [
        Change(key, str(old.get("subject", "")), str(old.get("message", "")), False, str(old.get("since", "")))
        for key, old in before.items()
        if key not in broken
    ]
    return state, [*lost, *restored]


# Every code of a finding: what is watched, and why it matters.
CODES: dict[str, str] = {
    "audiobookshelf": "The Audiobookshelf servers answer; without them nothing new is seen and nothing is confirmed.",
    "automatic_search": "Searching by itself is on and has an indexer that it may use.",
    "backups": "There is a backup of the last three weeks.",
    "beat": "The scheduler starts what is due.",
    "blocked_downloads": "Imports that wait for a person.",
    "clients": "There is a download client.",
    "clock": "The clocks of this machine, its disks and the database agree and go forward.",
    "damaged_files": "The files of the library are there and whole, as the last check of integrity found.",
    "data_directory": "The data directory can be written.",
    "data_space": "The data directory has room.",
    "debug": "Internals are not shown to visitors.",
    "download_client": "The download clients answer and let us in.",
    "download_client_warning": "The download clients are set up in a way that loses nothing.",
    "downloads": "No download is stuck.",
    "failed_run": "The last run of every job went well.",
    "hardlink": "Download folders and libraries share files, so that no book takes its space twice.",
    "health_check": "Every check could be made.",
    "import_target": "There is a library that takes new books, and it can be written.",
    "indexer": "The indexers answer.",
    "indexers": "There is an indexer.",
    "migrations": "The database has the schema of this version.",
    "no_client": "There is a torrent client for indexers that offer torrents.",
    "path_mapping": "The download folders of the clients are there for this server.",
    "provider": "The catalogue providers answer.",
    "providers": "There is a catalogue provider.",
    "prowlarr": "The Prowlarr servers answer, so that their indexers are kept up to date.",
    "ratio_guard": "The tracker account may download.",
    "release_profile": "The release profiles that libraries go by are there.",
    "reviews": "Matches do not wait for a decision for weeks.",
    "root_folder": "The folders of the libraries are there, readable, and not suddenly empty.",
    "root_space": "The libraries have room.",
    "settings": "The stored settings are valid.",
    "stuck_downloads": "Downloads get on.",
    "time_zone": "Schedules run by the time that is meant.",
    "tracker_account": "The figures of the tracker account are known.",
    "worker": "A worker does what is queued.",
}
