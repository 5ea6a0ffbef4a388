"""A pack of five wanted books, and a sixth that nobody wants: its list is read before the grab, the sixth is never
asked for, and each of the five is filed in its own folder, though the product is killed in the middle of filing."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from acquisition.tests.fake_indexers import FakeTorznab
from integration.product import Product
from integration.swarm import Offer, OpenSwarm, book_files
from integration.world import API_KEY, AUTHOR, World, hash_of, open_world

SECONDS = 100
TITLES = (
    "The Harbour of Small Hours", "A Ledger of Rain", "The Mapmaker's Apprentice", "Nine Lanterns", "The Winter Ferry",
)  # fmt: skip
UNWANTED = "The Salt Museum"
PACK = f"Voyages 1-5 by {AUTHOR} [ENG / MP3]"


def pack() -> Offer:
    """Five books in folders of their own, one more, covers, and a letter."""
    files = {"read me first.txt": b"hello"}
    for number, title in enumerate((*TITLES, UNWANTED), start=1):
        folder = f"{number} - {title}"
        files |= {f"{folder}/{name}": body for name, body in book_files(title, AUTHOR, SECONDS).items()}
        files[f"{folder}/cover.jpg"] = f"a picture for {title}".encode()
    return Offer(PACK, files)


@pytest.fixture(params=[("qbittorrent", "sqlite"), ("transmission", "postgres")], ids=lambda pair: pair[0])
def world(
    request: pytest.FixtureRequest, open_seeds: OpenSwarm, empty: Mapping[str, Product], tmp_path: Path
) -> Iterator[World]:
    client, kind = request.param
    items = open_seeds.seed([pack()], client)
    with ExitStack() as stack:
        indexer = stack.enter_context(FakeTorznab(items, api_key=API_KEY))
        made = stack.enter_context(open_world(tmp_path, client, empty[kind]))
        made.prepare([(title, SECONDS) for title in TITLES], {"swarm": indexer})
        yield made


def test_a_pack_of_five_is_mapped_fetched_in_part_and_filed_book_by_book(world: World) -> None:
    world.want(TITLES[2:3])
    world.start()
    world.wait_for(lambda: world.product.query("select 1 from acquisition_importrecord"), every=0.02)
    world.product.kill()
    world.start()
    world.wait_for(lambda: world.are_imported(TITLES))
    world.product.kill()

    assert world.product.query("select title, status, attempts from acquisition_download") == [(PACK, "imported", 0)]
    assert world.product.one("select count(*) from acquisition_downloadbook") == 5
    assert world.product.one("select count(*) from library_gap where closed_at is null and counts") == 0
    content = pack()
    filed = world.filed()
    for number, title in enumerate(TITLES, start=1):
        of_book = {value for path, value in _hashes(content).items() if path.startswith(f"{number} - ")}
        folders = {filed[value].parent for value in of_book}
        assert len(of_book) == 3
        assert len(folders) == 1, folders
        assert folders.pop().name == f"Vol {number} - {title}"
        for value in of_book:
            filed.pop(value)
    assert filed == {}, "nothing but the five books is in the library"

    (torrent,) = world.torrents()
    left_out = {file.path.partition("/")[2] for file in world.port().files(torrent.ref) if not file.wanted}
    assert left_out == {path for path in content.files if path.startswith("6 - ")} | {"read me first.txt"}
    for path, value in _hashes(content).items():
        if path not in left_out:
            assert hash_of(Path(torrent.content_path) / path) == value, "what is seeded is as it came"


def _hashes(offer: Offer) -> dict[str, str]:
    return {path: hashlib.sha256(body).hexdigest() for path, body in offer.files.items()}
