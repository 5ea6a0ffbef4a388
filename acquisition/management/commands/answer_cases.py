"""Answer questions of judgement: one JSON case per line on standard input, one answer per line on standard output."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from acquisition.services.cases import answer_cases
from config.errors import ValidationError


class Command(BaseCommand):
    help = 'Read cases {"id", "question", "input"} from standard input and write {"id", "answer"}, one per line.'
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for answer in answer_cases(sys.stdin):
                self.stdout.write(answer)
        except ValidationError as error:
            raise CommandError(error.message) from error
