"""Keeping the indexers of a Prowlarr server here: added, changed and switched off as they are there.

What a person changed here stays: a field follows Prowlarr only while it still holds what the last look wrote. An indexer
that is gone there is switched off and never deleted, since releases and decisions belong to it.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from accounts.models import User
from accounts.services.audit import record
from acquisition.clients.prowlarr import ProwlarrClient, ProwlarrIndexer
from acquisition.clients.registry import trusted_guard
from acquisition.models import Indexer, IndexerKind, Prowlarr
from acquisition.services.ports import ask, is_paused, trusted_hosts
from config.errors import ExternalAPIError, Malformed, ValidationError

SYNC_EVERY = datetime.timedelta(hours=1)
GONE = "It is no longer in {name}; it was switched off here. Remove it, or add it there again."


@dataclass
class SyncResult:
    """Names of what was done; `skipped` says why an indexer there is not one here."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    switched_off: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        counts = {"added": self.added, "changed": self.changed, "switched off": self.switched_off}
        words = [f"{len(names)} {what}" for what, names in counts.items() if names]
        left = f" {len(self.skipped)} are not for audiobooks over torrents." if self.skipped else ""
        return (f"Indexers: {', '.join(words)}." if words else "All indexers are as they are there.") + left


def open_prowlarr(row: Prowlarr) -> ProwlarrClient:
    return ProwlarrClient(row.url, row.api_key, row.name, trusted_guard(trusted_hosts()))


def check_prowlarr(row: Prowlarr, *, now: datetime.datetime) -> str:
    """Talk to it now; a sentence, or what the client raises."""
    health = ask(row, lambda: open_prowlarr(row).check(), now=now)
    Prowlarr.objects.filter(pk=row.pk).update(version=health.version[:60], last_error="")
    return f"{row.name} answers (Prowlarr {health.version})."


def sync_due(*, now: datetime.datetime) -> list[str]:
    """Look at every server that was not looked at for an hour; what went wrong, in words. Part of the job `feed_sync`."""
    errors = []
    for row in Prowlarr.objects.filter(is_enabled=True):
        is_fresh = row.synced_at and datetime.timedelta(0) <= now - row.synced_at < SYNC_EVERY
        if is_fresh or is_paused(row, now):
            continue
        try:
            sync_prowlarr(row, now=now)
        except ExternalAPIError as error:
            errors.append(error.message)
    return errors


def sync_prowlarr(row: Prowlarr, *, now: datetime.datetime, user: User | None = None) -> SyncResult:
    """Bring the indexers here in line. Raises Unavailable, Rejected or Malformed when it cannot be read, or names no
    indexer where it had some; then nothing is changed."""
    there = ask(row, lambda: open_prowlarr(row).indexers(), now=now)
    own = {one.remote_id: one for one in Indexer.objects.filter(prowlarr=row)}
    if not there and any(one.is_enabled for one in own.values()):
        words = f"{row.name} names no indexer any more, where it had {len(own)}; nothing was changed."
        Prowlarr.objects.filter(pk=row.pk).update(last_error=words, last_error_at=now)
        raise Malformed(words, service=row.name)
    result = SyncResult()
    with transaction.atomic():
        for remote in there:
            if why := _unfit(remote):
                result.skipped[remote.name] = why
                continue
            _bring_in_line(row, own.pop(remote.id, None), remote, result)
        for gone in own.values():
            _switch_off(row, gone, result)
        Prowlarr.objects.filter(pk=row.pk).update(synced_at=now, last_error="", last_result=result.sentence[:300])
        if result.added or result.changed or result.switched_off:
            detail = {"added": result.added, "changed": result.changed, "switched_off": result.switched_off}
            record("prowlarr.synchronised", actor=user, target=row, detail=detail)
    return result


def _unfit(remote: ProwlarrIndexer) -> str:
    if remote.protocol != "torrent":
        return f"It offers over {remote.protocol}, which no download client here can fetch."
    return "" if remote.has_audio else "It has no category for audio."


