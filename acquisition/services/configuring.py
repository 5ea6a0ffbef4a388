"""Setting up indexers and download clients. Secrets are only ever written; every change is audited without them."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services.audit import record
from acquisition.models import ClientKind, DownloadClient, Indexer, IndexerKind
from acquisition.services.ports import open_client, open_indexer
from config.errors import ConflictError, UnabridgedError, ValidationError
from config.http import redact

Service = TypeVar("Service", bound=Indexer | DownloadClient)
MASK = "***"
SECRET_COLUMNS = frozenset({"api_key", "password"})
SECRET_SETTING = re.compile(r"(?i)(password|secret|token|api_?key|cookie|mam_id|passkey)")

# Columns without which a kind cannot be asked.
NEEDED: dict[str, set[str]] = {
    "url": {IndexerKind.TORZNAB, IndexerKind.NEWZNAB, ClientKind.QBITTORRENT, ClientKind.TRANSMISSION},
    "api_key": {IndexerKind.MYANONAMOUSE},
}


def save_service(row: Service, *, values: Mapping[str, Any], user: User | None) -> Service:
    """Write the given columns of a new or an existing row. A masked secret inside `settings` keeps the stored one.

    ValidationError when no client can be made of it; ConflictError (duplicate_resource) when the name is taken.
    Old failures are forgotten: after a change it may be asked at once.
    """
    is_new = row.pk is None
    before = {name: getattr(row, name) for name in values}
    for name, value in values.items():
        setattr(row, name, _unmasked(row.settings, value) if name == "settings" else value)
    _check_usable(row)
    row.failure_level, row.paused_until = 0, None
    if isinstance(row, Indexer):
        row.capabilities_at = None
    try:
        with transaction.atomic():
            row.save()
            what = "created" if is_new else "changed"
            record(f"{_kind(row)}.{what}", actor=user, target=row, detail=_shown_changes(row, before, is_new))
    except IntegrityError as error:
        raise ConflictError(
            f"The name {row.name} is taken.", code="duplicate_resource", context={"resource": _kind(row)}
        ) from error
    return row


def remove_service(row: Indexer | DownloadClient, *, user: User | None) -> None:
    """Forget a service. A client that downloads still refer to is refused: switch it off instead."""
    if isinstance(row, DownloadClient) and (count := row.downloads.count()):
        raise ConflictError(
            f"{count} downloads belong to {row.name}. Remove them first, or set is_enabled to false instead.",
            context={"resource": "download client", "id": row.pk, "downloads": count},
        )
    with transaction.atomic():
        record(f"{_kind(row)}.deleted", actor=user, target=row)
        row.delete()


def address_fault(text: str) -> str:
    """What is wrong with the address of a service, or empty. Hosts of one word, as containers call each other, are
    good; so is an empty address, which means the kind's own."""
    try:
        parts = urlsplit(text)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if text and (not is_good or any(character.isspace() for character in text)):
        return "Must be an address that begins with http:// or https://."
    return ""


def masked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """As they may be shown."""
    return {
        name: MASK
        if SECRET_SETTING.search(name) and value not in (None, "")
        else redact(value)
        if isinstance(value, str)
        else value
        for name, value in settings.items()
    }


def _unmasked(stored: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    return {name: stored.get(name, "") if value == MASK else value for name, value in sent.items()}


def _kind(row: Indexer | DownloadClient) -> str:
    return "indexer" if isinstance(row, Indexer) else "download_client"


def _shown_changes(row: Any, before: Mapping[str, Any], is_new: bool) -> dict[str, Any]:
    """What changed, with secrets named but not shown."""
    shown: dict[str, Any] = {}
    for name, old in before.items():
        new = getattr(row, name)
        if new == old and not is_new:
            continue
        if name in SECRET_COLUMNS:
            shown[name] = MASK
        else:
            shown[name] = {"old": None if is_new else _plain(name, old), "new": _plain(name, new)}
    return shown


def _plain(name: str, value: Any) -> Any:
    if name == "settings":
        return masked_settings(value)
    return redact(value) if isinstance(value, str) else value


def _check_usable(row: Indexer | DownloadClient) -> None:
    """Whether a client can be made of it; nobody is asked. A service that is switched off may be unfinished."""
    if not row.is_enabled:
        return
    for name, kinds in NEEDED.items():
        if row.kind in kinds and not getattr(row, name):
            raise ValidationError(f"{row.name} needs its {name}.", fields={name: "Is needed for this kind of service."})
    try:
        if isinstance(row, Indexer):
            open_indexer(row)
        else:
            open_client(row)
    except ValidationError:
        raise
    except (UnabridgedError, TypeError, ValueError) as error:
        words = error.message if isinstance(error, UnabridgedError) else "These do not fit this kind of service."
        raise ValidationError(words, fields={"settings": words}) from error
