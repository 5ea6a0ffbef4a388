"""Find the missing books: `manage.py analyze_gaps`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from library.models import Gap
from scheduling.management.follow import follow_run


class Command(BaseCommand):
    help = "Ask the catalogue what exists, compare it with the shelf, and list what is missing and why."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-refresh", action="store_true", help="do not ask the catalogue first")
        parser.add_argument("--series", help="only series whose name contains this")
        parser.add_argument("--all", action="store_true", help="list the rows that do not count, too")
        parser.add_argument("--limit", type=int, default=100, help="how many rows to list (default 100)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["no_refresh"]:
            follow_run(self, job="catalogue_refresh", params={"limit": None})
        follow_run(self, job="gap_analysis")
        gaps = (
            Gap.objects.open()
            .select_related("book", "series", "author")
            .order_by("series__sort_name", "position_first")
        )
        if options["series"]:
            gaps = gaps.filter(series__name__icontains=options["series"])
        if not options["all"]:
            gaps = gaps.filter(counts=True)
        for gap in gaps[: options["limit"]]:
            home = gap.series.name if gap.series else str(gap.author or "")
            number = f" {gap.position}" if gap.position else ""
            self.stdout.write(f"  {home}{number}: {gap.book.title} – {gap.explanation}")
        rest = gaps.count() - options["limit"]
        if rest > 0:
            self.stdout.write(f"  … and {rest} more; --limit shows them.")
