"""One scene per outside service, in which it misbehaves: what the product does then, in three words."""

import contextlib
import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from acquisition.models import Download, DownloadClient, Indexer
from acquisition.services import ports, settling, transferring
from acquisition.services.grabbing import grab, hand_over
from acquisition.services.importing import import_download
from acquisition.services.searching import search_book
from acquisition.services.transferring import transfer
from acquisition.tests.factories import (
    NOW,
    arrived,
    make_book,
    make_client,
    make_context,
    make_indexer,
    make_offer,
    make_release,
    make_root,
    make_sound,
)
from acquisition.tests.fake_archive import ArchiveItem, FakeArchive
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_http import FakeServer, Files, Reply, Seen, json_reply
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab, make_torrent
from config.errors import ExternalAPIError
from config.http import Http
from library.clients.audiobookshelf import AudiobookshelfClient
from library.models import Audiobookshelf, RootKind
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
from library.tests.fake_audiobookshelf_items import LIBRARY_ID
from library.tests.fake_http import Fault

FAULTS = ("refused", "timeout", "drip", "401", "403", "429", "500", "truncated", "wrong_type", "huge")
RETRY_AFTER = 900
IMPATIENCE = 0.25
TITLE = "Ozma of Oz by L. Frank Baum [ENG / MP3]"


@dataclass(frozen=True)
class Outcome:
    """The state of what was asked for, for how many seconds the service is left alone, and the sentence for people."""

    state: str
    pause_seconds: int
    words: str


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """All waiting shortened: no answer within a moment is none."""
    real, start = requests.Session.request, Http.__post_init__

    def request(self: requests.Session, *arguments: Any, **options: Any) -> requests.Response:
        return real(self, *arguments, **{**options, "timeout": (IMPATIENCE, IMPATIENCE)})

    def hurried(self: Http) -> None:
        start(self)
        self.deadline_seconds, self.max_bytes = 2 * IMPATIENCE, min(self.max_bytes, 2 * 1024 * 1024)

    monkeypatch.setattr(requests.Session, "request", request)
    monkeypatch.setattr(Http, "__post_init__", hurried)
    monkeypatch.setattr(ports, "STARTED_AT", NOW - datetime.timedelta(days=1))


def spoil(server: FakeServer, fault: str, *, bounded: bool = True) -> None:
    """Make every further answer of a server go wrong."""
    if fault == "429":
        server.answer = lambda request: Reply(b"no", 429, "text/plain", {"Retry-After": str(RETRY_AFTER)})  # type: ignore[method-assign]
    elif fault == "huge" and not bounded:
        server.answer = lambda request: Reply(b"A" * 8_000_000, 200, "text/plain")  # type: ignore[method-assign]
    else:
        server.drip_seconds = 2 * IMPATIENCE
        server.fault(fault)


def _pause(service: Indexer | DownloadClient) -> int:
    service.refresh_from_db()
    return round((service.paused_until - NOW).total_seconds()) if service.paused_until else 0


def _of(download: Download, service: Indexer | DownloadClient) -> Outcome:
    download.refresh_from_db()
    return Outcome(download.status, _pause(service), download.error_message)


