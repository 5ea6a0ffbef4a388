"""Transmission over real HTTP, as 3.00 and 4.0 answer."""

import logging
from collections.abc import Iterator

import pytest

from acquisition.clients.transmission import TransmissionClient, read_state, split_address
from acquisition.domain.facts import AddOptions, ClientState, Payload
from acquisition.domain.torrents import parse_torrent
from acquisition.tests.fake_clients import FakeTransmission
from acquisition.tests.fake_indexers import make_torrent
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable

DATA = make_torrent("Emma", {"01.mp3": b"a" * 20000, "cover.jpg": b"c"}, announce="http://t.example/passkey123")
REF = parse_torrent(DATA).ref
HASH = "c9e15763f722f23e98a29decdfae341b98d53056"
MINE = AddOptions(tag="unabridged-7", category="audiobooks", save_path="/data/books")


@pytest.fixture(params=[16, 17])
def server(request: pytest.FixtureRequest) -> Iterator[FakeTransmission]:
    with FakeTransmission(request.param) as fake:
        yield fake


@pytest.fixture
def modern() -> Iterator[FakeTransmission]:
    with FakeTransmission(17) as fake:
        yield fake


def client(server: FakeTransmission, **options: object) -> TransmissionClient:
    settings = {"username": "admin", "password": "secret", "timeout": 1.0, **options}
    return TransmissionClient(server.url, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url, port, path",
    [
        ("http://h", 9091, "/transmission/rpc"),
        ("http://h:1/transmission/", 1, "/transmission/rpc"),
        ("http://h:1/transmission/web/", 1, "/transmission/rpc"),
        ("http://h:1/transmission/rpc", 1, "/transmission/rpc"),
        ("https://h/seedbox/rpc", 443, "/seedbox/rpc"),
    ],
)
def test_every_form_of_its_address(url: str, port: int, path: str) -> None:
    address = split_address(url, service="T")
    assert (address["port"], address["path"]) == (port, path)


def test_check(server: FakeTransmission) -> None:
    health = client(server).check()
    assert health.version.startswith("3.00" if server.rpc_version == 16 else "4.0")
    assert (health.free_bytes, health.save_path, health.warnings) == (987_654_321, "/downloads", ())


def test_adds_once_and_finds_by_label(server: FakeTransmission) -> None:
    transmission = client(server)
    assert transmission.add(Payload(torrent=DATA), MINE) == REF
    assert transmission.add(Payload(torrent=DATA), MINE) == REF
    (found,) = transmission.list(tag="unabridged-7")
    assert (found.ref, found.name, found.state) == (REF, "Emma", ClientState.DOWNLOADING)
    assert found.tags == ("unabridged-7", "audiobooks")
    assert (found.content_path, found.size_bytes, found.seeders) == ("/data/books/Emma", 20001, 3)
    assert (found.ratio, found.eta_seconds) == (None, None)
    assert transmission.list(tag="other") == transmission.list(refs=[HASH]) == []


def test_adopts_what_somebody_else_added(server: FakeTransmission) -> None:
    transmission = client(server)
    transmission.add(Payload(torrent=DATA), AddOptions(tag="theirs", paused=True))
    assert transmission.list()[0].state is ClientState.PAUSED
    transmission.add(Payload(torrent=DATA), MINE)
    (found,) = transmission.list()
    assert found.tags == ("theirs", "unabridged-7", "audiobooks")
    assert found.state is ClientState.DOWNLOADING


def test_files_selection_limits_and_removal(server: FakeTransmission) -> None:
    transmission = client(server)
    transmission.add(Payload(torrent=DATA), AddOptions(tag="t", ratio_limit=2.0, seeding_time_minutes=4320))
    row = server.torrents[REF]
    assert (row["seedRatioLimit"], row["seedRatioMode"], row["seedIdleMode"]) == (2.0, 1, 2)
    transmission.select_files(REF, [1])
    assert [(file.path, file.wanted) for file in transmission.files(REF)] == [
        ("Emma/01.mp3", True),
        ("Emma/cover.jpg", False),
    ]
    transmission.select_files(REF, [])
    assert all(file.wanted for file in transmission.files(REF))
    with pytest.raises(Rejected):
        transmission.select_files(REF, [0, 1])
    transmission.stop(REF)
    assert transmission.list()[0].state is ClientState.PAUSED
    transmission.start(REF)
    assert transmission.list()[0].state is ClientState.DOWNLOADING
    transmission.remove(REF, delete_files=True)
    transmission.remove(REF, delete_files=True)
    assert transmission.list() == []


