"""Reading a root into rows, again and again, on good days and bad."""

import datetime
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.errors import ExternalAPIError
from library.domain.facts import Problem
from library.models import Book, Copy, CopyFile, Gap, LibraryRoot, MatchState, Series, SeriesEntry, ShelfChange
from library.services.gaps import analyze_gaps
from library.services.reverting import revert_reading
from library.services.shelf import ShelfResult, adopt_copy, read_root
from library.tests.factories import NOW, BookFactory, RootFactory, copy_facts
from library.tests.services.scripts import ScriptedReader
from scheduling.models import Run

pytestmark = pytest.mark.django_db
ROAD = copy_facts("Ada Writer/Saga/1 - The Road", "The Road", series="Saga 1")
RIVER = copy_facts("Ada Writer/Saga/2 - The River", "The River", series="Saga 2")
HARBOUR = copy_facts("Ada Writer/Harbour Lights", "Harbour Lights")


def read(root: LibraryRoot, reader: ScriptedReader, *, day: int = 0, dry_run: bool = False) -> ShelfResult:
    """One run, so many days after the first."""
    run = Run.objects.create(job="library_import", lock=f"test {Run.objects.count()}")
    now = NOW + datetime.timedelta(days=day)
    return read_root(root=root, reader=reader, run_id=run.pk, now=now, dry_run=dry_run)


@pytest.fixture
def root() -> LibraryRoot:
    return RootFactory()


@pytest.fixture
def reader() -> ScriptedReader:
    return ScriptedReader([ROAD, RIVER, HARBOUR])


def test_books_series_and_places_come_of_it(root: LibraryRoot, reader: ScriptedReader) -> None:
    result = read(root, reader)
    assert (result.seen, result.created, result.books_created) == (3, 3, 3)
    places = SeriesEntry.objects.order_by("position_first").values_list("series__name", "positions", "book__title")
    assert list(places) == [("Saga", "1", "The Road"), ("Saga", "2", "The River")]
    assert set(Book.objects.values_list("is_owned", flat=True)) == {True}
    assert Series.objects.get().follow == "all"
    assert CopyFile.objects.count() == 3


