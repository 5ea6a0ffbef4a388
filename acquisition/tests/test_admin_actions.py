"""Acquiring, grabbing, downloads, imports and services through the admin: each button has its effect."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.tests.people import cast, signed_in
from acquisition.models import (
    BlocklistEntry,
    Decision,
    Download,
    DownloadBook,
    DownloadClient,
    ImportRecord,
    Indexer,
    Release,
    SearchState,
)
from acquisition.services.demo import ensure_downloader
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab
from library.models import Author, Book, BookAuthor, Copy, Gap, LibraryRoot, Series, SeriesEntry
from library.services.gaps import analyze_gaps
from library.services.shelf import refresh_ownership
from scheduling.models import Run

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture
def people() -> dict[str, User]:
    return cast()


@pytest.fixture
def browser(people: dict[str, User]) -> Client:
    return signed_in(people["moderator"])


@pytest.fixture
def admin(people: dict[str, User]) -> Client:
    return signed_in(people["admin"])


def do(browser: Client, row: Any, verb: str, **values: str) -> str:
    """Press a button of a row's page; what the next page says."""
    url = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_do", args=[row.pk, verb])
    return browser.post(url, values, follow=True).content.decode()


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """The second book of a series whose first is on the shelf."""
    author = Author.objects.create(name="L. Frank Baum", name_key="baum l frank", sort_name="Baum")
    series = Series.objects.create(name="Oz", name_key="oz", author=author, follow="all")
    root = LibraryRoot.objects.create(name="shelf", path=str(tmp_path / "shelf"), is_import_target=True)
    for number, title in enumerate(["The Wizard", "The Land of Oz"], start=1):
        row = Book.objects.create(title=title, title_key=title.lower(), language="en", import_source="catalogue")
        BookAuthor.objects.create(book=row, author=author)
        SeriesEntry.objects.create(
            series=series,
            book=row,
            label=str(number),
            positions=str(number),
            position_first=number,
            position_last=number,
        )
    first = Book.objects.get(title="The Wizard")
    Copy.objects.create(
        root=root,
        path="w",
        title="The Wizard",
        authors=["L. Frank Baum"],
        book=first,
        match_state="certain",
        language="en",
    )
    refresh_ownership([first.pk])
    analyze_gaps(now=timezone.now())
    return row


@pytest.fixture
def indexer() -> Indexer:
    return Indexer.objects.create(name="indexer", url="http://127.0.0.1:9")


def release(indexer: Indexer, title: str = "The Land of Oz") -> Release:
    now = timezone.now()
    offer = {"guid": title, "title": title, "magnet_url": "magnet:?xt=urn:btih:" + "a" * 40}
    return Release.objects.create(
        indexer=indexer, guid=title, title=title, first_seen_at=now, last_seen_at=now, size_bytes=10**8, offer=offer
    )


def decision(book: Book, found: Release, *, accepted: bool = True) -> Decision:
    reasons = [] if accepted else [{"code": "language", "message": "It is in German.", "permanent": True}]
    return Decision.objects.create(
        book=book, release=found, release_title=found.title, indexer_name=found.indexer.name, is_accepted=accepted,
        rank=1, reasons=reasons,
    )  # fmt: skip


def download(book: Book, found: Release, status: str, **values: Any) -> Download:
    row = Download.objects.create(
        title=found.title,
        source="indexer",
        release=found,
        tag=f"tag-{status}",
        status=status,
        status_at=timezone.now(),
        **values,
    )
    active = status not in ("imported", "abandoned", "cancelled")
    DownloadBook.objects.create(download=row, book=book, is_active=active)
    return row


# --- Asking for books -----------------------------------------------------------------------------------------------


def test_gap_is_acquired_with_one_click(browser: Client, book: Book, people: dict[str, User]) -> None:
    do(browser, Gap.objects.open().get(book=book), "acquire")
    run = Run.objects.get()
    assert (run.job, run.params, run.requested_by) == ("wanted_search", {"book_ids": [book.pk]}, people["moderator"])


def test_gaps_are_acquired_from_the_list(browser: Client, book: Book) -> None:
    gap = Gap.objects.open().get(book=book)
    answer = browser.post(reverse("admin:library_gap_changelist"), {"action": "acquire", "_selected_action": [gap.pk]})
    run = Run.objects.get()
    assert run.params == {"book_ids": [book.pk]}
    assert answer["Location"] == reverse("admin:scheduling_run_change", args=[run.pk])


