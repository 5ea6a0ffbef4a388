"""What a change of the release profile would do: `manage.py replay --set formats=m4b,mp3 --set minimum_seeders=0`."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from acquisition.domain.profile import Profile
from acquisition.models import ReleaseProfile
from acquisition.services.replaying import DAYS, Replayed, replay_decisions
from config.errors import UnabridgedError


class Command(BaseCommand):
    help = "Judge the kept decisions again under a changed release profile. Nothing is written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--set",
            action="append",
            required=True,
            dest="changes",
            metavar="FIELD=VALUE",
            help="a field of the profile; lists with commas, yes or no, numbers. May be given several times.",
        )
        parser.add_argument(
            "--profile", default="", help="the name of a library's profile; without it, the general one"
        )
        parser.add_argument("--days", type=int, default=DAYS, help=f"how far back (default: {DAYS})")
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        profile = ReleaseProfile.objects.filter(name=options["profile"]).first() if options["profile"] else None
        if options["profile"] and profile is None:
            raise CommandError(f"There is no release profile named {options['profile']}.")
        changes = dict(_change(text) for text in options["changes"])
        try:
            found = replay_decisions(changes=changes, now=timezone.now(), profile=profile, days=options["days"])
        except UnabridgedError as error:
            fields = error.context.get("fields") or {}
            details = [f"{name} {problem['message']}" for name, problems in fields.items() for problem in problems]
            raise CommandError(" ".join([error.message, *details])) from error
        if options["json"]:
            sides = {"gained": found.gained, "lost": found.lost}
            rows = {side: [_row(one) for one in ones] for side, ones in sides.items()}
            self.stdout.write(
                json.dumps({"message": found.sentence, "judged": found.judged, **rows}, ensure_ascii=False)
            )
            return
        for sign, ones in (("+", found.gained), ("-", found.lost)):
            for one in ones:
                why = " ".join(str(reason["message"]) for reason in one.reasons)
                self.stdout.write(f"{sign} {one.decision.release_title} (for {one.decision.book}): {why}")
        self.stdout.write(found.sentence)


def _row(one: Replayed) -> dict[str, Any]:
    return {
        "book": one.decision.book_id,
        "release": one.decision.release_title,
        "reasons": [reason["code"] for reason in one.reasons],
    }


def _change(text: str) -> tuple[str, Any]:
    """`field=value` as the profile's field wants it; CommandError names what is wrong."""
    name, sign, value = text.partition("=")
    known = asdict(Profile())
    if not sign or name not in known or name == "name":
        fields = ", ".join(sorted(set(known) - {"name"}))
        raise CommandError(f"“{text}” is not FIELD=VALUE with a field of the profile; there are {fields}.")
    default = known[name]
    if isinstance(default, tuple):
        return name, [word.strip() for word in value.split(",") if word.strip()]
    if isinstance(default, bool):
        if value not in ("yes", "no"):
            raise CommandError(f"{name} must be yes or no.")
        return name, value == "yes"
    if isinstance(default, int):
        if not value.isdigit():
            raise CommandError(f"{name} must be a whole number.")
        return name, int(value)
    return name, value
