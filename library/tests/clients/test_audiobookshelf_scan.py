"""Asking for a scan, and finding a new book by the server's own account."""

import unicodedata
from pathlib import Path

import pytest

from config.errors import Rejected
from library.clients.audiobookshelf import AudiobookshelfClient
from library.domain.facts import CopyFacts, SeriesPlace
from library.tests.fake_audiobookshelf import API_KEY, LIMITED_KEY, FakeAudiobookshelf
from library.tests.fake_audiobookshelf_items import LIBRARY_ID
from library.tests.fake_http import Fault


class Clock:
    """Time that passes by sleeping only; the fake server's scan goes on in real time meanwhile."""

    def __init__(self, server: FakeAudiobookshelf, finish: bool = True) -> None:
        self.now = 0.0
        self.server = server
        self.finish = finish

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.finish:
            self.server.finish_scan()


def make_book(folder: Path, *names: str) -> None:
    place = folder.joinpath(*names)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"not really sound")


def paths_of(client: AudiobookshelfClient) -> set[str]:
    return {item.path for item in client.iter_items(LIBRARY_ID) if not item.is_missing}


def test_a_book_put_in_the_folder_is_found_after_a_scan(tmp_path: Path) -> None:
    make_book(tmp_path, "L. Frank Baum", "Oz", "Vol 1 - 1900 - The Wonderful Wizard of Oz", "oz.m4b")
    with FakeAudiobookshelf(folder=tmp_path, scan_seconds=30) as server:
        clock = Clock(server)
        client = AudiobookshelfClient(server.url, token=API_KEY, clock=clock)
        before = paths_of(client)
        rel = "L. Frank Baum/Oz/Vol 4 - 1908 - Dorothy and the Wizard in Oz [B000SMPL44] {Ann Reader}"
        make_book(tmp_path, *rel.split("/"), "oz 4.m4b")
        assert client.find_item_by_path(LIBRARY_ID, rel) is None

        client.scan(LIBRARY_ID)
        assert client.wait_for_scan(LIBRARY_ID, sleep=clock.sleep) is True

        assert paths_of(client) == before | {rel}
        found = client.find_item_by_path(LIBRARY_ID, rel)
        assert found
        assert (found.title, found.asin, found.narrators) == (
            "Dorothy and the Wizard in Oz",
            "B000SMPL44",
            ("Ann Reader",),
        )
        assert (found.authors, found.series) == (("L. Frank Baum",), (SeriesPlace("Oz", "4"),))
        assert found.published_year == 1908


def test_a_folder_that_goes_away_stays_listed_as_missing(tmp_path: Path) -> None:
    make_book(tmp_path, "Jane Austen", "Emma", "e.mp3")
    make_book(tmp_path, "Jane Austen", "Persuasion", "p.mp3")
    with FakeAudiobookshelf(folder=tmp_path, scan_seconds=30) as server:
        clock = Clock(server)
        client = AudiobookshelfClient(server.url, token=API_KEY, clock=clock)
        first = [item for item in client.iter_items(LIBRARY_ID) if isinstance(item, CopyFacts)]
        (tmp_path / "Jane Austen" / "Emma" / "e.mp3").unlink()
        client.scan(LIBRARY_ID)
        client.wait_for_scan(LIBRARY_ID, sleep=clock.sleep)
        known = {item.abs_item_id: int(item.fingerprint) for item in first}
        changed = [item for item in client.iter_items(LIBRARY_ID, known=known) if isinstance(item, CopyFacts)]
        assert [(item.path, item.is_missing) for item in changed] == [("Jane Austen/Emma", True)]
        assert client.find_item_by_path(LIBRARY_ID, "Jane Austen/Emma") is None


def test_a_path_is_the_same_however_its_accents_are_composed(tmp_path: Path) -> None:
    make_book(tmp_path, unicodedata.normalize("NFD", "Émile Zola"), "Nana", "n.mp3")
    with FakeAudiobookshelf(folder=tmp_path) as server:
        client = AudiobookshelfClient(server.url, token=API_KEY)
        assert client.find_item_by_path(LIBRARY_ID, unicodedata.normalize("NFC", "Émile Zola/Nana"))


