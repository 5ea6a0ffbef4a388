"""Make an API key: `manage.py create_api_key NAME --user admin`."""

import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import User
from accounts.services.keys import create_key
from config.errors import UnabridgedError


class Command(BaseCommand):
    help = "Make an API key. It is printed once, alone on standard output; only a digest of it is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the key is for")
        parser.add_argument("--user", default="admin", help="whose role it has (default admin)")
        parser.add_argument("--read-only", action="store_true", help="allow only GET requests")
        parser.add_argument("--days", type=int, help="days until it expires (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user named {options['user']}. Make one in the admin, or name another.")
        now = timezone.now()
        expires = now + datetime.timedelta(days=options["days"]) if options["days"] is not None else None
        try:
            _, text = create_key(
                user=user, name=options["name"], is_read_only=options["read_only"], expires_at=expires, now=now
            )
        except UnabridgedError as error:
            raise CommandError(error.message) from error
        self.stdout.write(text)
