"""What comes for a book that is on the shelf: an upgrade is filed, verified and committed before the old one goes to
the bin, and then takes its name; something worse, or as good, is blocked. Killed at any step it ends the same."""

import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from acquisition.models import Download, ImportRecord, ImportStatus
from acquisition.services import upgrading
from acquisition.services.importing import import_download, overrule_and_import
from acquisition.services.profiles import change_profile
from acquisition.services.settling import clear_cut_off_imports, undo_import
from acquisition.tests.factories import NOW, arrived, make_book, make_context, make_root, make_sound
from acquisition.tests.power import Crash, power, tree
from library.models import Book, Copy, LibraryRoot
from library.services.importing import import_library

SHELF = "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"


@pytest.fixture
def root(tmp_path: Path) -> LibraryRoot:
    return make_root(tmp_path / "shelf")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return make_sound(tmp_path / "downloads" / "old" / "Ozma.mp3").parent


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return make_sound(tmp_path / "downloads" / "new" / "Ozma.m4b").parent


def run_import(download: Download) -> Download:
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    return download


def allow_upgrades(**changes: Any) -> None:
    change_profile(changes={"upgrades_allowed": True, "formats": ["m4b", "mp3"], **changes})


def owned(book: Book, folder: Path, **fields: Any) -> Copy:
    assert run_import(arrived(folder, book)).status == "imported"
    copy = Copy.objects.get(book=book)
    Copy.objects.filter(pk=copy.pk).update(**fields)
    return copy