def test_waiting_ends_at_its_time_limit(tmp_path: Path) -> None:
    with FakeAudiobookshelf(folder=tmp_path, scan_seconds=30) as server:
        clock = Clock(server, finish=False)
        client = AudiobookshelfClient(server.url, token=API_KEY, clock=clock)
        client.scan(LIBRARY_ID)
        assert client.wait_for_scan(LIBRARY_ID, timeout=20, sleep=clock.sleep) is False
        assert clock.now <= 20
        server.finish_scan()
        assert client.wait_for_scan(LIBRARY_ID, timeout=20, sleep=clock.sleep) is True


def test_a_scan_that_was_over_before_we_looked_is_seen_by_its_time(tmp_path: Path) -> None:
    with FakeAudiobookshelf(folder=tmp_path, scan_seconds=30) as server:
        clock = Clock(server)
        client = AudiobookshelfClient(server.url, token=API_KEY, clock=clock)
        client.scan(LIBRARY_ID)
        server.finish_scan()
        assert client.wait_for_scan(LIBRARY_ID, timeout=20, sleep=clock.sleep) is True
        assert clock.now == 0


def test_a_scan_that_the_server_never_begins_is_not_waited_for_to_the_end(tmp_path: Path) -> None:
    with FakeAudiobookshelf(folder=tmp_path) as server:
        server.faults.append(Fault("status", f"/api/libraries/{LIBRARY_ID}/scan", status=200, body="OK"))
        clock = Clock(server)
        client = AudiobookshelfClient(server.url, token=API_KEY, clock=clock)
        client.scan(LIBRARY_ID)
        assert client.wait_for_scan(LIBRARY_ID, timeout=600, sleep=clock.sleep) is True
        assert clock.now == 10


def test_a_second_request_during_a_scan_changes_nothing_and_says_so(tmp_path: Path) -> None:
    with FakeAudiobookshelf(folder=tmp_path, scan_seconds=30) as server:
        client = AudiobookshelfClient(server.url, token=API_KEY)
        assert client.scan(LIBRARY_ID) is True
        assert client.scan(LIBRARY_ID) is False
        server.finish_scan()
        assert server.scans == 1
        assert client.scan(LIBRARY_ID) is True


def test_one_new_folder_is_told_of_without_a_scan(tmp_path: Path) -> None:
    with FakeAudiobookshelf(folder=tmp_path) as server:
        client = AudiobookshelfClient(server.url, token=API_KEY)
        make_book(tmp_path, "Jane Austen", "Emma", "e.mp3")
        client.watcher_update(LIBRARY_ID, "/audiobooks/Jane Austen/Emma/e.mp3")
        assert client.find_item_by_path(LIBRARY_ID, "Jane Austen/Emma")
        assert server.requests[0].json == {
            "libraryId": LIBRARY_ID,
            "path": "/audiobooks/Jane Austen/Emma/e.mp3",
            "type": "add",
        }


def test_a_reader_may_not_scan(tmp_path: Path) -> None:
    with FakeAudiobookshelf(folder=tmp_path) as server:
        client = AudiobookshelfClient(server.url, token=LIMITED_KEY)
        with pytest.raises(Rejected, match="API key of an administrator"):
            client.scan(LIBRARY_ID)
        with pytest.raises(Rejected, match="API key of an administrator"):
            client.watcher_update(LIBRARY_ID, "/audiobooks/x")


def test_a_library_that_is_gone(tmp_path: Path) -> None:
    with FakeAudiobookshelf(folder=tmp_path) as server:
        client = AudiobookshelfClient(server.url, token=API_KEY)
        with pytest.raises(Rejected, match="no such library"):
            client.scan("nonsense")
        with pytest.raises(Rejected, match="no such library"):
            list(client.iter_items("nonsense"))
