"""Following downloads in a client that forgets, renames, moves, rechecks, stalls, errs and goes down."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from acquisition.domain.torrents import parse_torrent
from acquisition.models import BlocklistEntry, Download, DownloadClient, Indexer, Release
from acquisition.services.acquiring import fall_back_all
from acquisition.services.grabbing import grab, hand_over, obligation_of
from acquisition.services.monitoring import monitor_downloads, remove_seeded, sweep_retries
from acquisition.services.searching import search_book
from acquisition.services.transitions import cancel, requeue
from acquisition.tests.factories import (
    NOW,
    make_book,
    make_client,
    make_download,
    make_indexer,
    make_offer,
    make_release,
)
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab, make_torrent
from config.errors import ConflictError
from library.models import Book
from library.services.settings import change_settings
from scheduling.models import Run

pytestmark = pytest.mark.django_db
HOUR = datetime.timedelta(hours=1)
MINUTE = datetime.timedelta(minutes=1)
TITLE = "Ozma of Oz by L. Frank Baum [ENG / MP3]"
SIZE = 2_000_000


@pytest.fixture
def qbit() -> Iterator[FakeQBittorrent]:
    with FakeQBittorrent("5.0") as server:
        yield server


@pytest.fixture
def torznab() -> Iterator[FakeTorznab]:
    with FakeTorznab([FakeItem(TITLE, make_torrent("Ozma"), size=SIZE)]) as server:
        yield server


@pytest.fixture
def client(qbit: FakeQBittorrent) -> DownloadClient:
    return make_client(url=qbit.url, username="admin", password="secret")


@pytest.fixture
def indexer(torznab: FakeTorznab) -> Indexer:
    return make_indexer(url=f"{torznab.url}/api")


@pytest.fixture
def book() -> Book:
    return make_book(seconds=None)


@pytest.fixture
def release(indexer: Indexer, book: Book, client: DownloadClient) -> Release:
    found = search_book(book=book, now=NOW)
    assert found.accepted, found.outcome
    release = found.accepted[0].release
    assert release is not None
    return release


def taken(release: Release, book: Book) -> Download:
    download = hand_over(grab(release=release, books=[book], now=NOW), now=NOW)
    assert download.status == "grabbed", download.error_message
    return download


def look(now: datetime.datetime) -> list[str]:
    return monitor_downloads(now=now).errors


def row(qbit: FakeQBittorrent, **changes: Any) -> dict[str, Any]:
    (torrent,) = qbit.torrents.values()
    torrent.row.update(changes)
    return torrent.row


def state(download: Download) -> str:
    download.refresh_from_db()
    return download.status


# -- handing over ---------------------------------------------------------------------------------------------------


def test_a_grab_is_handed_over_once_with_its_tag_and_its_limits(
    release: Release, book: Book, qbit: FakeQBittorrent, client: DownloadClient, indexer: Indexer
) -> None:
    DownloadClient.objects.update(seed_ratio=1.0, seed_time_minutes=60)
    Indexer.objects.update(seed_ratio=2.0)
    Release.objects.update(offer={**release.offer, "minimum_seed_seconds": 7200})
    download = taken(release, book)
    seen = row(qbit)
    assert seen["tags"] == download.tag
    assert seen["category"] == "unabridged"
    assert (seen["ratio_limit"], seen["seeding_time_limit"]) == (2.0, 120)
    # The crash came between the client's answer and ours: it is adopted, not doubled.
    Download.objects.filter(pk=download.pk).update(status="queued")
    hand_over(download, now=NOW)
    assert len(qbit.torrents) == 1
    assert not download.events.filter(code="adopted").exists()


@pytest.mark.parametrize(
    "indexer_ratio, client_ratio, demanded, expected",
    [
        (None, None, None, None),
        (None, 1.5, None, 1.5),
        (0.5, 1.5, None, 0.5),
        (0.5, None, 1.0, 1.0),
        (-1, 1.0, 2.0, -1),
    ],
)
def test_the_obligation_is_the_indexers_and_at_least_the_releases(
    indexer_ratio: float | None, client_ratio: float | None, demanded: float | None, expected: float | None
) -> None:
    release = make_release(make_indexer(seed_ratio=indexer_ratio), minimum_ratio=demanded)
    client = make_client(seed_ratio=client_ratio)
    assert obligation_of(make_download(release=release), client)[0] == expected


def test_what_the_client_had_before_is_used_and_never_removed(
    release: Release, book: Book, qbit: FakeQBittorrent, torznab: FakeTorznab
) -> None:
    qbit.torrents[parse_torrent(torznab.items[0].torrent).ref] = _foreign(qbit, torznab.items[0].torrent)
    download = taken(release, book)
    assert download.events.filter(code="adopted").exists()
    cancel(download, actor="anna")
    look(NOW + HOUR)
    assert len(qbit.torrents) == 1


def _foreign(qbit: FakeQBittorrent, torrent: bytes) -> Any:
    made = qbit._made(torrent, {"tags": "mine"})
    made.row.update(state="uploading", progress=0.4)
    return made


def test_a_client_that_is_down_keeps_it_queued_with_the_reason(
    release: Release, book: Book, qbit: FakeQBittorrent, client: DownloadClient
) -> None:
    qbit.fault("500")
    download = grab(release=release, books=[book], now=NOW)
    for minute in range(3):
        look(NOW + minute * MINUTE / 4)
    assert state(download) == "queued"
    assert "has trouble" in download.error_message or "No download client answers now" in download.error_message
    assert download.events.count() <= 3
    assert download.attempts == 0
    qbit.heal()
    look(NOW + 10 * MINUTE)
    assert state(download) == "downloading"
    assert download.error_message == ""


def test_an_indexer_that_is_down_blocks_no_other(
    release: Release, book: Book, qbit: FakeQBittorrent, torznab: FakeTorznab, indexer: Indexer
) -> None:
    waiting = grab(release=release, books=[book], now=NOW)
    with FakeTorznab([FakeItem("Emma", make_torrent("Emma"))]) as other:
        second = make_indexer(name="second", url=f"{other.url}/api")
        offer = make_offer("Emma", download_url=f"{other.url}/dl/0")
        emma = grab(release=make_release(second, offer), books=[make_book("Emma", series="")], now=NOW)
        torznab.fault("timeout")
        Indexer.objects.filter(pk=indexer.pk).update(paused_until=NOW + HOUR, last_error="It is down.")
        look(NOW)
    assert (state(waiting), state(emma)) == ("queued", "downloading")
    assert "It is down." in waiting.error_message


def test_what_cannot_be_handed_over_for_a_week_fails_and_is_retried(
    release: Release, book: Book, qbit: FakeQBittorrent
) -> None:
    DownloadClient.objects.all().update(is_enabled=False)
    download = grab(release=release, books=[book], now=NOW)
    look(NOW)
    assert "No torrent client is not set up" not in download.error_message
    assert state(download) == "queued"
    assert "add one under Download clients" in download.error_message
    look(NOW + datetime.timedelta(days=8))
    assert state(download) == "failed"
    assert download.next_retry_at == NOW + datetime.timedelta(days=9)
    assert not BlocklistEntry.objects.exists()


def test_a_full_disk_at_the_client_is_seen_before(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    Release.objects.update(size_bytes=10**12)
    release.refresh_from_db()
    download = grab(release=release, books=[book], now=NOW)
    look(NOW)
    assert (state(download), download.error_code) == ("queued", "client_disk_full")
    assert qbit.torrents == {}


def test_what_came_onto_the_shelf_meanwhile_is_not_fetched(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    download = grab(release=release, books=[book], now=NOW)
    Book.objects.update(is_owned=True)
    look(NOW)
    assert state(download) == "cancelled"
    assert qbit.torrents == {}


def test_the_same_files_under_another_name_stay_blocked(
    release: Release, book: Book, qbit: FakeQBittorrent, torznab: FakeTorznab
) -> None:
    BlocklistEntry.objects.create(
        title="Another name", infohash=parse_torrent(torznab.items[0].torrent).ref, reason="It was another book."
    )
    download = grab(release=release, books=[book], now=NOW)
    look(NOW)
    assert (state(download), download.error_code) == ("abandoned", "blocklisted")
    assert qbit.torrents == {}


def test_a_client_row_that_lacks_its_address_stops_nothing(
    release: Release, book: Book, client: DownloadClient
) -> None:
    make_client(name="broken", priority=1)
    download = grab(release=release, books=[book], now=NOW)
    look(NOW)
    assert state(download) == "queued"
    assert "not set up completely" in download.error_message
    look(NOW + 2 * MINUTE)
    assert state(download) == "queued" or download.client == client


# -- following ------------------------------------------------------------------------------------------------------


def test_a_download_goes_its_way(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    download = taken(release, book)
    row(qbit, state="downloading", progress=0.5, completed=300_000, dlspeed=1000, eta=10**12)
    look(NOW + MINUTE)
    assert (state(download), download.progress, download.eta_seconds) == ("downloading", 0.5, None)
    row(qbit, state="stalledUP", progress=1, content_path="")
    look(NOW + 2 * MINUTE)
    row(qbit, content_path="/downloads/Ozma")
    look(NOW + 3 * MINUTE)
    assert state(download) == "downloaded"
    assert Run.objects.filter(lock=f"import-{download.pk}").exists()


def test_a_magnet_that_fetches_metadata_is_no_failure_until_it_stalls(
    release: Release, book: Book, qbit: FakeQBittorrent
) -> None:
    download = taken(release, book)
    change_settings(changes={"downloads.stalled_hours": 2})
    row(qbit, state="metaDL")
    for step in range(12):
        look(NOW + step * 10 * MINUTE)
        assert state(download) == "grabbed"
    look(NOW + 2 * HOUR)
    look(NOW + 2 * HOUR + MINUTE)
    assert (state(download), download.error_code) == ("abandoned", "stalled")
    assert "no metadata came for 2 hours" in download.error_message


def test_wavering_between_two_states_is_no_progress(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    download = taken(release, book)
    change_settings(changes={"downloads.stalled_hours": 2})
    for step in range(14):
        row(qbit, state="stalledDL" if step % 2 else "downloading")
        look(NOW + step * 10 * MINUTE)
        if state(download) == "abandoned":
            break
    assert (state(download), download.error_code) == ("abandoned", "stalled")
    assert BlocklistEntry.objects.count() == 1
    assert qbit.torrents == {}, "what came to nothing leaves the client"


def test_the_time_when_nobody_looked_is_no_standstill(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    download = taken(release, book)
    row(qbit, state="stalledDL")
    look(NOW + MINUTE)
    look(NOW + datetime.timedelta(days=5))
    assert state(download) == "downloading"


@pytest.mark.parametrize("waiting", ["pausedDL", "stoppedDL", "checkingDL", "queuedDL", "moving"])
def test_what_waits_does_not_stall(waiting: str, release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    download = taken(release, book)
    change_settings(changes={"downloads.stalled_hours": 1})
    row(qbit, state=waiting)
    for step in range(9):
        look(NOW + step * 10 * MINUTE)
    assert state(download) == "grabbed"


def test_a_recheck_takes_nothing_away(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    download = taken(release, book)
    row(qbit, state="downloading", progress=0.9, completed=500_000)
    look(NOW + MINUTE)
    row(qbit, state="checkingDL", progress=0.1, completed=50_000)
    look(NOW + 2 * MINUTE)
    row(qbit, state="stalledUP", progress=1, completed=SIZE)
    look(NOW + 3 * MINUTE)
    assert state(download) == "downloaded"


def test_what_is_moved_and_renamed_is_found(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    download = taken(release, book)
    row(qbit, state="uploading", progress=1, name="Renamed", content_path="/elsewhere/Renamed")
    look(NOW + MINUTE)
    assert (state(download), download.content_path) == ("downloaded", "/elsewhere/Renamed")


def test_a_hybrid_that_the_client_lists_by_its_other_hash_is_known_by_its_tag(
    release: Release, book: Book, qbit: FakeQBittorrent
) -> None:
    download = taken(release, book)
    (torrent,) = qbit.torrents.values()
    qbit.torrents = {"b" * 40: torrent}
    torrent.hash = "b" * 40
    row(qbit, hash="b" * 40, state="downloading", progress=0.2)
    look(NOW + 5 * MINUTE)
    assert (state(download), download.client_ref) == ("downloading", "b" * 40)


def test_a_client_that_forgets_is_given_time_and_then_it_is_tried_again(
    release: Release, book: Book, qbit: FakeQBittorrent
) -> None:
    download = taken(release, book)
    kept, qbit.torrents = qbit.torrents, {}
    look(NOW + 5 * MINUTE)
    assert state(download) == "grabbed"
    qbit.torrents = kept
    look(NOW + 6 * MINUTE)
    qbit.torrents = {}
    look(NOW + 7 * MINUTE)
    look(NOW + 30 * MINUTE)
    assert (state(download), download.error_code, download.attempts) == ("failed", "client_forgot", 1)
    assert download.next_retry_at == NOW + 30 * MINUTE + datetime.timedelta(days=1)
    sweep_retries(now=NOW + datetime.timedelta(days=2))
    look(NOW + datetime.timedelta(days=2))
    assert state(download) == "downloading"
    assert len(qbit.torrents) == 1


def test_an_error_of_the_client_is_retried_after_one_three_and_seven_days(
    release: Release, book: Book, qbit: FakeQBittorrent
) -> None:
    download = taken(release, book)
    moment, waits = NOW, []
    for _ in range(4):
        row(qbit, state="missingFiles")
        look(moment)
        if state(download) != "failed":
            break
        assert download.next_retry_at is not None
        waits.append((download.next_retry_at - moment).days)
        moment = download.next_retry_at
        sweep_retries(now=moment)
        look(moment)
        assert state(download) == "downloading"
    assert waits == [1, 3, 7]
    assert (state(download), download.attempts) == ("abandoned", 4)
    assert not BlocklistEntry.objects.exists(), "the client was at fault, not the release"
    again = search_book(book=book, now=moment)
    assert [reason["code"] for reason in again.decisions[0].reasons] == ["given_up"]


def test_a_client_that_is_switched_off_says_why_nothing_goes_on(
    release: Release, book: Book, qbit: FakeQBittorrent
) -> None:
    download = taken(release, book)
    DownloadClient.objects.update(is_enabled=False)
    look(NOW + MINUTE)
    assert state(download) == "grabbed"
    assert "switched off" in download.error_message


def test_two_downloads_of_one_torrent_are_both_followed(release: Release, book: Book, qbit: FakeQBittorrent) -> None:
    first = taken(release, book)
    second = make_download(
        make_book("Another", series=""), status="grabbed", client=first.client, client_ref=first.client_ref,
        grabbed_at=NOW, progressed_at=NOW,
    )  # fmt: skip
    row(qbit, state="uploading", progress=1)
    look(NOW + MINUTE)
    assert (state(first), state(second)) == ("downloaded", "downloaded")


def test_a_cancelled_download_leaves_the_client_unless_another_needs_it(
    release: Release, book: Book, qbit: FakeQBittorrent
) -> None:
    first = taken(release, book)
    second = make_download(
        make_book("Another", series=""), status="grabbed", client=first.client, client_ref=first.client_ref,
        grabbed_at=NOW, progressed_at=NOW,
    )  # fmt: skip
    cancel(first, actor="anna")
    look(NOW + MINUTE)
    assert len(qbit.torrents) == 1
    cancel(second, actor="anna")
    look(NOW + 2 * MINUTE)
    assert qbit.torrents == {}


# -- the next best --------------------------------------------------------------------------------------------------


def spoil(titles: list[str], torznab: FakeTorznab, book: Book) -> None:
    torznab.items = [
        FakeItem(title, b"this is no torrent", size=SIZE + n, seeders=50 - n) for n, title in enumerate(titles)
    ]
    found = search_book(book=book, now=NOW)
    assert len(found.accepted) == len(titles), [d.reasons for d in found.decisions]
    best = found.accepted[0].release
    assert best is not None
    grab(release=best, books=[book], now=NOW)


def test_the_next_best_is_taken_at_most_three_a_day(
    book: Book, client: DownloadClient, indexer: Indexer, torznab: FakeTorznab, qbit: FakeQBittorrent
) -> None:
    spoil([f"Ozma of Oz by L. Frank Baum [ENG / MP3 / v{n}]" for n in range(6)], torznab, book)
    for minute in range(8):
        look(NOW + minute * MINUTE)
    downloads = Download.objects.order_by("pk")
    assert [d.status for d in downloads] == ["abandoned"] * 4, "the first by hand, then three of this day"
    assert [d.release.title[-2] for d in downloads if d.release] == ["0", "1", "2", "3"], "the best first"
    assert BlocklistEntry.objects.count() == 4
    fall_back_all(now=NOW + datetime.timedelta(days=1))
    assert Download.objects.count() == 5
    assert not Indexer.objects.exclude(failure_level=0).exists(), "a bad release is no failure of its indexer"


def test_the_fall_back_is_done_once_and_survives_a_crash(
    book: Book, client: DownloadClient, indexer: Indexer, torznab: FakeTorznab
) -> None:
    spoil(
        ["Ozma of Oz by L. Frank Baum [ENG / MP3 / v1]", "Ozma of Oz by L. Frank Baum [ENG / MP3 / v2]"], torznab, book
    )
    (download,) = Download.objects.all()
    hand_over(download, now=NOW)  # and the process dies before it falls back
    assert state(download) == "abandoned"
    assert fall_back_all(now=NOW) == 1
    assert fall_back_all(now=NOW) == 0
    assert Download.objects.filter(status="queued").count() == 1


def test_without_another_release_the_history_says_so(
    book: Book, client: DownloadClient, indexer: Indexer, torznab: FakeTorznab
) -> None:
    spoil(["Ozma of Oz by L. Frank Baum [ENG / MP3 / v1]"], torznab, book)
    look(NOW)
    look(NOW + MINUTE)
    last = Download.objects.get().events.last()
    assert last is not None
    assert "No other release is acceptable" in last.message


def test_a_blocked_release_is_not_taken_again_by_guid_hash_title_or_size(
    book: Book, client: DownloadClient, indexer: Indexer, torznab: FakeTorznab
) -> None:
    torrent = make_torrent("Ozma")
    torznab.items = [FakeItem(TITLE, torrent, size=SIZE, attributes={"infohash": parse_torrent(torrent).ref})]
    entries: list[dict[str, Any]] = [
        {"title": "x", "indexer": indexer, "guid": f"fake-{TITLE}"},
        {"title": "x", "infohash": parse_torrent(torrent).ref},
        {"title": TITLE, "size_bytes": SIZE},
        {"title": TITLE},
    ]
    for entry in entries:
        made = BlocklistEntry.objects.create(reason="bad", **entry)
        (decision,) = search_book(book=book, now=NOW).decisions
        assert [reason["code"] for reason in decision.reasons] == ["blocklisted"], entry
        made.delete()
    BlocklistEntry.objects.create(reason="bad", title=TITLE, size_bytes=SIZE + 1)
    BlocklistEntry.objects.create(reason="bad", title="y", guid=f"fake-{TITLE}")
    assert search_book(book=book, now=NOW).accepted


# -- removal --------------------------------------------------------------------------------------------------------


def test_removal_waits_for_the_obligation(
    release: Release, book: Book, qbit: FakeQBittorrent, client: DownloadClient
) -> None:
    from acquisition.models import ImportRecord
    from library.models import LibraryRoot

    DownloadClient.objects.update(removes_completed=True, seed_ratio=1.0, seed_time_minutes=60)
    download = taken(release, book)
    Download.objects.update(status="imported", completed_at=NOW)
    row(qbit, state="uploading", progress=1, ratio=0.5)
    assert remove_seeded(now=NOW + 2 * HOUR) == 0, "not filed, so these are the only files"
    root = LibraryRoot.objects.create(name="shelf", path="/nowhere")
    ImportRecord.objects.create(
        download=download, book=book, root=root, status="committed", source_path="x", target_path="x"
    )
    assert remove_seeded(now=NOW + 59 * MINUTE) == 0
    assert remove_seeded(now=NOW + 2 * HOUR) == 0, "the ratio is not reached"
    row(qbit, ratio=1.2)
    qbit.fault("500")
    assert remove_seeded(now=NOW + 2 * HOUR) == 0
    qbit.heal()
    DownloadClient.objects.update(paused_until=None)
    assert remove_seeded(now=NOW + 3 * HOUR) == 1
    assert qbit.torrents == {}
    assert remove_seeded(now=NOW + 4 * HOUR) == 0


def test_without_an_obligation_nothing_is_removed(release: Release, book: Book, client: DownloadClient) -> None:
    DownloadClient.objects.update(removes_completed=True)
    download = taken(release, book)
    Download.objects.update(status="imported", completed_at=NOW)
    assert remove_seeded(now=NOW + datetime.timedelta(days=900)) == 0
    assert download.removed_from_client_at is None


# -- grabbing -------------------------------------------------------------------------------------------------------


def test_what_is_owned_or_blocked_is_refused_unless_a_person_says_why(release: Release, book: Book) -> None:
    BlocklistEntry.objects.create(title=release.title, size_bytes=release.size_bytes, reason="bad")
    with pytest.raises(ConflictError, match="blocklist"):
        grab(release=release, books=[book], now=NOW)
    BlocklistEntry.objects.all().delete()
    Book.objects.update(is_owned=True)
    with pytest.raises(ConflictError, match="on the shelf already"):
        grab(release=release, books=[book], now=NOW)
    download = grab(release=release, books=[book], now=NOW, overrule="A better reading.")
    assert download.overrules == ["owned"]
    look(NOW)
    assert state(download) == "downloading"


def test_a_download_whose_indexer_is_gone_ends_with_a_sentence(release: Release, book: Book, indexer: Indexer) -> None:
    download = grab(release=release, books=[book], now=NOW)
    indexer.delete()
    look(NOW)
    assert (state(download), download.error_code) == ("abandoned", "nothing_to_fetch")
    requeue(download, actor="anna")
    assert state(download) == "queued"
