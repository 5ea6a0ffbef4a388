"""Importing: what came is checked, filed and committed; what cannot be is blocked with a sentence, or failed."""

import datetime
import hashlib
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from acquisition.models import BlocklistEntry, Download, ImportRecord, ImportStatus
from acquisition.services.importing import import_again, import_download, overrule_and_import
from acquisition.services.recycling import empty_recycle_bin
from acquisition.services.settling import clear_cut_off_imports, undo_import
from acquisition.tests.factories import (
    NOW,
    SECONDS,
    arrived,
    make_book,
    make_context,
    make_download,
    make_indexer,
    make_release,
    make_root,
    make_sound,
)
from config.errors import ConflictError, ValidationError
from library.models import Book, Copy, Gap, LibraryRoot
from library.services.gaps import analyze_gaps
from library.services.settings import change_settings

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(tmp_path: Path) -> LibraryRoot:
    return make_root(tmp_path / "shelf")


@pytest.fixture
def book(root: LibraryRoot) -> Book:
    return make_book()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A download of one book in two parts, with a cover."""
    path = tmp_path / "downloads" / "Ozma of Oz"
    for number in (1, 2):
        make_sound(path / f"{number:02d}.mp3", seconds=SECONDS / 2, track=f"{number}/2")
    (path / "cover.jpg").write_bytes(b"a picture")
    return path


def run_import(download: Download) -> Download:
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    return download


def tree(path: Path) -> dict[str, str]:
    """Every file below with its hash."""
    files = [p for p in sorted(path.rglob("*")) if p.is_file()]
    return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_a_book_is_filed_its_gap_closed_and_its_source_left_alone(book: Book, folder: Path, root: LibraryRoot) -> None:
    analyze_gaps(now=NOW)
    assert Gap.objects.open().filter(book=book, is_wanted=True).exists()
    before = tree(folder)
    download = run_import(arrived(folder, book))
    assert (download.status, download.error_message) == ("imported", "")
    assert tree(folder) == before
    copy = Copy.objects.get(book=book)
    placed = Path(root.path) / copy.path
    assert copy.path == "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"
    assert sorted(p.name for p in placed.iterdir())[-1] == "metadata.json"
    audio = sorted(placed.glob("*.mp3"))
    assert len(audio) == 2
    assert [p.stat().st_nlink for p in audio] == [2, 2]
    assert (placed / "cover.jpg").read_bytes() == b"a picture"
    book.refresh_from_db()
    assert book.is_owned
    assert not Gap.objects.open().filter(book=book).exists()
    assert not (Path(root.path) / ".unabridged").exists()
    record = ImportRecord.objects.get()
    assert (record.status, record.method) == (ImportStatus.COMMITTED, "hardlink")
    assert all(check["ok"] and check["message"] for check in record.checks)


def test_a_second_run_changes_nothing(book: Book, folder: Path, root: LibraryRoot) -> None:
    download = run_import(arrived(folder, book))
    before = tree(Path(root.path))
    events = download.events.count()
    run_import(download)
    assert tree(Path(root.path)) == before
    assert download.events.count() == events


def test_copies_where_links_are_forbidden(book: Book, folder: Path, root: LibraryRoot) -> None:
    change_settings(changes={"import.hardlink": "never"})
    run_import(arrived(folder, book))
    record = ImportRecord.objects.get()
    placed = Path(root.path) / record.target_path
    assert record.method == "copy"
    assert sorted(p.stat().st_nlink for p in placed.glob("*.mp3")) == [1, 1]


# -- the checks, each by what really came -------------------------------------------------------------------------


def _no_audio(folder: Path) -> None:
    for path in folder.glob("*.mp3"):
        path.unlink()
    (folder / "book.epub").write_bytes(b"PK")


def _unfinished(folder: Path) -> None:
    (folder / "02.mp3").rename(folder / "02.mp3.part")


def _missing_part(folder: Path) -> None:
    for number in (3, 4):
        make_sound(folder / f"{number:02d}.mp3", seconds=SECONDS / 4)
    (folder / "02.mp3").unlink()


def _broken(folder: Path) -> None:
    sound = (folder / "02.mp3").read_bytes()
    (folder / "02.mp3").write_bytes(sound[:2000] + os.urandom(len(sound) - 2000))


def _sample(folder: Path) -> None:
    (folder / "02.mp3").unlink()
    make_sound(folder / "01.mp3", seconds=20)


def _far_too_short(folder: Path) -> None:
    (folder / "02.mp3").unlink()
    make_sound(folder / "01.mp3", seconds=5)


def _program(folder: Path) -> None:
    (folder / "Codec Pack.EXE").write_bytes(b"MZ")


def _too_long(folder: Path) -> None:
    make_sound(folder / "03.mp3", seconds=SECONDS, track="3/3")


def _other_book(folder: Path) -> None:
    for path in folder.glob("*.mp3"):
        make_sound(path, seconds=SECONDS / 2, title="Emma", author="Jane Austen", track=f"{int(path.stem)}/2")


def _other_title(folder: Path) -> None:
    for path in folder.glob("*.mp3"):
        make_sound(path, seconds=SECONDS / 2, title="The Road to Oz", track=f"{int(path.stem)}/2")


def _german(folder: Path) -> None:
    for path in folder.glob("*.mp3"):
        make_sound(path, seconds=SECONDS / 2, language="German", track=f"{int(path.stem)}/2")


def _two_books(folder: Path) -> None:
    for path in folder.glob("*.mp3"):
        path.unlink()
    make_sound(folder / "Ozma of Oz.m4b", seconds=SECONDS / 2)
    make_sound(folder / "The Road to Oz.m4b", seconds=SECONDS / 2)


def _tar(folder: Path) -> None:
    _no_audio(folder)
    (folder / "book.tar").write_bytes(b"tar")


def _abridged(folder: Path) -> None:
    (folder / "metadata.json").write_text('{"title": "Ozma of Oz", "abridged": true}')


def _link(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere.mp3"
    (folder / "02.mp3").rename(elsewhere)
    (folder / "02.mp3").symlink_to(elsewhere)


CASES: list[tuple[str, Callable[[Path], None], str, str, str]] = [
    ("audio", _no_audio, "abandoned", "audio", "There is no audio in it."),
    ("finished", _unfinished, "blocked", "finished", "still on their way: 02.mp3.part"),
    ("parts", _missing_part, "blocked", "parts", "2"),
    ("decodes", _broken, "abandoned", "decodes", "02.mp3"),
    ("sample", _sample, "blocked", "sample", "a sample, or cut off"),
    ("far_too_short", _far_too_short, "abandoned", "sample", "a sample, not the book"),
    ("program", _program, "abandoned", "harmless", "no audiobook needs: Codec Pack.EXE"),
    ("duration", _too_long, "blocked", "duration", "is it there twice, or another book?"),
    ("same_book", _other_book, "abandoned", "same_book", "“Emma” by Jane Austen"),
    ("same_title", _other_title, "blocked", "same_book", "“The Road to Oz”"),
    ("language", _german, "blocked", "language", "It is in German, and wanted in English."),
    ("one_book", _two_books, "blocked", "one_book", "It holds 2 books."),
    ("packed", _tar, "blocked", "audio", "It came packed (book.tar)."),
    ("abridged", _abridged, "blocked", "abridged", "abridged, and you want it whole"),
    ("link", _link, "blocked", "readable", "is a link"),
]


@pytest.mark.parametrize("name, spoil, status, code, words", CASES, ids=[case[0] for case in CASES])
def test_a_check_that_fails_says_why(
    name: str,
    spoil: Callable[[Path], None],
    status: str,
    code: str,
    words: str,
    book: Book,
    folder: Path,
    root: LibraryRoot,
) -> None:
    spoil(folder)
    before = tree(folder)
    download = run_import(arrived(folder, book))
    assert (download.status, download.error_code) == (status, code), download.error_message
    assert words in download.error_message
    assert tree(folder) == before
    assert tree(Path(root.path)) == {}
    assert BlocklistEntry.objects.exists() is (status == "abandoned")
    assert not Book.objects.get(pk=book.pk).is_owned


def test_the_voice_is_the_one_that_was_promised(book: Book, folder: Path) -> None:
    for path in folder.glob("*.mp3"):
        make_sound(path, seconds=SECONDS / 2, composer="Robert Bank", track=f"{int(path.stem)}/2")
    release = make_release(make_indexer(), narrators=("Anna Reader",))
    download = run_import(arrived(folder, book, release=release))
    assert (download.status, download.error_code) == ("blocked", "narrator")
    assert "read by Robert Bank, and the release promised Anna Reader" in download.error_message


def test_what_stands_on_the_shelf_meanwhile_is_not_doubled(book: Book, folder: Path, root: LibraryRoot) -> None:
    first = run_import(arrived(folder, book))
    assert first.status == "imported"
    before = tree(Path(root.path))
    second = run_import(arrived(folder, book))
    assert (second.status, second.error_code) == ("blocked", "owned")
    assert "Nothing is overwritten" in second.error_message
    assert tree(Path(root.path)) == before


def test_a_folder_that_may_not_be_read_is_not_the_releases_fault(
    book: Book, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def refuse(path: object = ".") -> object:
        if str(path) == str(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    download = run_import(arrived(folder, book))
    assert download.status == "blocked"
    assert "ermission" in download.error_message
    assert not BlocklistEntry.objects.exists()


# -- what the disk says ---------------------------------------------------------------------------------------------


def _gone(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(folder)


def _no_root(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    LibraryRoot.objects.all().delete()


def _root_absent(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(root.path)


def _unmounted(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    Copy.objects.create(root=root, path="Somebody/Something", title="Something")


def _taken(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path(root.path) / "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"
    place.mkdir(parents=True)
    (place / "precious.mp3").write_bytes(b"precious")


def _leads_out(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (Path(root.path) / "L. Frank Baum").symlink_to(outside)


def _full(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    change_settings(changes={"import.hardlink": "never"})
    usage = shutil.disk_usage(root.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))


def _fills_up(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", link)


def _cannot_link(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    change_settings(changes={"import.hardlink": "require"})

    def link(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)


def _read_only(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "link", link)


def _failing(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "link", link)


def _vanishes(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def link(source: Path, *rest: object, **options: object) -> None:
        Path(source).unlink(missing_ok=True)
        real(source, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", link)


def _changes(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def link(source: Path, target: Path, **options: object) -> None:
        Path(target).write_bytes(b"half")

    del real
    monkeypatch.setattr(os, "link", link)


def _is_link(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = folder.with_name("elsewhere")
    folder.rename(moved)
    folder.symlink_to(moved)


def _appears(folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.link

    def link(source: Path, target: Path, **options: object) -> None:
        _taken(folder, root, monkeypatch) if not (Path(root.path) / "L. Frank Baum").exists() else None
        real(source, target, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", link)


DISK = [
    (_gone, "path_", "Is the disk mounted"),
    (_no_root, "no_root", "There is no library root to file into."),
    (_root_absent, "root_absent", "Is its disk mounted?"),
    (_unmounted, "root_absent", "is empty, though books are known in it"),
    (_taken, "target_exists", "nothing is overwritten"),
    (_appears, "target_exists", "appeared in the library meanwhile"),
    (_leads_out, "outside_root", "would lie outside of the library"),
    (_full, "disk_full", "MB are needed"),
    (_fills_up, "disk_full", "Make room, then import again."),
    (_cannot_link, "hardlink_impossible", "copying is switched off"),
    (_read_only, "not_writable", "Give this user the permission."),
    (_failing, "disk_error", "The disk failed"),
    (_vanishes, "source_gone", "went away while it was filed"),
    (_changes, "verify_failed", "4 bytes after placing"),
    (_is_link, "path_is_link", "links are not followed"),
]


@pytest.mark.parametrize("spoil, code, words", DISK, ids=[case[0].__name__[1:] for case in DISK])
def test_what_the_disk_refuses_blocks_with_what_to_do(
    spoil: Callable[..., None],
    code: str,
    words: str,
    book: Book,
    folder: Path,
    root: LibraryRoot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    download = arrived(folder, book)
    with monkeypatch.context() as patch:
        spoil(folder, root, patch)
        run_import(download)
    assert download.status == "blocked"
    assert download.error_code.startswith(code), download.error_message
    assert words in download.error_message
    assert not BlocklistEntry.objects.exists()
    assert not Copy.objects.filter(book=book).exists()
    taken = Path(root.path) / "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"
    assert not (taken / "precious.mp3").exists() or tree(taken) == {
        "precious.mp3": hashlib.sha256(b"precious").hexdigest()
    }
    # What was staged whole waits for the person; everything else is thrown away at once.
    assert (Path(root.path) / ".unabridged").exists() is (spoil is _appears)


def test_what_was_in_the_way_is_moved_and_the_import_goes_on(
    book: Book, folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = arrived(folder, book)
    with monkeypatch.context() as patch:
        _appears(folder, root, patch)
        run_import(download)
    shutil.rmtree(Path(root.path) / "L. Frank Baum")
    run_import(import_again(download=download, actor="me"))
    assert download.status == "imported"
    assert not (Path(root.path) / ".unabridged").exists()


def test_after_the_disk_is_mended_it_is_imported(
    book: Book, folder: Path, root: LibraryRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = arrived(folder, book)
    with monkeypatch.context() as patch:
        _fills_up(folder, root, patch)
        run_import(download)
    run_import(import_again(download=download, actor="me"))
    assert download.status == "imported"


def test_a_root_without_a_path_says_so(book: Book, folder: Path, root: LibraryRoot) -> None:
    download = arrived(folder, book)
    download.status = "importing"
    download.save()
    record = ImportRecord.objects.create(
        download=download,
        book=book,
        root=root,
        source_path=str(folder),
        target_path="a/b",
        staging_path=".unabridged/i",
    )
    record.status = ImportStatus.PLACED
    record.save()
    LibraryRoot.objects.update(path="")
    run_import(download)
    assert (download.status, download.error_code) == ("blocked", "root_without_path")


def test_what_vanished_after_it_was_staged_is_filed_anew(book: Book, folder: Path, root: LibraryRoot) -> None:
    download = arrived(folder, book)
    download.status = "importing"
    download.save()
    ImportRecord.objects.create(
        download=download, book=book, root=root, source_path=str(folder), target_path="a/b",
        staging_path=".unabridged/import-1", status=ImportStatus.PLACED,
    )  # fmt: skip
    run_import(download)
    assert (download.status, download.error_code) == ("blocked", "target_vanished")
    run_import(import_again(download=download, actor="me"))
    assert download.status == "imported"


def test_what_cannot_be_read_back_is_blocked(book: Book, folder: Path, root: LibraryRoot) -> None:
    download = arrived(folder, book)
    download.status = "importing"
    download.save()
    target = Path(root.path) / "a" / "b"
    target.mkdir(parents=True)
    ImportRecord.objects.create(
        download=download, book=book, root=root, source_path=str(folder), target_path="a/b",
        staging_path=".unabridged/import-1", status=ImportStatus.PLACED,
    )  # fmt: skip
    run_import(download)
    assert (download.status, download.error_code) == ("blocked", "unreadable")


def test_a_download_without_a_book_asks_for_one(folder: Path, root: LibraryRoot) -> None:
    download = run_import(arrived(folder))
    assert (download.status, download.error_code) == ("blocked", "no_book")


# -- a person's word ------------------------------------------------------------------------------------------------


def test_a_person_overrules_a_check_and_it_is_recorded(book: Book, folder: Path) -> None:
    _german(folder)
    download = run_import(arrived(folder, book))
    overrule_and_import(download=download, codes=["language"], reason="I learn German.", actor="anna")
    assert run_import(download).status == "imported"
    assert download.events.filter(code="overruled", actor="anna", message__contains="I learn German.").exists()


def test_nobody_overrules_that_there_is_nothing(book: Book, folder: Path) -> None:
    _no_audio(folder)
    (folder / "book.tar").write_bytes(b"tar")
    download = run_import(arrived(folder, book))
    with pytest.raises(ValidationError, match="cannot be overruled"):
        overrule_and_import(download=download, codes=["audio"], reason="please", actor="anna")
    assert download.status == "blocked"


def test_only_what_is_blocked_is_overruled(book: Book, folder: Path) -> None:
    download = run_import(arrived(folder, book))
    with pytest.raises(ConflictError):
        overrule_and_import(download=download, codes=["language"], reason="", actor="anna")


def test_a_replacement_is_filed_before_the_old_files_go_to_the_bin(book: Book, folder: Path, root: LibraryRoot) -> None:
    run_import(arrived(folder, book))
    old = Copy.objects.get(book=book)
    old_files = {Path(name).name for name in tree(Path(root.path) / old.path)}
    second = run_import(arrived(folder, book))
    overrule_and_import(download=second, codes=["owned"], reason="A better one.", actor="anna")
    assert run_import(second).status == "imported"
    (new,) = Copy.objects.filter(book=book)
    assert new.pk != old.pk
    assert not (Path(root.path) / old.path).exists() or new.path == old.path
    in_bin = list((Path(root.path) / ".unabridged/recycle").rglob("*.mp3"))
    assert {p.name for p in in_bin} <= old_files
    assert len(in_bin) == 2
    assert Book.objects.get(pk=book.pk).is_owned


def test_the_bin_is_emptied_after_its_time(book: Book, folder: Path, root: LibraryRoot) -> None:
    bin_ = Path(root.path) / ".unabridged/recycle"
    for name in ("2026-04-01", "2026-05-31", "not-a-date"):
        (bin_ / name).mkdir(parents=True)
        (bin_ / name / "file.mp3").write_bytes(b"x")
    assert empty_recycle_bin(now=NOW) == 1
    assert sorted(p.name for p in bin_.iterdir()) == ["2026-05-31", "not-a-date"]
    assert empty_recycle_bin(now=NOW + datetime.timedelta(days=60)) == 1


def test_an_undone_import_loses_nothing_and_opens_the_gap_again(book: Book, folder: Path, root: LibraryRoot) -> None:
    analyze_gaps(now=NOW)
    run_import(arrived(folder, book))
    shutil.rmtree(folder)
    record = ImportRecord.objects.get()
    placed = tree(Path(root.path) / record.target_path)
    undo_import(record=record, actor="anna", now=NOW)
    assert not (Path(root.path) / record.target_path).exists()
    kept = tree(Path(root.path) / ".unabridged/recycle")
    assert sorted(kept.values()) == sorted(placed.values())
    assert Gap.objects.open().filter(book=book, is_wanted=True).exists()
    assert not Book.objects.get(pk=book.pk).is_owned


def test_undoing_a_replacement_brings_the_old_one_back(book: Book, folder: Path, root: LibraryRoot) -> None:
    run_import(arrived(folder, book))
    old = tree(Path(root.path) / Copy.objects.get().path)
    path = Copy.objects.get().path
    run_import(arrived(folder, book, overrules=["owned"]))
    record = ImportRecord.objects.order_by("-pk").first()
    assert record is not None
    undo_import(record=record, actor="anna", now=NOW)
    assert tree(Path(root.path) / path) == old
    assert Copy.objects.get().book == book
    assert Book.objects.get(pk=book.pk).is_owned


def test_a_cancelled_import_leaves_no_trace(book: Book, folder: Path, root: LibraryRoot) -> None:
    download = make_download(book, status="cancelled", content_path=str(folder))
    staging = Path(root.path) / ".unabridged/import-1"
    make_sound(staging / "1.mp3")
    ImportRecord.objects.create(
        download=download,
        book=book,
        root=root,
        source_path=str(folder),
        target_path="a/b",
        staging_path=".unabridged/import-1",
    )
    assert clear_cut_off_imports(now=NOW) == 1
    assert not (Path(root.path) / ".unabridged").exists()
    assert ImportRecord.objects.get().status == ImportStatus.FAILED


def test_companions_of_one_name_are_all_carried(book: Book, folder: Path, root: LibraryRoot) -> None:
    for number in (1, 2):
        disc = folder / f"CD{number}"
        disc.mkdir()
        (folder / f"{number:02d}.mp3").rename(disc / "01.mp3")
        (disc / "booklet.pdf").write_bytes(b"%PDF" + bytes([number]))
    run_import(arrived(folder, book))
    placed = Path(root.path) / ImportRecord.objects.get().target_path
    assert {p.name for p in placed.glob("*.pdf")} == {"booklet.pdf", "booklet (2).pdf"}
    assert stat.S_ISREG((placed / "booklet.pdf").lstat().st_mode)
