"""Read the library: `manage.py import_library [PATH ...]`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.errors import UnabridgedError
from library.services.readers import connect_audiobookshelf
from library.services.roots import add_audiobookshelf, add_folder
from scheduling.management.follow import follow_run


class Command(BaseCommand):
    help = "Read what is on the shelf, from folders or from Audiobookshelf. Nothing in the library is moved or written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "paths", nargs="*", metavar="PATH", help="folders to add and read; without, all known roots"
        )
        parser.add_argument("--abs-url", help="address of an Audiobookshelf server to add and read")
        parser.add_argument("--abs-token", default="", help="an API key of that server")
        parser.add_argument("--abs-username", default="")
        parser.add_argument("--abs-password", default="")
        parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ids = [add_folder(path).pk for path in options["paths"]]
            if options["abs_url"]:
                server = add_audiobookshelf(
                    url=options["abs_url"],
                    token=options["abs_token"],
                    username=options["abs_username"],
                    password=options["abs_password"],
                )
                ids += [root.pk for root in connect_audiobookshelf(server)]
        except UnabridgedError as error:
            raise CommandError(error.message) from error
        params: dict[str, Any] = {"dry_run": options["dry_run"]}
        if ids:
            params["root_ids"] = ids
        run = follow_run(self, job="library_import", params=params)
        if options["dry_run"]:
            for root in run.result.get("roots", {}).values():
                for line in root["preview"]:
                    self.stdout.write(f"  {line}")
