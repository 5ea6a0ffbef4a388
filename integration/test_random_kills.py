"""The product under `kill -9` at fifty random moments of a run, with both clients and on both databases.

Each world wants a dozen books, six at a time. The product is started, killed at a random moment, and started again,
as long as kills are left; then it is let be. Whatever the moments were, the end is the same: each book is downloaded
once and filed once, whole, by hardlink; its gap is closed; nothing is left over; what the client seeds is as it came.

The moments are drawn from a seed that is printed; `KILL_SEED=… make integration` draws the same ones again, and
`KILLS=…` more of them.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from acquisition.domain.states import TRANSITIONS, DownloadState
from acquisition.tests.fake_indexers import FakeTorznab
from integration.product import Product
from integration.swarm import Offer, OpenSwarm, book_files
from integration.world import API_KEY, AUTHOR, World, hash_of, open_world

KILLS = int(os.environ.get("KILLS", "50"))
SEED = int(os.environ.get("KILL_SEED") or random.randrange(10**6))
SECONDS = 90
AT_ONCE = 6
TITLES = (
    "The Lamplighter of Corbury", "A Winter Among Herons", "Salt and Marigold", "The Clockmaker's Orchard",
    "Seven Bridges to Aldermoor", "The Quiet Cartographer", "Under a Copper Moon", "The Beekeeper's Almanac",
    "Letters from Thistledown", "The Glass Ferryman", "An Inventory of Storms", "The Last Lighthouse at Penrith",
)  # fmt: skip
WORLDS = [(client, kind) for kind in ("sqlite", "postgres") for client in ("qbittorrent", "transmission")]

# Whatever moves on the way from a wish to the shelf: a change of it is a step.
STEPS = """
select 'search', count(*), 0, '' from acquisition_decision
union all select 'run', id, attempt, status from scheduling_run where job = 'wanted_search' or lock like 'import-%'
union all select 'download', id, 0, status || substr(cast(progress as text), 1, 3) from acquisition_download
union all select 'bound', id, 0, infohash || client_ref from acquisition_download
union all select 'import', id, 0, status from acquisition_importrecord
"""


@dataclass
class Moment:
    """When to kill: after so many steps since the start, or so many seconds at the latest, and a little later."""

    steps: int
    seconds: float
    later: float

    @classmethod
    def draw(cls, chance: random.Random) -> "Moment":
        if chance.random() < 0.2:  # while it starts
            return cls(10**6, chance.uniform(0, 1), 0)
        return cls(chance.randint(1, 12), 5, chance.uniform(0, 0.15))


@dataclass
class Storm:
    """One world, killed again and again."""

    world: World
    chance: random.Random
    wanted: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def blow(self, kills: int) -> None:
        self._want_more()
        for _ in range(kills):
            self._live_until(Moment.draw(self.chance))
            self.world.product.kill()
        self.world.start()
        until = time.monotonic() + 90
        while not self.world.are_imported(self.wanted) and time.monotonic() < until:
            self._want_again()
            time.sleep(0.3)
        time.sleep(1.5)  # one more look: what an import leaves to do is done by then

    def _want_more(self) -> None:
        self.wanted += TITLES[len(self.wanted) : len(self.wanted) + AT_ONCE]
        self.world.want(self.wanted[-AT_ONCE:])

    def _live_until(self, moment: Moment) -> None:
        begun, steps, last, asked = time.monotonic(), 0, self._seen(), 0.0
        self.world.start()
        while steps < moment.steps and (lived := time.monotonic() - begun) < moment.seconds:
            now = self._seen()
            steps, last = steps + (now != last), now
            if lived - asked > 1:
                asked = lived
                self._want_again()
            time.sleep(0.01)
        time.sleep(moment.later)
        states = Counter(state for title in self.wanted for state in self.world.states(title) or ["not yet found"])
        self.story.append(f"killed after {time.monotonic() - begun:.2f} s and {steps} steps: {dict(states)}")

    def _seen(self) -> Any:
        return sorted(map(str, self.world.product.query(STEPS)))

    def _want_again(self) -> None:
        """When all is filed, more is wanted; a search that was cut off is done again, as the hourly one would."""
        if len(self.wanted) < len(TITLES) and self.world.are_imported(self.wanted):
            self._want_more()
            return
        missed = [title for title in self.wanted if not self.world.states(title)]
        unfinished = "select 1 from scheduling_run where job = 'wanted_search' and status in ('queued', 'running')"
        if missed and not self.world.product.query(unfinished):
            self.world.want(missed)

    def check(self, offers: Mapping[str, Offer]) -> None:
        try:
            _check_database(self.world, self.wanted)
            _check_client(self.world, [offers[title] for title in self.wanted])
            _check_shelf(self.world, [offers[title] for title in self.wanted])
        except AssertionError as error:
            story = "\n".join(self.story)
            raise AssertionError(f"KILL_SEED={SEED}: {error}\n{story}\n{self.world.story()}") from error


def _check_database(world: World, titles: Sequence[str]) -> None:
    """One download and one import of each book, no failure counted, the gap closed, every history a legal one."""
    assert {title: world.states(title) for title in titles} == {title: ["imported"] for title in titles}
    ask = world.product.query
    assert ask("select distinct attempts, error_code, is_active from acquisition_download d join "
               "acquisition_downloadbook b on b.download_id = d.id") in ([(0, "", False)], [(0, "", 0)])  # fmt: skip
    imports = ask("select status, method, count(*) from acquisition_importrecord group by status, method")
    assert imports == [("committed", "hardlink", len(titles))]
    owned = ask("select b.title, count(c.id) from library_book b join library_copy c on c.book_id = b.id "
                "where b.is_owned and c.missing_since is null group by b.title order by b.title")  # fmt: skip
    assert owned == [(title, 1) for title in sorted(titles)]
    open_gaps = ask("select count(*) from library_gap where closed_at is null and counts")
    assert open_gaps == [(len(TITLES) - len(titles),)]
    events = ask("select download_id, old_status, new_status from acquisition_downloadevent "
                 "where new_status <> '' order by id")  # fmt: skip
    for download in {row[0] for row in events}:
        walk = [(old, new) for number, old, new in events if number == download]
        assert walk[0] == ("", "queued")
        assert all(DownloadState(new) in TRANSITIONS[DownloadState(old)] for old, new in walk[1:]), walk
        assert Counter(new for _, new in walk)["grabbed"] == 1, walk


def _check_client(world: World, offers: Sequence[Offer]) -> None:
    """Each torrent once, under the tag of its download, and its files as they came."""
    tags = {row[0]: row[1] for row in world.product.query("select infohash, tag from acquisition_download")}
    torrents = world.torrents()
    # Transmission has no categories: there the category is a tag, too.
    assert {row.ref: set(row.tags) - {"unabridged"} for row in torrents} == {ref: {tag} for ref, tag in tags.items()}
    assert sorted(tags) == sorted(offer.infohash for offer in offers)
    came = {row.ref: sorted(hash_of(path) for path in Path(row.content_path).rglob("*.*")) for row in torrents}
    assert came == {offer.infohash: offer.hashes() for offer in offers}


def _check_shelf(world: World, offers: Sequence[Offer]) -> None:
    """Each book in a folder of its own, whole, once, hardlinked; nothing half-written, nothing in staging."""
    filed = world.filed()
    assert sorted(filed) == sorted(value for offer in offers for value in offer.hashes())
    assert {path.stat().st_nlink for path in filed.values()} == {2}
    for offer in offers:
        folders = {filed[value].parent for value in offer.hashes()}
        assert len(folders) == 1, folders
        assert (folders.pop() / "metadata.json").exists()
    assert not (world.shelf / ".unabridged").exists()


@pytest.fixture(scope="module")
def offers(open_seeds: OpenSwarm) -> dict[str, Offer]:
    made = {title: Offer(f"{title} by {AUTHOR} [ENG / MP3]", book_files(title, AUTHOR, SECONDS)) for title in TITLES}
    open_seeds.seed(list(made.values()))
    return made


@pytest.fixture
def worlds(
    offers: Mapping[str, Offer], open_seeds: OpenSwarm, empty: Mapping[str, Product], tmp_path: Path
) -> Iterator[list[World]]:
    items = [offer.item(open_seeds.announce) for offer in offers.values()]
    books = [(title, SECONDS) for title in TITLES]
    with ExitStack() as stack:
        indexer = stack.enter_context(FakeTorznab(items, api_key=API_KEY))
        made = [
            stack.enter_context(open_world(tmp_path / f"{client}-{kind}", client, empty[kind], open_seeds))
            for client, kind in WORLDS
        ]
        for world in made:
            world.prepare(books, {"swarm": indexer})
        yield made


@pytest.mark.slow
def test_killed_at_random_moments_the_end_is_always_right(
    worlds: list[World], offers: Mapping[str, Offer], capsys: pytest.CaptureFixture[str]
) -> None:
    storms = [Storm(world, random.Random(f"{SEED} {world.name}")) for world in worlds]
    kills = [KILLS // len(storms) + (n < KILLS % len(storms)) for n in range(len(storms))]
    with ThreadPoolExecutor(len(storms)) as pool:
        list(pool.map(Storm.blow, storms, kills))
    for storm in storms:
        storm.world.product.kill()
    with capsys.disabled():
        print(f"\n{KILLS} kills, KILL_SEED={SEED}")
        for storm in storms:
            print(f"  {storm.world.name}: {len(storm.wanted)} books; " + "; ".join(storm.story)[:100000])
    for storm in storms:
        storm.check(offers)
