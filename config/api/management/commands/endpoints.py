"""Print the map of all endpoints, or write it into the documentation."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.api.endpoints import markdown


class Command(BaseCommand):
    help = "Print the endpoints with their view, authentication, role and rate limit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write docs/endpoints.md")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["write"]:
            (Path(settings.BASE_DIR) / "docs" / "endpoints.md").write_text(markdown())
        else:
            self.stdout.write(markdown())