def _wanted_values(row: Prowlarr, remote: ProwlarrIndexer) -> dict[str, Any]:
    """What Prowlarr says of an indexer, in our columns."""
    return {
        "name": remote.name[:100] or f"{row.name} {remote.id}",
        "url": remote.torznab_url,
        "is_enabled": remote.is_enabled,
        "priority": min(max(remote.priority, 1), 50),
        "seed_ratio": remote.seed_ratio,
        "seed_time_minutes": remote.seed_minutes,
        "daily_budget": remote.queries_a_day,
    }


def _bring_in_line(row: Prowlarr, own: Indexer | None, remote: ProwlarrIndexer, result: SyncResult) -> None:
    values = _wanted_values(row, remote)
    indexer = own or Indexer(prowlarr=row, remote_id=remote.id, kind=IndexerKind.TORZNAB)
    written: Mapping[str, Any] = indexer.settings.get("prowlarr") or {}
    changes = {
        name: value
        for name, value in values.items()
        if own is None or (_is_as_written(own, name, written) and value != written.get(name))
    }
    if "name" in changes:
        changes["name"] = _free_name(changes["name"], row, indexer)
    if indexer.api_key != row.api_key:
        changes["api_key"] = row.api_key
    for name, value in changes.items():
        setattr(indexer, name, value)
    called = changes.get("name", written.get("called"))
    indexer.settings = {**indexer.settings, "prowlarr": {**values, "called": called}}
    waits = parse_datetime(remote.disabled_until) if remote.disabled_until else None
    if waits and waits.tzinfo and (indexer.paused_until is None or indexer.paused_until < waits):
        indexer.paused_until = waits
    if "url" in changes or "api_key" in changes:
        indexer.capabilities_at = None
    if own is None or changes or indexer.last_error == GONE.format(name=row.name):
        indexer.last_error = ""
        (result.added if own is None else result.changed).append(indexer.name)
    indexer.save()


def _is_as_written(own: Indexer, name: str, written: Mapping[str, Any]) -> bool:
    """Whether nobody changed a field here since the last look. A name may have been taken, and is then another here."""
    return bool(getattr(own, name) == written.get("called" if name == "name" else name))


def _free_name(name: str, row: Prowlarr, indexer: Indexer) -> str:
    """A name that no other indexer has."""
    taken = set(Indexer.objects.exclude(pk=indexer.pk).values_list("name", flat=True))
    options = [name, f"{name[:80]} ({row.name[:15]})", *(f"{name[:90]} {number}" for number in range(2, 1000))]
    return next(option for option in options if option not in taken)


def _switch_off(row: Prowlarr, gone: Indexer, result: SyncResult) -> None:
    """It stays with all that belongs to it. Switched on by a person it stays on."""
    words = GONE.format(name=row.name)
    if gone.last_error == words or not gone.is_enabled:
        return
    gone.is_enabled, gone.last_error = False, words
    gone.settings = {**gone.settings, "prowlarr": {**(gone.settings.get("prowlarr") or {}), "is_enabled": False}}
    gone.save()
    result.switched_off.append(gone.name)


def save_prowlarr(*, row: Prowlarr, values: Mapping[str, Any], user: User | None) -> Prowlarr:
    """Write the given columns. ValidationError when address or key is missing."""
    is_new = row.pk is None
    for name, value in values.items():
        setattr(row, name, value)
    missing = [name for name in ("url", "api_key") if not getattr(row, name)]
    if missing:
        words = f"{row.name} needs its {' and '.join(missing)}."
        raise ValidationError(words, fields=dict.fromkeys(missing, "Is needed."))
    open_prowlarr(row)
    row.failure_level, row.paused_until, row.synced_at = 0, None, None
    with transaction.atomic():
        row.save()
        shown = sorted(set(values) - {"api_key"})
        record(f"prowlarr.{'created' if is_new else 'changed'}", actor=user, target=row, detail={"fields": shown})
    return row


def remove_prowlarr(*, row: Prowlarr, user: User | None) -> Sequence[str]:
    """Forget the server. Its indexers stay as ordinary ones, switched off, with all that belongs to them; returns their
    names."""
    with transaction.atomic():
        names = list(Indexer.objects.filter(prowlarr=row).values_list("name", flat=True))
        Indexer.objects.filter(prowlarr=row).update(is_enabled=False)
        record("prowlarr.deleted", actor=user, target=row, detail={"switched_off": names})
        row.delete()
    return names
