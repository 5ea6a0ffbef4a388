"""The demonstration: `manage.py demo load | source | remove`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from acquisition.demo.source import make_server
from acquisition.services.demo import demo_folder, remove_demo, set_up_demo
from config.errors import UnabridgedError
from scheduling.management.follow import follow_run


class Command(BaseCommand):
    help = "A small public-domain shelf with gaps, and a source on loopback that has what is missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "action", choices=["load", "source", "remove"], help="set it up; serve its source; remove it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, options["action"])()
        except UnabridgedError as error:
            raise CommandError(error.message) from error

    def load(self) -> None:
        set_up_demo(report=lambda line: self.stdout.write(f"  {line}"))
        follow_run(self, job="library_import")

    def source(self) -> None:
        try:
            server = make_server(demo_folder() / "source", port=settings.DEMO_PORT)
        except OSError as error:
            raise CommandError(
                f"Port {settings.DEMO_PORT} is taken ({error.strerror}). Set UNABRIDGED_DEMO_PORT."
            ) from error
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.server_close()

    def remove(self) -> None:
        self.stdout.write(f"{remove_demo()} books of the demonstration were removed.")
