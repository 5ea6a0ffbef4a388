"""From rows to clients: opening indexers and download clients, and keeping their health."""

import datetime
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import F

from acquisition.clients.registry import build_download_client, build_indexer
from acquisition.domain.facts import DownloadClientPort, IndexerClient
from acquisition.models import ClientKind, DownloadClient, Indexer, IndexerKind
from config.backoff import paused_until, step_down, step_up
from config.errors import ExternalAPIError
from config.http import host_of

T = TypeVar("T")
REGISTERED = {IndexerKind.LIBRIVOX.value: "archive"}


def open_indexer(indexer: Indexer) -> IndexerClient:
    """The client of an indexer row."""
    values: dict[str, Any] = {
        "name": indexer.name,
        "url": indexer.url,
        "api_key": indexer.api_key,
        "categories": indexer.categories,
        "trusted_hosts": trusted_hosts(),
        **indexer.settings,
    }
    if indexer.kind == IndexerKind.LIBRIVOX:
        values["archive_url"] = indexer.url or settings.ARCHIVE_URL
        values["librivox_url"] = indexer.settings.get("librivox_url") or indexer.url or settings.LIBRIVOX_URL
    if indexer.kind == IndexerKind.MYANONAMOUSE:
        # The tracker replaces the cookie at any answer and forgets the old one: the row in memory may be out of date.
        values["cookie"] = Indexer.objects.filter(pk=indexer.pk).values_list("api_key", flat=True).first() or ""
        values["on_cookie"] = lambda value: Indexer.objects.filter(pk=indexer.pk).update(api_key=value)
    return build_indexer(REGISTERED.get(indexer.kind, indexer.kind), values)


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
    return build_download_client(client.kind, values)


def trusted_hosts() -> list[str]:
    """Hosts that the administrator configured: outside services may point at these, and at no other inside address."""
    own = {host_of(url) for url in Indexer.objects.exclude(url="").values_list("url", flat=True)}
    return sorted({*settings.TRUSTED_HOSTS, *own})


def ask(service: Indexer | DownloadClient, call: Callable[[], T], *, now: datetime.datetime) -> T:
    """Call a service and keep its health: a failure climbs the back-off ladder, a success steps one down."""
    rows = type(service)._default_manager.filter(pk=service.pk)
    try:
        answer = call()
    except ExternalAPIError as error:
        level = step_up(service.failure_level)
        service.failure_level = level
        service.paused_until = paused_until(level, now=now, retry_after=error.retry_after)
        rows.update(
            failure_level=level,
            paused_until=service.paused_until,
            last_error=error.message[:500],
            last_error_at=now,
        )
        raise
    if service.failure_level or not service.last_ok_at or (now - service.last_ok_at).total_seconds() > 30:
        service.failure_level = step_down(service.failure_level)
        service.last_ok_at, service.paused_until = now, None
        rows.update(failure_level=service.failure_level, paused_until=None, last_ok_at=now)
    return answer


def spend_query(indexer: Indexer, *, today: datetime.date, default_budget: int = 200) -> bool:
    """Take one query out of today's budget, atomically; False when there is none left."""
    rows = Indexer.objects.filter(pk=indexer.pk)
    rows.exclude(budget_date=today).update(budget_date=today, queries_today=0, grabs_today=0)
    budget = indexer.daily_budget or default_budget
    return bool(rows.filter(queries_today__lt=budget).update(queries_today=F("queries_today") + 1))