@pytest.mark.django_db
def test_an_upgrade_takes_the_place_and_the_name_of_the_old_one(old: Path, new: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    owned(book, old)
    placed = tree(Path(root.path) / SHELF)
    download = run_import(arrived(new, book))
    assert (download.status, download.error_message) == ("imported", "")
    (copy,) = Copy.objects.filter(book=book)
    assert copy.path == SHELF
    assert [row.path for row in copy.copy_files.filter(kind="audio")] == [f"{SHELF}/Ozma of Oz.m4b"]
    assert sorted(tree(Path(root.path) / SHELF)) == ["Ozma of Oz.m4b", "metadata.json"]
    (bin_,) = (Path(root.path) / ".unabridged/recycle").glob("*/*")
    assert tree(bin_ / SHELF) == placed
    record = ImportRecord.objects.latest("pk")
    assert (record.target_path, record.wanted_path) == (SHELF, "")
    assert f"It stands as {SHELF} now." in [event.message for event in download.events.all()]
    assert "it replaces" in str(record.checks)


@pytest.mark.django_db
def test_an_upgrade_is_undone_and_the_old_one_stands_where_it_was(old: Path, new: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    owned(book, old)
    before = tree(Path(root.path))
    run_import(arrived(new, book))
    undo_import(record=ImportRecord.objects.latest("pk"), actor="anna", now=NOW)
    now_there = {name: digest for name, digest in tree(Path(root.path)).items() if not name.startswith(".")}
    assert now_there == before
    (copy,) = Copy.objects.filter(book=book)
    assert copy.path == SHELF
    assert Book.objects.get(pk=book.pk).is_owned


BLOCKED: list[tuple[str, str, dict[str, Any], dict[str, Any], str, str]] = [
    # what is owned comes first, then what came: a suffix, the owned row's fields, the profile, code, words
    ("mp3 for m4b", "m4b>mp3", {}, {}, "downgrade", "It is mp3, and what you have is m4b"),
    ("lower rate", "mp3>mp3", {"bitrate_kbps": 64}, {}, "downgrade", "what you have has 64"),
    ("as good", "mp3>mp3", {}, {}, "owned", "is as good"),
    ("not allowed", "mp3>m4b", {}, {"upgrades_allowed": False}, "owned", "the profile allows no upgrades"),
    ("good enough", "mp3>m4b", {}, {"upgrade_until_format": "mp3"}, "owned", "upgrades until mp3"),
    (
        "another voice",
        "m4b>m4b",
        {"narrators": ["Anna Reader"]},
        {"narrators": ["Anna Reader"]},
        "downgrade",
        "You prefer Anna Reader, who reads what you have",
    ),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("name, suffixes, row, profile, code, words", BLOCKED, ids=[case[0] for case in BLOCKED])
def test_what_is_not_better_is_blocked_and_changes_nothing(
    name: str,
    suffixes: str,
    row: dict[str, Any],
    profile: dict[str, Any],
    code: str,
    words: str,
    tmp_path: Path,
    root: LibraryRoot,
) -> None:
    allow_upgrades(**profile)
    book = make_book()
    first, second = suffixes.split(">")
    owned(book, make_sound(tmp_path / "a" / "one" / f"Ozma.{first}").parent, **row)
    before = tree(Path(root.path))
    voice = {"composer": "Robert Bank"} if row.get("narrators") else {}
    came = make_sound(tmp_path / "a" / "two" / f"Ozma.{second}", **voice)
    download = run_import(arrived(came.parent, book))
    assert (download.status, download.error_code) == ("blocked", code), download.error_message
    assert words in download.error_message
    assert tree(Path(root.path)) == before
    # A person's word replaces it all the same; nothing is lost.
    overrule_and_import(download=download, codes=[code], reason="I want it.", actor="anna")
    assert run_import(download).status == "imported", download.error_message
    (copy,) = Copy.objects.filter(book=book)
    assert copy.path == (SHELF if not voice else f"{SHELF} {{Robert Bank}}")
    kept = [digest for path, digest in tree(Path(root.path)).items() if path.startswith(".unabridged/recycle/")]
    assert sorted(kept) == sorted(before.values())


@pytest.mark.django_db
def test_an_upgrade_that_lied_about_its_format_replaces_nothing(old: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    owned(book, old)
    before = tree(Path(root.path))
    download = run_import(arrived(old, book, overrules=["upgrade"]))
    assert (download.status, download.error_code) == ("blocked", "owned")
    assert tree(Path(root.path)) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row, words",
    [({"language": "de"}, "in German only"), ({"is_abridged": True}, "what you have is abridged")],
)
def test_what_you_have_is_not_what_you_want_so_both_are_kept(
    row: dict[str, Any], words: str, old: Path, tmp_path: Path, root: LibraryRoot
) -> None:
    book = make_book()
    owned(book, old, **row)
    came = make_sound(tmp_path / "downloads" / "whole" / "Ozma.mp3", language="eng")
    (came.parent / "metadata.json").write_text('{"title": "Ozma of Oz", "abridged": false}')
    download = run_import(arrived(came.parent, book))
    assert (download.status, download.error_message) == ("imported", "")
    assert [copy.path for copy in Copy.objects.filter(book=book).order_by("path")] == [SHELF, f"{SHELF} (2)"]
    assert words in str(ImportRecord.objects.latest("pk").checks)


@pytest.mark.django_db
def test_what_cannot_be_moved_from_here_is_not_replaced_unseen(old: Path, new: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    copy = owned(book, old)
    far = LibraryRoot.objects.create(name="far", kind="audiobookshelf")
    Copy.objects.filter(pk=copy.pk).update(root=far)
    download = run_import(arrived(new, book))
    assert (download.status, download.error_code) == ("blocked", "owned")
    assert "cannot be moved from here" in download.error_message


@pytest.mark.django_db
def test_a_name_that_is_taken_meanwhile_is_not_fought_for(old: Path, new: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    copy = owned(book, old)
    elsewhere = Path(root.path) / "Baum, L. Frank" / "Ozma"
    elsewhere.parent.mkdir()
    (Path(root.path) / SHELF).rename(elsewhere)
    Copy.objects.filter(pk=copy.pk).update(path="Baum, L. Frank/Ozma")
    (Path(root.path) / SHELF).mkdir()
    (Path(root.path) / SHELF / "notes.txt").write_text("mine")
    download = run_import(arrived(new, book))
    assert download.status == "imported"
    assert Copy.objects.get(book=book).path == f"{SHELF} (2)"
    assert (Path(root.path) / SHELF / "notes.txt").read_text() == "mine"
    assert "is taken by something else" in str([event.message for event in download.events.all()])


@pytest.mark.django_db
def test_a_reading_between_rename_and_commit_makes_no_second_row(old: Path, new: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    owned(book, old)
    with mock.patch.object(upgrading, "_write_name", side_effect=Crash), pytest.raises(Crash):
        run_import(arrived(new, book))
    assert (Path(root.path) / SHELF / "Ozma of Oz.m4b").exists()
    assert Copy.objects.get(book=book).path == f"{SHELF} (2)"
    import_library(run=make_context())
    clear_cut_off_imports(now=timezone.now())
    assert [copy.path for copy in Copy.objects.filter(missing_since=None)] == [SHELF]
    assert Copy.objects.get(path=SHELF).book == book


def check_upgraded(book: Book, root: LibraryRoot, old: dict[str, str], new: dict[str, str]) -> None:
    """One copy, whole, under the right name; the old one whole in the bin; nothing else."""
    (copy,) = Copy.objects.filter(book=book)
    assert copy.path == SHELF
    placed = tree(Path(root.path))
    shown = {name: digest for name, digest in placed.items() if not name.startswith(".unabridged/")}
    assert all(name.startswith(f"{SHELF}/") for name in shown)
    assert sorted(v for k, v in shown.items() if not k.endswith("metadata.json")) == sorted(new.values())
    binned = [v for k, v in placed.items() if k.startswith(".unabridged/recycle/")]
    assert sorted(binned) == sorted(old.values())
    assert len(shown) + len(binned) == len(placed)
    record = ImportRecord.objects.latest("pk")
    assert (record.status, record.target_path, record.wanted_path) == (ImportStatus.COMMITTED, SHELF, "")
    assert Book.objects.get(pk=book.pk).is_owned


@pytest.mark.django_db(transaction=True)
def test_an_upgrade_killed_at_any_step_ends_the_same(old: Path, new: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    source = tree(new)
    fatal, steps = 1, 10**6
    while fatal <= steps:
        owned(book, old)
        before = tree(Path(root.path))
        download = arrived(new, book)
        with power(fatal, after=bool(fatal % 2)) as switch:
            try:
                import_download(download_id=download.pk, run=make_context())
            except Crash:
                pass
            else:
                steps = switch.count
        assert _whole_somewhere(root, before), f"the old one was lost at step {fatal}"
        for _ in range(3):
            run_import(download)
            clear_cut_off_imports(now=NOW)
        download.refresh_from_db()
        assert (download.status, download.error_message) == ("imported", ""), fatal
        assert tree(new) == source
        check_upgraded(book, root, before, source)
        _forget(root)
        fatal += 1 if fatal < 12 or fatal % 2 else 3
    assert steps > 20


def _whole_somewhere(root: LibraryRoot, files: dict[str, str]) -> bool:
    """Every file of the old copy is still there, in the library or in the bin."""
    return set(files.values()) <= set(tree(Path(root.path)).values())


def _forget(root: LibraryRoot) -> None:
    ImportRecord.objects.all().delete()
    Download.objects.all().delete()
    Copy.objects.all().delete()
    Book.objects.update(is_owned=False)
    for path in Path(root.path).iterdir():
        shutil.rmtree(path)


@pytest.mark.django_db(transaction=True)
def test_undoing_an_upgrade_killed_at_any_step_ends_the_same(old: Path, new: Path, root: LibraryRoot) -> None:
    allow_upgrades()
    book = make_book()
    fatal, steps = 1, 10**6
    while fatal <= steps:
        owned(book, old)
        before = tree(Path(root.path))
        download = run_import(arrived(new, book))
        record = ImportRecord.objects.get(download=download)
        with power(fatal, after=bool(fatal % 2)) as switch:
            try:
                undo_import(record=record, actor="anna", now=NOW)
            except Crash:
                pass
            else:
                steps = switch.count
        record.refresh_from_db()
        if record.status == ImportStatus.COMMITTED:
            undo_import(record=record, actor="anna", now=NOW)
        for _ in range(2):
            clear_cut_off_imports(now=NOW)
        shown = {name: digest for name, digest in tree(Path(root.path)).items() if not name.startswith(".")}
        assert shown == before, fatal
        assert [copy.path for copy in Copy.objects.filter(book=book)] == [SHELF]
        assert Book.objects.get(pk=book.pk).is_owned, fatal
        _forget(root)
        fatal += 1 if fatal % 2 else 3
    assert steps > 8
