"""qBittorrent over real HTTP, as its versions 4.5, 5.0 and 5.2 answer."""

from collections.abc import Iterator

import pytest

from acquisition.clients.qbittorrent import QBittorrentClient
from acquisition.clients.qbittorrent_rows import COMPLETE_STATES, STATES, read_state
from acquisition.domain.facts import AddOptions, ClientState, DirectFile, Payload
from acquisition.domain.torrents import parse_torrent
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_indexers import make_torrent
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable

DATA = make_torrent("Emma", {"01.mp3": b"a" * 20000, "02.mp3": b"b" * 20000, "cover.jpg": b"c"})
REF = parse_torrent(DATA).ref
MINE = AddOptions(tag="unabridged-7", category="audiobooks", save_path="/data/books")
HASH = "c9e15763f722f23e98a29decdfae341b98d53056"


@pytest.fixture(params=["4.5", "5.0", "5.2"])
def server(request: pytest.FixtureRequest) -> Iterator[FakeQBittorrent]:
    with FakeQBittorrent(request.param) as fake:
        yield fake


@pytest.fixture
def old() -> Iterator[FakeQBittorrent]:
    with FakeQBittorrent("4.5") as fake:
        yield fake


def client(server: FakeQBittorrent, **options: object) -> QBittorrentClient:
    settings = {"username": "admin", "password": "secret", "sleep": lambda _: None, "timeout": (1.0, 1.0), **options}
    return QBittorrentClient(server.url, **settings)


def test_check_tells_version_room_and_dangers(server: FakeQBittorrent) -> None:
    server.preferences.update(max_ratio_enabled=True, max_ratio_act=3)
    health = client(server).check()
    assert health.version.startswith(f"v{server.version}")
    assert (health.free_bytes, health.save_path) == (123_456_789, "/downloads")
    assert len(health.warnings) == 1
    assert "removes torrents" in health.warnings[0]


def test_adds_a_torrent_once_and_finds_it_by_its_tag(server: FakeQBittorrent) -> None:
    server.appears_after = 2
    qb = client(server)
    assert qb.add(Payload(torrent=DATA), MINE) == REF
    (found,) = qb.list(tag="unabridged-7")
    assert (found.ref, found.name, found.category, found.tags) == (REF, "Emma", "audiobooks", ("unabridged-7",))
    assert (found.save_path, found.size_bytes, found.ratio) == ("/data/books", 40001, 0.0)
    assert qb.add(Payload(torrent=DATA), MINE) == REF
    assert len(server.calls("/torrents/add")) == 1
    assert qb.list(tag="another") == []
    assert [d.ref for d in qb.list(refs=[REF.upper()])] == [REF]


def test_adds_stopped_with_limits(server: FakeQBittorrent) -> None:
    qb = client(server)
    qb.add(
        Payload(torrent=DATA), AddOptions(tag="t", paused=True, ratio_limit=1.5, seeding_time_minutes=4320, name="X")
    )
    (found,) = qb.list()
    assert (found.state, found.name) == (ClientState.PAUSED, "X")
    row = server.torrents[REF].row
    assert (row["ratio_limit"], row["seeding_time_limit"]) == (1.5, 4320)


def test_a_magnet_is_fetching_metadata_and_has_no_files(server: FakeQBittorrent) -> None:
    qb = client(server)
    assert qb.add(Payload(magnet_url=f"magnet:?xt=urn:btih:{HASH.upper()}"), MINE) == HASH
    (found,) = qb.list(refs=[HASH])
    assert found.state is ClientState.FETCHING_METADATA
    assert qb.files(HASH) == []
    with pytest.raises(Unavailable):
        qb.select_files(HASH, [0])


def test_adopts_what_somebody_else_added(server: FakeQBittorrent) -> None:
    qb = client(server)
    qb.add(Payload(torrent=DATA), AddOptions(tag="theirs", paused=True))
    assert qb.add(Payload(torrent=DATA), MINE) == REF
    (found,) = qb.list(tag="unabridged-7")
    assert set(found.tags) == {"theirs", "unabridged-7"}
    assert (found.category, found.state) == ("audiobooks", ClientState.DOWNLOADING)


def test_adopting_does_not_move_files_that_are_managed_by_category(server: FakeQBittorrent) -> None:
    qb = client(server)
    qb.add(Payload(torrent=DATA), AddOptions(tag="theirs", category="music"))
    server.torrents[REF].row["auto_tmm"] = True
    qb.add(Payload(torrent=DATA), MINE)
    assert qb.list(tag="unabridged-7")[0].category == "music"


def test_a_refused_torrent_is_said_to_be_refused(server: FakeQBittorrent) -> None:
    server.refuses = True
    with pytest.raises(Rejected) as caught:
        client(server).add(Payload(torrent=DATA), MINE)
    assert caught.value.code == "torrent_refused"


def test_a_torrent_that_never_appears_is_not_called_added(old: FakeQBittorrent) -> None:
    old.appears_after = 10_000
    with pytest.raises(Unavailable):
        client(old, wait_seconds=1.0).add(Payload(torrent=DATA), MINE)


def test_files_and_their_selection(server: FakeQBittorrent) -> None:
    qb = client(server)
    qb.add(Payload(torrent=DATA), MINE)
    qb.select_files(REF, [2])
    assert [(file.path, file.wanted) for file in qb.files(REF)] == [
        ("Emma/01.mp3", True),
        ("Emma/02.mp3", True),
        ("Emma/cover.jpg", False),
    ]
    qb.select_files(REF, [0])
    assert [file.wanted for file in qb.files(REF)] == [False, True, True]
    with pytest.raises(Rejected):
        qb.select_files(REF, [0, 1, 2])


