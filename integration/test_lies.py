"""Releases that lie about what they are: each ends blocked or on the blocklist, with its reason, and the next best one is
taken and filed. What a client can be spared, it never sees."""

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from acquisition.tests.fake_indexers import FakeItem, FakeTorznab
from integration.product import Product
from integration.swarm import Offer, OpenSwarm, book_files
from integration.world import API_KEY, AUTHOR, World, open_world

SECONDS = 300
ANOTHER = "The Wrong Trousers of Doctor Hale"
# Per book: the lie of its best release, the state and the code that it ends with, and words of the reason.
LIES = {
    "The Tinker's Almanac": ("another book", "abandoned", "same_book", f"“{ANOTHER}” by Somebody Else"),
    "Evening at the Weir": ("noise", "abandoned", "audio", "The file holds no sound that can be read."),
    "The Paper Admiral": ("too short", "abandoned", "sample", "a sample, not the book"),
    "Moss and Mortar": ("an ebook", "abandoned", "audio", "There is no audio in it."),
    "The Cold Carousel": ("a program", "abandoned", "dangerous_files", "no audiobook needs: Play me.mp3.exe."),
    "A Map of Lesser Rivers": ("no torrent", "abandoned", "bad_torrent", "not a torrent"),
    "The Orrery Keeper": ("another hash", "abandoned", "other_torrent", "another torrent than the one"),
    "Hollow Lane Revisited": ("another language", "blocked", "language", "It is in German, and wanted in English."),
    "The Pilgrim's Umbrella": ("several books", "blocked", "one_book", "It holds 3 books."),
}  # fmt: skip
UNSEEN = ("a program", "no torrent", "another hash")
BLOCKED = [title for title, lie in LIES.items() if lie[1] == "blocked"]

# What a person does with a blocked one: away with it and its files, and never again.
REFUSE = """
from acquisition.models import Download
from acquisition.services.steering import remove_download
from django.utils import timezone
for download in Download.objects.filter(status="blocked"):
    remove_download(download=download, delete_files=True, blocklist=True, user=None, now=timezone.now())
"""


def honest(title: str) -> Offer:
    return Offer(f"{AUTHOR} - {title} (MP3)", book_files(title, AUTHOR, SECONDS))


def lying(title: str) -> Offer:
    """What truly comes with the best release of a book."""
    kind, files = LIES[title][0], book_files(title, AUTHOR, SECONDS, parts=3)
    noise = random.Random(title)
    lies = {
        "another book": lambda: book_files(ANOTHER, "Somebody Else", SECONDS),
        "noise": lambda: {name: noise.randbytes(len(body)) for name, body in files.items()},
        "too short": lambda: book_files(title, AUTHOR, 20, parts=1),
        "an ebook": lambda: {f"{title}.epub": b"PK\x03\x04" + noise.randbytes(5000)},
        "a program": lambda: {**files, "Play me.mp3.exe": b"MZ" + noise.randbytes(5000)},
        "another language": lambda: book_files(title, AUTHOR, SECONDS, language="German"),
        "several books": lambda: {
            f"{part} - {name}/{file}": body
            for part, name in enumerate((title, "The Second Tale", "The Third Tale"), start=1)
            for file, body in book_files(name, AUTHOR, SECONDS / 3).items()
        },
    }
    return Offer(f"{title} by {AUTHOR} [ENG / MP3]", lies.get(kind, lambda: files)(), seeders=50)


def _as_offered(title: str, item: FakeItem) -> FakeItem:
    """What the indexer says of it: a size that fits the book, whatever comes."""
    item = replace(item, size=honest(title).item("").size)
    if LIES[title][0] == "no torrent":
        return replace(item, torrent=b"Sorry, this file is not here any more.\n" * 20)
    if LIES[title][0] == "another hash":
        return replace(item, attributes={"infohash": honest(title).infohash})
    return item


@pytest.fixture(params=[("qbittorrent", "postgres"), ("transmission", "sqlite")], ids=lambda pair: pair[0])
def world(
    request: pytest.FixtureRequest, open_seeds: OpenSwarm, empty: Mapping[str, Product], tmp_path: Path
) -> Iterator[World]:
    client, kind = request.param
    lies = open_seeds.seed([lying(title) for title in LIES], client)
    items = [_as_offered(title, item) for title, item in zip(LIES, lies, strict=True)]
    with ExitStack() as stack:
        server = FakeTorznab([*items, *open_seeds.seed([honest(title) for title in LIES], client)], api_key=API_KEY)
        indexer = stack.enter_context(server)
        made = stack.enter_context(open_world(tmp_path, client, empty[kind]))
        made.prepare([(title, SECONDS) for title in LIES], {"swarm": indexer}, indexer={"daily_budget": 1000})
        yield made


def test_a_release_that_lies_is_refused_and_the_next_best_is_taken(world: World) -> None:
    world.want(list(LIES))
    world.start()
    ends = {title: [lie[1]] if lie[1] == "blocked" else [lie[1], "imported"] for title, lie in LIES.items()}
    world.wait_for(lambda: {title: world.states(title) for title in LIES} == ends, seconds=90)
    _check_reasons(world)
    world.product.configure(REFUSE)
    world.want(BLOCKED)
    # A client that is slow to answer once is left alone for a minute.
    world.wait_for(lambda: world.are_imported(LIES), seconds=120)
    world.product.kill()

    assert sorted(world.filed()) == sorted(value for title in LIES for value in honest(title).hashes())
    assert not (world.shelf / ".unabridged").exists()
    assert world.product.one("select count(*) from library_gap where closed_at is null and counts") == 0
    blocked = {row[0] for row in world.product.query("select title from acquisition_blocklistentry")}
    assert blocked == {lying(title).title for title in LIES}
    seen = {torrent.ref for torrent in world.torrents()}
    assert {honest(title).infohash for title in LIES} <= seen
    assert seen.isdisjoint(lying(title).infohash for title in LIES if LIES[title][0] in UNSEEN)


def _check_reasons(world: World) -> None:
    rows = world.product.query("select title, status, error_code, error_message from acquisition_download order by id")
    first = {title: (status, code, words) for title, status, code, words in reversed(rows)}
    for title, (kind, status, code, words) in LIES.items():
        ended = first[lying(title).title]
        assert ended[:2] == (status, code), (kind, ended)
        assert words in ended[2], (kind, ended)
