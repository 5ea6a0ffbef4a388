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
