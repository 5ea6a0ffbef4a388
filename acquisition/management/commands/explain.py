"""Why the product thinks what it thinks: `manage.py explain path|title|release|gap …`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from acquisition.services.explain import explain
from config.errors import UnabridgedError


class Command(BaseCommand):
    help = "Explain, step by step, how a path, a title or a release is read and judged, or why a book is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")
        kinds = parser.add_subparsers(dest="kind", required=True, metavar="path|title|release|gap")
        path = kinds.add_parser("path", help="a folder or file below a library root")
        path.add_argument("text", metavar="PATH")
        title = kinds.add_parser("title", help="a title, as a tag or a shop writes it")
        title.add_argument("text", metavar="TITLE")
        title.add_argument("--author", default="", help="its author, where known")
        release = kinds.add_parser("release", help="the name of a release, for a book")
        release.add_argument("text", metavar="NAME")
        release.add_argument("--book", required=True, help="number or title of the book that it would be for")
        gap = kinds.add_parser("gap", help="a missing book")
        gap.add_argument("text", metavar="BOOK", help="number or title of the book; or gap:NUMBER")

    def handle(self, *args: Any, **options: Any) -> None:
        asked = {name: options.get(name) or "" for name in ("kind", "text", "author", "book")}
        try:
            found = explain(**asked, now=timezone.now())
        except UnabridgedError as error:
            raise CommandError(error.message) from error
        self.stdout.write(json.dumps(found.as_data(), ensure_ascii=False) if options["json"] else found.as_text())
