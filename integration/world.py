"""A small world: the product, a real download client of its own, a shelf, and books that are wanted."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acquisition.clients.qbittorrent import QBittorrentClient
from acquisition.clients.transmission import TransmissionClient
from acquisition.domain.facts import ClientDownload
from acquisition.tests.fake_indexers import FakeTorznab
from integration.daemons import Daemon, start_qbittorrent, start_transmission
from integration.product import Product, wait_for

STARTS: Mapping[str, Callable[..., Daemon]] = {"qbittorrent": start_qbittorrent, "transmission": start_transmission}
AUTHOR = "Ada Quillfeather"
API_KEY = "indexer-key"

# What every world begins with. Looks and sweeps come each second, so that a test need not wait for them.
PREPARE = """
import json
from pathlib import Path
from acquisition.models import DownloadClient, Indexer
from acquisition.tests.factories import make_book, make_root
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from library.models import Book
from library.services.gaps import analyze_gaps

told = json.loads({told!r})
make_root(Path(told["shelf"]))
for name, place in told["indexers"].items():
    Indexer.objects.create(name=name, kind="torznab", url=place, api_key={key!r}, **told["indexer"])
DownloadClient.objects.create(name="client", **told["client"])
for number, (title, seconds) in enumerate(told["books"], start=1):
    make_book(title, author={author!r}, series="Voyages", position=str(number), seconds=seconds)
every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
PeriodicTask.objects.exclude(name__in=["download_monitor", "sweep"]).update(enabled=False)
PeriodicTask.objects.filter(name__in=["download_monitor", "sweep"]).update(interval=every, crontab=None)
analyze_gaps(now=timezone.now())
print(json.dumps(dict(Book.objects.values_list("title", "pk"))))
"""

WANT = """
from config.errors import ConflictError
from scheduling.services.runs import request_run
try:
    request_run(job="wanted_search", params={{"book_ids": {ids}}})
except ConflictError:
    pass
"""


@dataclass
class World:
    name: str
    product: Product
    client: Daemon
    client_kind: str
    shelf: Path
    books: dict[str, int] = field(default_factory=dict)

    def port(self) -> QBittorrentClient | TransmissionClient:
        """Our own client for the world's download program."""
        kind = QBittorrentClient if self.client_kind == "qbittorrent" else TransmissionClient
        return kind(self.client.url, username=self.client.username, password=self.client.password)

    def torrents(self) -> list[ClientDownload]:
        return list(self.port().list())

    def prepare(
        self,
        books: Iterable[tuple[str, int]],
        indexers: Mapping[str, FakeTorznab],
        *,
        indexer: Mapping[str, Any] | None = None,
        **client: Any,
    ) -> None:
        """The shelf, the services and the wanted books (title, seconds) in the database."""
        how = {"kind": self.client_kind, "url": self.client.url, "username": self.client.username}
        told = {
            "shelf": str(self.shelf),
            "indexers": {name: f"{server.url}/api" for name, server in indexers.items()},
            "indexer": indexer or {},
            "client": {**how, "password": self.client.password, "seed_time_minutes": 4320, **client},
            "books": list(books),
        }
        said = self.product.configure(PREPARE.format(told=json.dumps(told), key=API_KEY, author=AUTHOR))
        self.books = json.loads(said.strip().splitlines()[-1])

    def want(self, titles: Sequence[str]) -> None:
        """Ask for a search for these books, unless one is under way."""
        self.product.configure(WANT.format(ids=[self.books[title] for title in titles]))

    def start(self) -> None:
        self.product.start_parts("worker", "beat")

    def states(self, title: str) -> list[str]:
        """The states of a book's downloads, the oldest first."""
        rows = self.product.query(
            "select d.status from acquisition_download d join acquisition_downloadbook b on b.download_id = d.id "
            f"where b.book_id = {self.books[title]} order by d.id"
        )
        return [str(row[0]) for row in rows]

    def are_imported(self, titles: Iterable[str]) -> bool:
        return all("imported" in self.states(title) for title in titles)

    def wait_for(self, what: Callable[[], Any], *, seconds: float = 60, every: float = 0.2) -> Any:
        """The first true answer; else an assertion with the whole story."""
        try:
            return wait_for(what, seconds=seconds, every=every)
        except AssertionError:
            raise AssertionError(self.story()) from None

    def wait_until_imported(self, titles: Sequence[str], *, seconds: float = 60) -> None:
        self.wait_for(lambda: self.are_imported(titles), seconds=seconds)

    def story(self) -> str:
        """What a person needs to understand a failure."""
        parts = {
            "downloads": "select id, title, status, error_code, error_message from acquisition_download",
            "events": "select download_id, at, old_status, new_status, code, message from acquisition_downloadevent",
            "imports": "select download_id, status, target_path, error_message from acquisition_importrecord",
            "decisions": "select release_title, is_accepted, reasons from acquisition_decision order by id",
            "clients": "select name, last_error, last_error_at, paused_until from acquisition_downloadclient",
            "runs": "select id, job, status, lock, message, error_code from scheduling_run order by id desc limit 12",
        }
        told = [f"{name}:\n" + "\n".join(map(str, self.product.query(sql))) for name, sql in parts.items()]
        return "\n\n".join([self.name, *told, f"client: {self.torrents()}", f"log:\n{self.product.log}"])

    def filed(self) -> dict[str, Path]:
        """The files in the library by their hash; a file that is there twice is an error."""
        found: dict[str, Path] = {}
        for path in sorted(self.shelf.rglob("*")):
            if path.is_file() and path.name != "metadata.json":
                value = hash_of(path)
                assert value not in found, f"{path} is a second {found[value]}"
                found[value] = path
        return found


def hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def open_world(folder: Path, client_kind: str, template: Product) -> Iterator[World]:
    """A copy of an empty installation, and a new client."""
    name = f"{client_kind} and {template.kind}"
    client = STARTS[client_kind](folder / "client")
    product = Product(folder / "data", kind=template.kind, template=template)
    try:
        yield World(name, product, client, client_kind, folder / "shelf")
    finally:
        product.close()
        client.kill()
