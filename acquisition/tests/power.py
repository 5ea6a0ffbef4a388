"""A process that dies before or after any step that touches disk or database; and trees of files with their hashes."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from django.db import models
from django.db.models import query

# What an import does to disk and database; a crash comes before or after any of it.
STEPS: list[tuple[object, str]] = [
    (os, "link"),
    (os, "fsync"),
    (Path, "rename"),
    (Path, "mkdir"),
    (Path, "rmdir"),
    (shutil, "rmtree"),
    (shutil, "copystat"),
    (models.Model, "save"),
    (query.QuerySet, "update"),
    (query.QuerySet, "create"),
    (query.QuerySet, "bulk_create"),
    (query.QuerySet, "delete"),
]


class Crash(BaseException):
    """The process is gone: nothing may catch it."""


class Power:
    """Counts the steps; at the fatal one the process dies, before or after it was done."""

    def __init__(self, fatal: int, *, after: bool) -> None:
        self.fatal, self.after, self.count, self.is_off = fatal, after, 0, False

    def wrap(self, real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            if self.is_off:
                raise Crash
            self.count += 1
            fatal = self.count == self.fatal
            if fatal and not self.after:
                self.is_off = True
                raise Crash
            result = real(*arguments, **options)
            if fatal:
                self.is_off = True
                raise Crash
            return result

        return step


@contextmanager
def power(fatal: int, *, after: bool, more: Sequence[tuple[object, str]] = ()) -> Iterator[Power]:
    """`more` are further steps than those on disk and database."""
    source = Power(fatal, after=after)
    patches = [mock.patch.object(owner, name, source.wrap(getattr(owner, name))) for owner, name in [*STEPS, *more]]
    for patch in patches:
        patch.start()
    try:
        yield source
    finally:
        for patch in patches:
            patch.stop()


def tree(path: Path) -> dict[str, str]:
    """Every file below with its hash."""
    files = [p for p in sorted(path.rglob("*")) if p.is_file()]
    return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
