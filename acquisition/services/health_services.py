"""Health of the outside services. `talk` decides whether they are asked now, or their last contact is told."""

import datetime
from collections.abc import Iterator

from acquisition.domain.facts import ClientHealth
from acquisition.domain.health import Finding, error, notice, ok, warning
from acquisition.models import DownloadClient, Indexer, Prowlarr
from acquisition.services.probes import Probe, probe_audiobookshelf, probe_client, probe_indexer, probe_provider
from acquisition.services.prowlarr import check_prowlarr
from config.errors import ExternalAPIError
from library.models import Audiobookshelf, ProviderState
from library.services.providers import EMBEDDED, ensure_providers


def check_indexers(now: datetime.datetime, *, talk: bool) -> Iterator[Finding]:
    rows = list(Indexer.objects.filter(is_enabled=True))
    if not rows:
        yield warning("indexers", "No indexer is set up, so nothing can be found. Add one under Indexers.")
    for row in rows:
        if talk and not _rests(row, now):
            yield from _told("indexer", row.name, probe_indexer(row, now=now))
        else:
            yield _last_contact("indexer", row, now)


def check_prowlarr_servers(now: datetime.datetime, *, talk: bool) -> Iterator[Finding]:
    """Whether the servers whose indexers are kept here could be read."""
    for row in Prowlarr.objects.filter(is_enabled=True):
        if talk and not _rests(row, now):
            try:
                yield ok("prowlarr", check_prowlarr(row, now=now), row.name)
            except ExternalAPIError as fault:
                yield error("prowlarr", fault.message, row.name)
        elif row.last_error and not row.synced_at:
            yield error("prowlarr", row.last_error, row.name)
        elif row.last_error:
            yield warning("prowlarr", f"Its indexers are not kept up to date: {row.last_error}", row.name)
        else:
            yield _last_contact("prowlarr", row, now)


def check_clients(now: datetime.datetime, healths: dict[str, ClientHealth], *, talk: bool) -> Iterator[Finding]:
    """Also fills `healths` with what the clients say of themselves."""
    rows = list(DownloadClient.objects.filter(is_enabled=True))
    if not rows:
        yield warning("clients", "No download client is set up. Add one under Download clients.")
    for row in rows:
        if talk:
            probe = probe_client(row, now=now)
            if probe.health is not None:
                healths[row.name] = probe.health
            yield from _told("download_client", row.name, probe)
        else:
            yield _last_contact("download_client", row, now)


def check_providers(now: datetime.datetime, *, talk: bool) -> Iterator[Finding]:
    ensure_providers()
    rows = list(ProviderState.objects.filter(is_enabled=True))
    if not rows:
        yield warning("providers", "No catalogue provider is enabled, so no gaps can be found. Enable one.")
    for row in rows:
        paused = bool(row.paused_until and row.paused_until > now)
        if talk and not paused:
            yield from _told("provider", row.name, probe_provider(row, now=now))
        elif paused:
            words = f"{row.name} is not asked until {row.paused_until:%Y-%m-%d %H:%M} UTC: {row.last_error}"
            yield warning("provider", words, row.name)
        else:
            yield ok("provider", _seen(row.name, row.last_ok_at, is_local=row.name == EMBEDDED), row.name)


def check_audiobookshelves(now: datetime.datetime, *, talk: bool) -> Iterator[Finding]:
    for row in Audiobookshelf.objects.filter(is_enabled=True):
        if talk:
            yield from _told("audiobookshelf", row.name, probe_audiobookshelf(row, now=now))
        elif row.last_error:
            yield error("audiobookshelf", row.last_error, row.name)
        else:
            yield ok("audiobookshelf", _seen(row.name, row.last_ok_at), row.name)


def _rests(row: Indexer | DownloadClient | Prowlarr, now: datetime.datetime) -> bool:
    return bool(row.paused_until and row.paused_until > now)


def _last_contact(code: str, row: Indexer | DownloadClient | Prowlarr, now: datetime.datetime) -> Finding:
    if _rests(row, now):
        words = f"{row.name} is left alone until {row.paused_until:%Y-%m-%d %H:%M} UTC after failures: {row.last_error}"
        return error(code, words, row.name)
    return ok(code, _seen(row.name, row.last_ok_at), row.name)


def _seen(name: str, at: datetime.datetime | None, *, is_local: bool = False) -> str:
    if is_local:
        return f"{name} ships with the product."
    return f"{name} answered last at {at:%Y-%m-%d %H:%M} UTC." if at else f"{name} was not asked yet."


def _told(code: str, name: str, probe: Probe) -> Iterator[Finding]:
    if not probe.is_ok:
        yield error(code, probe.error, name)
        return
    version = f" {probe.version}" if probe.version else ""
    yield ok(code, f"{name}{version} answers in {probe.latency_ms} ms.", name)
    for number, words in enumerate(probe.warnings):
        make = warning if probe.is_serious else notice
        yield make(f"{code}_warning", words, f"{name} {number + 1}" if number else name)
