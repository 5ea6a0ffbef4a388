"""A disk that is full or turns read-only at any call, and one that takes no large files: the right state, the right
words, nothing half done, and once it is mended everything goes on."""

import errno
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from acquisition.models import Download, ImportRecord
from acquisition.services.importing import import_again, import_download
from acquisition.services.profiles import change_profile
from acquisition.services.settling import clear_cut_off_imports
from acquisition.tests.factories import NOW, arrived, make_book, make_context, make_root, make_sound
from acquisition.tests.power import tree
from library.models import Copy, LibraryRoot
from library.services.settings import change_settings

SHELF = "L. Frank Baum/Oz/Vol 3 - Ozma of Oz"
WORDS = {
    errno.ENOSPC: ("disk_full", "Make room, then import again."),
    errno.EROFS: ("not_writable", "Give this user the permission."),
}


class _Writer:
    """A file whose writes may be refused."""

    def __init__(self, file: Any, refuse: Callable[[], None]) -> None:
        self.file, self.refuse = file, refuse

    def write(self, data: bytes) -> int:
        self.refuse()
        return int(self.file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class Disk:
    """Counts the calls that change it below `base`, and refuses all from the fatal one on."""

    def __init__(self, base: Path, fatal: int, code: int) -> None:
        self.base, self.fatal, self.code, self.count = base, fatal, code, 0

    def refuse(self, path: object = "") -> None:
        self.count += 1
        if self.count >= self.fatal:
            raise OSError(self.code, os.strerror(self.code), str(path or self.base))

    def is_ours(self, path: object) -> bool:
        return str(path).startswith(str(self.base))

    def wrap(self, real: Callable[..., Any], place: int) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.is_ours(arguments[place]):
                self.refuse(arguments[place])
            return real(*arguments, **options)

        return call

    def open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
            file = real(path, mode, *rest, **options)
            return _Writer(file, self.refuse) if "x" in mode and self.is_ours(path) else file

        return call


@contextmanager
def failing(base: Path, fatal: int, code: int) -> Iterator[Disk]:
    disk = Disk(base, fatal, code)
    with (
        mock.patch.object(os, "link", disk.wrap(os.link, 1)),
        mock.patch.object(Path, "rename", disk.wrap(Path.rename, 0)),
        mock.patch.object(Path, "mkdir", disk.wrap(Path.mkdir, 0)),
        mock.patch.object(Path, "open", disk.open(Path.open)),
    ):
        yield disk


@pytest.fixture
def root(tmp_path: Path) -> LibraryRoot:
    return make_root(tmp_path / "shelf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_sound(tmp_path / "downloads" / "new" / "Ozma.m4b").parent


def run_import(download: Download) -> Download:
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    return download


def shown(root: LibraryRoot) -> dict[str, str]:
    return {name: digest for name, digest in tree(Path(root.path)).items() if not name.startswith(".unabridged/")}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", WORDS, ids=["full", "read-only"])
@pytest.mark.parametrize("hardlink", ["prefer", "never"])
def test_refused_at_any_call_it_waits_and_goes_on(hardlink: str, code: int, folder: Path, root: LibraryRoot) -> None:
    change_settings(changes={"import.hardlink": hardlink})
    book, source = make_book(), tree(folder)
    fatal, calls = 1, 10**6
    while fatal <= calls:
        download = arrived(folder, book)
        with failing(Path(root.path), fatal, code) as disk:
            run_import(download)
        calls = disk.count if download.status == "imported" else 10**6
        if download.status != "imported":
            expected, words = WORDS[code]
            assert (download.status, download.error_code) == ("blocked", expected), download.error_message
            assert words in download.error_message
            assert shown(root) in ({}, _whole(root)), "whole, or not there"
            assert run_import(import_again(download=download, actor="anna")).status == "imported"
        assert tree(folder) == source
        assert sorted(Path(name).name for name in tree(Path(root.path))) == ["Ozma of Oz.m4b", "metadata.json"]
        _forget(root)
        fatal += 1
    assert fatal > 4


def _whole(root: LibraryRoot) -> dict[str, str]:
    """What is shown, if it is the whole book; else something that nothing equals."""
    names = sorted(Path(name).name for name in shown(root))
    return shown(root) if names == ["Ozma of Oz.m4b", "metadata.json"] else {"half": ""}


def _forget(root: LibraryRoot) -> None:
    ImportRecord.objects.all().delete()
    Download.objects.all().delete()
    Copy.objects.all().delete()
    for path in Path(root.path).iterdir():
        shutil.rmtree(path)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("code", WORDS, ids=["full", "read-only"])
def test_an_upgrade_that_is_refused_at_any_call_loses_nothing(code: int, folder: Path, root: LibraryRoot) -> None:
    change_profile(changes={"upgrades_allowed": True})
    book = make_book()
    old = make_sound(folder.parent / "old" / "Ozma.mp3").parent
    fatal, calls = 1, 10**6
    while fatal <= calls:
        assert run_import(arrived(old, book)).status == "imported"
        before = shown(root)
        download = arrived(folder, book)
        with failing(Path(root.path), fatal, code) as disk:
            run_import(download)
        calls = disk.count if disk.count < fatal else 10**6
        everything = tree(Path(root.path)).values()
        assert set(before.values()) <= set(everything), "the old one is there, in its place or in the bin"
        if download.status == "blocked":
            assert shown(root) == before
            run_import(import_again(download=download, actor="anna"))
        elif disk.count >= fatal:
            assert "What it replaces is still there" in download.error_message
        for _ in range(2):
            clear_cut_off_imports(now=NOW)
        assert download.status == "imported"
        assert sorted(shown(root)) == [f"{SHELF}/Ozma of Oz.m4b", f"{SHELF}/metadata.json"], fatal
        assert [copy.path for copy in Copy.objects.filter(book=book)] == [SHELF]
        _forget(root)
        fatal += 1
    assert fatal > 6


@pytest.mark.django_db
def test_a_disk_that_takes_no_large_files_says_so(folder: Path, root: LibraryRoot) -> None:
    """A real limit of the process: the kernel refuses the write, as FAT does beyond 4 GB."""
    change_settings(changes={"import.hardlink": "never"})
    download = arrived(folder, make_book())
    least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (folder / "Ozma.m4b").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, most))
    try:
        run_import(download)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
    assert (download.status, download.error_code) == ("blocked", "file_too_large")
    assert "takes no file this large" in download.error_message
    assert tree(Path(root.path)) == {}
    assert run_import(import_again(download=download, actor="anna")).status == "imported"
