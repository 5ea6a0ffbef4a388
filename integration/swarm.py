"""A real swarm on loopback: a tracker, a seeder with audiobooks, and an indexer that offers them."""

import hashlib
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import qbittorrentapi
import torf

from acquisition.clients.qbittorrent import QBittorrentClient
from acquisition.demo.audio import write_tone
from acquisition.domain.facts import AddOptions, ClientState, Payload
from acquisition.domain.torrents import parse_torrent
from acquisition.tests.fake_http import Files
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab, make_torrent
from integration.daemons import Daemon, start_opentracker, start_qbittorrent
from integration.product import wait_for

# The sound of tests has 8 kbit/s, to be small. Indexers state the size that it had with 64, which profiles ask for.
STATED = 8


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
        items.append(FakeItem(book.release, torrent=data, size=torrent.size * STATED, seeders=book.seeders))
    try:
        with FakeTorznab(items, api_key=api_key) as indexer:
            yield Swarm(tracker, seeder, indexer)
    finally:
        seeder.stop()
        tracker.stop()


@dataclass
class Offer:
    """A release on offer: its title, and the files that truly come (by their paths below a folder of the same name).

    `attributes` are said by the indexer. A release with more seeders is taken before one with fewer.
    """

    title: str
    files: Mapping[str, bytes] = field(repr=False)
    seeders: int = 5
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        return self.title.replace("/", "-")

    def torrent(self, announce: str = "", web_seed: str = "") -> bytes:
        return make_torrent(self.folder, dict(self.files), announce=announce, web_seed=web_seed)

    @property
    def infohash(self) -> str:
        return parse_torrent(self.torrent()).ref

    def item(self, announce: str, web_seed: str = "") -> FakeItem:
        """As the indexer offers it."""
        size = sum(map(len, self.files.values())) * STATED
        data = self.torrent(announce, web_seed)
        return FakeItem(self.title, torrent=data, size=size, seeders=self.seeders, attributes=dict(self.attributes))

    def hashes(self) -> list[str]:
        return sorted(hashlib.sha256(body).hexdigest() for body in self.files.values())


def sound(*, seconds: float, **tags: str) -> bytes:
    """An MP3 of the given length; tags as `write_tone` has them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.mp3"
        write_tone(path, seconds=seconds, tags=tags)
        return path.read_bytes()


def book_files(title: str, author: str, seconds: float, *, parts: int = 2, **tags: str) -> dict[str, bytes]:
    """The files of an audiobook: numbered parts that are together as long as said."""
    return {
        f"{n:02d}.mp3": sound(
            seconds=seconds / parts, album=title, artist=author, title=f"Part {n}", track=f"{n}/{parts}", **tags
        )
        for n in range(1, parts + 1)
    }


@dataclass
class OpenSwarm:
    """A tracker, a seeder and a web seed, to which releases are added as tests need them."""

    tracker: Daemon
    seeder: Daemon
    web: Files
    known: set[str] = field(default_factory=set)

    @property
    def announce(self) -> str:
        return f"{self.tracker.url}/announce"

    def seed(self, offers: Sequence[Offer], for_client: str = "qbittorrent") -> list[FakeItem]:
        """Have them seeded, and the tracker know it; how an indexer offers them to the users of this client.

        Transmission connects to no peer on loopback, since it takes such addresses for impossible: its torrents name a
        web seed (BEP 19), too.
        """
        new = [offer for offer in offers if offer.infohash not in self.known]
        self._allow([offer.infohash for offer in new])
        client = QBittorrentClient(self.seeder.url, username=self.seeder.username, password=self.seeder.password)
        for offer in new:
            for path, body in offer.files.items():
                target = self.seeder.save_path / offer.folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(body)
                self.web.files[f"/{offer.folder}/{path}"] = body
            options = AddOptions(tag=f"seed-{offer.infohash[:8]}", save_path=str(self.seeder.save_path))
            client.add(Payload(torrent=offer.torrent(self.announce)), options)
        for offer in new:
            wait_for(lambda o=offer: _is_announced(self.seeder, o.infohash), why=f"the tracker knows {offer.title}")
        rows = client.list(refs=[offer.infohash for offer in new]) if new else []
        assert all(row.state is ClientState.COMPLETE for row in rows), rows
        web_seed = f"{self.web.url}/" if for_client == "transmission" else ""
        return [offer.item(self.announce, web_seed) for offer in offers]

    def _allow(self, infohashes: Sequence[str]) -> None:
        """opentracker reads its list again at SIGHUP."""
        self.known.update(infohashes)
        (self.tracker.home / "allowed").write_text("".join(f"{infohash}\n" for infohash in sorted(self.known)))
        assert self.tracker.process is not None
        self.tracker.process.send_signal(signal.SIGHUP)


@contextmanager
def open_swarm(folder: Path) -> Iterator[OpenSwarm]:
    seeder, tracker = start_qbittorrent(folder, name="seeder"), start_opentracker(folder, [])
    try:
        with Files() as web:
            yield OpenSwarm(tracker, seeder, web)
    finally:
        seeder.stop()
        tracker.stop()
