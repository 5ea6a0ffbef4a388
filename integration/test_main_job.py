"""The main job over a real swarm: a gap is found, grabbed over BitTorrent, checked, filed by hardlink, and closed.

And again with every process of the product killed at ten points of the way: the end is the same each time.
"""

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from acquisition.demo.audio import write_tone
from integration.daemons import Daemon, start_qbittorrent
from integration.product import Product, wait_for
from integration.swarm import Book, Swarm, run_swarm

AUTHOR = "Edgar Rice Burroughs"
TITLES = {1: "The Land that Time Forgot", 2: "The People that Time Forgot", 3: "Out of Time's Abyss"}
API_KEY = "indexer-key"
KINDS = ["sqlite", "postgres"]

# What is seen in the database when the product is killed; each is a moment further on the way.
POINTS = {
    "search requested": "select 1 from scheduling_run where job = 'wanted_search'",
    "search running": "select 1 from scheduling_run where job = 'wanted_search' and status = 'running'",
    "decided": "select 1 from acquisition_decision",
    "queued": "select 1 from acquisition_download",
    "bound to its torrent": "select 1 from acquisition_download where infohash <> ''",
    "grabbed": "select 1 from acquisition_download where status in ('grabbed', 'downloading')",
    "half downloaded": "select 1 from acquisition_download where progress > 0.3",
    "downloaded": "select 1 from acquisition_download where status in ('downloaded', 'importing')",
    "importing": "select 1 from acquisition_download where status = 'importing'",
    "placing": "select 1 from acquisition_importrecord",
}


@pytest.fixture(scope="module")
def runtimes() -> dict[int, float]:
    from library.clients.embedded import EmbeddedCatalogue

    series = EmbeddedCatalogue().find_series("Caspak", author=AUTHOR)[0]
    return {
        int(entry.position): float(entry.book.runtime_seconds or 0)
        for entry in reversed(series.entries)
        if entry.position.isdigit()
    }


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory, runtimes: dict[int, float]) -> Iterator[Swarm]:
    books = [
        Book(f"{TITLES[3]} by {AUTHOR} [ENG / MP3]", TITLES[3], AUTHOR, (runtimes[3] / 2,) * 2),
        Book(f"{TITLES[1]} by {AUTHOR} [ENG / M4B]", TITLES[1], AUTHOR, (120.0,)),
        Book(f"{TITLES[3]} by Somebody Else [ENG / MP3]", "Another Book", "Somebody Else", (300.0,), 50),
    ]
    with run_swarm(tmp_path_factory.mktemp("swarm"), books, api_key=API_KEY) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Daemon]:
    """The user's own client, new for each test: peers remember each other for a while."""
    daemon = start_qbittorrent(tmp_path / "client", name="client")
    yield daemon
    daemon.kill()


@pytest.fixture(scope="module", params=KINDS)
def prepared(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    runtimes: dict[int, float],
    empty: Mapping[str, Product],
) -> Iterator[tuple[Product, Path]]:
    """An installation that has read a shelf with two of three books; each test gets a copy of it."""
    base = tmp_path_factory.mktemp(f"prepared-{request.param}")
    shelf = base / "shelf"
    for number in (1, 2):
        folder = shelf / AUTHOR / "Caspak" / f"{number} - {TITLES[number]}"
        write_tone(folder / "book.mp3", seconds=runtimes[number], tags={"album": TITLES[number], "artist": AUTHOR})
    product = Product(base / "data", kind=request.param, template=empty[request.param])
    product.manage("import_library", str(shelf))
    product.rest()
    yield product, shelf
    product.close()


