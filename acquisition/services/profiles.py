"""The release profile in force for a book: the general one, its library's, and what its series says differently."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db import transaction

from accounts.models import User
from acquisition.domain.profile import Profile
from config.errors import ValidationError
from library.models import Book, SeriesEntry, Setting
from library.services.settings import get_setting

KEY = "profile.default"
SHARED_WITH_GAPS = {
    "languages": "gaps.languages",
    "accepts_abridged": "gaps.accepts_abridged",
    "accepts_dramatised": "gaps.accepts_dramatised",
}


def default_profile() -> Profile:
    """The general profile. What it shares with the gap analysis is stored once, there."""
    stored = Setting.objects.filter(pk=KEY).first()
    values: dict[str, Any] = dict(stored.value or {}) if stored else {}
    values.update({name: get_setting(key) for name, key in SHARED_WITH_GAPS.items()})
    return Profile.from_mapping(values)


def profile_for(book: Book) -> Profile:
    """The general profile with what the book's series say differently."""
    profile = default_profile()
    overrides: dict[str, Any] = {}
    for preference in SeriesEntry.objects.filter(book=book).values_list("series__preference", flat=True):
        overrides.update(preference or {})
    return Profile.from_mapping({**asdict(profile), **overrides})


def change_profile(*, changes: Mapping[str, Any], user: User | None = None) -> dict[str, dict[str, Any]]:
    """Change the general profile; all or nothing. Returns {field: {old, new}}."""
    from library.services.settings import change_settings

    old = asdict(default_profile())
    faults = {name: fault for name, value in changes.items() if (fault := _fault(name, value, old))}
    if faults:
        raise ValidationError("The profile is not valid: nothing was changed.", fields=faults)
    with transaction.atomic():
        shared = {SHARED_WITH_GAPS[n]: v for n, v in changes.items() if n in SHARED_WITH_GAPS}
        if shared:
            change_settings(changes=shared, user=user)
        own = {name: value for name, value in changes.items() if name not in SHARED_WITH_GAPS}
        if own:
            row, _ = Setting.objects.get_or_create(pk=KEY, defaults={"value": {}})
            row.value, row.changed_by = {**(row.value or {}), **own}, user
            row.save()
    return {
        name: {"old": _plain(old[name]), "new": value} for name, value in changes.items() if _plain(old[name]) != value
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _fault(name: str, value: Any, known: Mapping[str, Any]) -> str:
    if name not in known:
        return "is not a field of the profile"
    old = known[name]
    if isinstance(old, bool):
        return "" if isinstance(value, bool) else "must be true or false"
    if isinstance(old, tuple):
        texts = (
            isinstance(value, list)
            and len(value) <= 100
            and all(isinstance(v, str) and 0 < len(v) <= 100 for v in value)
        )
        return "" if texts else "must be a list of texts"
    if isinstance(old, int):
        fine = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 1_000_000
        return "" if fine else "must be a whole number from 0 to 1000000"
    return "" if isinstance(value, str) and len(value) <= 100 else "must be a text"
