"""What is owed to a swarm: limits that the client shows, removal that waits for it by our own clock, and what is never
removed: what is still needed, and what the client had before we came."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from acquisition.domain.facts import AddOptions, ClientState, Payload
from acquisition.tests.fake_indexers import FakeTorznab
from integration.product import Product
from integration.swarm import Offer, OpenSwarm, book_files
from integration.world import API_KEY, AUTHOR, World, hash_of, open_world

SECONDS = 120
PLAIN, DEMANDING, KNOWN, UNDONE = (
    "The Saffron Telegraph", "A Door in the Dunes", "The Second Violin", "Counting Crows at Dusk",
)  # fmt: skip
TITLES = (PLAIN, DEMANDING, KNOWN, UNDONE)
OFFERS = {
    title: Offer(
        f"{title} by {AUTHOR} [ENG / MP3]",
        book_files(title, AUTHOR, SECONDS),
        # Four hours at the least, and a ratio that nobody will give us here.
        attributes={"minimumseedtime": "14400", "minimumratio": "2.5"} if title == DEMANDING else {},
    )
    for title in TITLES
}
UNDO = """
from acquisition.models import ImportRecord
from acquisition.services.settling import undo_import
from django.utils import timezone
undo_import(record=ImportRecord.objects.get(book__title={title!r}), actor="anna", now=timezone.now())
"""
LATER = """
import datetime
from django.db.models import F
from acquisition.models import Download
Download.objects.filter(status="imported").update(completed_at=F("completed_at") - datetime.timedelta(hours={hours}))
"""


@pytest.fixture(params=[("qbittorrent", "sqlite"), ("transmission", "postgres")], ids=lambda pair: pair[0])
def world(
    request: pytest.FixtureRequest, open_seeds: OpenSwarm, empty: Mapping[str, Product], tmp_path: Path
) -> Iterator[World]:
    client, kind = request.param
    items = open_seeds.seed(list(OFFERS.values()), client)
    with ExitStack() as stack:
        indexer = stack.enter_context(FakeTorznab(items, api_key=API_KEY))
        made = stack.enter_context(open_world(tmp_path, client, empty[kind]))
        made.prepare(
            [(title, SECONDS) for title in TITLES],
            {"swarm": indexer},
            indexer={"seed_time_minutes": 120},
            removes_completed=True,
        )
        # Somebody's own: it is there before we come.
        known = Payload(torrent=items[TITLES.index(KNOWN)].torrent)
        made.port().add(known, AddOptions(tag="somebody"))
        made.wait_for(lambda: [row.state for row in made.torrents()] == [ClientState.COMPLETE])
        yield made


def test_what_is_owed_is_given_before_anything_is_removed(world: World) -> None:
    world.want(TITLES)
    world.start()
    world.wait_for(lambda: world.are_imported(TITLES))
    assert _limits(world, PLAIN) == ((-2.0, 120) if world.client_kind == "qbittorrent" else (None, True))
    assert _limits(world, DEMANDING) == ((2.5, 240) if world.client_kind == "qbittorrent" else (2.5, True))
    assert _limits(world, KNOWN) == ((-2.0, -2) if world.client_kind == "qbittorrent" else (None, False))
    world.product.configure(UNDO.format(title=UNDONE))

    _look_twice(world)
    assert _held(world) == set(TITLES), "nothing is removed before its time"
    world.product.configure(LATER.format(hours=3))
    world.wait_for(lambda: PLAIN not in _held(world))
    world.product.configure(LATER.format(hours=100))
    _look_twice(world)
    assert _held(world) == {DEMANDING, KNOWN, UNDONE}, (
        "a ratio is owed; it is somebody else's; its files are all there is"
    )
    world.product.kill()

    for title in TITLES:
        source = world.client.save_path / OFFERS[title].folder
        assert source.exists() is (title != PLAIN)
        if title != PLAIN:
            assert sorted(map(hash_of, source.iterdir())) == OFFERS[title].hashes()
    kept = {value for title in (PLAIN, DEMANDING, KNOWN) for value in OFFERS[title].hashes()}
    assert {value for value, path in world.filed().items() if ".unabridged" not in path.parts} == kept
    assert {world.filed()[value].stat().st_nlink for value in OFFERS[PLAIN].hashes()} == {1}


def _held(world: World) -> set[str]:
    refs = {row.ref for row in world.torrents()}
    return {title for title in TITLES if OFFERS[title].infohash in refs}


def _look_twice(world: World) -> None:
    """Two whole looks begin and end after this moment."""
    sql = "select count(*) from scheduling_run where job = 'download_monitor' and status = 'succeeded' and lock = job"
    seen = world.product.one(sql)
    world.wait_for(lambda: world.product.one(sql) >= seen + 3)


def _limits(world: World, title: str) -> tuple[float | None, int | bool]:
    """As the client itself shows them: ratio and minutes; Transmission has no limit of time, but one of idleness, which
    must not end the seeding before its time (True: it cannot)."""
    ref, port = OFFERS[title].infohash, world.port()
    if world.client_kind == "qbittorrent":
        (row,) = port.session.torrents_info(torrent_hashes=ref)  # type: ignore[union-attr]
        return float(row["ratio_limit"]), int(row["seeding_time_limit"])
    row = port._rpc.get_torrent(ref)  # type: ignore[union-attr]
    own, unlimited = 1, 2
    return (row.seed_ratio_limit if row.seed_ratio_mode == own else None), row.seed_idle_mode == unlimited
