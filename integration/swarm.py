"""A real swarm on loopback: a tracker, a seeder with public-domain audiobooks, and an indexer that offers them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import qbittorrentapi
import torf

from acquisition.clients.qbittorrent import QBittorrentClient
from acquisition.demo.audio import write_tone
from acquisition.domain.facts import AddOptions, ClientState, Payload
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab
from integration.daemons import Daemon, start_opentracker, start_qbittorrent
from integration.product import wait_for


@dataclass
class Book:
    """A book to seed: the release's name, and the tags and length of its files."""

    release: str
    title: str
    author: str
    seconds: tuple[float, ...]
    seeders: int = 5

    @property
    def name(self) -> str:
        """The folder's name; a release's name may hold what no folder can."""
        return self.release.replace("/", "-")


@dataclass
class Swarm:
    tracker: Daemon
    seeder: Daemon
    indexer: FakeTorznab


def make_files(folder: Path, book: Book) -> Path:
    for number, seconds in enumerate(book.seconds, start=1):
        tags = {
            "album": book.title,
            "artist": book.author,
            "title": f"Part {number}",
            "track": f"{number}/{len(book.seconds)}",
        }
        write_tone(folder / book.name / f"{number:02d}.mp3", seconds=seconds, tags=tags)
    return folder / book.name


def _is_announced(seeder: Daemon, infohash: str) -> bool:
    """Whether the tracker has heard of the seeder: who asks the tracker earlier is sent away for half an hour."""
    raw = qbittorrentapi.Client(host=seeder.url, username=seeder.username, password=seeder.password)
    return any(
        row.url.startswith("http") and row.status == qbittorrentapi.TrackerStatus.WORKING
        for row in raw.torrents_trackers(torrent_hash=infohash)
    )


@contextmanager
def run_swarm(folder: Path, books: list[Book], *, api_key: str = "indexer-key") -> Iterator[Swarm]:
    """Everything up and seeding; ended at the end."""
    seeder = start_qbittorrent(folder, name="seeder")
    made = {}
    for book in books:
        made[book.name] = torf.Torrent(path=make_files(seeder.save_path, book), piece_size=65536)
        made[book.name].generate()
    tracker = start_opentracker(folder, [torrent.infohash for torrent in made.values()])
    items = []
    for book in books:
        torrent = made[book.name]
        torrent.trackers = [tracker.url + "/announce" if not tracker.url.endswith("/announce") else tracker.url]
        data = torrent.dump()
        client = QBittorrentClient(seeder.url, username=seeder.username, password=seeder.password)
        client.add(
            Payload(torrent=data), AddOptions(tag=f"seed-{torrent.infohash[:8]}", save_path=str(seeder.save_path))
        )
        wait_for(
            lambda c=client, t=torrent: any(row.state is ClientState.COMPLETE for row in c.list(refs=[t.infohash])),
            why=f"{book.name} is seeded",
        )
        wait_for(
            lambda t=torrent: _is_announced(seeder, t.infohash), why=f"the tracker knows the seeder of {book.name}"
        )
        items.append(FakeItem(book.release, torrent=data, size=torrent.size, seeders=book.seeders))
    try:
        with FakeTorznab(items, api_key=api_key) as indexer:
            yield Swarm(tracker, seeder, indexer)
    finally:
        seeder.stop()
        tracker.stop()
