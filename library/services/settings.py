"""Settings that users change at run time: defaults, meaning, validation, and the stored differences."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.models import User
from config.errors import ValidationError
from library.models import Setting

Check = Callable[[Any], str]


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


@dataclass(frozen=True, slots=True)
class Number:
    """A number between bounds, which belong to it."""

    least: float
    most: float
    is_whole: bool = True

    def __call__(self, value: Any) -> str:
        right = isinstance(value, int if self.is_whole else (int, float)) and not isinstance(value, bool)
        return (
            "" if right and self.least <= value <= self.most else f"must be a number from {self.least} to {self.most}"
        )


def _texts(value: Any) -> str:
    good = (
        isinstance(value, list)
        and len(value) <= 100
        and all(isinstance(v, str) and v.strip() and len(v) <= 200 for v in value)
    )
    return "" if good else "must be a list of at most 100 texts, none of them empty"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these words."""

    choices: tuple[str, ...]

    def __call__(self, value: Any) -> str:
        return "" if value in self.choices else f"must be one of {', '.join(self.choices)}"


@dataclass(frozen=True, slots=True)
class Known:
    """One setting: its default, how it is checked, and what it means."""

    default: Any
    check: Check
    meaning: str


KNOWN: dict[str, Known] = {
    "gaps.counts_novellas": Known(False, _flag, "Novellas (fractional positions) count towards completion."),
    "gaps.languages": Known(["en"], _texts, "ISO 639-1 codes of languages that satisfy; empty: any."),
    "gaps.accepts_abridged": Known(False, _flag, "An abridged recording satisfies the wish."),
    "gaps.accepts_dramatised": Known(True, _flag, "A dramatised recording satisfies the wish."),
    "gaps.follow_owned_series": Known(
        True, _flag, "A series with a book on the shelf is followed until you say otherwise."
    ),
    "search.max_grabs_per_book_per_day": Known(3, Number(1, 20), "How many releases are tried for a book in a day."),
    "search.max_books_per_run": Known(25, Number(1, 500), "How many wanted books one search run looks for."),
    "search.is_automatic": Known(False, _flag, "Wanted books are searched for and downloaded without asking."),
    "downloads.max_active": Known(10, Number(1, 500), "How many downloads are under way at once."),
    "downloads.max_retries": Known(3, Number(0, 20), "Failed attempts before a download is abandoned."),
    "downloads.stalled_hours": Known(24, Number(1, 720), "Hours without progress before a download counts as failed."),
    "import.hardlink": Known(
        "prefer", OneOf(("prefer", "require", "never")), "Hardlink, else copy; or fail; or always copy."
    ),
    "import.duration_tolerance": Known(
        0.03, Number(0, 0.5, is_whole=False), "Allowed difference from the catalogue's runtime."
    ),
    "import.sidecars": Known(
        "metadata.json",
        OneOf(("metadata.json", "opf", "both", "none")),
        "What is written beside an imported book, so that its names and series survive whatever its path can carry.",
    ),
    "import.recycle_days": Known(30, Number(1, 3650), "Days that replaced files are kept in the recycle bin."),
    "history.days": Known(30, Number(1, 3650), "Days that runs and their logs are kept."),
    "backups.keep": Known(8, Number(1, 365), "How many backups are kept."),
    "metadata.completeness_threshold": Known(80, Number(0, 100), "Below this, a book counts as incomplete."),
    "features.metadata": Known(True, _flag, "Metadata is corrected from the providers."),
    "features.discovery": Known(False, _flag, "The most wanted titles of the enabled genres are looked for."),
    "discovery.genres": Known([], _texts, "Genres that discovery looks at."),
    "notifications.urls": Known([], _texts, "Apprise addresses that are told."),
    "notifications.events": Known(["imported", "failed", "blocked"], _texts, "What they are told."),
}


def get_setting(key: str) -> Any:
    """The value in force."""
    stored = Setting.objects.filter(pk=key).first()
    return stored.value if stored else KNOWN[key].default


def get_settings() -> dict[str, Any]:
    """All values in force, by key, in one query."""
    stored = dict(Setting.objects.values_list("key", "value"))
    return {key: stored.get(key, known.default) for key, known in KNOWN.items()}


def change_settings(*, changes: Mapping[str, Any], user: User | None = None) -> dict[str, dict[str, Any]]:
    """Store new values. All or nothing; returns {key: {old, new}} of what changed; ValidationError names each fault."""
    faults = {}
    for key, value in changes.items():
        if key not in KNOWN:
            faults[key] = "is not a known setting"
        elif fault := KNOWN[key].check(value):
            faults[key] = fault
    if faults:
        raise ValidationError("Some settings are not valid: nothing was changed.", fields=faults)
    changed: dict[str, dict[str, Any]] = {}
    with transaction.atomic():
        current = get_settings()
        for key, value in changes.items():
            if current[key] != value:
                Setting.objects.update_or_create(key=key, defaults={"value": value, "changed_by": user})
                changed[key] = {"old": current[key], "new": value}
    return changed
