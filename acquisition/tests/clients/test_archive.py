"""LibriVox and the Internet Archive over real HTTP."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from acquisition.clients.archive import ArchiveClient, title_starts, words
from acquisition.clients.archive_items import natural, seconds
from acquisition.clients.http_downloader import HttpDownloader
from acquisition.domain.facts import AddOptions, ClientState, SearchQuery
from acquisition.tests.fake_archive import ArchiveItem, FakeArchive, items_below
from acquisition.tests.fake_indexers import make_torrent
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import Guard

EMMA = SearchQuery(text="Emma Jane Austen", title="Emma", author="Jane Austen")
FILES = {
    "emma_10_austen_128kb.mp3": b"ten" * 50,
    "emma_2_austen_128kb.mp3": b"two" * 50,
    "emma_10_austen_64kb.mp3": b"x" * 60,
    "emma_2_austen_64kb.mp3": b"y" * 70,
    "Emma_librivox.m4b": b"book" * 30,
    "cover.jpg": b"jpg",
    "emma_librivox_archive.torrent": make_torrent("emma_librivox"),
}
LENGTHS = {
    "emma_10_austen_128kb.mp3": "402.29",
    "emma_2_austen_128kb.mp3": "59:06",
    "Emma_librivox.m4b": "1:05:48",
    "emma_10_austen_64kb.mp3": "402.29",
}


def emma(**changes: object) -> ArchiveItem:
    details = {"files": dict(FILES), "lengths": dict(LENGTHS), "section_count": 2, "total_seconds": 3948, **changes}
    return ArchiveItem("emma_librivox", **details)  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[FakeArchive]:
    with FakeArchive([emma()]) as fake:
        yield fake


def client(server: FakeArchive, **options: object) -> ArchiveClient:
    return ArchiveClient(server.url, server.url, **{"sleep": lambda _: None, **options})  # type: ignore[arg-type]


def paths(server: FakeArchive) -> list[str]:
    return [request.path for request in server.seen]


def test_offers_a_release_for_each_form(server: FakeArchive) -> None:
    found = {release.guid: release for release in client(server).search(EMMA)}
    assert list(found) == ["emma_librivox:mp3-128", "emma_librivox:m4b", "emma_librivox:mp3-64"]
    mp3 = found["emma_librivox:mp3-128"]
    assert mp3.title == "Emma - Jane Austen [MP3 128 kbps]"
    assert (mp3.authors, mp3.narrators, mp3.language) == (("Jane Austen",), ("Sherry Crowther",), "English")
    assert (mp3.format, mp3.bitrate_kbps, mp3.runtime_seconds, mp3.size_bytes) == ("mp3", 128, 3948, 300)
    assert (mp3.protocol, mp3.seeders, mp3.download_volume_factor, mp3.is_abridged) == ("http", None, 0.0, False)
    assert mp3.info_url == f"{server.url}/details/emma_librivox"
    assert mp3.tags == ("librivox", "free-licence")
    assert found["emma_librivox:m4b"].runtime_seconds == 3948


def test_files_come_in_the_order_of_listening_with_their_checksums(server: FakeArchive) -> None:
    mp3 = client(server).search(EMMA)[0]
    assert mp3.files == ("emma_2_austen_128kb.mp3", "emma_10_austen_128kb.mp3")
    first = mp3.direct_files[0]
    assert first.url == f"{server.url}/download/emma_librivox/emma_2_austen_128kb.mp3"
    assert (first.size_bytes, first.duration_seconds) == (150, 3546.0)
    assert first.sha1 == hashlib.sha1(b"two" * 50).hexdigest()
    assert first.md5 == hashlib.md5(b"two" * 50).hexdigest()


def test_what_it_offers_can_be_downloaded(server: FakeArchive, tmp_path: Path) -> None:
    archive = client(server)
    payload = archive.fetch(archive.search(EMMA)[0])
    guard = Guard(frozenset({f"127.0.0.1:{server.port}"}))
    downloader = HttpDownloader(tmp_path, guard=guard, reserve_bytes=0)
    done = downloader.run(downloader.add(payload, AddOptions(tag="t", name="Emma")))
    assert done.state is ClientState.COMPLETE
    assert (Path(done.content_path) / "emma_10_austen_128kb.mp3").read_bytes() == b"ten" * 50


def test_gives_the_torrent_where_torrents_are_preferred(server: FakeArchive) -> None:
    archive = client(server, prefer_torrents=True)
    release = archive.search(EMMA)[0]
    assert release.download_url.endswith("/download/emma_librivox/emma_librivox_archive.torrent")
    assert archive.fetch(release).torrent == FILES["emma_librivox_archive.torrent"]
    del server.pages.items[0].files["emma_librivox_archive.torrent"]
    assert archive.fetch(archive.search(EMMA)[0]).direct_files


def test_asks_librivox_by_last_name_and_start_of_title(server: FakeArchive) -> None:
    server.pages.items[0].title = "Emma (version 2)"
    assert client(server).search(SearchQuery(title="Emma: A Novel", author="Jane Austen"))
    assert (server.seen[0].first("author"), server.seen[0].first("title")) == ("austen", "^Emma")
    assert paths(server) == ["/api/feed/audiobooks", "/metadata/emma_librivox"]


def test_searches_the_archive_when_librivox_does_not_know_the_title(server: FakeArchive) -> None:
    server.pages.items[0].title = "Miss Emma"
    (release, *_) = client(server).search(EMMA)
    assert release.guid == "emma_librivox:mp3-128"
    query = server.calls("/advancedsearch.php")[0].first("q")
    assert query == 'collection:librivoxaudio AND title:("emma") AND creator:(jane austen)'


def test_no_text_of_a_user_becomes_an_operator(server: FakeArchive) -> None:
    nasty = 'x") OR collection:(private* && "a\\b'
    client(server).search(SearchQuery(text=nasty, title=nasty, author="O'Brien AND NOT x"))
    queries = [request.first("q") for request in server.calls("/advancedsearch.php")]
    assert queries == [
        'collection:librivoxaudio AND title:("x or collection private a b") AND creator:(obrien and not x)',
        "collection:librivoxaudio AND (x or collection private a b)",
    ]


def test_finds_an_item_by_its_identifier(server: FakeArchive) -> None:
    archive = client(server)
    for text in ("emma_librivox", "https://archive.org/details/emma_librivox"):
        assert len(archive.search(SearchQuery(text=text))) == 3
    assert len(archive.by_identifier("emma_librivox")) == 3
    assert archive.by_identifier("nothing_librivox") == []
    for bad in ("", "../../etc", "a b"):
        with pytest.raises(Rejected):
            archive.by_identifier(bad)


def test_an_empty_query_is_the_newest_items(server: FakeArchive) -> None:
    assert client(server).search(SearchQuery(limit=2))
    assert server.seen[0].first("sort[]") == "publicdate desc"


@pytest.mark.parametrize(
    "readers, narrators",
    [
        (("A", "A", "A"), ("A",)),
        (("A", "B", "A"), ("A", "B")),
        (tuple("ABCDEFGHIJ"), ("LibriVox Volunteers",)),
    ],
)
def test_narrators(server: FakeArchive, readers: tuple[str, ...], narrators: tuple[str, ...]) -> None:
    server.pages.items[0].readers = readers
    assert client(server).search(EMMA)[0].narrators == narrators


def test_the_description_names_the_reader_when_librivox_is_silent(server: FakeArchive) -> None:
    server.pages.items[0].librivox_id = ""
    assert client(server).search(EMMA)[0].narrators == ("Sherry Crowther",)
    server.pages.items[0].description = "Read by LibriVox Volunteers."
    assert client(server).search(EMMA)[0].narrators == ()


def test_a_set_with_missing_parts_is_marked(server: FakeArchive) -> None:
    server.pages.items[0].total_seconds = 9000
    assert "incomplete" in client(server).search(EMMA)[0].tags


def test_licences_and_private_files(server: FakeArchive) -> None:
    item = server.pages.items[0]
    item.collection, item.licence, item.librivox_id = ("opensource_audio",), "", ""
    item.extra = {"emma_2_austen_64kb.mp3": {"private": "true"}}
    found = {release.guid: release for release in client(server).by_identifier("emma_librivox")}
    assert found["emma_librivox:mp3-128"].tags == ("unknown-licence",)
    assert found["emma_librivox:mp3-64"].files == ("emma_10_austen_64kb.mp3",)
    item.licence = "https://creativecommons.org/licenses/by-nc-nd/4.0/"
    assert client(server).by_identifier("emma_librivox")[0].tags == ("restricted-licence",)
    item.licence = "https://creativecommons.org/licenses/by/4.0/"
    assert client(server).by_identifier("emma_librivox")[0].tags == ("free-licence",)


def test_removed_items_are_not_offered(server: FakeArchive) -> None:
    server.pages.items[0].is_dark = True
    assert client(server).search(EMMA) == []


def test_books_as_an_object_are_read_too(server: FakeArchive) -> None:
    server.pages.librivox_books_as_object = True
    assert client(server).search(EMMA)


def test_one_outage_of_two_is_borne(server: FakeArchive) -> None:
    server.fault("500", path="/api/feed")
    assert client(server).search(EMMA)[0].narrators == ("Sherry Crowther",)
    server.heal()
    server.fault("500", path="/advancedsearch.php")
    assert client(server).search(EMMA)
    with pytest.raises(Unavailable):
        client(server).search(SearchQuery(title="Unheard of", author="Nobody"))


@pytest.mark.parametrize(
    "fault, kind",
    [
        ("refused", Unavailable),
        ("429", Unavailable),
        ("500", Unavailable),
        ("truncated", Unavailable),
        ("wrong_type", Malformed),
        ("403", Rejected),
    ],
)
def test_faults_have_names(server: FakeArchive, fault: str, kind: type[ExternalAPIError]) -> None:
    server.fault(fault)
    with pytest.raises(kind):
        client(server).search(EMMA)


def test_pauses_between_calls(server: FakeArchive) -> None:
    pauses: list[float] = []
    client(server, sleep=pauses.append, pause_seconds=1.5).search(EMMA)
    assert pauses == [1.5]


@pytest.mark.parametrize(
    "text, value",
    [("402.29", 402.29), ("59:06", 3546.0), ("1:05:06", 3906.0), ("0", None), ("", None), ("soon", None), (None, None)],
)
def test_lengths(text: str | None, value: float | None) -> None:
    assert seconds(text) == value


def test_names_are_sorted_by_their_numbers() -> None:
    assert sorted(["b10", "b9", "a", "b09a", "2", "10"], key=natural) == ["2", "10", "a", "b9", "b09a", "b10"]


def test_words_and_starts_of_titles() -> None:
    assert words("Alice's Adventures, in_Wonderland!") == "alices adventures in wonderland"
    assert title_starts("The Time Machine: An Invention") == ["The Time Machine", "Time Machine"]


def test_every_identifier_of_the_catalogue_can_be_asked_for(server: FakeArchive) -> None:
    path = Path(settings.BASE_DIR).parent / "shared" / "data" / "librivox_catalogue.jsonl"
    if not path.exists():
        pytest.fail(f"The catalogue of public-domain works is not at {path}.")
    with path.open() as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(300), strict=False)]
    archive = client(server)
    asked = [row["archive_id"] for row in rows if row.get("archive_id")]
    for identifier in asked:
        archive.by_identifier(identifier)
    assert len(server.calls("")) == len(asked) > 100


def test_a_folder_of_audio_becomes_items(tmp_path: Path) -> None:
    folder = tmp_path / "emma_librivox"
    folder.mkdir()
    (folder / "emma_01_128kb.mp3").write_bytes(b"no real audio")
    (folder / "item.json").write_text(json.dumps({"title": "Emma", "author": "Jane Austen", "librivox_id": 7}))
    with FakeArchive(items_below(tmp_path)) as server:
        (release,) = client(server).search(EMMA)
        assert (release.files, release.authors) == (("emma_01_128kb.mp3",), ("Jane Austen",))