def torznab_search(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    with FakeTorznab([FakeItem(TITLE, make_torrent("Ozma"), size=2_000_000)]) as server:
        indexer, book = make_indexer(url=f"{server.url}/api"), make_book(seconds=None)
        spoil(server, fault)
        found = search_book(book=book, now=NOW)
        book.search_state.refresh_from_db()
        assert not found.decisions
        assert book.search_state.next_search_at == NOW + datetime.timedelta(hours=1), "an outage is no search"
        assert book.search_state.search_count == 0
        return Outcome("searched again in 1 h", _pause(indexer), book.search_state.last_outcome)


def archive_search(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    with FakeArchive([ArchiveItem("ozma_librivox", "Ozma of Oz", "L. Frank Baum")]) as server:
        indexer = make_indexer(kind="librivox", url=server.url, settings={"pause_seconds": 0})
        book = make_book(seconds=None)
        spoil(server, fault)
        search_book(book=book, now=NOW)
        book.search_state.refresh_from_db()
        assert book.search_state.search_count == 0
        return Outcome("searched again in 1 h", _pause(indexer), book.search_state.last_outcome)


def torrent_fetch(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    with FakeTorznab([FakeItem(TITLE, make_torrent("Ozma"))]) as server, FakeQBittorrent() as qbit:
        make_client(url=qbit.url, username="admin", password="secret")
        indexer = make_indexer(url=f"{server.url}/api")
        release = make_release(indexer, make_offer(download_url=f"{server.url}/dl/0"))
        download = grab(release=release, books=[make_book(seconds=None)], now=NOW)
        spoil(server, fault)
        hand_over(download, now=NOW)
        assert qbit.torrents == {}
        return _of(download, indexer)


class FakeTransmission(FakeServer):
    """As much of Transmission's RPC as a hand-over needs."""

    def answer(self, request: Seen) -> Reply:
        method = json.loads(request.body or b"{}").get("method")
        answers = {
            "session-get": {"rpc-version": 17, "rpc-version-minimum": 14, "version": "4.0.5", "download-dir": "/d"},
            "free-space": {"path": "/d", "size-bytes": 10**12, "total_size": 10**13},
            "torrent-get": {"torrents": []},
            "torrent-add": {"torrent-added": {"id": 1, "hashString": "a" * 40, "name": "Ozma"}},
        }
        return json_reply({"result": "success", "arguments": answers.get(method, {})})


def _handed_to(server: FakeServer, kind: str, fault: str) -> Outcome:
    with FakeTorznab([FakeItem(TITLE, make_torrent("Ozma"))]) as torznab:
        client = make_client(kind, url=server.url, username="admin", password="secret")
        release = make_release(make_indexer(url=f"{torznab.url}/api"), make_offer(download_url=f"{torznab.url}/dl/0"))
        download = grab(release=release, books=[make_book(seconds=None)], now=NOW)
        spoil(server, fault, bounded=False)
        hand_over(download, now=NOW)
        return _of(download, client)


def qbittorrent(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    with FakeQBittorrent("5.0") as server:
        outcome = _handed_to(server, "qbittorrent", fault)
        assert server.torrents == {}
        return outcome


def transmission(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    with FakeTransmission() as server:
        return _handed_to(server, "transmission", fault)


def http_download(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    real = transferring.open_client

    def patient(client: DownloadClient) -> Any:
        port = real(client)
        port.sleep = lambda seconds: None  # type: ignore[attr-defined]
        return port

    monkeypatch.setattr(transferring, "open_client", patient)
    monkeypatch.setattr(transferring.timezone, "now", lambda: NOW)
    with Files() as server:
        server.files = {"/ozma.mp3": b"sound" * 100_000}
        make_client("http", save_path=str(folder / "work"))
        direct = [{"url": f"{server.url}/ozma.mp3", "name": "ozma.mp3", "size_bytes": 500_000}]
        release = make_release(make_indexer(url=server.url))
        release.offer = {**release.offer, "direct_files": direct, "size_bytes": 500_000}
        release.save()
        download = grab(release=release, books=[make_book(seconds=None)], now=NOW)
        assert hand_over(download, now=NOW).status == "grabbed"
        spoil(server, fault)
        with contextlib.suppress(ExternalAPIError):
            transfer(download_id=download.pk, run=make_context())
        download.refresh_from_db()
        pause = round((download.next_retry_at - NOW).total_seconds()) if download.next_retry_at else 0
        return Outcome(download.status, pause, download.error_message)


ABS_FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"kind": "drop"},
    "timeout": {"kind": "slow", "seconds": 1.0},
    "drip": {"kind": "drip", "seconds": 30.0},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "900"}},
    "500": {"kind": "status", "status": 500},
    "truncated": {"kind": "truncated"},
    "wrong_type": {"kind": "html"},
    "huge": {"kind": "huge"},
}


def audiobookshelf_scan(fault: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    book, real = make_book(), settling.open_audiobookshelf

    def patient(server: Audiobookshelf) -> AudiobookshelfClient:
        client = real(server)
        client._session._sleep = lambda seconds: None
        return client

    monkeypatch.setattr(settling, "open_audiobookshelf", patient)
    for number in (1, 2):
        make_sound(folder / "downloads" / "Ozma" / f"{number:02d}.mp3", seconds=35, track=f"{number}/2")
    with FakeAudiobookshelf() as server:
        row = Audiobookshelf.objects.create(url=server.url, token=API_KEY)
        make_root(folder / "shelf", kind=RootKind.AUDIOBOOKSHELF, server=row, abs_library_id=LIBRARY_ID)
        server.faults.append(Fault(**ABS_FAULTS[fault]))
        download = arrived(folder / "downloads" / "Ozma", book)
        import_download(download_id=download.pk, run=make_context())
        download.refresh_from_db()
        last = download.events.last()
        assert book.copies.count() == 1
        return Outcome(download.status, 0, last.message if last else "")


SCENES: dict[str, Callable[[str, Path, pytest.MonkeyPatch], Outcome]] = {
    "Torznab search": torznab_search,
    "Torznab fetch": torrent_fetch,
    "LibriVox and the Internet Archive": archive_search,
    "qBittorrent": qbittorrent,
    "Transmission": transmission,
    "download over HTTP": http_download,
    "Audiobookshelf scan": audiobookshelf_scan,
}
