"""Backups at the command line: `manage.py backup`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from acquisition.services.backups import check_backup, delete_backup, list_backups, restore_steps
from config.errors import UnabridgedError
from scheduling.management.follow import follow_run


class Command(BaseCommand):
    help = "Back up database and settings; list, check and delete backups; say how to put one back."

    def add_arguments(self, parser: CommandParser) -> None:
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--list", action="store_true", help="show the backups, the newest first")
        choice.add_argument("--check", metavar="NAME", help="read a backup back and compare its checksum")
        choice.add_argument("--delete", metavar="NAME", help="delete a backup")
        choice.add_argument("--restore-steps", metavar="NAME", help="say how to put a backup back")
        parser.add_argument("--keep", type=int, help="how many backups stay (otherwise the setting backups.keep)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._do(options)
        except UnabridgedError as error:
            raise CommandError(error.message) from error

    def _do(self, options: dict[str, Any]) -> None:
        if options["list"]:
            for one in list_backups():
                self.stdout.write(f"{one.name}  {one.size_bytes / 1e6:8.1f} MB  {one.method}")
        elif options["check"]:
            self.stdout.write(f"{check_backup(options['check']).name} is whole.")
        elif options["delete"]:
            self.stdout.write(f"{delete_backup(options['delete']).name} was deleted.")
        elif options["restore_steps"]:
            found = check_backup(options["restore_steps"])
            self.stdout.write("\n".join(restore_steps(found.name, found.method)))
        else:
            params = {} if options["keep"] is None else {"keep": options["keep"]}
            follow_run(self, job="backup", params=params)