@pytest.mark.parametrize("ref", ["", "all", "recently-active", REF[:-1], "a" * 64])
def test_never_touches_all_torrents(modern: FakeTransmission, ref: str) -> None:
    transmission = client(modern)
    for call in (
        lambda: transmission.remove(ref, delete_files=True),
        lambda: transmission.start(ref),
        lambda: transmission.list(refs=[ref]),
        lambda: transmission.files(ref),
    ):
        with pytest.raises(Rejected):
            call()
    assert modern.seen == []


def test_a_magnet_fetches_metadata(modern: FakeTransmission) -> None:
    transmission = client(modern)
    assert transmission.add(Payload(magnet_url=f"magnet:?xt=urn:btih:{HASH}"), MINE) == HASH
    assert transmission.list()[0].state is ClientState.FETCHING_METADATA
    with pytest.raises(Unavailable):
        transmission.select_files(HASH, [0])


def test_a_session_that_ended_is_renewed(modern: FakeTransmission) -> None:
    transmission = client(modern)
    transmission.list()
    modern.session = "another"
    assert transmission.list() == []


def test_one_that_is_too_old_is_told_so() -> None:
    with FakeTransmission(15) as server:
        assert "3.00" in client(server).check().warnings[0]
        with pytest.raises(Rejected):
            client(server).add(Payload(torrent=DATA), MINE)


def test_its_own_words_are_told(modern: FakeTransmission) -> None:
    transmission = client(modern)
    transmission.list()
    modern.result = "invalid or corrupt torrent file"
    with pytest.raises(Rejected) as caught:
        transmission.list()
    assert caught.value.code == "bad_torrent"


def test_wrong_credentials(modern: FakeTransmission) -> None:
    with pytest.raises(Rejected) as caught:
        client(modern, password="wrong-pw").check()
    assert caught.value.code == "credentials_refused"
    assert "wrong-pw" not in str(caught.value)


@pytest.mark.parametrize(
    "fault, kind",
    [
        ("refused", Unavailable),
        ("timeout", Unavailable),
        ("401", Rejected),
        ("403", Rejected),
        ("500", Malformed),
        ("truncated", Unavailable),
        ("wrong_type", Malformed),
    ],
)
def test_faults_have_names(modern: FakeTransmission, fault: str, kind: type[ExternalAPIError]) -> None:
    transmission = client(modern, timeout=0.3)
    transmission.list()
    modern.fault(fault)
    for call in (transmission.list, transmission.check, client(modern, timeout=0.3).check):
        with pytest.raises(kind) as caught:
            call()
        assert "secret" not in str(caught.value)


def test_writes_no_secret_to_the_log(modern: FakeTransmission, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="transmission-rpc")
    caplog.set_level(logging.DEBUG, logger="acquisition")
    transmission = client(modern)
    transmission.add(Payload(magnet_url=f"magnet:?xt=urn:btih:{HASH}&tr=http://t.example/passkey123"), MINE)
    modern.fault("wrong_type")
    with pytest.raises(Malformed):
        transmission.list()
    assert "secret" not in caplog.text
    assert "passkey123" not in caplog.text


@pytest.mark.parametrize(
    "row, state",
    [
        ({"status": 6, "leftUntilDone": 0}, ClientState.COMPLETE),
        ({"status": 0, "leftUntilDone": 0, "isFinished": True}, ClientState.COMPLETE),
        ({"status": 2, "leftUntilDone": 0}, ClientState.CHECKING),
        ({"status": 4, "leftUntilDone": 5, "isStalled": True}, ClientState.STALLED),
        ({"status": 3, "leftUntilDone": 5}, ClientState.QUEUED),
        ({"status": 0, "leftUntilDone": 5}, ClientState.PAUSED),
        ({"status": 4, "leftUntilDone": 5, "error": 3}, ClientState.ERROR),
        ({"status": 4, "leftUntilDone": 5, "error": 2}, ClientState.DOWNLOADING),
        ({"status": 4, "totalSize": 0}, ClientState.FETCHING_METADATA),
    ],
)
def test_states(row: dict[str, object], state: ClientState) -> None:
    assert read_state({"totalSize": 10, "metadataPercentComplete": 1, **row}) is state