def test_a_second_run_writes_nothing_but_that_it_saw_them(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    before = list(Copy.objects.order_by("pk").values())
    reader.read_again = 0
    with CaptureQueriesContext(
        connection,
    ) as queries:
        result = read(root, reader, day=1)
    after = list(Copy.objects.order_by("pk").values())
    assert (result.unchanged, result.updated, result.created, reader.read_again) == (3, 0, 0, 0)
    for row in [*before, *after]:
        row.pop("seen_run")
    assert before == after
    writes = [q["sql"] for q in queries if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert [w for w in writes if "library_copy" in w and "seen_run" not in w and "unseen_count" not in w] == []
    assert [w for w in writes if "library_book" in w or "library_series" in w] == []


def test_a_book_that_was_read_again_and_says_the_same_is_not_updated(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    before = Copy.objects.get(title="The Road").updated_at
    reader.items[0] = replace(ROAD, fingerprint="touched")
    result = read(root, reader, day=1)
    copy = Copy.objects.get(title="The Road")
    assert (result.updated, copy.updated_at, copy.fingerprint) == (0, before, "touched")


def test_a_preview_writes_nothing_and_tells_what_would_change(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    tables = {model: list(model.objects.order_by("pk").values()) for model in (Copy, Book, SeriesEntry, LibraryRoot)}
    reader.items = [
        replace(ROAD, title="The Long Road", fingerprint="x"),
        RIVER,
        copy_facts("Ada Writer/New", "A New One"),
    ]
    result = read(root, reader, day=1, dry_run=True)
    assert result.preview == [
        "new: Ada Writer/New",
        "changed: Ada Writer/Saga/1 - The Road",
        "not there: Ada Writer/Harbour Lights",
    ]
    assert tables == {model: list(model.objects.order_by("pk").values()) for model in tables}


@pytest.mark.parametrize("outage", ["absent", "empty", "breaks in the middle"])
def test_an_outage_is_not_a_deletion(root: LibraryRoot, reader: ScriptedReader, outage: str) -> None:
    read(root, reader)
    broken = ScriptedReader(
        [] if outage == "empty" else [ROAD],
        is_there=outage != "absent",
        breaks_after=0 if outage == "breaks in the middle" else None,
    )
    for day in range(1, 5):
        with pytest.raises(ExternalAPIError):
            read(root, broken, day=day)
    assert Copy.objects.present().count() == 3
    assert set(Copy.objects.values_list("unseen_count", flat=True)) == {0}
    root.refresh_from_db()
    assert root.last_error
    read(root, reader, day=6)
    root.refresh_from_db()
    assert root.last_error == ""


def test_unseen_twice_it_is_missing_and_its_gap_opens_until_it_comes_back(
    root: LibraryRoot, reader: ScriptedReader
) -> None:
    read(root, reader)
    reader.items = [ROAD, HARBOUR]
    assert read(root, reader, day=1).became_missing == 0
    assert Copy.objects.get(title="The River").missing_since is None
    assert read(root, reader, day=2).became_missing == 1
    analyze_gaps(now=NOW)
    gap = Gap.objects.open().get()
    assert (gap.book.title, gap.reason, gap.position, gap.is_wanted) == ("The River", "missing", "2", True)
    assert Series.objects.get().completion_percentage == 50
    reader.items = [ROAD, HARBOUR, RIVER]
    assert read(root, reader, day=3).returned == 1
    analyze_gaps(now=NOW)
    gap.refresh_from_db()
    assert (gap.closed_reason, gap.is_wanted) == ("on the shelf", False)
    assert Series.objects.get().completion_percentage == 100
    assert Book.objects.count() == 3


def test_one_sight_between_starts_the_count_anew(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    for day, items in enumerate([[ROAD, HARBOUR], [ROAD, RIVER, HARBOUR], [ROAD, HARBOUR]], start=1):
        reader.items = items
        read(root, reader, day=day)
    assert Copy.objects.missing().count() == 0


def test_what_lies_below_an_unreadable_folder_is_not_gone(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    reader.items = [HARBOUR]
    reader.problems = (Problem("folder_unreadable", "This folder cannot be read.", "Ada Writer/Saga"),)
    for day in (1, 2, 3):
        result = read(root, reader, day=day)
    assert result.problems[0]["path"] == "Ada Writer/Saga"
    assert Copy.objects.missing().count() == 0


def test_half_a_library_gone_at_once_is_waited_for(root: LibraryRoot) -> None:
    items = [copy_facts(f"A/{n}", f"Tale Number {n}") for n in range(130)]
    reader = ScriptedReader(items)
    read(root, reader)
    reader.items = items[:20]
    for day in range(1, 7):
        result = read(root, reader, day=day)
        assert result.became_missing == 0
    assert [problem["code"] for problem in result.problems] == ["many_unseen"]
    assert read(root, reader, day=7).became_missing == 110


def test_a_renamed_folder_is_the_same_copy(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    chosen = BookFactory(title="The Chosen One")
    Copy.objects.filter(path=HARBOUR.path).update(match_state=MatchState.USER, book=chosen)
    ids = set(Copy.objects.values_list("pk", flat=True))
    moved = [
        copy_facts("Ada Writer/Saga/Book 1 - The Road", "The Road", series="Saga 1", size=ROAD.size_bytes),
        RIVER,
        copy_facts("Writer, Ada/Harbour Lights", "Harbour Lights", size=HARBOUR.size_bytes),
    ]
    result = read(root, ScriptedReader(moved), day=1)
    assert (result.moved, result.unseen) == (2, 0)
    assert set(Copy.objects.values_list("pk", flat=True)) == ids
    assert Copy.objects.get(path="Writer, Ada/Harbour Lights").book == chosen
    assert sorted(Copy.objects.values_list("path", flat=True)) == sorted(facts.path for facts in moved)
    assert SeriesEntry.objects.count() == 2


def test_a_persons_word_survives_every_import(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    chosen = BookFactory(title="The Chosen One")
    copy = Copy.objects.get(title="The Road")
    Copy.objects.filter(pk=copy.pk).update(match_state=MatchState.USER, book=chosen, match_candidates=[])
    for title in ("The Road", "The Road Again"):
        reader.items[0] = replace(ROAD, title=title, fingerprint=title + "!", publisher=title)
        read(root, reader, day=1)
        copy.refresh_from_db()
        assert (copy.title, copy.book, copy.match_state) == (title, chosen, MatchState.USER)


def test_a_mended_tag_mends_the_book_and_its_place(root: LibraryRoot, reader: ScriptedReader) -> None:
    misspelt = (replace(ROAD.series[0], name="Sgaa"),)
    reader.items = [replace(ROAD, title="Unknown Album", authors=("Unknown",), series=misspelt, fingerprint="before")]
    read(root, reader)
    reader.items = [ROAD]
    read(root, reader, day=1)
    book = Book.objects.get()
    assert (book.title, book.title_key, [a.name for a in book.authors.all()]) == ("The Road", "road", ["Ada Writer"])
    assert list(SeriesEntry.objects.values_list("series__name", "positions")) == [("Saga", "1")]
    assert list(Series.objects.values_list("name", flat=True)) == ["Saga"]


def test_a_locked_title_stays_when_the_tag_changes(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    book = Book.objects.get(title="The Road")
    Book.objects.filter(pk=book.pk).update(title="The Road, Mended")
    book.field_sources.create(field="title", source="user", set_at=NOW, is_locked=True)
    reader.items[0] = replace(ROAD, fingerprint="2", publisher="New House", title="the road")
    read(root, reader, day=1)
    book.refresh_from_db()
    assert (book.title, book.publisher) == ("The Road, Mended", "New House")


@pytest.mark.parametrize(
    "bad",
    [
        copy_facts("Ada Writer/Nul", "A\x00B", publisher="x\x00", description="\x00"),
        copy_facts("Ada Writer/Half", "\ud800 Half"),
        copy_facts("Ada Writer/Year", "Far Future", published_year=99_999_999),
        copy_facts("Ada Writer/Forever", "Endless", duration_seconds=float("inf"), bitrate_kbps=2**40),
        copy_facts("Ada Writer/Long", "T" * 10_000, author="N" * 9_000),
        copy_facts("Ada Writer/" + "deep/" * 300, "Deep"),
    ],
    ids=["nul", "surrogate", "year", "infinite", "long names", "long path"],
)
def test_one_bad_book_never_stops_an_import(root: LibraryRoot, reader: ScriptedReader, bad: object) -> None:
    reader.items.insert(1, bad)  # type: ignore[arg-type]
    result = read(root, reader)
    assert {"The Road", "The River", "Harbour Lights"} <= set(Copy.objects.values_list("title", flat=True))
    assert result.seen + len(result.problems) == 4
    assert read(root, reader, day=1).became_missing == 0


def test_two_copies_of_one_book_share_it(root: LibraryRoot, reader: ScriptedReader) -> None:
    reader.items.append(copy_facts("Ada Writer/The Road (other reading)", "The Road", narrators=("Bea Reader",)))
    read(root, reader)
    assert Book.objects.filter(title="The Road").count() == 1
    assert Book.objects.get(title="The Road").copies.count() == 2


def test_a_catalogued_book_is_recognised_and_not_doubled(root: LibraryRoot, reader: ScriptedReader) -> None:
    from library.tests.factories import AuthorFactory, SeriesFactory, place

    ada = AuthorFactory(name="Ada Writer")
    series = SeriesFactory(name="Saga", author=ada)
    for number, title in enumerate(
        ["The Road", "The River", "The Road to the River", "The River and the Road"], start=1
    ):
        place(series, title, str(number))
    reader.items = [copy_facts("x/The River", "The River"), copy_facts("x/The Road", "The Road")]
    read(root, reader)
    assert Book.objects.count() == 4
    assert set(Copy.objects.values_list("book__title", "match_state")) == {
        ("The River", "certain"),
        ("The Road", "certain"),
    }


# --- Audiobookshelf ids ----------------------------------------------------------------------------------------------


def test_what_we_filed_is_adopted_when_audiobookshelf_gives_it_an_id(root: LibraryRoot) -> None:
    book = BookFactory(title="The Road")
    copy = adopt_copy(root=root, facts=ROAD, now=NOW)
    Copy.objects.filter(pk=copy.pk).update(book=book, match_state=MatchState.CERTAIN)
    reader = ScriptedReader([replace(ROAD, abs_item_id="item-1")], uses_item_ids=True)
    result = read(root, reader)
    assert (result.created, result.updated) == (0, 1)
    copy.refresh_from_db()
    assert (copy.abs_item_id, Copy.objects.count()) == ("item-1", 1)
    assert adopt_copy(root=root, facts=ROAD, now=NOW).abs_item_id == "item-1"


def test_what_we_filed_is_not_missing_before_audiobookshelf_scanned_it(tmp_path: object) -> None:
    from pathlib import Path

    root = RootFactory(path=str(tmp_path))
    (Path(str(tmp_path)) / ROAD.path).mkdir(parents=True)
    adopt_copy(root=root, facts=ROAD, now=NOW)
    adopt_copy(root=root, facts=RIVER, now=NOW)
    reader = ScriptedReader([replace(HARBOUR, abs_item_id="item-3")], uses_item_ids=True)
    for day in (1, 2, 3):
        read(root, reader, day=day)
    assert list(Copy.objects.missing().values_list("title", flat=True)) == ["The River"]


def test_a_server_set_up_anew_gives_new_ids_to_the_same_copies(root: LibraryRoot) -> None:
    items = [replace(facts, abs_item_id=f"old-{n}") for n, facts in enumerate([ROAD, RIVER, HARBOUR])]
    read(root, ScriptedReader(items, uses_item_ids=True))
    ids = set(Copy.objects.values_list("pk", flat=True))
    items = [replace(facts, abs_item_id=f"new-{n}", fingerprint="9") for n, facts in enumerate([ROAD, RIVER, HARBOUR])]
    result = read(root, ScriptedReader(items, uses_item_ids=True), day=1)
    assert (result.created, set(Copy.objects.values_list("pk", flat=True))) == (0, ids)
    assert set(Copy.objects.values_list("abs_item_id", flat=True)) == {"new-0", "new-1", "new-2"}


# --- Reverting -------------------------------------------------------------------------------------------------------


def test_a_first_reading_is_reverted_without_a_trace(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    assert revert_reading(Run.objects.latest("pk").pk) == {"removed": 3, "restored": 0}
    assert [model.objects.count() for model in (Copy, Book, Series, SeriesEntry, Gap, ShelfChange)] == [0] * 6
    assert read(root, reader, day=1).created == 3


def test_a_later_reading_is_reverted_to_what_was_before(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    kept = ("path", "title", "authors", "series", "missing_since", "book__title", "book__is_owned")
    before = list(Copy.objects.order_by("pk").values(*kept))
    reader.items = [
        replace(ROAD, title="Damaged", authors=("Nobody",), series=(), fingerprint="2"),
        RIVER,
        HARBOUR,
        copy_facts("Ada Writer/Extra", "Extra"),
    ]
    read(root, reader, day=1)
    run_id = Run.objects.latest("pk").pk
    assert revert_reading(run_id) == {"removed": 1, "restored": 1}
    assert list(Copy.objects.order_by("pk").values(*kept)) == before
    assert list(SeriesEntry.objects.order_by("positions").values_list("positions", flat=True)) == ["1", "2"]
    assert revert_reading(run_id) == {"removed": 0, "restored": 0}
    reader.items = [ROAD, RIVER, HARBOUR]
    assert read(root, reader, day=2).created == 0


def test_a_loss_is_reverted(root: LibraryRoot, reader: ScriptedReader) -> None:
    read(root, reader)
    reader.items = [ROAD, HARBOUR]
    read(root, reader, day=1)
    read(root, reader, day=2)
    analyze_gaps(now=NOW)
    revert_reading(Run.objects.latest("pk").pk)
    assert Copy.objects.missing().count() == 0
    assert Book.objects.get(title="The River").is_owned
    assert Gap.objects.open().count() == 0