def test_series_is_completed_from_the_front_page(browser: Client, book: Book) -> None:
    html = browser.get(reverse("admin:index")).content.decode()
    series = Series.objects.get()
    url = reverse("admin:library_series_do", args=[series.pk, "acquire"])
    assert url in html
    browser.post(url)
    assert Run.objects.get().params == {"gaps": True, "series_ids": [series.pk], "max_downloads": 1}


def test_complete_series_has_nothing_to_find(browser: Client, book: Book) -> None:
    Gap.objects.all().delete()
    assert "Nothing of it is missing" in do(browser, Series.objects.get(), "acquire")
    assert not Run.objects.exists()


def test_owned_book_is_not_searched_for(browser: Client, book: Book) -> None:
    owned = Book.objects.get(title="The Wizard")
    assert "on the shelf already" in do(browser, owned, "acquire")
    assert not Run.objects.exists()


# --- Choosing a release ---------------------------------------------------------------------------------------------


def test_search_shows_every_release_with_its_reasons(browser: Client, book: Book) -> None:
    items = [
        FakeItem("L. Frank Baum - The Land of Oz [MP3]", size=200_000_000),
        FakeItem("L. Frank Baum - The Land of Oz [German] [EPUB]", size=200_000_000),
    ]
    with FakeTorznab(items) as fake:
        Indexer.objects.create(name="fake", url=fake.url)
        DownloadClient.objects.create(name="client", kind="qbittorrent", url="http://127.0.0.1:9")
        html = do(browser, book, "search_now")
    assert "L. Frank Baum - The Land of Oz [MP3]" in html
    assert "L. Frank Baum - The Land of Oz [German] [EPUB]" in html
    rejected = Decision.objects.get(release_title__contains="EPUB")
    assert not rejected.is_accepted
    for reason in rejected.reasons:
        assert reason["message"].split("“")[0] in html
    assert not Download.objects.exists()


def test_search_without_indexers_says_what_to_do(browser: Client, book: Book) -> None:
    assert "add one under Indexers" in do(browser, book, "search_now")


def grab_url(book: Book, row: Decision) -> str:
    return reverse("admin:library_book_grab", args=[book.pk, row.pk])


def test_accepted_release_is_grabbed_once(
    browser: Client, book: Book, indexer: Indexer, people: dict[str, User]
) -> None:
    row = decision(book, release(indexer))
    answer = browser.post(grab_url(book, row))
    got = Download.objects.get()
    assert answer["Location"] == reverse("admin:acquisition_download_change", args=[got.pk])
    assert (got.status, got.release, got.created_by, list(got.books.all())) == (
        "queued", row.release, people["moderator"], [book],
    )  # fmt: skip
    again = browser.post(grab_url(book, row), follow=True).content.decode()
    assert "under way already" in again
    assert Download.objects.count() == 1


def test_rejected_release_needs_a_reason(
    browser: Client, book: Book, indexer: Indexer, people: dict[str, User]
) -> None:
    row = decision(book, release(indexer), accepted=False)
    html = browser.post(grab_url(book, row), follow=True).content.decode()
    assert "Say why" in html
    assert "It is in German." in html
    assert not Download.objects.exists()
    browser.post(grab_url(book, row), {"reason": "I read <b>German</b>."})
    row.refresh_from_db()
    assert (row.overruled_by, row.overruled_reason) == (people["moderator"], "I read <b>German</b>.")
    page = browser.get(reverse("admin:acquisition_download_change", args=[Download.objects.get().pk])).content.decode()
    assert "I read &lt;b&gt;German" in page


def test_viewer_grabs_nothing(people: dict[str, User], book: Book, indexer: Indexer) -> None:
    row = decision(book, release(indexer))
    viewer = signed_in(people["viewer"])
    assert viewer.post(grab_url(book, row)).status_code == 403
    html = viewer.get(reverse("admin:library_book_releases", args=[book.pk])).content.decode()
    assert row.release_title in html
    assert grab_url(book, row) not in html


def test_book_page_says_why_it_is_not_here(browser: Client, book: Book, indexer: Indexer) -> None:
    url = reverse("admin:library_book_change", args=[book.pk])
    assert "It has not been searched for." in browser.get(url).content.decode()
    decision(book, release(indexer), accepted=False)
    assert "It is in German." in browser.get(url).content.decode()


# --- Downloads ------------------------------------------------------------------------------------------------------


def test_failed_download_is_tried_again(browser: Client, book: Book, indexer: Indexer) -> None:
    row = download(book, release(indexer), "failed", error_message="The client was away.", attempts=1)
    do(browser, row, "retry")
    row.refresh_from_db()
    assert (row.status, row.error_message) == ("queued", "")
    assert row.events.last().actor == "a-moderator"  # type: ignore[union-attr]
    assert Run.objects.filter(job="download_monitor").exists()


