"""From plain settings to clients: the one place that knows which kinds there are.

Settings come from the database as mappings; an unknown kind or a missing setting is a ValidationError that names it.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from acquisition.clients.archive import ARCHIVE_URL, LIBRIVOX_URL, ArchiveClient
from acquisition.clients.http_downloader import HttpDownloader
from acquisition.clients.myanonamouse import BASE_URL as MAM_URL
from acquisition.clients.myanonamouse import MyAnonamouseClient
from acquisition.clients.qbittorrent import QBittorrentClient
from acquisition.clients.torznab import TorznabClient
from acquisition.clients.transmission import TransmissionClient
from acquisition.clients.watch_folder import WatchFolderClient
from acquisition.domain.facts import DownloadClientPort, IndexerCapabilities, IndexerClient
from config.errors import ValidationError
from config.http import Guard

Settings = Mapping[str, Any]
T = TypeVar("T")


def trusted_guard(hosts: Iterable[str]) -> Guard:
    """The guard that lets the hosts of UNABRIDGED_TRUSTED_HOSTS pass; `host` alone means the ports 80 and 443."""
    trusted: set[str] = set()
    for host in hosts:
        text = host.strip().lower()
        name, colon, port = text.rpartition(":")
        with_port = bool(colon) and port.isdigit() and not name.endswith(":")
        trusted |= {text} if with_port else {f"{text}:80", f"{text}:443"} if text else set()
    return Guard(trusted=frozenset(trusted))


def needed(settings: Settings, name: str, label: str) -> Any:
    """The setting; ValidationError when it is missing."""
    value = settings.get(name)
    if value in (None, ""):
        raise ValidationError(f"{label} is missing.", fields={name: f"{label} is missing."})
    return value


def known_capabilities(kept: Any) -> IndexerCapabilities | None:
    """Capabilities as they were kept: the value itself, its fields as a mapping (JSON makes keys texts), or nothing."""
    if not kept or isinstance(kept, IndexerCapabilities):
        return kept or None
    return IndexerCapabilities(
        server=str(kept.get("server", "")),
        search_params=tuple(kept.get("search_params") or ()),
        book_params=tuple(kept.get("book_params") or ()),
        categories={int(number): str(name) for number, name in (kept.get("categories") or {}).items()},
        page_size=int(kept.get("page_size") or 100),
    )


def _torznab(settings: Settings, guard: Guard, kind: str) -> IndexerClient:
    return TorznabClient(
        name=str(settings.get("name") or "Torznab"),
        url=str(needed(settings, "url", "The address of the indexer")),
        api_key=str(settings.get("api_key") or ""),
        kind=kind,
        categories=tuple(settings.get("categories") or (3030,)),
        guard=guard,
        known_capabilities=known_capabilities(settings.get("capabilities")),
        on_capabilities=settings.get("on_capabilities"),
        may_page=settings.get("may_page"),
    )


def _archive(settings: Settings, guard: Guard) -> IndexerClient:
    return ArchiveClient(
        archive_url=str(settings.get("archive_url") or ARCHIVE_URL),
        librivox_url=str(settings.get("librivox_url") or LIBRIVOX_URL),
        name=str(settings.get("name") or "LibriVox"),
        guard=guard,
        prefer_torrents=bool(settings.get("prefer_torrents", False)),
        pause_seconds=float(settings.get("pause_seconds", 1.0)),
    )


def _myanonamouse(settings: Settings, guard: Guard) -> IndexerClient:
    return MyAnonamouseClient(
        cookie=str(needed(settings, "cookie", "The session cookie (mam_id)")),
        on_cookie=settings.get("on_cookie"),
        name=str(settings.get("name") or "MyAnonamouse"),
        base_url=str(settings.get("url") or MAM_URL),
        guard=guard,
        member_class=str(settings.get("member_class") or ""),
        pause_seconds=float(settings.get("pause_seconds", 2.0)),
        may_page=settings.get("may_page"),
    )


def _qbittorrent(settings: Settings, guard: Guard) -> DownloadClientPort:
    return QBittorrentClient(
        url=str(needed(settings, "url", "The address of qBittorrent")),
        username=str(settings.get("username") or ""),
        password=str(settings.get("password") or ""),
        api_key=str(settings.get("api_key") or ""),
        name=str(settings.get("name") or "qBittorrent"),
        verify_certificate=bool(settings.get("verify_certificate", True)),
    )


def _transmission(settings: Settings, guard: Guard) -> DownloadClientPort:
    return TransmissionClient(
        url=str(needed(settings, "url", "The address of Transmission")),
        username=str(settings.get("username") or ""),
        password=str(settings.get("password") or ""),
        name=str(settings.get("name") or "Transmission"),
    )


def _watch_folder(settings: Settings, guard: Guard) -> DownloadClientPort:
    return WatchFolderClient(
        drop_dir=Path(str(needed(settings, "drop_dir", "The folder for torrents"))),
        completed_dir=Path(str(needed(settings, "completed_dir", "The folder of finished downloads"))),
        name=str(settings.get("name") or "Watch folder"),
        grace_seconds=float(settings.get("grace_seconds", 60.0)),
        takes_magnets=bool(settings.get("takes_magnets", True)),
    )


def _http(settings: Settings, guard: Guard) -> DownloadClientPort:
    return HttpDownloader(
        work_dir=Path(str(needed(settings, "work_dir", "The work folder of the downloader"))),
        guard=guard,
    )


INDEXERS: dict[str, Callable[[Settings, Guard], IndexerClient]] = {
    "torznab": lambda settings, guard: _torznab(settings, guard, "torznab"),
    "newznab": lambda settings, guard: _torznab(settings, guard, "newznab"),
    "archive": _archive,
    "myanonamouse": _myanonamouse,
}
DOWNLOAD_CLIENTS: dict[str, Callable[[Settings, Guard], DownloadClientPort]] = {
    "qbittorrent": _qbittorrent,
    "transmission": _transmission,
    "http": _http,
    "watch_folder": _watch_folder,
}


def build_indexer(kind: str, settings: Settings) -> IndexerClient:
    """The client of an indexer. Every kind takes `name`, `url` and `trusted_hosts`; see each builder for the rest."""
    return _builder(INDEXERS, kind, "indexer")(settings, trusted_guard(settings.get("trusted_hosts") or ()))


def build_download_client(kind: str, settings: Settings) -> DownloadClientPort:
    """The client of a download program."""
    return _builder(DOWNLOAD_CLIENTS, kind, "download client")(
        settings, trusted_guard(settings.get("trusted_hosts") or ())
    )


def _builder(table: Mapping[str, T], kind: str, what: str) -> T:
    if kind not in table:
        words = f"There is no kind of {what} called {kind!r}; there are {', '.join(sorted(table))}."
        raise ValidationError(words, fields={"kind": words})
    return table[kind]
