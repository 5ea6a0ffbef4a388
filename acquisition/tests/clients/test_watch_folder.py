"""A pair of folders as a download client."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from acquisition.clients.watch_folder import WatchFolderClient
from acquisition.domain.facts import AddOptions, ClientState, Payload
from acquisition.domain.torrents import parse_torrent
from acquisition.tests.fake_indexers import make_torrent
from config.errors import Rejected, Unavailable

DATA = make_torrent("Emma", {"01.mp3": b"a" * 900, "cover.jpg": b"c" * 10})
REF = parse_torrent(DATA).ref
HASH = "c9e15763f722f23e98a29decdfae341b98d53056"
MINE = AddOptions(tag="unabridged-7", category="audiobooks", name="Jane Austen: Emma")
DAY = 86400


@dataclass
class Play:
    client: WatchFolderClient
    drop: Path
    done: Path
    now: float = 1_000_000.0

    def state(self) -> ClientState:
        (found,) = self.client.list()
        return found.state

    def arrive(self, size: int = 900, name: str = "01.mp3") -> None:
        path = self.done / "Emma" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a" * size)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    drop, done = tmp_path / "drop", tmp_path / "done"
    drop.mkdir()
    done.mkdir()
    played = Play(WatchFolderClient(drop, done), drop, done)
    played.client.now = lambda: played.now
    return played


def test_drops_a_torrent_once(play: Play) -> None:
    assert play.client.add(Payload(torrent=DATA), MINE) == REF
    assert play.client.add(Payload(torrent=DATA), MINE) == REF
    (path,) = play.drop.glob("*.torrent")
    assert path.name == "Jane Austen_ Emma.torrent"
    assert path.read_bytes() == DATA
    (found,) = play.client.list(tag="unabridged-7", refs=[REF])
    assert (found.state, found.name, found.tags, found.category) == (
        ClientState.QUEUED,
        "Emma",
        ("unabridged-7",),
        "audiobooks",
    )
    assert play.client.list(tag="other") == []


def test_drops_a_magnet_link(play: Play) -> None:
    link = f"magnet:?xt=urn:btih:{HASH}&dn=Emma"
    assert play.client.add(Payload(magnet_url=link), AddOptions(tag="t")) == HASH
    assert (play.drop / "Emma.magnet").read_text() == link
    play.client.takes_magnets = False
    with pytest.raises(Rejected):
        play.client.add(Payload(magnet_url=link.replace("c9", "d9")), AddOptions(tag="t"))


def test_does_not_overwrite_what_lies_there(play: Play) -> None:
    (play.drop / "Jane Austen_ Emma.torrent").write_bytes(b"another")
    play.client.add(Payload(torrent=DATA), MINE)
    assert (play.drop / "Jane Austen_ Emma.torrent").read_bytes() == b"another"
    assert (play.drop / f"Jane Austen_ Emma ({REF[:8]}).torrent").read_bytes() == DATA


def test_from_dropped_to_complete(play: Play) -> None:
    play.client.add(Payload(torrent=DATA), MINE)
    next(play.drop.glob("*.torrent")).rename(play.drop / "x.added")
    assert play.state() is ClientState.DOWNLOADING
    play.arrive(500)
    assert play.state() is ClientState.DOWNLOADING
    play.now += 61
    assert play.state() is ClientState.DOWNLOADING  # nothing moves, but half of it is missing
    play.arrive(900)
    assert play.state() is ClientState.DOWNLOADING
    play.now += 59
    assert play.state() is ClientState.DOWNLOADING
    play.now += 2
    (found,) = play.client.list()
    assert (found.state, found.content_path, found.progress) == (ClientState.COMPLETE, str(play.done / "Emma"), 1.0)
    assert [(file.path, file.size_bytes) for file in play.client.files(REF)] == [("Emma/01.mp3", 900)]


@pytest.mark.parametrize("name", ["02.mp3.part", "02.mp3.!qB", "02.tmp"])
def test_unfinished_files_hold_it_back(play: Play, name: str) -> None:
    play.client.add(Payload(torrent=DATA), MINE)
    play.arrive()
    play.arrive(1, name)
    play.state()
    play.now += 1000
    assert play.state() is ClientState.DOWNLOADING


def test_is_found_by_the_title_of_the_release_too(play: Play) -> None:
    play.client.add(Payload(torrent=DATA), AddOptions(tag="t", name="Emma by Austen"))
    (play.done / "Emma by Austen").mkdir()
    (play.done / "Emma by Austen" / "01.mp3").write_bytes(b"a" * 900)
    play.state()
    play.now += 61
    assert play.state() is ClientState.COMPLETE


def test_says_what_hangs_after_some_days(play: Play) -> None:
    play.client.add(Payload(torrent=DATA), MINE)
    play.now += 8 * DAY
    (found,) = play.client.list()
    assert found.state is ClientState.STALLED
    assert "Nobody took the torrent" in found.message
    next(play.drop.glob("*.torrent")).unlink()
    assert "Nothing came" in play.client.list()[0].message


def test_removal_takes_the_torrent_back_but_no_files(play: Play) -> None:
    play.client.add(Payload(torrent=DATA), MINE)
    play.arrive()
    play.client.remove(REF, delete_files=True)
    play.client.remove(REF, delete_files=True)
    assert play.client.list() == []
    assert list(play.drop.glob("*.torrent")) == []
    assert (play.done / "Emma" / "01.mp3").exists()


def test_an_absent_folder_is_an_outage(play: Play) -> None:
    play.client.add(Payload(torrent=DATA), MINE)
    play.done.rename(play.done.parent / "unmounted")
    for call in (play.client.check, play.client.list):
        with pytest.raises(Unavailable, match="mounted"):
            call()


def test_what_it_cannot_do_is_said(play: Play) -> None:
    play.client.add(Payload(torrent=DATA), MINE)
    play.client.start(REF)
    play.client.select_files(REF, [])
    with pytest.raises(Rejected):
        play.client.select_files(REF, [1])
    with pytest.raises(Rejected):
        play.client.files(HASH)
    assert (play.client.check().free_bytes or 0) > 0
