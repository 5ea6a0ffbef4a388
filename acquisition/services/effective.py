"""The settings in force, with secrets masked, and changing them with an entry in the audit trail."""

import datetime
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import User
from accounts.services.audit import record
from acquisition.domain.profile import Profile
from acquisition.services.profiles import change_profile, check_ranges, default_profile
from config.errors import ValidationError
from library.models import Setting
from library.services.settings import KNOWN, change_settings, get_settings

MASK = "***"
# Settings whose values are secrets: the addresses hold tokens.
SECRETS = frozenset({"notifications.urls"})
# Settings with an endpoint of their own, which checks them by sending to them.
PERIODS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}
SET_ELSEWHERE = dict.fromkeys(("notifications.urls", "notifications.events"), "/api/system/notifications/")


def effective_settings(*, now: datetime.datetime) -> dict[str, Any]:
    """Every setting by key with its value, default and meaning; and what the environment decided."""
    values = get_settings()
    changed = {row.key: row for row in Setting.objects.select_related("changed_by").filter(pk__in=KNOWN)}
    return {
        "as_of": now,
        "settings": {key: _one(key, values[key], changed.get(key)) for key in KNOWN},
        "environment": _environment(),
    }


def _one(key: str, value: Any, row: Setting | None) -> dict[str, Any]:
    return {
        "value": masked(key, value),
        "default": KNOWN[key].default,
        "meaning": KNOWN[key].meaning,
        "is_changed": row is not None and row.value != KNOWN[key].default,
        "changed_at": row.changed_at if row else None,
        "changed_by": row.changed_by.get_username() if row and row.changed_by else None,
    }


def _environment() -> dict[str, Any]:
    return {
        "version": settings.VERSION,
        "time_zone": settings.TIME_ZONE,
        "debug": settings.DEBUG,
        "database": connection.vendor,
        "has_redis": bool(settings.REDIS_URL),
        "behind_proxy": settings.BEHIND_PROXY,
        "trusted_hosts": sorted(settings.TRUSTED_HOSTS),
        "log_level": settings.LOG_LEVEL,
        "rate_limits": {tier: _rate(rate) for tier, rate in settings.RATE_LIMITS.items()},
    }


def _rate(rate: tuple[int, int]) -> str:
    """As it is written in the environment: `60/minute`."""
    count, seconds = rate
    return f"{count}/{PERIODS[seconds]}"


def masked(key: str, value: Any) -> Any:
    """The value as it may be shown: of a secret address only its scheme."""
    if key not in SECRETS or not isinstance(value, list):
        return value
    return [f"{str(address).partition('://')[0]}://{MASK}" for address in value]


def change_configuration(*, changes: Mapping[str, Any], user: User | None) -> dict[str, dict[str, Any]]:
    """Store new values, all or nothing. Returns {key: {old, new}} of what changed, masked."""
    elsewhere = {key: f"is set at {place}" for key, place in SET_ELSEWHERE.items() if key in changes}
    if elsewhere:
        raise ValidationError("Some settings are not set here: nothing was changed.", fields=elsewhere)
    changed = change_settings(changes=changes, user=user)
    shown = {key: {side: masked(key, value) for side, value in pair.items()} for key, pair in changed.items()}
    if shown:
        record("settings.changed", actor=user, target_name=", ".join(shown), detail=shown)
    return shown


def change_quality_rules(*, changes: Mapping[str, Any], user: User | None) -> dict[str, dict[str, Any]]:
    """Change the general release profile; all or nothing, and only to one that some release can meet."""
    check_ranges({**_plain(default_profile()), **changes}, changes)
    changed = change_profile(changes=changes, user=user)
    if changed:
        record("quality_rules.changed", actor=user, target_name="default", detail=changed)
    return changed


def quality_rules() -> dict[str, Any]:
    """The general release profile."""
    return _plain(default_profile())


def _plain(profile: Profile) -> dict[str, Any]:
    names = profile.__dataclass_fields__
    values = {name: getattr(profile, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
