"""What the Audiobookshelf client hands over beside `CopyFacts`."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from library.domain.facts import Problem

FIRST_WITH_API_KEYS = (2, 26, 0)


def version_numbers(version: str) -> tuple[int, int, int]:
    """`2.36.0-beta` -> (2, 36, 0); an unknown version is (0, 0, 0)."""
    found = re.match(r"\s*v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


@dataclass(frozen=True, slots=True)
class AbsStatus:
    """What the server says of itself without credentials. `version` is empty on servers too old to say."""

    version: str
    is_initialised: bool
    auth_methods: tuple[str, ...] = ()

    @property
    def has_api_keys(self) -> bool:
        return version_numbers(self.version) >= FIRST_WITH_API_KEYS


@dataclass(frozen=True, slots=True)
class AbsUser:
    """The user that the credentials act as. `type` is root, admin, user or guest."""

    id: str
    name: str
    type: str
    permissions: Mapping[str, bool] = field(default_factory=dict)

    @property
    def may_scan(self) -> bool:
        return self.type in ("root", "admin")


@dataclass(frozen=True, slots=True)
class AbsLibrary:
    """A library of books. `folders` are absolute paths as the Audiobookshelf server sees them (often inside a
    container); `last_scan` is None when it was never scanned."""

    id: str
    name: str
    folders: tuple[str, ...] = ()
    last_scan: datetime.datetime | None = None
    watches_folders: bool = True


@dataclass(frozen=True, slots=True)
class AbsHealth:
    """A server that answers. `warnings` are sentences about what will not work with these credentials."""

    version: str
    user: AbsUser
    libraries: tuple[AbsLibrary, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def permissions(self) -> Mapping[str, bool]:
        return self.user.permissions


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item that is there and was not read again, because its `updated_at_ms` is the one already known.

    `path` is relative to the library folder. With a `problem` the item is there, has changed, and cannot be read: keep
    what is known of it. A SeenItem never means that a book has gone.
    """

    item_id: str
    path: str
    updated_at_ms: int
    is_missing: bool = False
    problem: Problem | None = None
