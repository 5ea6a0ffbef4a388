"""From rows to clients: opening indexers and download clients, and keeping their health."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from django.conf import settings
from django.utils import timezone

from acquisition.clients.registry import build_download_client, build_indexer
from acquisition.domain.facts import DownloadClientPort, IndexerCapabilities, IndexerClient
from acquisition.domain.faults import is_release_fault
from acquisition.models import ClientKind, DownloadClient, Indexer, IndexerKind, Prowlarr
from acquisition.services.budgets import spend_page
from config.backoff import paused_until, step_down, step_up
from config.errors import ExternalAPIError, Rejected, ValidationError
from config.http import host_of

T = TypeVar("T")
Service = Indexer | DownloadClient | Prowlarr
REGISTERED = {IndexerKind.LIBRIVOX.value: "archive"}
# After a restart, of the product or of the whole machine, services come up one by one: a failure then says little.
GRACE = datetime.timedelta(minutes=5)
STARTED_AT = timezone.now()
CAPABILITIES_FRESH = datetime.timedelta(days=7)


def open_indexer(indexer: Indexer) -> IndexerClient:
    """The client of an indexer row."""
    values: dict[str, Any] = {
        "name": indexer.name,
        "url": indexer.url,
        "api_key": indexer.api_key,
        "categories": indexer.categories,
        "trusted_hosts": trusted_hosts(),
        "may_page": lambda: spend_page(indexer),
        "on_capabilities": lambda facts: keep_capabilities(indexer, facts, now=timezone.now()),
        **indexer.settings,
        "capabilities": _fresh_capabilities(indexer),
    }
    if indexer.kind == IndexerKind.LIBRIVOX:
        values["archive_url"] = indexer.url or settings.ARCHIVE_URL
        values["librivox_url"] = indexer.settings.get("librivox_url") or indexer.url or settings.LIBRIVOX_URL
    if indexer.kind == IndexerKind.MYANONAMOUSE:
        # The tracker replaces the cookie at any answer and forgets the old one: the row in memory may be out of date.
        values["cookie"] = Indexer.objects.filter(pk=indexer.pk).values_list("api_key", flat=True).first() or ""
        values["on_cookie"] = lambda value: Indexer.objects.filter(pk=indexer.pk).update(api_key=value)
    return _built(indexer.name, lambda: build_indexer(REGISTERED.get(indexer.kind, indexer.kind), values))


def keep_capabilities(indexer: Indexer, facts: IndexerCapabilities, *, now: datetime.datetime) -> None:
    """What an indexer said that it can do, so that it is not asked before every search."""
    values = {**asdict(facts), "categories": {str(number): name for number, name in facts.categories.items()}}
    indexer.capabilities, indexer.capabilities_at = values, now
    Indexer.objects.filter(pk=indexer.pk).update(
        capabilities=values, capabilities_at=now, version=facts.server[:60] or indexer.version
    )


def _fresh_capabilities(indexer: Indexer) -> Mapping[str, Any] | None:
    at = indexer.capabilities_at
    is_fresh = at is not None and datetime.timedelta(0) <= timezone.now() - at < CAPABILITIES_FRESH
    return indexer.capabilities if is_fresh and "search_params" in indexer.capabilities else None


def open_client(client: DownloadClient) -> DownloadClientPort:
    """The client of a download-client row."""
    values: dict[str, Any] = {
        "name": client.name,
        "url": client.url,
        "username": client.username,
        "password": client.password,
        "trusted_hosts": trusted_hosts(),
        **client.settings,
    }
    if client.kind == ClientKind.HTTP:
        values["work_dir"] = client.save_path or str(settings.DATA_DIR / "downloads")
    return _built(client.name, lambda: build_download_client(client.kind, values))


def _built(name: str, build: Callable[[], T]) -> T:
    """The client; Rejected (misconfigured) when its row lacks what it needs, so that one bad row stops no other."""
    try:
        return build()
    except ValidationError as error:
        words = f"{name} is not set up completely: {error.message}"
        raise Rejected(words, service=name, code="misconfigured") from error


def trusted_hosts() -> list[str]:
    """Hosts that the administrator configured: outside services may point at these, and at no other inside address."""
    rows = (
        *Indexer.objects.exclude(url="").values_list("url", flat=True),
        *Prowlarr.objects.values_list("url", flat=True),
    )
    own = {host_of(url) for url in rows}
    return sorted({*settings.TRUSTED_HOSTS, *own})


def is_paused(service: Service | None, now: datetime.datetime) -> bool:
    """Whether a service is left alone for now, because it failed or asked us to wait."""
    return service is not None and service.paused_until is not None and service.paused_until > now


def ask(
    service: Service,
    call: Callable[[], T],
    *,
    now: datetime.datetime,
    started_at: datetime.datetime | None = None,
) -> T:
    """Call a service and keep its health: a failure climbs the back-off ladder, a success steps one down.

    What the release is to blame for says nothing of the service. In the first minutes after the start (`started_at`) a
    failure stays on the first step; what the service itself asks for (Retry-After) always holds.
    """
    try:
        answer = call()
    except ExternalAPIError as error:
        if not is_release_fault(error.code, error.http_status):
            _record_failure(service, error, now, started_at or STARTED_AT)
        raise
    _record_success(service, now)
    return answer


def _record_failure(
    service: Service, error: ExternalAPIError, now: datetime.datetime, started_at: datetime.datetime
) -> None:
    in_grace = datetime.timedelta(0) <= now - started_at < GRACE
    level = max(1, service.failure_level) if in_grace else step_up(service.failure_level)
    pause = paused_until(1 if in_grace else level, now=now, retry_after=error.retry_after)
    service.failure_level, service.paused_until = level, pause
    type(service)._default_manager.filter(pk=service.pk).update(
        failure_level=level, paused_until=pause, last_error=error.message[:500], last_error_at=now
    )


def _record_success(service: Service, now: datetime.datetime) -> None:
    seconds_ago = (now - service.last_ok_at).total_seconds() if service.last_ok_at else None
    if not service.failure_level and not service.paused_until and seconds_ago is not None and 0 <= seconds_ago <= 30:
        return
    service.failure_level = step_down(service.failure_level)
    service.last_ok_at, service.paused_until = now, None
    type(service)._default_manager.filter(pk=service.pk).update(
        failure_level=service.failure_level, paused_until=None, last_ok_at=now
    )
