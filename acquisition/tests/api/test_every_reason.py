"""Every reason why a release is not taken, produced through `POST /api/releases/search/` and explained there."""

import datetime
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from acquisition.clients import registry
from acquisition.domain.facts import IndexerCapabilities, OfferedRelease
from acquisition.domain.reasons import REASONS
from acquisition.models import BlocklistEntry, DownloadClient, Indexer, IndexerKind, ReleaseProfile
from acquisition.services.profiles import change_profile
from acquisition.services.searching import keep_release
from acquisition.tests.factories import make_book, make_download, make_indexer, make_root
from library.models import Book, Copy, CopyFile, Exclusion, LibraryRoot, Series
from library.services.states import write_state

pytestmark = pytest.mark.django_db
TITLE = "Ozma of Oz by L. Frank Baum [ENG / MP3]"
HOURS = 5
SIZE = HOURS * 3600 * 64 * 125
Scene = Callable[["World"], dict[str, Any]]


class World:
    """A wanted book, one indexer in this process, and what it offers."""

    def __init__(self, root: Any) -> None:
        self.root = make_root(root)
        self.book = make_book(seconds=HOURS * 3600)
        self.indexer = make_indexer(url="http://127.0.0.1:1")
        self.client = DownloadClient.objects.create(name="client", kind="qbittorrent", url="http://127.0.0.1:1")
        self.offers: list[OfferedRelease] = []

    def capabilities(self) -> IndexerCapabilities:
        return IndexerCapabilities()

    def search(self, query: Any) -> list[OfferedRelease]:
        return self.offers

    def on_the_shelf(self, suffix: str) -> None:
        copy = Copy.objects.create(root=self.root, path="Ozma", title=self.book.title, book=self.book)
        CopyFile.objects.create(copy=copy, path=f"Ozma/Ozma.{suffix}", kind="audio", size_bytes=1)
        Book.objects.filter(pk=self.book.pk).update(is_owned=True)

    def profile(self, **values: Any) -> None:
        """Some of these stand in the general profile, some in the library's."""
        change_profile(changes=values)

    def tracker(self, **figures: Any) -> None:
        Indexer.objects.update(kind=IndexerKind.MYANONAMOUSE)
        write_state("tracker", {"indexer": self.indexer.name, "figures": figures})


def excluded(w: World) -> dict[str, Any]:
    Exclusion.objects.create(book=w.book)
    return {}


def blocklisted(w: World) -> dict[str, Any]:
    BlocklistEntry.objects.create(title=TITLE, reason="It was no book.")
    return {}


def owned(w: World) -> dict[str, Any]:
    w.on_the_shelf("mp3")
    return {}


def good_enough(w: World) -> dict[str, Any]:
    w.on_the_shelf("mp3")
    w.profile(upgrades_allowed=True, upgrade_until_format="mp3")
    return {"title": "Ozma of Oz by L. Frank Baum [ENG / M4B]"}


def no_upgrade(w: World) -> dict[str, Any]:
    w.on_the_shelf("mp3")
    w.profile(upgrades_allowed=True)
    return {}


def on_its_way(w: World) -> dict[str, Any]:
    make_download(w.book)
    return {}


def given_up(w: World) -> dict[str, Any]:
    release = keep_release(w.indexer, offer(), None, timezone.now())
    make_download(w.book, status="abandoned", release=release)
    return {}


def account(w: World) -> dict[str, Any]:
    w.tracker(unsatisfied_count=150, unsatisfied_limit=150)
    return {}


def wedge(w: World) -> dict[str, Any]:
    w.tracker(wedges=3)
    Indexer.objects.update(settings={"wedges": "required"})
    return {}


def no_client(w: World) -> dict[str, Any]:
    w.client.delete()
    return {}


def narrator(w: World) -> dict[str, Any]:
    Series.objects.update(preference={"narrators": ["Ann Reader"]})
    return {"narrators": ("Bob Speaker",)}


def library_format(w: World) -> dict[str, Any]:
    ReleaseProfile.objects.create(name="Car", values={"formats": ["m4b"]})
    LibraryRoot.objects.update(profile="Car")
    return {}