def test_download_is_cancelled(browser: Client, book: Book, indexer: Indexer) -> None:
    row = download(book, release(indexer), "downloading")
    do(browser, row, "cancel")
    row.refresh_from_db()
    assert row.status == "cancelled"
    assert not row.download_books.get().is_active
    assert "cannot become" in do(browser, row, "cancel")


def test_wrong_release_is_blocked_and_the_next_best_looked_for(browser: Client, book: Book, indexer: Indexer) -> None:
    wrong = release(indexer, "The Land of Oz wrong")
    decision(book, wrong)
    SearchState.objects.create(book=book)
    row = download(book, wrong, "downloading")
    assert "Nothing was done" in do(browser, row, "reject")
    row.refresh_from_db()
    assert row.status == "downloading"
    html = do(browser, row, "reject", reason="It is another book.")
    row.refresh_from_db()
    assert row.status == "abandoned"
    assert BlocklistEntry.objects.get().title == wrong.title
    assert row.events.filter(code="fell_back").exists(), "the next best release was looked for"
    assert "blocklist" in html


def test_blocked_import_is_overruled_with_a_reason(browser: Client, book: Book, indexer: Indexer) -> None:
    row = download(book, release(indexer), "blocked", error_code="duration", error_message="Too short.")
    assert "Nothing was done" in do(browser, row, "import_anyway", reason="  ")
    do(browser, row, "import_anyway", reason="It is a short edition.")
    row.refresh_from_db()
    assert (row.status, row.overrules) == ("importing", ["duration"])
    assert row.events.filter(code="overruled", message__contains="short edition").exists()


def test_person_says_which_book_a_blocked_download_is(browser: Client, book: Book, indexer: Indexer) -> None:
    row = download(book, release(indexer), "blocked", error_code="no_book")
    row.download_books.all().delete()
    values = {
        "download_books-TOTAL_FORMS": "1", "download_books-INITIAL_FORMS": "0", "download_books-0-book": str(book.pk),
        "download_books-0-download": str(row.pk),
    }  # fmt: skip
    assert browser.post(reverse("admin:acquisition_download_change", args=[row.pk]), values).status_code == 302
    assert list(row.books.all()) == [book]
    assert row.download_books.get().is_active


def test_download_page_shows_its_history_and_hides_addresses(browser: Client, book: Book, indexer: Indexer) -> None:
    row = download(
        book, release(indexer), "blocked", error_message="Too short.", payload={"torrent_url": "http://x/k3y"}
    )
    row.events.create(at=timezone.now(), new_status="blocked", message="Too short, look at it.")
    html = browser.get(reverse("admin:acquisition_download_change", args=[row.pk])).content.decode()
    assert "Too short, look at it." in html
    assert "k3y" not in html
    assert "magnet:" not in html


def test_import_is_undone(browser: Client, book: Book, tmp_path: Path) -> None:
    root = LibraryRoot.objects.get()
    folder = Path(root.path) / "Baum" / "The Land of Oz"
    folder.mkdir(parents=True)
    (folder / "1.mp3").write_bytes(b"sound")
    copy = Copy.objects.create(
        root=root, path="Baum/The Land of Oz", title=book.title, book=book, language="en", match_state="certain"
    )
    refresh_ownership([book.pk])
    analyze_gaps(now=timezone.now())
    assert not Gap.objects.open().filter(book=book).exists()
    record = ImportRecord.objects.create(
        book=book, root=root, copy=copy, status="committed", source_path="/nowhere", target_path="Baum/The Land of Oz",
        staging_path=".unabridged/x", files=[{"source": "/nowhere/1.mp3", "target": "1.mp3", "size_bytes": 5}],
    )  # fmt: skip
    do(browser, record, "undo")
    record.refresh_from_db()
    assert record.status == "undone"
    assert not folder.exists()
    assert Gap.objects.open().filter(book=book).exists()
    assert "Only a finished import can be undone" in do(browser, record, "undo")


# --- Services -------------------------------------------------------------------------------------------------------


def test_indexer_is_tested_in_its_own_words(admin: Client) -> None:
    with FakeTorznab([FakeItem("A - B [MP3]")], api_key="right-key") as fake:
        row = Indexer.objects.create(name="fake", url=fake.url, api_key="right-key")
        html = do(admin, row, "test")
        assert "fake" in html
        assert "1 of its newest releases were read" in html
        Indexer.objects.update(api_key="wrong-key")
        html = do(admin, row, "test")
    assert 'class="error"' in html
    assert "wrong-key" not in html


