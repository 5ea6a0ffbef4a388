"""Renaming the shelf: previewed, journalled, undone, refused where it would harm, and whole after a crash at any step."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from acquisition.models import Rename
from acquisition.services.placing import PlacingError
from acquisition.services.rename_plan import PlannedRename, plan_renames
from acquisition.services.renaming import finish_renames, rename_library, start_renaming, start_undoing, undo_renames
from acquisition.tests.factories import make_book, make_context, make_root, make_sound
from acquisition.tests.power import Crash, power, tree
from config.errors import ConflictError, NotFoundError
from library.clients.folders.reader import FolderReader
from library.domain.facts import CopyFacts
from library.models import Book, Copy, LibraryRoot, MatchState
from library.services.shelf import adopt_copy
from scheduling.models import Run

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
SHELF = "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"


@pytest.fixture
def root(tmp_path: Path) -> LibraryRoot:
    return make_root(tmp_path / "shelf")


def shelve(root: LibraryRoot, book: Book | None, path: str, *names: str) -> Copy:
    """A copy that lies there under some names, read as the library reads it."""
    base = Path(root.path)
    for number, name in enumerate(names, start=1):
        make_sound(base / path / name, seconds=10, track=f"{number}/{len(names)}")
    facts = next(f for f in FolderReader(base).read_only(path) if isinstance(f, CopyFacts))
    copy = adopt_copy(root=root, facts=facts, now=NOW)
    state = MatchState.CERTAIN if book else MatchState.REVIEW
    Copy.objects.filter(pk=copy.pk).update(book=book, match_state=state)
    return copy


def only(root: LibraryRoot) -> PlannedRename:
    (row,) = plan_renames(root=root).rows
    return row


def rename(root: LibraryRoot) -> Run:
    context = make_context()
    rename_library(root_id=root.pk, copy_ids=None, run=context)
    return context.run


@pytest.mark.django_db
def test_the_preview_says_all_and_touches_nothing(root: LibraryRoot) -> None:
    shelve(root, make_book(), "baum/ozma", "CD1/a.mp3", "CD2/b.mp3")
    shelve(root, None, "somebody/something", "x.mp3")
    before = tree(Path(root.path))
    plan = plan_renames(root=root)
    assert (len(plan.rows), plan.fitting, plan.unnamed) == (1, 0, 1)
    row = plan.rows[0]
    assert (row.old_path, row.new_path, row.code) == ("baum/ozma", SHELF, "")
    assert [step["new"] for step in row.steps] == [
        SHELF,
        f"{SHELF}/Ozma of Oz - 01.mp3",
        f"{SHELF}/Ozma of Oz - 02.mp3",
    ]
    assert tree(Path(root.path)) == before
    assert not Rename.objects.exists()


@pytest.mark.django_db
def test_it_is_renamed_kept_by_its_row_and_taken_back(root: LibraryRoot) -> None:
    book = make_book()
    copy = shelve(root, book, "baum/ozma", "CD1/a.mp3", "CD2/b.mp3")
    (Path(root.path) / "baum/ozma/notes.txt").write_text("mine")
    before = tree(Path(root.path))
    run = rename(root)
    names = sorted(tree(Path(root.path)))
    assert names == [f"{SHELF}/Ozma of Oz - 01.mp3", f"{SHELF}/Ozma of Oz - 02.mp3", f"{SHELF}/notes.txt"]
    assert sorted(tree(Path(root.path)).values()) == sorted(before.values())
    copy.refresh_from_db()
    assert (copy.path, copy.book) == (SHELF, book)
    assert copy.copy_files.filter(path=f"{SHELF}/Ozma of Oz - 01.mp3").exists()
    assert not (Path(root.path) / "baum").exists()
    assert plan_renames(root=root).fitting == 1
    undo_renames(run_id=run.pk, run=make_context())
    assert tree(Path(root.path)) == before
    copy.refresh_from_db()
    assert (copy.path, copy.book) == ("baum/ozma", book)
    assert Rename.objects.get().status == "undone"


@pytest.mark.django_db
def test_a_book_that_is_one_file_gets_a_folder_and_goes_back(root: LibraryRoot) -> None:
    base = Path(root.path)
    make_sound(base / "Baum" / "ozma.m4b", seconds=10)
    facts = next(f for f in FolderReader(base).read_only("Baum/ozma.m4b") if isinstance(f, CopyFacts))
    assert facts.is_single_file
    copy = adopt_copy(root=root, facts=facts, now=NOW)
    Copy.objects.filter(pk=copy.pk).update(book=make_book(), match_state=MatchState.USER)
    run = rename(root)
    assert list(tree(base)) == [f"{SHELF}/Ozma of Oz.m4b"]
    copy.refresh_from_db()
    assert (copy.path, copy.match_state) == (SHELF, MatchState.USER)
    undo_renames(run_id=run.pk, run=make_context())
    assert list(tree(base)) == ["Baum/ozma.m4b"]
    assert [p.name for p in base.iterdir()] == ["Baum"]


@pytest.mark.django_db
def test_files_that_swap_their_names_go_a_way_round(root: LibraryRoot) -> None:
    copy = shelve(root, make_book(), SHELF, "Ozma of Oz - 02.mp3", "Ozma of Oz - 01.mp3")
    base = Path(root.path) / SHELF
    digests = tree(base)
    files = list(copy.copy_files.order_by("pk"))
    wanted = {f"Ozma of Oz - {n:02d}.mp3": digests[Path(f.path).name] for n, f in enumerate(files, start=1)}
    run = rename(root)
    assert tree(base) == wanted
    undo_renames(run_id=run.pk, run=make_context())
    assert tree(base) == digests


def _collision(root: LibraryRoot) -> None:
    book = make_book()
    shelve(root, book, "one", "a.mp3")
    shelve(root, book, "two", "a.mp3")


def _taken(root: LibraryRoot) -> None:
    shelve(root, make_book(), "one", "a.mp3")
    (Path(root.path) / SHELF).mkdir(parents=True)


def _nested(root: LibraryRoot) -> None:
    shelve(root, make_book(), "L. Frank Baum", "a.mp3")


def _holds_others(root: LibraryRoot) -> None:
    shelve(root, make_book(), "one", "a.mp3")
    shelve(root, make_book("Emma", author="Jane Austen", series=""), "one/Emma", "b.mp3")
    Copy.objects.filter(path="one/Emma").update(match_state=MatchState.REVIEW)


def _link(root: LibraryRoot) -> None:
    shelve(root, make_book(), "baum/ozma", "a.mp3")
    outside = Path(root.path).parent / "outside"
    (Path(root.path) / "baum").rename(outside)
    (Path(root.path) / "baum").symlink_to(outside)


def _file_taken(root: LibraryRoot) -> None:
    shelve(root, make_book(), SHELF, "a.mp3")
    (Path(root.path) / SHELF / "Ozma of Oz.mp3").write_bytes(b"precious")


REFUSED = [
    (_collision, "collision", "Several copies would have this name"),
    (_taken, "taken", "nothing is overwritten"),
    (_nested, "nested", "Move it by hand"),
    (_holds_others, "nested", "Other books lie in its folder"),
    (_link, "link", "links are not followed"),
    (_file_taken, "taken", "nothing is overwritten"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("make, code, words", REFUSED, ids=[case[0].__name__[1:] for case in REFUSED])
def test_what_cannot_be_renamed_is_said_and_left_alone(make: Any, code: str, words: str, root: LibraryRoot) -> None:
    make(root)
    before = tree(Path(root.path))
    rows = plan_renames(root=root).rows
    assert {row.code for row in rows} == {code}
    assert all(words in row.reason for row in rows)
    run = rename(root)
    assert tree(Path(root.path)) == before
    assert words in str(list(run.log_entries.values_list("message", flat=True)))
    assert not Rename.objects.exists()


@pytest.mark.django_db
def test_a_step_that_is_refused_takes_the_others_back(root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    shelve(root, make_book(), "baum/ozma", "a.mp3", "b.mp3")
    before = tree(Path(root.path))
    real = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "b.mp3":
            raise OSError(28, "No space left on device", str(self))
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", refuse)
        rename(root)
    assert tree(Path(root.path)) == before
    record = Rename.objects.get()
    assert (record.status, record.error_code, record.position) == ("failed", "disk_full", 0)
    assert Copy.objects.get().path == "baum/ozma"
    rename(root)
    assert Copy.objects.get().path == SHELF


@pytest.mark.django_db
def test_a_root_without_a_folder_or_with_a_bad_template_says_so(root: LibraryRoot) -> None:
    LibraryRoot.objects.update(naming_folder="{author}")
    root.refresh_from_db()
    with pytest.raises(PlacingError, match=r"has no \{title\}"):
        plan_renames(root=root)
    shutil.rmtree(root.path)
    with pytest.raises(PlacingError, match="mount its disk"):
        plan_renames(root=root)


@pytest.mark.django_db
def test_the_roots_own_template_is_used(root: LibraryRoot) -> None:
    LibraryRoot.objects.update(
        naming_folder="{author}/{series} {position:00} {title}", naming_file="{title}< {part:00}>"
    )
    root.refresh_from_db()
    shelve(root, make_book(), "baum/ozma", "a.mp3")
    row = only(root)
    assert row.new_path == "L. Frank Baum/Oz 03 Ozma of Oz"
    assert row.steps[-1]["new"] == "L. Frank Baum/Oz 03 Ozma of Oz/Ozma of Oz.mp3"


@pytest.mark.django_db
def test_the_preview_costs_the_same_queries_for_more_copies(root: LibraryRoot) -> None:
    counts = []
    for number in range(4):
        shelve(root, make_book(f"Book {number}", series=f"Line {number}"), f"x/{number}", "a.mp3")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(plan_renames(root=root).rows) == number + 1
        counts.append(len(queries))
    assert counts[0] == counts[-1]


@pytest.mark.django_db
def test_only_one_renaming_of_a_root_at_a_time(root: LibraryRoot) -> None:
    run = start_renaming(root=root)
    with pytest.raises(ConflictError, match="is being renamed"):
        start_renaming(root=root)
    with pytest.raises(NotFoundError, match="renamed nothing"):
        start_undoing(run=run)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("undoes", [False, True], ids=["renaming", "undoing"])
def test_killed_at_any_step_it_ends_the_same(undoes: bool, root: LibraryRoot) -> None:
    book = make_book()
    fatal, steps = 1, 10**6
    while fatal <= steps:
        shelve(root, book, "baum/ozma", "b.mp3", "Ozma of Oz - 01.mp3")
        before = tree(Path(root.path))
        run = rename(root) if undoes else make_context().run
        context = make_context()
        with power(fatal, after=bool(fatal % 2)) as switch:
            try:
                if undoes:
                    undo_renames(run_id=run.pk, run=context)
                else:
                    rename_library(root_id=root.pk, copy_ids=None, run=context)
            except Crash:
                pass
            else:
                steps = switch.count
        assert sorted(tree(Path(root.path)).values()) == sorted(before.values()), "nothing is lost"
        finish_renames()
        if undoes:
            undo_renames(run_id=run.pk, run=make_context())
        else:
            rename(root)
        found = tree(Path(root.path))
        assert sorted(found.values()) == sorted(before.values())
        names = [f"{SHELF}/Ozma of Oz - 01.mp3", f"{SHELF}/Ozma of Oz - 02.mp3"]
        assert sorted(found) == (sorted(before) if undoes else names), fatal
        (copy,) = Copy.objects.all()
        assert (copy.path, copy.book) == ("baum/ozma" if undoes else SHELF, book)
        Rename.objects.all().delete()
        Copy.objects.all().delete()
        for path in Path(root.path).iterdir():
            shutil.rmtree(path)
        fatal += 1
    assert steps > 10
