"""Every outside service in one list: how it is, testing it now, and its address without secrets."""

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from acquisition.models import DownloadClient, Indexer, Prowlarr
from acquisition.services.integration_fields import Row, find_row, row_address, row_kind
from acquisition.services.probes import (
    Probe,
    probe_audiobookshelf,
    probe_client,
    probe_indexer,
    probe_provider,
    probe_prowlarr,
)
from config.errors import NotFoundError
from library.models import Audiobookshelf, ProviderState
from library.services.providers import EMBEDDED, ensure_providers
from library.services.states import read_state


@dataclass(frozen=True, slots=True)
class Integration:
    """One service. `is_reachable`, `latency_ms` and `as_of` are None until it was asked; `has_secret` says only that
    there is one. `category`: library, indexer, download_client or catalogue."""

    name: str
    kind: str
    category: str
    url: str
    is_enabled: bool
    is_reachable: bool | None
    version: str
    latency_ms: int | None
    last_error: str
    last_error_at: datetime.datetime | None
    last_ok_at: datetime.datetime | None
    paused_until: datetime.datetime | None
    as_of: datetime.datetime | None
    has_secret: bool
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_integrations(*, now: datetime.datetime, all_providers: bool = False) -> list[Integration]:
    """What is set up, from the last contact with each; asks nobody. `all_providers` also lists disabled catalogues."""
    ensure_providers()
    providers = ProviderState.objects.all() if all_providers else ProviderState.objects.filter(is_enabled=True)
    rows: list[Row] = [
        *Audiobookshelf.objects.all(),
        *Indexer.objects.all(),
        *Prowlarr.objects.all(),
        *DownloadClient.objects.all(),
        *providers,
    ]
    probes = read_state("probes")
    return [_described(row, probes.get(row.name) or {}, now) for row in rows]


def get_integration(name: str, *, now: datetime.datetime) -> Integration:
    """One service by its name; NotFoundError when there is none."""
    row = find_row(name)
    if row is None:
        raise NotFoundError(f"There is no service named {name}.", context={"resource": "integration", "id": name})
    return _described(row, read_state("probes").get(row.name) or {}, now)


def _described(row: Row, probe: Mapping[str, Any], now: datetime.datetime) -> Integration:
    kind, category = row_kind(row)
    probed_at = datetime.datetime.fromisoformat(probe["as_of"]) if probe.get("as_of") else None
    last_ok, last_bad = row.last_ok_at, row.last_error_at
    as_of = max((moment for moment in (probed_at, last_ok, last_bad) if moment), default=None)
    reachable: bool | None = None
    if isinstance(row, ProviderState) and row.name == EMBEDDED:
        reachable = True
    elif as_of is not None:
        reachable = bool(probe["is_ok"]) if as_of == probed_at else as_of == last_ok
    return Integration(
        name=row.name,
        kind=kind,
        category=category,
        url=row_address(row),
        is_enabled=row.is_enabled,
        is_reachable=reachable,
        version=str(getattr(row, "version", "") or ""),
        latency_ms=probe.get("latency_ms"),
        last_error=row.last_error or ("" if reachable else str(probe.get("error", ""))),
        last_error_at=last_bad,
        last_ok_at=last_ok,
        paused_until=getattr(row, "paused_until", None),
        as_of=as_of,
        has_secret=_has_secret(row),
        warnings=tuple(probe.get("warnings") or ()),
    )


def _has_secret(row: Row) -> bool:
    return any(bool(getattr(row, name, "")) for name in ("api_key", "password", "token", "secret"))


def test_integration(name: str, *, now: datetime.datetime) -> Probe:
    """Talk to a service now: each step with its outcome, version, latency, and warnings. An answer that is no good is
    not an error here; NotFoundError only for an unknown name."""
    row = find_row(name)
    if isinstance(row, Indexer):
        return probe_indexer(row, now=now, search=True)
    if isinstance(row, Prowlarr):
        return probe_prowlarr(row, now=now)
    if isinstance(row, DownloadClient):
        return probe_client(row, now=now)
    if isinstance(row, Audiobookshelf):
        return probe_audiobookshelf(row, now=now)
    if isinstance(row, ProviderState):
        return probe_provider(row, now=now)
    raise NotFoundError(f"There is no service named {name}.", context={"resource": "integration", "id": name})


test_integration.__test__ = False  # type: ignore[attr-defined]
