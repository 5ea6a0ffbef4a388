"""Our download clients against the real programs: what fakes cannot prove."""

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acquisition.clients.qbittorrent import QBittorrentClient
from acquisition.clients.transmission import TransmissionClient
from acquisition.domain.bencode import encode
from acquisition.domain.facts import AddOptions, ClientDownload, ClientState, Payload
from acquisition.domain.torrents import parse_torrent
from acquisition.tests.fake_http import Files
from acquisition.tests.fake_indexers import make_torrent
from config.errors import Rejected, Unavailable
from integration.daemons import Daemon, start_opentracker, start_qbittorrent, start_transmission

CONTENT = {"Disc 1/01.mp3": b"a" * 300_000, "Disc 1/02.mp3": b"b" * 200_000, "cover.jpg": b"c" * 5000}
DATA = make_torrent("Emma", CONTENT)
REF = parse_torrent(DATA).ref
HASH = "c9e15763f722f23e98a29decdfae341b98d53056"
Client = QBittorrentClient | TransmissionClient


def qbittorrent(daemon: Daemon, **options: str) -> QBittorrentClient:
    return QBittorrentClient(daemon.url, **{"username": daemon.username, "password": daemon.password, **options})


def transmission(daemon: Daemon, **options: str) -> TransmissionClient:
    return TransmissionClient(daemon.url, **{"username": daemon.username, "password": daemon.password, **options})


@pytest.fixture(scope="module", params=["qbittorrent", "transmission"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Daemon, Client]]:
    start, connect = {
        "qbittorrent": (start_qbittorrent, qbittorrent),
        "transmission": (start_transmission, transmission),
    }[request.param]
    daemon = start(tmp_path_factory.mktemp("client"))
    try:
        yield daemon, connect(daemon)
    finally:
        daemon.stop()


@pytest.fixture
def client(running: tuple[Daemon, Client]) -> Iterator[Client]:
    yield running[1]
    for download in running[1].list():
        running[1].remove(download.ref, delete_files=True)
    eventually(lambda: not running[1].list())


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def only(client: Client, tag: str = "") -> ClientDownload:
    (found,) = client.list(tag=tag)
    return found


def settled(client: Client) -> ClientState:
    with contextlib.suppress(AssertionError):
        eventually(lambda: only(client).state is not ClientState.CHECKING)
    return only(client).state


def test_the_connection_test_reads_version_room_and_path(running: tuple[Daemon, Client]) -> None:
    daemon, client = running
    health = client.check()
    assert health.version
    assert (health.free_bytes or 0) > 0
    assert Path(health.save_path) == daemon.save_path


def test_adds_lists_and_adopts(client: Client, tmp_path: Path) -> None:
    options = AddOptions(tag="unabridged-7", category="audiobooks", save_path=str(tmp_path / "books"), paused=True)
    assert client.add(Payload(torrent=DATA), options) == REF
    found = only(client, "unabridged-7")
    assert (found.ref, found.name, found.size_bytes) == (REF, "Emma", 505_000)
    assert Path(found.save_path) == tmp_path / "books"
    assert settled(client) is ClientState.PAUSED
    assert client.add(Payload(torrent=DATA), AddOptions(tag="unabridged-8", category="audiobooks")) == REF
    assert set(only(client).tags) >= {"unabridged-7", "unabridged-8"}
    eventually(lambda: only(client).state in (ClientState.DOWNLOADING, ClientState.STALLED))
    eventually(lambda: only(client).content_path == str(tmp_path / "books" / "Emma"))
    assert client.list(tag="another") == []
    assert client.list(refs=[HASH]) == []


def test_files_are_listed_and_chosen(client: Client) -> None:
    client.add(Payload(torrent=DATA), AddOptions(tag="t", paused=True))
    client.select_files(REF, [2])
    assert [(file.path, file.size_bytes, file.wanted) for file in client.files(REF)] == [
        ("Emma/Disc 1/01.mp3", 300_000, True),
        ("Emma/Disc 1/02.mp3", 200_000, True),
        ("Emma/cover.jpg", 5000, False),
    ]
    client.select_files(REF, [])
    assert all(file.wanted for file in client.files(REF))
    with pytest.raises(Rejected):
        client.select_files(REF, [0, 1, 2])


def test_starts_stops_limits_and_removes(client: Client) -> None:
    client.add(Payload(torrent=DATA), AddOptions(tag="t", paused=True, ratio_limit=1.5, seeding_time_minutes=4320))
    settled(client)
    client.start(REF)
    eventually(lambda: only(client).state in (ClientState.DOWNLOADING, ClientState.STALLED))
    client.stop(REF)
    eventually(lambda: only(client).state is ClientState.PAUSED)
    client.set_limits(REF, ratio=-1, seeding_minutes=None)
    client.set_limits(REF, ratio=2.0, seeding_minutes=60)
    if isinstance(client, QBittorrentClient):
        (row,) = client.session.torrents_info(torrent_hashes=REF)
        assert (row["ratio_limit"], row["seeding_time_limit"]) == (2, 60)
    client.remove(REF, delete_files=True)
    eventually(lambda: client.list() == [])
    client.remove(REF, delete_files=True)


