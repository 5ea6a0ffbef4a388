"""Which values each kind of service takes, and writing them. Secrets are only ever written: absent or masked, the
stored one stays; null or empty clears it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services.audit import record
from acquisition.models import ClientKind, DownloadClient, Indexer, IndexerKind
from acquisition.services.configuring import address_fault, save_service
from config.errors import ConflictError, UnabridgedError, ValidationError
from config.http import redact
from library.clients.providers import KNOWN_PROVIDERS
from library.models import Audiobookshelf, ProviderState
from library.services.providers import DEFAULTS, ensure_providers, open_provider
from library.services.readers import open_audiobookshelf

Row = Audiobookshelf | Indexer | DownloadClient | ProviderState
MASK = "***"
LIBRARY = "audiobookshelf"
PROVIDERS = tuple(name for name, *_ in DEFAULTS)


def _text(limit: int) -> Callable[[Any], str]:
    return lambda value: "" if isinstance(value, str) and len(value) <= limit else f"must be a text of at most {limit}"


def _url(value: Any) -> str:
    return _text(500)(value) or address_fault(value.strip())


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def _number(least: float, most: float, *, none: bool = False, whole: bool = True) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value is None and none:
            return ""
        right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        return "" if right and least <= value <= most else f"must be a number from {least} to {most}"

    return check


def _object(value: Any) -> str:
    return "" if isinstance(value, dict) and len(value) <= 50 else "must be an object"


def _categories(value: Any) -> str:
    good = isinstance(value, list) and len(value) <= 50 and all(isinstance(one, int) and one > 0 for one in value)
    return "" if good else "must be a list of category numbers"


def _mappings(value: Any) -> str:
    good = isinstance(value, list) and len(value) <= 50
    good = good and all(isinstance(one, dict) and set(one) == {"remote", "local"} for one in value)
    good = good and all(isinstance(text, str) and text for one in value for text in one.values())
    return "" if good else 'must be a list of {"remote": "/path", "local": "/path"}'


@dataclass(frozen=True, slots=True)
class Field:
    """`column` is where it is kept."""

    check: Callable[[Any], str]
    is_secret: bool = False
    column: str = ""


SECRET = Field(_text(2000), is_secret=True)
COMMON = {"is_enabled": Field(_flag), "url": Field(_url)}
SEEDING = {
    "seed_ratio": Field(_number(0, 1000, none=True, whole=False)),
    "seed_time_minutes": Field(_number(0, 5_256_000, none=True)),
    "priority": Field(_number(1, 50)),
    "settings": Field(_object),
}
LIBRARY_FIELDS = {
    **COMMON,
    "token": SECRET,
    "api_key": Field(_text(2000), is_secret=True, column="token"),
    "username": Field(_text(150)),
    "password": Field(_text(300), is_secret=True),
}
INDEXER_FIELDS = {
    **COMMON,
    **SEEDING,
    "api_key": Field(_text(1000), is_secret=True),
    "cookie": Field(_text(1000), is_secret=True, column="api_key"),
    "categories": Field(_categories),
    "is_automatic": Field(_flag),
    "daily_budget": Field(_number(1, 100_000, none=True)),
    "minimum_seeders": Field(_number(0, 1000)),
}
CLIENT_FIELDS = {
    **COMMON,
    **SEEDING,
    "username": Field(_text(150)),
    "password": Field(_text(300), is_secret=True),
    "category": Field(_text(100)),
    "save_path": Field(_text(1000)),
    "path_mappings": Field(_mappings),
    "removes_completed": Field(_flag),
}
PROVIDER_FIELDS = {
    "is_enabled": Field(_flag),
    "trust": Field(_number(0, 100)),
    "daily_budget": Field(_number(1, 1_000_000, none=True)),
    "settings": Field(_object),
    "token": Field(_text(500), is_secret=True, column="secret"),
    "api_key": Field(_text(500), is_secret=True, column="secret"),
}


def kinds() -> dict[str, str]:
    """{kind: category} of everything that can be set up."""
    return {
        LIBRARY: "library",
        **dict.fromkeys(IndexerKind.values, "indexer"),
        **dict.fromkeys(ClientKind.values, "download_client"),
    }


def find_row(name: str) -> Row | None:
    """The service of that name: a library server, an indexer, a client or a catalogue, in this order."""
    for model in (Audiobookshelf, Indexer, DownloadClient):
        row: Row | None = model._default_manager.filter(name=name).first()
        if row is not None:
            return row
    if name in PROVIDERS:
        ensure_providers()
    return ProviderState.objects.filter(name=name).first()


def row_kind(row: Row) -> tuple[str, str]:
    """(kind, category)"""
    if isinstance(row, Audiobookshelf):
        return LIBRARY, "library"
    if isinstance(row, Indexer):
        return row.kind, "indexer"
    if isinstance(row, DownloadClient):
        return row.kind, "download_client"
    return row.name, "catalogue"


def row_address(row: Row) -> str:
    """The address for people: without user, password and keys in it."""
    url = str(row.settings.get("base_url") or "") if isinstance(row, ProviderState) else row.url
    return redact(url)


def fields_of(row: Row) -> Mapping[str, Field]:
    if isinstance(row, Audiobookshelf):
        return LIBRARY_FIELDS
    if isinstance(row, Indexer):
        return INDEXER_FIELDS
    return CLIENT_FIELDS if isinstance(row, DownloadClient) else PROVIDER_FIELDS


def create_or_change_integration(name: str, values: Mapping[str, Any], *, user: User | None) -> tuple[Row, list[str]]:
    """Set a service up or change it; returns the row and the names of the changed columns without their values.

    A new one needs `kind` (see `kinds`). All or nothing: ValidationError names each fault, ConflictError a `kind` that
    differs from what it is. Indexers and clients are written by the same service as at their own resources.
    """
    given = dict(values)
    kind = given.pop("kind", None)
    row = find_row(name)
    if row is None:
        row = _new_row(name, kind)
    elif kind is not None and kind != row_kind(row)[0]:
        raise ConflictError(f"{name} is a service of the kind {row_kind(row)[0]}; choose another name for the new one.")
    columns = _columns(row, given)
    if isinstance(row, Indexer | DownloadClient):
        old = {column: getattr(row, column) for column in columns}
        save_service(row, values=columns, user=user)
        return row, [column for column in columns if getattr(row, column) != old[column]]
    return row, _save_other(row, columns, user)


def _save_other(row: Audiobookshelf | ProviderState, columns: Mapping[str, Any], user: User | None) -> list[str]:
    """Write a library server or a catalogue."""
    is_new = row.pk is None
    changed = [column for column, value in columns.items() if getattr(row, column) != value]
    for column in changed:
        setattr(row, column, columns[column])
    if isinstance(row, Audiobookshelf) and {"token", "username", "password", "url"} & set(changed):
        row.refresh_token = ""
        changed.append("refresh_token")
    _must_be_usable(row)
    with transaction.atomic():
        if is_new:
            row.save(force_insert=True)
        elif changed:
            row.save(update_fields=changed)
            _forget_failures(row)
        detail = {"kind": row_kind(row)[0], "fields": sorted(set(changed) - {"refresh_token"})}
        record(f"integration.{'created' if is_new else 'changed'}", actor=user, target=row, detail=detail)
    return changed


def _new_row(name: str, kind: Any) -> Row:
    known = kinds()
    if kind not in known:
        hint = f"There is no service named {name} yet; say of which kind it is. "
        raise ValidationError(hint, fields={"kind": f"must be one of {', '.join(known)}"})
    if not name.strip() or len(name) > 100:
        raise ValidationError("The name is not right.", fields={"name": "must be a text of 1 to 100"})
    if name in PROVIDERS or (name in KNOWN_PROVIDERS and name != LIBRARY):
        raise ConflictError(f"{name} is the name of a catalogue; choose another one.")
    if known[kind] == "library":
        return Audiobookshelf(name=name)
    return Indexer(name=name, kind=kind) if known[kind] == "indexer" else DownloadClient(name=name, kind=kind)


def _columns(row: Row, given: Mapping[str, Any]) -> dict[str, Any]:
    """The sent values by the column that holds them; a masked secret is left out, so that the stored one stays."""
    fields = fields_of(row)
    faults, columns = {}, {}
    for key, value in given.items():
        field = fields.get(key)
        if field is None:
            faults[key] = f"is not a field of this service; there are {', '.join(fields)}"
            continue
        if field.is_secret and isinstance(value, str) and value and not value.strip("*"):
            continue
        if field.is_secret and value is None:
            value = ""
        if fault := field.check(value):
            faults[key] = fault
            continue
        columns[field.column or key] = value.strip() if isinstance(value, str) else value
    if faults:
        raise ValidationError("The service is not set up right: nothing was changed.", fields=faults)
    return columns


def _must_be_usable(row: Audiobookshelf | ProviderState) -> None:
    """Whether a client can be made of it: a missing address or a wrong setting shows here, without any network."""
    try:
        if isinstance(row, Audiobookshelf):
            if not row.url or not (row.token or row.username):
                raise ValidationError(
                    "Audiobookshelf needs its address, and an API key or a user.",
                    fields={"url" if not row.url else "token": "is missing"},
                )
            open_audiobookshelf(row).close()
        elif row.is_enabled:
            open_provider(row)
    except ValidationError:
        raise
    except (UnabridgedError, TypeError, ValueError) as error:
        if isinstance(error.__cause__, ValidationError):
            raise error.__cause__ from error  # it names the field
        words = error.message if isinstance(error, UnabridgedError) else "The settings do not fit this kind of service."
        raise ValidationError(words, fields={"settings": words}) from error


def _forget_failures(row: Audiobookshelf | ProviderState) -> None:
    """After a change the old failures say nothing: it may be asked at once."""
    if not isinstance(row, Audiobookshelf):
        type(row)._default_manager.filter(pk=row.pk).update(failure_level=0, paused_until=None)
