"""A pack of several books: its list read before the grab, unwanted files left out, each book filed by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from acquisition.models import Download, DownloadClient, ImportRecord
from acquisition.services.acquiring import acquire_books
from acquisition.services.importing import import_download
from acquisition.services.monitoring import monitor_downloads
from acquisition.tests.factories import (
    NOW,
    SECONDS,
    make_book,
    make_client,
    make_context,
    make_indexer,
    make_root,
    make_sound,
)
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab, make_torrent
from library.models import Book, Copy
from library.services.gaps import analyze_gaps

pytestmark = pytest.mark.django_db
TITLE = "Oz 1-3 by L. Frank Baum [ENG / MP3]"
NAMES = ("The Wonderful Wizard of Oz", "The Marvelous Land of Oz", "Ozma of Oz")


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """What the pack holds on disk: three books, and a letter to the reader."""
    folder = tmp_path / "downloads" / "Oz"
    for number, name in enumerate(NAMES, start=1):
        for part in (1, 2):
            path = folder / f"{number} - {name}" / f"{part:02d}.mp3"
            make_sound(path, seconds=SECONDS / 2, title=name, track=f"{part}/2")
        (folder / f"{number} - {name}" / "cover.jpg").write_bytes(name.encode())
    (folder / "readme.txt").write_text("hello")
    return folder


@pytest.fixture
def qbit() -> Iterator[FakeQBittorrent]:
    with FakeQBittorrent("5.0") as server:
        yield server


@pytest.fixture
def torznab(content: Path) -> Iterator[FakeTorznab]:
    files = {str(p.relative_to(content)): p.read_bytes() for p in sorted(content.rglob("*")) if p.is_file()}
    torrent = make_torrent("Oz", files)
    with FakeTorznab([FakeItem(TITLE, torrent, size=sum(map(len, files.values())))]) as server:
        yield server


@pytest.fixture
def books(tmp_path: Path, qbit: FakeQBittorrent, torznab: FakeTorznab) -> list[Book]:
    """The first is on the shelf, the other two are wanted."""
    root = make_root(tmp_path / "shelf")
    make_client(url=qbit.url, username="admin", password="secret")
    make_indexer(url=f"{torznab.url}/api")
    made = [make_book(name, position=str(number)) for number, name in enumerate(NAMES, start=1)]
    Copy.objects.create(
        root=root, path="L. Frank Baum/Oz/Wizard", title=NAMES[0], book=made[0], duration_seconds=SECONDS
    )
    Book.objects.filter(pk=made[0].pk).update(is_owned=True)
    (tmp_path / "shelf/L. Frank Baum/Oz/Wizard").mkdir(parents=True)
    (tmp_path / "shelf/L. Frank Baum/Oz/Wizard/book.mp3").write_bytes(b"mine")
    analyze_gaps(now=NOW)
    return made


def test_a_pack_closes_the_gaps_that_it_can(
    books: list[Book], content: Path, qbit: FakeQBittorrent, tmp_path: Path
) -> None:
    result = acquire_books(books=[books[2]], now=NOW)
    assert [row["release"] for row in result.grabbed] == [TITLE], result
    (download,) = Download.objects.all()
    assert set(download.books.all()) == {books[1], books[2]}
    assert download.events.filter(code="pack", message__contains="A pack of 3 books; 2 of them are wanted").exists()

    monitor_downloads(now=NOW)
    (torrent,) = qbit.torrents.values()
    left_out = {row["name"] for row in torrent.files if row["priority"] == 0}
    assert left_out == {f"Oz/1 - {NAMES[0]}/{n}" for n in ("01.mp3", "02.mp3", "cover.jpg")} | {"Oz/readme.txt"}
    assert torrent.row["state"] == "downloading", "started only when the files were chosen"

    torrent.row.update(state="uploading", progress=1, content_path=str(content))
    monitor_downloads(now=NOW)
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_message) == ("imported", "")
    filed = {record.book: record.target_path for record in ImportRecord.objects.all()}
    assert set(filed) == {books[1], books[2]}
    for book, path in filed.items():
        names = sorted(p.name for p in (tmp_path / "shelf" / path).iterdir())
        assert book.title in path
        assert len(names) == 4
        assert (tmp_path / "shelf" / path / "cover.jpg").read_bytes() == book.title.encode()
    assert (tmp_path / "shelf/L. Frank Baum/Oz/Wizard/book.mp3").read_bytes() == b"mine"


def test_what_is_left_of_files_that_nobody_wants_is_in_nobodys_way(books: list[Book], content: Path) -> None:
    """Transmission keeps the first bytes of an unwanted file where a piece of a wanted one reaches into it."""
    acquire_books(books=[books[2]], now=NOW)
    (download,) = Download.objects.all()
    for part in ("01.mp3", "02.mp3"):
        path = content / f"1 - {NAMES[0]}" / part
        path.rename(path.with_name(f"{part}.part"))
    Download.objects.update(status="downloaded", content_path=str(content), client=None)
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_message) == ("imported", "")


def test_a_wanted_file_that_is_unfinished_blocks_its_book(books: list[Book], content: Path) -> None:
    acquire_books(books=[books[2]], now=NOW)
    (download,) = Download.objects.all()
    path = content / f"3 - {NAMES[2]}" / "02.mp3"
    path.rename(path.with_name("02.mp3.part"))
    Download.objects.update(status="downloaded", content_path=str(content), client=None)
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_code) == ("blocked", "finished")


def test_a_pack_without_the_files_of_a_book_satisfies_nobody_silently(books: list[Book], content: Path) -> None:
    acquire_books(books=[books[2]], now=NOW)
    (download,) = Download.objects.all()
    for path in (content / f"3 - {NAMES[2]}").iterdir():
        path.unlink()
    Download.objects.update(status="downloaded", content_path=str(content), client=None)
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_code) == ("blocked", "pack_files")
    assert "Ozma of Oz" in download.error_message
    assert not Book.objects.get(pk=books[2].pk).is_owned


def test_a_pack_without_the_wanted_book_is_left(books: list[Book]) -> None:
    other = make_book("The Emerald City of Oz", position="6")
    analyze_gaps(now=NOW)
    result = acquire_books(books=[other], now=NOW)
    assert not result.grabbed
    assert not Download.objects.exists()
    assert DownloadClient.objects.count() == 1
