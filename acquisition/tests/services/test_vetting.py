"""Torrents that lie about themselves, before a client sees them: refused in words, blocklisted, the next best taken."""

from collections.abc import Iterator, Sequence

import pytest

from acquisition.domain.bencode import encode
from acquisition.domain.torrents import parse_torrent
from acquisition.models import BlocklistEntry, Download, Release
from acquisition.services.acquiring import acquire_books, fall_back_all
from acquisition.services.grabbing import grab, hand_over
from acquisition.services.monitoring import monitor_downloads
from acquisition.tests.factories import NOW, make_book, make_client, make_indexer, make_offer, make_release
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab, make_torrent
from library.models import Book

pytestmark = pytest.mark.django_db
LIE = "Ozma of Oz by L. Frank Baum [ENG / MP3]"
HONEST = "L. Frank Baum - Ozma of Oz (MP3)"
TORRENT = make_torrent("Ozma", {"01.mp3": b"sound" * 1000})
OTHER = make_torrent("Other", {"01.mp3": b"noise" * 1000})
PROGRAM = make_torrent("Ozma", {"01.mp3": b"sound" * 1000, "Ozma.mp3.exe": b"MZ"})
SIZE = 2_000_000


@pytest.fixture
def qbit() -> Iterator[FakeQBittorrent]:
    with FakeQBittorrent("5.0") as server:
        make_client(url=server.url, username="admin", password="secret")
        yield server


@pytest.fixture
def torznab(qbit: FakeQBittorrent) -> Iterator[FakeTorznab]:
    with FakeTorznab() as server:
        make_indexer(url=f"{server.url}/api")
        yield server


@pytest.fixture
def book() -> Book:
    return make_book(seconds=None)


def offer(torznab: FakeTorznab, items: Sequence[FakeItem]) -> None:
    torznab.items = list(items)


LIES = {
    "other_torrent": FakeItem(LIE, OTHER, size=SIZE, seeders=50, attributes={"infohash": parse_torrent(TORRENT).ref}),
    "dangerous_files": FakeItem(LIE, PROGRAM, size=SIZE, seeders=50),
    "bad_torrent": FakeItem(LIE, b"this is no torrent at all", size=SIZE, seeders=50),
}
WORDS = {
    "other_torrent": "Behind its link is another torrent than the one that indexer states.",
    "dangerous_files": "It holds programs, which no audiobook needs: Ozma.mp3.exe.",
    "bad_torrent": "not a torrent",
}


@pytest.mark.parametrize("code", LIES)
def test_a_lie_is_never_handed_over_and_the_next_best_is_taken(
    code: str, torznab: FakeTorznab, qbit: FakeQBittorrent, book: Book
) -> None:
    offer(torznab, [LIES[code], FakeItem(HONEST, TORRENT, size=SIZE)])
    acquire_books(books=[book], now=NOW)
    monitor_downloads(now=NOW)
    monitor_downloads(now=NOW)
    first, second = Download.objects.order_by("pk")
    assert (first.title, first.status, first.error_code) == (LIE, "abandoned", code)
    assert WORDS[code] in first.error_message
    assert (second.title, second.status) == (HONEST, "downloading")
    assert list(qbit.torrents) == [parse_torrent(TORRENT).ref]
    assert not torznab.seen[-1].path.endswith("/dl/0"), "it is not fetched again"
    assert fall_back_all(now=NOW) == 0


def test_who_states_the_hash_of_an_honest_torrent_does_not_bring_it_onto_the_blocklist(
    torznab: FakeTorznab, book: Book
) -> None:
    stated = parse_torrent(TORRENT).ref
    offer(torznab, [LIES["other_torrent"]])
    acquire_books(books=[book], now=NOW)
    monitor_downloads(now=NOW)
    (entry,) = BlocklistEntry.objects.all()
    assert entry.infohash == parse_torrent(OTHER).ref
    assert not BlocklistEntry.objects.filter(infohash=stated).exists()
    honest = make_release(make_indexer(name="honest"), make_offer(LIE, infohash=stated, size_bytes=SIZE, guid="h"))
    assert grab(release=honest, books=[book], now=NOW).status == "queued"


def test_a_hybrid_torrent_may_be_stated_by_either_of_its_hashes(qbit: FakeQBittorrent, torznab: FakeTorznab) -> None:
    info = {
        "name": "h.mp3", "piece length": 16384, "length": 10, "pieces": b"p" * 20, "meta version": 2,
        "file tree": {"h.mp3": {"": {"length": 10, "pieces root": b"r" * 32}}},
    }  # fmt: skip
    data = encode({"info": info, "piece layers": {}})
    offer(torznab, [FakeItem(LIE, data)])
    read = parse_torrent(data)
    for number, stated in enumerate([read.infohash_v1, read.infohash_v2, read.infohash_v2[:40].upper(), "nonsense"]):
        release = _release_of(torznab, number, stated)
        download = hand_over(grab(release=release, books=[], now=NOW), now=NOW)
        assert (download.status, download.error_message) == ("grabbed", "")


def _release_of(torznab: FakeTorznab, number: int, infohash: str) -> Release:
    from acquisition.models import Indexer

    said = make_offer(f"{LIE} {number}", infohash=infohash, download_url=f"{torznab.url}/dl/0")
    return make_release(Indexer.objects.get(), said)


def test_a_program_among_the_files_that_are_left_out_of_a_pack_harms_nobody(
    torznab: FakeTorznab, qbit: FakeQBittorrent, book: Book
) -> None:
    offer(torznab, [FakeItem(LIE, PROGRAM)])
    release = _release_of(torznab, 0, "")
    download = grab(release=release, books=[book], now=NOW, files={book.pk: ["Ozma/01.mp3"]})
    assert hand_over(download, now=NOW).status == "grabbed"
    (torrent,) = qbit.torrents.values()
    assert [row["priority"] for row in torrent.files] == [1, 0]