@pytest.fixture
def product(prepared: tuple[Product, Path], tmp_path: Path, swarm: Swarm, client: Daemon) -> Iterator[Product]:
    template, shelf = prepared
    product = Product(tmp_path / "data", kind=template.kind, template=template)
    product.configure(
        f"""
from acquisition.models import DownloadClient, Indexer
from django_celery_beat.models import IntervalSchedule, PeriodicTask
Indexer.objects.create(name="swarm", kind="torznab", url={swarm.indexer.url + "/api"!r}, api_key={API_KEY!r})
DownloadClient.objects.create(name="qBittorrent", kind="qbittorrent", url={client.url!r}, username={client.username!r},
    password={client.password!r}, seed_time_minutes=4320)
every, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
PeriodicTask.objects.filter(name__in=["download_monitor", "sweep"]).update(interval=every, crontab=None)
"""
    )
    yield product
    print(product.log)
    product.close()
    for found in shelf.glob("*/*/*"):
        if TITLES[3] in found.name:
            shutil.rmtree(found)
    shutil.rmtree(shelf / ".unabridged", ignore_errors=True)


def _torrents(daemon: Daemon) -> list[object]:
    from acquisition.clients.qbittorrent import QBittorrentClient

    return list(QBittorrentClient(daemon.url, username=daemon.username, password=daemon.password).list())


def _is_imported(product: Product) -> bool:
    return bool(product.one("select count(*) from acquisition_download where status = 'imported'"))


def _check_end(product: Product, client: Daemon) -> None:
    """One torrent, one copy, nothing half-written, the gap closed, the series complete."""
    assert product.query("select status, attempts from acquisition_download") == [("imported", 0)]
    rows = product.query("select completion_percentage, missing_count from library_series where name = 'Caspak'")
    assert rows == [(100, 0)]
    assert product.one("select count(*) from library_gap where closed_at is null and counts") == 0
    assert (
        product.one(f"select count(*) from library_copy where title = '{TITLES[3].replace(chr(39), chr(39) * 2)}'") == 1
    )
    assert len(_torrents(client)) == 1
    root = Path(product.one("select path from library_libraryroot"))
    target = root / product.one("select target_path from acquisition_importrecord where status = 'committed'")
    audio = sorted(target.glob("*.mp3"))
    assert len(audio) == 2
    assert all(path.stat().st_nlink == 2 for path in audio), "hardlinked, not copied"
    assert (target / "metadata.json").exists()
    assert not (root / ".unabridged").exists(), "nothing is left in staging"
    assert len(list(root.rglob("*.mp3"))) == 4


def test_a_gap_is_found_downloaded_filed_and_closed(product: Product, client: Daemon) -> None:
    gaps = product.query("select explanation from library_gap where closed_at is null and counts")
    assert gaps == [("missing",)]
    product.start()
    product.manage("acquire", "--series", "Caspak", "--no-wait")
    wait_for(lambda: _is_imported(product), seconds=90, why="the download is imported")
    _check_end(product, client)
    decisions = dict(product.query("select release_title, is_accepted from acquisition_decision"))
    assert [title for title, accepted in decisions.items() if accepted] == [f"{TITLES[3]} by {AUTHOR} [ENG / MP3]"]
    before = product.query("select count(*), max(updated_at) from library_copy where missing_since is null")
    product.manage("import_library")
    assert product.query("select count(*), max(updated_at) from library_copy where missing_since is null") == before
    assert product.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_killed_on_the_way_it_ends_the_same(product: Product, client: Daemon, point: str) -> None:
    product.start_parts("worker", "beat")
    product.configure(
        """
from scheduling.services.runs import request_run
request_run(job="wanted_search", params={"gaps": True, "max_downloads": 5})
"""
    )
    wait_for(lambda: product.query(POINTS[point]) or _is_imported(product), every=0.02, why=point)
    product.kill()
    time.sleep(0.2)
    product.start_parts("worker", "beat")
    if not product.query("select 1 from acquisition_download"):
        _search_again(product)
    wait_for(lambda: _is_imported(product), seconds=90, why=f"imported after a kill at: {point}")
    _check_end(product, client)


def _search_again(product: Product) -> None:
    """The search was cut off: its run is ended as lost, and the next one (hourly, here at once) does it again."""
    wait_for(
        lambda: (
            product.query("select 1 from acquisition_download")
            or not product.query(
                "select 1 from scheduling_run where job = 'wanted_search' and status in ('queued', 'running')"
            )
        ),
        why="the lost search is ended",
    )
    if not product.query("select 1 from acquisition_download"):
        product.manage("acquire", "--series", "Caspak", "--no-wait")