def test_start_stop_limits_and_removal(server: FakeQBittorrent) -> None:
    qb = client(server)
    qb.add(Payload(torrent=DATA), MINE)
    qb.stop(REF)
    assert qb.list()[0].state is ClientState.PAUSED
    qb.start(REF)
    assert qb.list()[0].state is ClientState.DOWNLOADING
    qb.set_limits(REF, ratio=None, seeding_minutes=-1)
    row = server.torrents[REF].row
    assert (row["ratio_limit"], row["seeding_time_limit"]) == (-2, -1)
    qb.remove(REF, delete_files=True)
    assert qb.list() == []
    qb.remove(REF, delete_files=True)
    assert server.calls("/torrents/delete")[0].form()["deleteFiles"].lower() == "true"


@pytest.mark.parametrize("ref", ["", "all", "ALL", f"{REF}|all", REF[:-1]])
def test_never_touches_all_torrents(old: FakeQBittorrent, ref: str) -> None:
    qb = client(old)
    calls = (
        lambda: qb.remove(ref, delete_files=True),
        lambda: qb.start(ref),
        lambda: qb.stop(ref),
        lambda: qb.list(refs=[ref]),
        lambda: qb.files(ref),
        lambda: qb.set_limits(ref, ratio=1, seeding_minutes=1),
    )
    for call in calls:
        with pytest.raises(Rejected):
            call()
    assert old.seen == []


def test_logs_in_once_and_again_after_the_session_ended(server: FakeQBittorrent) -> None:
    qb = client(server)
    qb.list()
    qb.list()
    assert len(server.calls("/auth/login")) == 1
    server.forget_sessions()
    assert qb.list() == []
    assert len(server.calls("/auth/login")) == 2


def test_wrong_credentials_are_tried_once(server: FakeQBittorrent) -> None:
    qb = client(server, password="wrong-pw")
    for call in (qb.check, qb.list, qb.check):
        with pytest.raises(Rejected) as caught:
            call()
        assert caught.value.code == "credentials_refused"
        assert "wrong-pw" not in str(caught.value)
    assert server.failed_logins == 1


def test_a_server_that_wants_credentials_is_not_guessed_at(old: FakeQBittorrent) -> None:
    with pytest.raises(Rejected):
        client(old, username="", password="").check()
    assert old.failed_logins == 0


def test_no_credentials_are_needed_where_none_are_asked_for(server: FakeQBittorrent) -> None:
    server.username = ""
    assert client(server, username="", password="").list() == []
    assert server.calls("/auth/login") == []


def test_proxies_of_the_environment_are_not_used(old: FakeQBittorrent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert client(old).list() == []


def test_an_api_key_replaces_the_login() -> None:
    with FakeQBittorrent("5.2") as server:
        server.api_key = "qbt_0123456789012345678901234567"
        assert client(server, username="", password="", api_key=server.api_key).list() == []
        assert server.calls("/auth/login") == []


def test_a_ban_is_waited_for(old: FakeQBittorrent) -> None:
    old.banned = True
    with pytest.raises(Unavailable) as caught:
        client(old).check()
    assert (caught.value.code, caught.value.retry_after) == ("banned", 3600.0)


@pytest.mark.parametrize(
    "fault, kind",
    [
        ("refused", Unavailable),
        ("timeout", Unavailable),
        ("401", Rejected),
        ("403", Rejected),
        ("500", Unavailable),
        ("truncated", Unavailable),
        ("wrong_type", Malformed),
    ],
)
def test_faults_have_names(old: FakeQBittorrent, fault: str, kind: type[ExternalAPIError]) -> None:
    qb = client(old, timeout=(1.0, 0.15))
    qb.add(Payload(torrent=DATA), MINE)
    old.fault(fault)
    for call in (qb.list, lambda: qb.files(REF), qb.check):
        with pytest.raises(kind) as caught:
            call()
        assert "secret" not in str(caught.value)


def test_refuses_what_is_no_torrent(old: FakeQBittorrent) -> None:
    for payload in (Payload(torrent=b"<html>"), Payload(), Payload(direct_files=(DirectFile("http://h/x", "x"),))):
        with pytest.raises(Rejected):
            client(old).add(payload, MINE)
    with pytest.raises(Rejected):
        client(old).add(Payload(torrent=DATA), AddOptions(tag="a,b"))


@pytest.mark.parametrize(
    "state, progress, ours",
    [
        ("metaDL", 0, ClientState.FETCHING_METADATA),
        ("stalledDL", 0.5, ClientState.STALLED),
        ("checkingUP", 1, ClientState.CHECKING),
        ("moving", 1, ClientState.MOVING),
        ("stoppedUP", 1, ClientState.COMPLETE),
        ("pausedUP", 1, ClientState.COMPLETE),
        ("stalledUP", 1, ClientState.COMPLETE),
        ("pausedDL", 1, ClientState.PAUSED),
        ("missingFiles", 0.2, ClientState.ERROR),
        ("somethingNew", 0.2, ClientState.DOWNLOADING),
    ],
)
def test_states(state: str, progress: float, ours: ClientState) -> None:
    assert read_state(state, {"progress": progress}) is ours


def test_no_state_of_an_unfinished_torrent_is_complete() -> None:
    for state in [*STATES, *COMPLETE_STATES]:
        assert read_state(state, {"progress": 0.99, "amount_left": 5}) is not ClientState.COMPLETE
