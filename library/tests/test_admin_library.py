"""The library through the admin: adding and reading it, its series and gaps, and what people decide."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.tests.people import cast, signed_in
from library.models import (
    Audiobookshelf,
    Author,
    Book,
    BookAuthor,
    Copy,
    Correction,
    Exclusion,
    FieldSource,
    Gap,
    LibraryRoot,
    Series,
    SeriesEntry,
    Setting,
    ShelfChange,
)
from library.services.gaps import analyze_gaps
from library.services.settings import get_setting
from library.services.shelf import refresh_ownership
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
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


def do(browser: Client, model: str, pk: int, verb: str) -> str:
    """Press a button; what the next page says."""
    return browser.post(reverse(f"admin:library_{model}_do", args=[pk, verb]), follow=True).content.decode()


@pytest.fixture
def series() -> Series:
    """Oz, of which the first book is on the shelf and two are not; nobody follows it."""
    author = Author.objects.create(name="L. Frank Baum", name_key="baum l frank", sort_name="Baum")
    row = Series.objects.create(name="Oz", name_key="oz", author=author)
    root = LibraryRoot.objects.create(name="shelf", path="/nowhere")
    for number, title in enumerate(["The Wizard", "The Land", "Ozma"], start=1):
        book = Book.objects.create(title=title, title_key=title.lower(), language="en", import_source="catalogue")
        BookAuthor.objects.create(book=book, author=author)
        SeriesEntry.objects.create(
            series=row, book=book, label=str(number), positions=str(number), position_first=number, position_last=number
        )
    book = Book.objects.get(title="The Wizard")
    Copy.objects.create(
        root=root,
        path="w",
        title="The Wizard",
        authors=["L. Frank Baum"],
        book=book,
        match_state="certain",
        language="en",
    )
    refresh_ownership([book.pk])
    analyze_gaps(now=timezone.now())
    row.refresh_from_db()
    return row


# --- Adding and reading a library -----------------------------------------------------------------------------------


def test_front_page_of_an_empty_product_offers_to_begin(admin: Client) -> None:
    html = admin.get(reverse("admin:index")).content.decode()
    assert 'name="folder-path"' in html
    assert 'name="server-url"' in html


def test_moderator_is_not_offered_what_holds_secrets(browser: Client) -> None:
    html = browser.get(reverse("admin:index")).content.decode()
    assert 'name="folder-path"' in html
    assert 'name="server-url"' not in html
    values = {"kind": "server", "server-url": "http://127.0.0.1:9", "server-token": "x"}
    assert browser.post(reverse("admin:add_library"), values).status_code == 403


def test_folder_is_added_and_read(browser: Client, tmp_path: Path) -> None:
    answer = browser.post(reverse("admin:add_library"), {"kind": "folder", "folder-path": str(tmp_path)})
    root, run = LibraryRoot.objects.get(), Run.objects.get()
    assert (root.path, run.job, run.params["root_ids"]) == (str(tmp_path), "library_import", [root.pk])
    assert answer["Location"] == reverse("admin:scheduling_run_change", args=[run.pk])


def test_wrong_folder_is_explained_and_kept_in_the_form(browser: Client) -> None:
    values = {"kind": "folder", "folder-path": "/no/such/<b>place</b>"}
    html = browser.post(reverse("admin:add_library"), values).content.decode()
    assert "does not exist" in html
    assert "<b>place</b>" not in html
    assert "/no/such/&lt;b&gt;place" in html
    assert not LibraryRoot.objects.exists()


def test_audiobookshelf_is_added_with_its_libraries(admin: Client) -> None:
    with FakeAudiobookshelf(items=3) as server:
        values = {"kind": "server", "server-url": server.url, "server-token": API_KEY}
        admin.post(reverse("admin:add_library"), values)
    root = LibraryRoot.objects.get()
    assert root.server
    assert root.server.token == API_KEY
    assert Run.objects.get().params["root_ids"] == [root.pk]


def test_wrong_key_is_explained_and_not_shown(admin: Client) -> None:
    with FakeAudiobookshelf(items=3) as server:
        values = {"kind": "server", "server-url": server.url, "server-token": "wrong-key-12345"}
        html = admin.post(reverse("admin:add_library"), values).content.decode()
    assert 'class="error"' in html
    assert "wrong-key-12345" not in html
    assert not Run.objects.exists()


def test_connection_is_tested(admin: Client) -> None:
    with FakeAudiobookshelf(items=3) as fake:
        server = Audiobookshelf.objects.create(name="mine", url=fake.url, token=API_KEY)
        html = do(admin, "audiobookshelf", server.pk, "test")
    assert "version 2.36.0" in html
    server.refresh_from_db()
    assert server.version == "2.36.0"
    assert not LibraryRoot.objects.exists()
    html = do(admin, "audiobookshelf", server.pk, "test")
    assert 'class="error"' in html


@pytest.mark.parametrize("verb, dry_run", [("read_now", False), ("preview", True)])
def test_root_is_read_and_previewed(browser: Client, verb: str, dry_run: bool) -> None:
    root = LibraryRoot.objects.create(name="shelf", path="/nowhere")
    do(browser, "libraryroot", root.pk, verb)
    assert Run.objects.get().params == {"root_ids": [root.pk], "dry_run": dry_run}


def test_secrets_are_kept_replaced_and_never_shown(admin: Client) -> None:
    server = Audiobookshelf.objects.create(
        name="mine", url="http://127.0.0.1:9", token="old-token", password="old-pass"
    )
    url = reverse("admin:library_audiobookshelf_change", args=[server.pk])
    html = admin.get(url).content.decode()
    assert "old-token" not in html
    assert "old-pass" not in html
    values = {"name": "renamed", "url": "http://127.0.0.1:9", "token": "", "password": "", "username": "u"}
    assert admin.post(url, values).status_code == 302
    server.refresh_from_db()
    assert (server.name, server.token, server.password) == ("renamed", "old-token", "old-pass")
    admin.post(url, {**values, "token": "new-token"})
    server.refresh_from_db()
    assert (server.token, server.password) == ("new-token", "old-pass")
    wrong = admin.post(url, {**values, "name": "", "token": "typed-token"}).content.decode()
    assert "typed-token" not in wrong


def test_removed_root_leaves_its_books_missing(admin: Client, series: Series) -> None:
    root = LibraryRoot.objects.get()
    page = reverse("admin:library_libraryroot_delete", args=[root.pk])
    assert admin.get(page).status_code == 200
    admin.post(page, {"post": "yes"})
    assert not LibraryRoot.objects.exists()
    assert not Book.objects.filter(is_owned=True).exists()
    assert Gap.objects.open().filter(book__title="The Wizard").exists()


def test_moderator_removes_no_root(browser: Client, series: Series) -> None:
    root = LibraryRoot.objects.get()
    assert browser.post(reverse("admin:library_libraryroot_delete", args=[root.pk]), {"post": "yes"}).status_code == 403


def test_reading_is_undone(browser: Client, series: Series) -> None:
    run = Run.objects.create(job="library_import", lock="x", status="succeeded")
    ShelfChange.objects.create(run=run, copy=Copy.objects.get(), kind="created")
    url = reverse("admin:scheduling_run_do", args=[run.pk, "undo_reading"])
    assert url in browser.get(reverse("admin:scheduling_run_change", args=[run.pk])).content.decode()
    assert "1 copy taken out again" in browser.post(url, follow=True).content.decode()
    assert not Copy.objects.exists()
    assert not Book.objects.get(title="The Wizard").is_owned
    assert "changed nothing" in browser.post(url, follow=True).content.decode()


# --- Series and gaps ------------------------------------------------------------------------------------------------


def test_series_page_shows_entries_in_order_with_their_state(browser: Client, series: Series) -> None:
    html = browser.get(reverse("admin:library_series_change", args=[series.pk])).content.decode()
    places = [html.index(title) for title in ("The Wizard", "The Land", "Ozma")]
    assert places == sorted(places)
    for words in ("on the shelf", "missing", "33 %", "wants 2 books: The Land, Ozma", "wants 0 books"):
        assert words in html, words


def test_following_makes_books_wanted_and_unfollowing_does_not(browser: Client, series: Series) -> None:
    assert not Gap.objects.wanted().exists()
    assert "2 books wanted" in do(browser, "series", series.pk, "follow_all")
    assert set(Gap.objects.wanted().values_list("book__title", flat=True)) == {"The Land", "Ozma"}
    series.refresh_from_db()
    assert series.followed_at
    do(browser, "series", series.pk, "unfollow")
    assert not Gap.objects.wanted().exists()


def test_several_series_are_followed_from_the_list(browser: Client, series: Series) -> None:
    other = Series.objects.create(name="Other", name_key="other")
    url = reverse("admin:library_series_changelist")
    browser.post(url, {"action": "follow_all", "_selected_action": [series.pk, other.pk]})
    assert set(Series.objects.values_list("follow", flat=True)) == {"all"}


def test_series_is_refreshed_from_the_catalogue(browser: Client, series: Series) -> None:
    do(browser, "series", series.pk, "refresh")
    run = Run.objects.get(job="catalogue_refresh")
    assert (run.params["series_ids"], run.params["force"]) == ([series.pk], True)


def test_excluded_book_stops_counting_and_comes_back(browser: Client, series: Series) -> None:
    do(browser, "series", series.pk, "follow_all")
    gap = Gap.objects.open().get(book__title="Ozma")
    assert "1 book excluded" in do(browser, "gap", gap.pk, "unwant")
    series.refresh_from_db()
    assert (series.completion_percentage, Exclusion.objects.get().book.title) == (50, "Ozma")
    gap = Gap.objects.open().get(book__title="Ozma")
    assert (gap.reason, gap.is_wanted) == ("excluded", False)
    do(browser, "gap", gap.pk, "want")
    series.refresh_from_db()
    assert series.completion_percentage == 33
    assert not Exclusion.objects.exists()


def test_exclusion_is_taken_back_from_its_list(browser: Client, series: Series) -> None:
    book = Book.objects.get(title="Ozma")
    do(browser, "book", book.pk, "unwant")
    url = reverse("admin:library_exclusion_changelist")
    browser.post(url, {"action": "want", "_selected_action": [Exclusion.objects.get().pk]})
    assert not Exclusion.objects.exists()


@pytest.mark.parametrize(
    "filters, titles",
    [
        ({}, {"The Land", "Ozma"}),
        ({"reason__exact": "not_followed"}, {"The Land", "Ozma"}),
        ({"reason__exact": "covered"}, set()),
        ({"state": "closed"}, {"Gone"}),
        ({"series__id__exact": "999"}, set()),
        ({"q": "ozma"}, {"Ozma"}),
        ({"is_wanted__exact": "1"}, set()),
    ],
)
def test_gaps_are_filtered(browser: Client, series: Series, filters: dict[str, str], titles: set[str]) -> None:
    gone = Book.objects.create(title="Gone", title_key="gone")
    now = timezone.now()
    Gap.objects.create(
        book=gone,
        series=series,
        entry_class="main",
        reason="missing",
        explanation="missing",
        opened_at=now,
        closed_at=now,
    )
    Gap.objects.open().update(reason="not_followed")
    html = browser.get(f"{reverse('admin:library_gap_changelist')}?{urlencode(filters)}").content.decode()
    table = html.partition('id="result_list"')[2].partition("</table>")[0]
    assert {title for title in ("The Land", "Ozma", "Gone") if title in table} == titles


# --- What people decide ---------------------------------------------------------------------------------------------


@pytest.fixture
def copy(series: Series) -> Copy:
    """A copy that was taken for a book of its own, and could be The Land."""
    own = Book.objects.create(title="The Land (of Oz)", title_key="the land of oz", import_source="library")
    BookAuthor.objects.create(book=own, author=Author.objects.get())
    row = Copy.objects.create(
        root=LibraryRoot.objects.get(), path="l", title="The Land (of Oz)", authors=["L. Frank Baum"], book=own,
        match_state="review", match_reasons=["The title is near."], language="en",
        match_candidates=[Book.objects.get(title="The Land").pk],
    )  # fmt: skip
    refresh_ownership([own.pk])
    return row


def test_copy_page_shows_reasons_and_candidates(browser: Client, copy: Copy) -> None:
    html = browser.get(reverse("admin:library_copy_change", args=[copy.pk])).content.decode()
    assert "The title is near." in html
    assert "It is this one" in html


def test_chosen_book_takes_the_copy_for_good(
    browser: Client, copy: Copy, series: Series, people: dict[str, User]
) -> None:
    own, land = copy.book, Book.objects.get(title="The Land")
    assert own
    browser.post(reverse("admin:library_copy_decide", args=[copy.pk]), {"book": land.pk})
    copy.refresh_from_db()
    land.refresh_from_db()
    series.refresh_from_db()
    assert (copy.book, copy.match_state, copy.match_candidates) == (land, "user", [])
    assert land.is_owned
    assert series.completion_percentage == 66
    assert not Book.objects.filter(pk=own.pk).exists()
    assert not Gap.objects.open().filter(book=land).exists()
    from library.services.linking import link_copies

    link_copies([copy], now=timezone.now())
    copy.refresh_from_db()
    assert (copy.book, copy.match_state) == (land, "user")


def test_copy_stays_what_it_is(browser: Client, copy: Copy) -> None:
    own = copy.book
    browser.post(reverse("admin:library_copy_decide", args=[copy.pk]), {"same": "1"})
    copy.refresh_from_db()
    assert (copy.book, copy.match_state, copy.match_candidates) == (own, "user", [])


@pytest.mark.parametrize("value", ["", "0", "999999", "x", "1e9", "-1"])
def test_book_that_is_none_is_refused(browser: Client, copy: Copy, value: str) -> None:
    url = reverse("admin:library_copy_decide", args=[copy.pk])
    assert "There is no such book" in browser.post(url, {"book": value}, follow=True).content.decode()
    copy.refresh_from_db()
    assert copy.match_state == "review"


def test_viewer_decides_nothing(people: dict[str, User], copy: Copy) -> None:
    viewer = signed_in(people["viewer"])
    assert viewer.post(reverse("admin:library_copy_decide", args=[copy.pk]), {"same": "1"}).status_code == 403
    assert "It is this one" not in viewer.get(reverse("admin:library_copy_change", args=[copy.pk])).content.decode()


def test_change_of_a_book_is_kept_and_locked(browser: Client, series: Series, people: dict[str, User]) -> None:
    book = Book.objects.get(title="Ozma")
    values = {"title": "Ozma of Oz", "kind": "novel", "status": "active", "language": "en"}
    inline = {"field_sources-TOTAL_FORMS": "0", "field_sources-INITIAL_FORMS": "0"}
    assert browser.post(reverse("admin:library_book_change", args=[book.pk]), {**values, **inline}).status_code == 302
    book.refresh_from_db()
    correction = Correction.objects.get()
    assert (book.title, book.title_key) == ("Ozma of Oz", "ozma of oz")
    assert (correction.old, correction.new, correction.actor) == ("Ozma", "Ozma of Oz", people["moderator"])
    assert FieldSource.objects.get(book=book, field="title").is_locked


# --- Settings -------------------------------------------------------------------------------------------------------


def settings_values(client: Client, **changes: object) -> dict[str, object]:
    form = client.get(reverse("admin:library_setting_changelist")).context["form"]
    values: dict[str, object] = {}
    for name in form.fields:
        value = form[name].value()
        if value not in (False, None):
            values[name] = "\n".join(value) if isinstance(value, list) else value
    values.update(changes)
    return {name: value for name, value in values.items() if value is not None}


def test_settings_are_changed(admin: Client, people: dict[str, User]) -> None:
    values = settings_values(admin, **{"gaps.counts_novellas": "on", "gaps.languages": "en\nde"})
    admin.post(reverse("admin:library_setting_changelist"), values)
    assert get_setting("gaps.counts_novellas") is True
    assert get_setting("gaps.languages") == ["en", "de"]
    assert set(Setting.objects.values_list("key", flat=True)) == {"gaps.counts_novellas", "gaps.languages"}
    assert Setting.objects.first().changed_by == people["admin"]  # type: ignore[union-attr]


def test_setting_out_of_bounds_changes_nothing(admin: Client) -> None:
    values = settings_values(admin, **{"import.recycle_days": "0"})
    html = admin.post(reverse("admin:library_setting_changelist"), values, follow=True).content.decode()
    assert "must be a number from 1 to 3650" in html
    assert not Setting.objects.exists()


def test_addresses_of_notifications_are_kept_and_not_shown(admin: Client) -> None:
    Setting.objects.create(key="notifications.urls", value=["tgram://secret-token/1"])
    assert "secret-token" not in admin.get(reverse("admin:library_setting_changelist")).content.decode()
    admin.post(reverse("admin:library_setting_changelist"), settings_values(admin))
    assert get_setting("notifications.urls") == ["tgram://secret-token/1"]


def test_moderator_reads_settings_only(browser: Client) -> None:
    url = reverse("admin:library_setting_changelist")
    assert "Only an admin changes settings" in browser.get(url).content.decode()
    assert browser.post(url, {}).status_code == 403