def test_client_is_tested(admin: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    html = do(admin, ensure_downloader(), "test")
    assert "GB are free" in html
    dead = DownloadClient.objects.create(name="dead", kind="qbittorrent", url="http://127.0.0.1:9", password="pw-pw-pw")
    html = do(admin, dead, "test")
    assert 'class="error"' in html
    assert "pw-pw-pw" not in html


def test_moderator_may_not_change_services(browser: Client, indexer: Indexer) -> None:
    assert browser.post(reverse("admin:acquisition_indexer_do", args=[indexer.pk, "test"])).status_code == 403
    assert (
        browser.post(reverse("admin:acquisition_indexer_change", args=[indexer.pk]), {"name": "x"}).status_code == 403
    )


def test_indexer_is_deleted_with_its_releases(admin: Client, book: Book, indexer: Indexer) -> None:
    row = decision(book, release(indexer))
    page = reverse("admin:acquisition_indexer_delete", args=[indexer.pk])
    assert "releases: 1" in admin.get(page).content.decode().lower()
    admin.post(page, {"post": "yes"})
    row.refresh_from_db()
    assert (Indexer.objects.count(), row.release, row.release_title) == (0, None, "The Land of Oz")


def test_client_with_downloads_stays(admin: Client, book: Book, indexer: Indexer) -> None:
    client = ensure_downloader()
    download(book, release(indexer), "imported", client=client)
    page = reverse("admin:acquisition_downloadclient_delete", args=[client.pk])
    assert "protected" in admin.get(page).content.decode()
    admin.post(page, {"post": "yes"})
    assert DownloadClient.objects.filter(pk=client.pk).exists()


# --- The front page -------------------------------------------------------------------------------------------------


def test_front_page_shows_what_matters(browser: Client, book: Book, indexer: Indexer) -> None:
    row = download(book, release(indexer), "blocked", error_message="Too <i>short</i>.")
    Run.objects.create(job="catalogue_refresh", lock="x", status="running", total=4, processed=3)
    html = browser.get(reverse("admin:index")).content.decode()
    for words in ("Oz", "50 %", "1 missing", "Refresh the catalogue", "75 %", "Why books are not here"):
        assert words in html, words
    assert "Too &lt;i&gt;short" in html
    assert reverse("admin:acquisition_download_change", args=[row.pk]) in html
    assert "add a download client" in html


def test_front_page_costs_the_same_for_many_rows(browser: Client, book: Book, indexer: Indexer) -> None:
    def make(number: int) -> None:
        other = Book.objects.create(title=f"B{number}", title_key="b")
        row = Download.objects.create(
            title="D", source="i", tag=f"t{number}", status="downloading", status_at=timezone.now()
        )
        DownloadBook.objects.create(download=row, book=other)
        author = Author.objects.create(name=f"A{number}", name_key=f"a{number}")
        Series.objects.create(
            name=f"S{number}", name_key=f"s{number}", author=author, owned_count=1, counted_count=2, missing_count=1,
            completion_percentage=50,
        )  # fmt: skip

    counts = []
    for numbers in (range(1), range(1, 6)):
        for number in numbers:
            make(number)
        browser.get(reverse("admin:index"))
        with CaptureQueriesContext(connection) as queries:
            browser.get(reverse("admin:index"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_progress_tells_what_moves_and_what_ended(browser: Client, book: Book, indexer: Indexer) -> None:
    moving = download(book, release(indexer), "downloading", progress=0.25, downloaded_bytes=25, speed_bytes=5)
    ended = Run.objects.create(job="gap_analysis", lock="x", status="succeeded", message="Done.")
    running = Run.objects.create(job="gap_analysis", lock="y", status="running", total=10, processed=5, message="Half")
    Run.objects.create(job="health_check", lock="z", status="running")
    url = reverse("admin:progress")
    rows = {row["id"]: row for row in browser.get(url, {"watch": f"run-{ended.pk},run-x,cat-1,"}).json()["rows"]}
    assert set(rows) == {f"download-{moving.pk}", f"run-{running.pk}", f"run-{ended.pk}"}
    assert rows[f"download-{moving.pk}"]["percent"] == 25
    assert (rows[f"run-{running.pk}"]["percent"], rows[f"run-{running.pk}"]["text"]) == (50, "Half")
    assert rows[f"run-{ended.pk}"]["is_over"] is True


def test_all_is_well_is_said(browser: Client, book: Book) -> None:
    Indexer.objects.create(name="i", url="http://127.0.0.1:9")
    ensure_downloader()
    html = browser.get(reverse("admin:index")).content.decode()
    assert "Needs you" not in html
    assert "Nothing. The house is quiet." in html