def test_a_magnet_waits_for_its_metadata(client: Client) -> None:
    assert client.add(Payload(magnet_url=f"magnet:?xt=urn:btih:{HASH}&dn=Emma"), AddOptions(tag="m")) == HASH
    assert only(client, "m").state is ClientState.FETCHING_METADATA
    assert client.files(HASH) == []
    with pytest.raises(Unavailable):
        client.select_files(HASH, [0])


def test_an_unknown_torrent_has_a_name(client: Client) -> None:
    with pytest.raises(Rejected) as caught:
        client.files(HASH)
    assert caught.value.code == "upstream_not_found"


def test_wrong_credentials_are_said_to_be_wrong(running: tuple[Daemon, Client]) -> None:
    daemon, client = running
    connect = qbittorrent if isinstance(client, QBittorrentClient) else transmission
    with pytest.raises(Rejected) as caught:
        connect(daemon, password="not-this-one").check()
    assert caught.value.code == "credentials_refused"
    assert "not-this-one" not in str(caught.value)


def test_finds_a_hybrid_torrent_under_the_hash_that_the_client_gives_it(tmp_path: Path) -> None:
    body = b"h" * 1000
    info = {
        "name": "hybrid.mp3",
        "piece length": 16384,
        "length": len(body),
        "pieces": hashlib.sha1(body).digest(),
        "meta version": 2,
        "file tree": {"hybrid.mp3": {"": {"length": len(body), "pieces root": hashlib.sha256(body).digest()}}},
    }
    daemon = start_qbittorrent(tmp_path)
    try:
        client = qbittorrent(daemon)
        data = encode({"info": info, "piece layers": {}})
        ref = client.add(Payload(torrent=data), AddOptions(tag="h"))
        assert ref in parse_torrent(data).refs
        assert client.add(Payload(torrent=data), AddOptions(tag="h")) == ref
        assert only(client).tags == ("h",)
    finally:
        daemon.stop()


def test_a_crash_of_the_client_is_an_outage_and_its_torrents_are_found_again(tmp_path: Path) -> None:
    daemon = start_qbittorrent(tmp_path)
    try:
        client = qbittorrent(daemon)
        client.add(Payload(torrent=DATA), AddOptions(tag="t", category="c"))
        time.sleep(3)  # qBittorrent writes its session a little later
        daemon.kill()
        with pytest.raises(Unavailable):
            client.list()
        daemon.start()
        eventually(lambda: [found.ref for found in client.list(tag="t")] == [REF])
    finally:
        daemon.stop()


@pytest.mark.parametrize("start, connect", [(start_qbittorrent, qbittorrent), (start_transmission, transmission)])
def test_a_book_arrives_from_a_web_seed(
    start: Callable[..., Daemon], connect: Callable[..., Client], tmp_path: Path
) -> None:
    """As the Internet Archive seeds its torrents: there is no peer, and the download completes all the same."""
    with Files() as web:
        web.files = {f"/items/Emma/{path}": body for path, body in CONTENT.items()}
        data = make_torrent("Emma", CONTENT, web_seed=f"{web.url}/items/")
        daemon = start(tmp_path)
        try:
            client = connect(daemon)
            ref = client.add(Payload(torrent=data), AddOptions(tag="want", seeding_time_minutes=4320))
            eventually(lambda: only(client).state is ClientState.COMPLETE, 60)
            found = only(client, "want")
            assert (found.ref, found.progress, found.downloaded_bytes) == (ref, 1.0, 505_000)
            assert {file.path: file.progress for file in client.files(ref)} == {f"Emma/{path}": 1.0 for path in CONTENT}
            for path, body in CONTENT.items():
                assert (Path(found.content_path) / path).read_bytes() == body
        finally:
            daemon.stop()


def test_the_tracker_knows_who_seeds(tmp_path: Path) -> None:
    tracker, seeder = start_opentracker(tmp_path, [REF]), start_transmission(tmp_path)
    try:
        for path, body in CONTENT.items():
            target = seeder.save_path / "Emma" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
        client = transmission(seeder)
        client.add(
            Payload(torrent=make_torrent("Emma", CONTENT, announce=f"{tracker.url}/announce")), AddOptions(tag="s")
        )
        eventually(lambda: only(client).state is ClientState.COMPLETE, 30)
        eventually(lambda: only(client).seeders == 1, 30)
    finally:
        seeder.stop()
        tracker.stop()
