"""Reading a library: what is fetched, what is not, and what happens when the server does not play along."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from library.clients.audiobookshelf import AudiobookshelfClient, SeenItem
from library.clients.audiobookshelf.mapping import copy_of_item
from library.domain.facts import CopyFacts
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
from library.tests.fake_audiobookshelf_items import LIBRARY_ID, ListedItems, SyntheticItems
from library.tests.fake_http import Fault, Reply, Request

LISTING = f"/api/libraries/{LIBRARY_ID}/items"
BATCH = "/api/items/batch/get"


@pytest.fixture
def server() -> Iterator[FakeAudiobookshelf]:
    with FakeAudiobookshelf(items=120) as server:
        yield server


def client_of(server: FakeAudiobookshelf, **options: Any) -> AudiobookshelfClient:
    options = {"token": API_KEY, "sleep": lambda seconds: None, "timeout": (2.0, 2.0), **options}
    return AudiobookshelfClient(server.url, **options)


def read(server: FakeAudiobookshelf, **options: Any) -> list[SeenItem | CopyFacts]:
    return list(client_of(server).iter_items(LIBRARY_ID, **{"page_size": 50, **options}))


def fingerprints(items: list[SeenItem | CopyFacts]) -> dict[str, int]:
    return {item.abs_item_id: int(item.fingerprint) for item in items if isinstance(item, CopyFacts)}


def batch_sizes(server: FakeAudiobookshelf) -> list[int]:
    return [len(one.json["libraryItemIds"]) for one in server.requests if one.path == BATCH]


def test_first_reading_gives_every_item_in_full_once(server: FakeAudiobookshelf) -> None:
    done: list[tuple[int, int]] = []
    items = read(server, on_progress=lambda *counts: done.append(counts))
    assert len(items) == 120
    assert all(isinstance(item, CopyFacts) for item in items)
    assert len(fingerprints(items)) == 120
    assert done == [(50, 120), (100, 120), (120, 120)]
    assert batch_sizes(server) == [50, 50, 20]
    # Without a sort the order may change from page to page.
    assert {one.query["sort"] for one in server.requests if one.path == LISTING} == {"addedAt"}


def test_a_page_size_of_nothing_still_ends(server: FakeAudiobookshelf) -> None:
    assert len(read(server, page_size=0)) == 120


def test_second_reading_fetches_only_what_changed(server: FakeAudiobookshelf) -> None:
    known = fingerprints(read(server))
    assert isinstance(server.items, SyntheticItems)
    server.items.touch(7, 1_800_000_000_000)
    server.requests.clear()
    items = read(server, known=known)
    assert len(items) == 120
    assert [item.title for item in items if isinstance(item, CopyFacts)] == ["Title 000007"]
    assert batch_sizes(server) == [1]


def test_unchanged_items_still_say_whether_their_files_are_there(server: FakeAudiobookshelf) -> None:
    known = fingerprints(read(server))
    rows = [server.items.expanded(one) or {} for one in known]
    rows[3]["isMissing"] = True
    server.items = ListedItems(rows)
    gone = [item for item in read(server, known=known) if item.is_missing]
    assert [item.path for item in gone] == [rows[3]["relPath"]]


def test_an_empty_library_gives_nothing() -> None:
    with FakeAudiobookshelf() as server:
        assert read(server) == []


class Shuffling(SyntheticItems):
    """Rows that a page boundary hides in the first walk, as happens when many share the value of the sort key."""

    def __init__(self, total: int, bad_walks: int) -> None:
        super().__init__(total)
        self.walks, self.bad_walks = 0, bad_walks

    def rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        self.walks += start == 0
        rows = super().rows(start, stop)
        return [*rows[:-1], rows[0]] if self.walks <= self.bad_walks else rows


def test_rows_that_paging_hid_are_found_by_walking_again(server: FakeAudiobookshelf) -> None:
    server.items = Shuffling(120, bad_walks=1)
    items = read(server)
    assert len(items) == 120
    assert len(fingerprints(items)) == 120


def test_fewer_rows_than_the_total_is_never_a_complete_list(server: FakeAudiobookshelf) -> None:
    server.items = Shuffling(120, bad_walks=99)
    with pytest.raises(Malformed, match="more books than it lists") as caught:
        read(server)
    assert caught.value.code == "listing_incomplete"


class Shrinking(SyntheticItems):
    def rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        rows = super().rows(start, stop)
        self.total -= 3
        return rows


def test_a_library_that_shrinks_meanwhile_is_never_a_complete_list(server: FakeAudiobookshelf) -> None:
    server.items = Shrinking(120)
    with pytest.raises(Unavailable, match="changed") as caught:
        read(server)
    assert caught.value.code == "listing_changed"


def test_a_library_that_grows_meanwhile_is_read_to_its_new_end(server: FakeAudiobookshelf) -> None:
    def grow(*counts: int) -> None:
        if counts[0] == 50 and isinstance(server.items, SyntheticItems):
            server.items.total = 160

    assert len(read(server, on_progress=grow)) == 160


@pytest.mark.parametrize("status", [413, 500, 502, 503])
def test_too_much_at_once_is_asked_for_in_smaller_parts(server: FakeAudiobookshelf, status: int) -> None:
    server.faults.append(Fault("status", BATCH, status=status, when=lambda one: len(one.json["libraryItemIds"]) > 20))
    items = read(server)
    assert len(fingerprints(items)) == 120


def test_items_with_many_files_travel_in_small_company(server: FakeAudiobookshelf) -> None:
    rows = [server.items.expanded(row["id"]) or {} for row in server.items.rows(0, 10)]
    for row in rows[:4]:
        row["numFiles"] = 1500
    server.items = ListedItems(rows)
    assert len(fingerprints(read(server))) == 10
    assert batch_sizes(server) == [1, 1, 1, 7]


def test_one_forbidden_item_does_not_hide_the_others_and_is_not_gone(server: FakeAudiobookshelf) -> None:
    bad = server.items.rows(60, 61)[0]["id"]
    server.forbidden.add(bad)
    items = read(server)
    assert len(items) == 120
    [marked] = [item for item in items if isinstance(item, SeenItem)]
    assert marked.item_id == bad
    assert marked.problem
    assert marked.problem.code == "item_unreadable"


def test_one_item_that_breaks_the_server_does_not_hide_the_others(server: FakeAudiobookshelf) -> None:
    bad = server.items.rows(60, 61)[0]["id"]
    server.faults.append(Fault("status", BATCH, when=lambda one: bad in one.json["libraryItemIds"]))
    items = read(server)
    assert len(fingerprints(items)) == 119
    assert [item.item_id for item in items if isinstance(item, SeenItem)] == [bad]


def test_bad_items_here_and_there_are_no_outage(server: FakeAudiobookshelf) -> None:
    ids = [row["id"] for row in server.items.rows(0, 120)]
    bad = {ids[3], ids[30], ids[60], ids[61], ids[90]}
    server.faults.append(Fault("status", BATCH, when=lambda one: bool(bad.intersection(one.json["libraryItemIds"]))))
    items = read(server)
    assert {item.item_id for item in items if isinstance(item, SeenItem)} == bad
    assert len(items) == 120


def test_a_server_that_fails_at_every_item_is_an_outage(server: FakeAudiobookshelf) -> None:
    server.faults.append(Fault("status", BATCH, status=500))
    with pytest.raises(Unavailable):
        read(server)


def test_a_page_that_fails_once_is_asked_for_again(server: FakeAudiobookshelf) -> None:
    server.faults.append(Fault("status", LISTING, skip=1, times=1, status=503, headers={"Retry-After": "3"}))
    waits: list[float] = []
    items = list(client_of(server, sleep=waits.append).iter_items(LIBRARY_ID, page_size=50))
    assert len(items) == 120
    assert waits == [3.0]


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Fault("drop", LISTING), Unavailable, "cannot be reached"),
        (Fault("status", LISTING, status=500), Unavailable, "status 500"),
        (Fault("status", LISTING, status=429, headers={"Retry-After": "900"}), Unavailable, "wait"),
        (Fault("status", LISTING, status=404, body="Library not found"), Rejected, "no such library"),
        (Fault("status", LISTING, status=403, body="Forbidden"), Rejected, "does not allow"),
        (Fault("html", LISTING), Malformed, "web page"),
        (Fault("half", LISTING), Malformed, "JSON"),
        (Fault("truncated", LISTING), Unavailable, "broke off"),
        (Fault("slow", LISTING, seconds=0.15), Unavailable, "in time"),
        (Fault("drip", LISTING, seconds=0.15), Unavailable, "took more than"),
        (Fault("huge", LISTING, size=33 * 1024 * 1024), Malformed, "more than 32 MB"),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_faults_while_listing(
    server: FakeAudiobookshelf, fault: Fault, error: type[ExternalAPIError], says: str
) -> None:
    fault.skip = 1
    server.faults.append(fault)
    hasty = {"timeout": (0.05, 0.05), "deadline_seconds": 0.05} if fault.kind in ("slow", "drip") else {}
    client = client_of(server, **hasty)
    with pytest.raises(error, match=says) as caught:
        list(client.iter_items(LIBRARY_ID, page_size=50))
    assert API_KEY not in str(caught.value)
    if caught.value.retry_after:  # so long a wait is left to the caller
        assert len(server.requests) == 3
    assert API_KEY not in repr(client)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"results": {}, "total": 3},
        {"results": [1], "total": 1},
        {"results": []},
        {"results": [{"relPath": "x"}], "total": 1},
    ],
)
def test_json_of_another_shape_is_malformed(body: Any) -> None:
    class Other(FakeAudiobookshelf):
        def answer(self, request: Request) -> Reply:
            return Reply(body)

    with Other() as server, pytest.raises(Malformed, match="Audiobookshelf"):
        read(server)


def test_one_item_by_id_and_one_that_is_gone(server: FakeAudiobookshelf) -> None:
    row = server.items.rows(5, 6)[0]
    found = client_of(server).get_item(row["id"])
    assert found
    assert found.path == row["relPath"]
    assert found.added_at == datetime.datetime.fromtimestamp(row["addedAt"] / 1000, datetime.UTC)
    assert client_of(server).get_item("00000000-0000-4000-8000-999999999999") is None


def test_an_item_is_found_by_its_path_newest_first(server: FakeAudiobookshelf) -> None:
    client = client_of(server)
    newest = server.items.rows(119, 120)[0]
    found = client.find_item_by_path(LIBRARY_ID, newest["relPath"] + "/", page_size=10)
    assert found
    assert found.abs_item_id == newest["id"]
    assert server.paths().count(LISTING) == 1
    assert client.find_item_by_path(LIBRARY_ID, "Nobody/Nothing") is None
    oldest = server.items.rows(0, 1)[0]["relPath"]
    assert client.find_item_by_path(LIBRARY_ID, oldest, page_size=10, newest=50) is None


def test_pages_are_asked_for_as_the_items_are_drawn(server: FakeAudiobookshelf) -> None:
    """A hundred thousand items are never held at once: no page is read before the one before it was given away."""
    items = client_of(server).iter_items(LIBRARY_ID, page_size=10)
    assert server.requests == []
    for drawn in range(1, 120):
        next(items)
        assert server.paths().count(LISTING) == (drawn + 9) // 10


ODD = st.sampled_from(
    [None, True, -1, 0, 1e400, float("nan"), 10**400, 2.5, "", " x ", "2001", "1e999", [], [[]], [None, "a", 3],
     {}, {"name": "A"}, [{"name": "A", "sequence": 2}, {"name": None}, 7], "B00ABC1234", "\ud800", "<p>&#x110000;</p>"]
)  # fmt: skip
JSON = ODD | st.text("aZ09é 本<&#;-/.", max_size=6) | st.integers()
ITEM = st.fixed_dictionaries(
    {"id": st.just("x")},
    optional={
        "relPath": JSON,
        "size": JSON,
        "updatedAt": JSON,
        "addedAt": JSON,
        "libraryFiles": st.lists(st.fixed_dictionaries({"ino": JSON, "metadata": JSON, "fileType": JSON}), max_size=2),
        "media": st.fixed_dictionaries(
            {},
            optional={
                "numTracks": JSON,
                "duration": JSON,
                "chapters": JSON,
                "tags": JSON,
                "audioFiles": st.lists(
                    st.fixed_dictionaries(dict.fromkeys(("ino", "bitRate", "duration", "codec", "index"), JSON)),
                    max_size=2,
                ),
                "metadata": st.dictionaries(
                    st.sampled_from(
                        ["title", "authors", "narrators", "series", "asin", "isbn", "publishedYear", "language",
                         "description", "abridged", "genres"]
                    ),
                    JSON,
                ),
            },
        ),
    },
)  # fmt: skip


@given(ITEM)
def test_an_item_of_any_content_becomes_a_copy(item: dict[str, Any]) -> None:
    copy = copy_of_item(item)
    assert copy.abs_item_id == "x"
    assert copy.asin == "" or len(copy.asin) == 10
    assert copy.published_year is None or 1000 <= copy.published_year <= 2099


@pytest.mark.parametrize(
    ("said", "field", "wanted"),
    [
        ({"asin": " b00ABC1234 "}, "asin", "B00ABC1234"),
        ({"asin": "not an asin"}, "asin", ""),
        ({"isbn": "978-0-00-000000-5"}, "isbn", "9780000000005"),
        ({"isbn": "12"}, "isbn", ""),
        ({"publishedYear": "2006-07-17"}, "published_year", 2006),
        ({"publishedYear": None, "publishedDate": "May 1994"}, "published_year", 1994),
        ({"publishedYear": 1898}, "published_year", 1898),
        ({"publishedYear": "MCMXVIII"}, "published_year", None),
        ({"language": "Deutsch"}, "language", "de"),
        ({"language": "eng"}, "language", "en"),
        ({"language": "Elvish of the woods"}, "language", "Elvish of the woods"),
        ({"abridged": True}, "is_abridged", True),
        ({"abridged": False}, "is_abridged", None),
        (
            {"description": "<p>One &amp; <b>two</b></p><script>x()</script><p>three</p>"},
            "description",
            "One & two\nthree",
        ),
        ({"title": None}, "title", "Vol 1 - B"),
    ],
)
def test_fields_that_people_write_in_many_ways(said: dict[str, Any], field: str, wanted: Any) -> None:
    copy = copy_of_item({"id": "x", "relPath": "A/S/Vol 1 - B", "media": {"metadata": {"title": "T", **said}}})
    assert getattr(copy, field) == wanted


def test_an_excluded_track_is_no_part_of_the_sound() -> None:
    kept = {"ino": "1", "codec": "mp3", "bitRate": 64_000, "duration": 10.0, "exclude": False}
    left_out = {"ino": "2", "codec": "flac", "bitRate": 900_000, "duration": 900.0, "exclude": True}
    copy = copy_of_item({"id": "x", "relPath": "A/B", "media": {"audioFiles": [left_out, kept]}})
    assert (copy.codec, copy.bitrate_kbps) == ("mp3", 64)
    copy = copy_of_item({"id": "x", "relPath": "A/B", "media": {"audioFiles": [left_out]}})
    assert "no_audio" in {problem.code for problem in copy.problems}


def test_what_is_left_out_is_said() -> None:
    about = {"title": "", "asin": "nonsense!", "isbn": "x"}
    files = [{"ino": "1", "fileType": "audio", "metadata": {"relPath": "a.mp3"}}]
    item = {"id": "x", "relPath": "A/B", "isInvalid": True, "libraryFiles": files, "media": {"metadata": about}}
    codes = {problem.code for problem in copy_of_item(item).problems}
    assert codes == {"no_title", "asin_invalid", "isbn_invalid", "file_unreadable", "item_invalid", "no_audio"}
