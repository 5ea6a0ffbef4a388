"""Talk to everything that is set up and say what to do: `manage.py doctor`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection
from django.utils import timezone

from acquisition.domain.health import Severity
from acquisition.services.health import HealthReport, check_health

MARKS = {Severity.OK: "ok", Severity.NOTICE: "note", Severity.WARNING: "WARN", Severity.ERROR: "FAIL"}


class Command(BaseCommand):
    help = (
        "Check settings, folders and every service now, and say what to do. Exits with 1 when something does not work."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")
        parser.add_argument("--offline", action="store_true", help="ask no service; tell of the last contacts")
        parser.add_argument("--quiet", action="store_true", help="show only what is not well")

    def handle(self, *args: Any, **options: Any) -> None:
        if fault := self._database_fault():
            self._write(options, {"healthy": False, "findings": [], "error": fault}, fault)
            raise SystemExit(1)
        report = check_health(now=timezone.now(), talk="none" if options["offline"] else "all")
        self._write(options, report.as_dict(), self._page(report, quiet=options["quiet"]))
        if not report.is_healthy:
            raise SystemExit(1)

    def _database_fault(self) -> str:
        """What keeps the checks from being made at all."""
        try:
            tables = connection.introspection.table_names()
        except DatabaseError as error:
            return (
                f"The database cannot be reached ({str(error).splitlines()[0]}). Check DATABASE_URL, and that it runs."
            )
        return "" if "library_setting" in tables else "The database is empty. Run `manage.py migrate`."

    def _page(self, report: HealthReport, *, quiet: bool) -> str:
        shown = report.problems() if quiet else report.findings
        lines = []
        for finding in shown:
            head = f"{MARKS[finding.severity]:5} {finding.code.replace('_', ' ')}"
            lines.append(f"{head}: {finding.subject}" if finding.subject else head)
            lines.append(f"      {finding.message}")
        counts = {mark: sum(f.severity is severity for f in report.findings) for severity, mark in MARKS.items()}
        bad = ", ".join(f"{count} {mark}" for mark, count in counts.items() if count)
        return "\n".join([*lines, "", f"{len(report.findings)} checks: {bad}."])

    def _write(self, options: dict[str, Any], document: dict[str, Any], page: str) -> None:
        self.stdout.write(json.dumps(document, indent=2, default=str) if options["json"] else page)
