"""Obtain what is missing: `manage.py acquire [--series NAME] [--book ID]`."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from acquisition.domain.states import SENTENCES, DownloadState
from acquisition.models import Download
from library.models import Book, Gap, Series
from scheduling.management.follow import follow_run

ENDS = {
    DownloadState.IMPORTED,
    DownloadState.FAILED,
    DownloadState.ABANDONED,
    DownloadState.BLOCKED,
    DownloadState.CANCELLED,
}


class Command(BaseCommand):
    help = "Search for missing books, download the best release of each, check it and file it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--series", help="only gaps of the series with this name")
        parser.add_argument("--book", type=int, action="append", help="id of a book; may be repeated")
        parser.add_argument("--max", type=int, default=10, help="how many downloads at most (default 10)")
        parser.add_argument("--dry-run", action="store_true", help="search and decide, and download nothing")
        parser.add_argument("--no-wait", action="store_true", help="queue the downloads, and leave them to the server")
        parser.add_argument("--timeout", type=int, default=3600, help="seconds to wait for the downloads")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["max"] <= 50:
            raise CommandError("--max must be from 1 to 50.")
        params: dict[str, Any] = {"max_downloads": options["max"], "dry_run": options["dry_run"]}
        if options["book"]:
            missing = set(options["book"]) - set(
                Book.objects.filter(pk__in=options["book"]).values_list("pk", flat=True)
            )
            if missing:
                raise CommandError(f"There is no book with the id {', '.join(map(str, sorted(missing)))}.")
            params["book_ids"] = options["book"]
        else:
            params["gaps"] = True
            if options["series"]:
                params["series_ids"] = self._series(options["series"])
        run = follow_run(self, job="wanted_search", params=params)
        for row in run.result.get("not_found", []):
            self.stdout.write(f"  not found: {row['title']} – {row['reason']}")
        for row in run.result.get("grabbed", []):
            self.stdout.write(f"  found: {row['title']} – {row['release']} ({row['indexer']})")
        if options["dry_run"] or options["no_wait"] or not run.result.get("grabbed"):
            return
        self._wait([row["download"] for row in run.result["grabbed"] if "download" in row], options["timeout"])

    def _series(self, name: str) -> list[int]:
        ids = list(Series.objects.filter(name__iexact=name).values_list("pk", flat=True))
        if not ids:
            near = Series.objects.filter(name__icontains=name, gaps__closed_at=None).distinct()[:5]
            hint = f" Did you mean: {', '.join(s.name for s in near)}?" if near else ""
            raise CommandError(f"There is no series named {name}.{hint}")
        return ids

    def _wait(self, ids: list[int], timeout: int) -> None:
        """Drive the downloads from here (a server that runs as well does no harm) until each has ended."""
        until = time.monotonic() + timeout
        shown: dict[int, str] = {}
        while time.monotonic() < until:
            self._push(ids)
            rows = list(Download.objects.filter(pk__in=ids))
            for row in rows:
                if shown.get(row.pk) != row.status:
                    shown[row.pk] = row.status
                    words = row.error_message or SENTENCES[DownloadState(row.status)]
                    self.stdout.write(f"  {row.title}: {row.status} – {words}")
            if all(row.status in ENDS for row in rows):
                break
            time.sleep(1)
        else:
            raise CommandError("Not all downloads ended in time; they go on in the server. See `manage.py status`.")
        self._report_series(ids)
        if any(row.status != DownloadState.IMPORTED for row in rows):
            raise CommandError("Some downloads did not end on the shelf; see above.")

    def _push(self, ids: list[int]) -> None:
        from acquisition.services.driving import drive_downloads

        drive_downloads(ids)

    def _report_series(self, ids: list[int]) -> None:
        for series in Series.objects.filter(entries__book__downloads__in=ids).distinct():
            left = Gap.objects.open().filter(series=series, counts=True, reason="missing").count()
            self.stdout.write(f"  {series.name}: {series.completion_percentage} % complete, {left} missing")