def with_profile(fields: dict[str, Any] | None = None, **values: Any) -> Scene:
    def make(w: World) -> dict[str, Any]:
        w.profile(**values)
        return fields or {}

    return make


def that(**fields: Any) -> Scene:
    return lambda w: fields


def named(details: str) -> Scene:
    return that(title=f"Ozma of Oz {details}by L. Frank Baum [ENG / MP3]")


NOW = timezone.now()
SCENES: dict[str, Scene] = {
    "excluded": excluded,
    "blocklisted": blocklisted,
    "owned": owned,
    "good_enough": good_enough,
    "no_upgrade": no_upgrade,
    "on_its_way": on_its_way,
    "given_up": given_up,
    "not_audio": that(title="Ozma of Oz by L. Frank Baum [ENG / EPUB]"),
    "another_book": that(title="Tik-Tok of Oz by L. Frank Baum [ENG / MP3]"),
    "pack": that(title="Oz 1-14 by L. Frank Baum [ENG / MP3]"),
    "language": that(title="Ozma of Oz by L. Frank Baum [GER / MP3]"),
    "abridged": that(is_abridged=True),
    "dramatised": lambda w: (w.profile(accepts_dramatised=False), named("(Dramatized Adaptation) ")(w))[1],
    "not_dramatised": with_profile(only_dramatised=True),
    "narrator": narrator,
    "format": library_format,
    "bitrate": that(bitrate_kbps=8),
    "forbidden_word": with_profile(must_not_contain=["Baum"]),
    "required_word": with_profile(must_contain=["retail"]),
    "size": with_profile({"size_bytes": 900 * 1024 * 1024}, maximum_size_mb=500),
    "size_for_runtime": that(size_bytes=1_500_000),
    "runtime": that(runtime_seconds=60 * 60),
    "seeders": that(seeders=0),
    "age": with_profile({"published_at": NOW - datetime.timedelta(days=90)}, maximum_age_days=30),
    "no_way": that(download_url=""),
    "protocol": that(protocol="usenet"),
    "no_client": no_client,
    "account": account,
    "wedge": wedge,
    "delayed": with_profile(delay_hours=24),
    "gate_failed": with_profile({"published_at": datetime.datetime(2026, 1, 1)}, maximum_age_days=30),  # noqa: DTZ001
}


def offer(**fields: Any) -> OfferedRelease:
    values: dict[str, Any] = {
        "guid": "g",
        "title": TITLE,
        "size_bytes": SIZE,
        "seeders": 5,
        "download_url": "http://127.0.0.1:1/x.torrent",
        **fields,
    }
    return OfferedRelease(**values)


@pytest.mark.parametrize("code", SCENES)
def test_each_reason_is_given_for_a_release(code: str, admin: Any, tmp_path: Any) -> None:
    world = World(tmp_path / "shelf")
    world.offers = [offer(**SCENES[code](world))]
    kinds = dict.fromkeys(("torznab", "myanonamouse"), lambda settings, guard: world)
    with mock.patch.dict(registry.INDEXERS, kinds):
        answer = admin.post("/api/releases/search/", {"book_id": world.book.pk}, format="json")
    assert answer.status_code == 200, answer.content
    decision = answer.json()["decisions"][0]
    reasons = {reason["code"]: reason["message"] for reason in decision["reasons"]}
    assert code in reasons, reasons
    assert reasons[code].rstrip().endswith((".", ".)"))
    assert not decision["is_accepted"]


def test_without_any_of_them_it_is_accepted(admin: Any, tmp_path: Any) -> None:
    world = World(tmp_path / "shelf")
    world.offers = [offer()]
    with mock.patch.dict(registry.INDEXERS, {"torznab": lambda settings, guard: world}):
        answer = admin.post("/api/releases/search/", {"book_id": world.book.pk}, format="json")
    assert answer.json()["decisions"][0]["is_accepted"], answer.json()


def test_every_reason_has_a_meaning_and_a_scene(viewer: Any) -> None:
    listed = {row["code"]: row["meaning"] for row in viewer.get("/api/decisions/reasons/").json()["items"]}
    assert listed == REASONS
    assert set(SCENES) == set(REASONS)
