"""What is going on, in a page: `manage.py status`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from acquisition.services.overview import overview


class Command(BaseCommand):
    help = "Show library, gaps, downloads, jobs and services at a glance. Exits with 1 when something needs a person."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        found = overview()
        if options["json"]:
            self.stdout.write(json.dumps(found, default=str, indent=2))
        else:
            for section, rows in found.items():
                self.stdout.write(section.capitalize())
                for name, value in rows.items():
                    self.stdout.write(f"  {name.replace('_', ' '):28} {value}")
        if found["attention"]:
            raise SystemExit(1)
