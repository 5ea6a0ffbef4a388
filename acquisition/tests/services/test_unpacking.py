"""Releases that come packed as zip, rar or 7z: unpacked safely, or refused with a sentence that says what to do."""

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import py7zr
import pytest

from acquisition.clients import packages
from acquisition.clients.packages import find_packages
from acquisition.models import BlocklistEntry, Download
from acquisition.services import unpacking
from acquisition.services.importing import import_download
from acquisition.services.placing import PlacingError
from acquisition.services.unpacking import unpack
from acquisition.tests.factories import SECONDS, arrived, make_book, make_context, make_root, make_sound
from acquisition.tests.rar_files import LINK, LOCKED, NORMAL, make_rar, make_volumes
from library.models import Copy


def pack(path: Path, entries: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as package:
        for name, body in entries.items():
            package.writestr(name, body)
    return path


def pack_7z(path: Path, entries: dict[str, bytes], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with py7zr.SevenZipFile(path, "w", **options) as package:
        for name, body in entries.items():
            package.writestr(body, name)
    return path


def _link(path: Path) -> None:
    info = zipfile.ZipInfo("cover.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(info, "/etc/passwd")


def _locked(path: Path) -> None:
    pack(path, {"1.mp3": b"x" * 100})
    data = bytearray(path.read_bytes())
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        place = data.index(mark) + (6 if mark == b"PK\x03\x04" else 8)
        data[place] |= 1
    path.write_bytes(data)


def _lies_about_size(path: Path) -> None:
    """A bomb whose list says that it is small."""
    pack(path, {"1.mp3": bytes(5_000_000)})
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<L", 5_000_000), struct.pack("<L", 10)))


def _flips_a_byte(path: Path) -> None:
    pack(path, {"1.mp3": os.urandom(5000)}, method=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[1000] ^= 0xFF
    path.write_bytes(data)


def _rename_in(path: Path, old: str, new: str) -> None:
    """Put a name of the same length in place of another; the packer would refuse to write it."""
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))


def _zip_slip(path: Path, name: str) -> None:
    pack(path, {"x" * len(name): b"x"})
    _rename_in(path, "x" * len(name), name)


def _slip_7z(path: Path) -> None:
    """py7zr writes no such name, so it is put into an archive whose header is not compressed."""
    with py7zr.SevenZipFile(path, "w") as package:
        package.set_encoded_header_mode(False)
        package.writestr(b"x", "xxxevil.mp3")
    data = path.read_bytes()
    old, new = "xxxevil.mp3".encode("utf-16-le"), "../evil.mp3".encode("utf-16-le")
    start = data.index(old)
    header = bytearray(data.replace(old, new))
    size = int.from_bytes(header[20:28], "little")
    place = 32 + int.from_bytes(header[12:20], "little")
    assert place < start
    header[28:32] = struct.pack("<L", zlib.crc32(bytes(header[place : place + size])))
    header[8:12] = struct.pack("<L", zlib.crc32(bytes(header[12:32])))
    path.write_bytes(header)


def _link_7z(path: Path) -> None:
    link = path.with_name("link.mp3")
    link.symlink_to("/etc/passwd")
    with py7zr.SevenZipFile(path, "w") as package:
        package.write(link, "link.mp3")
    link.unlink()


def _damaged_7z(path: Path) -> None:
    pack_7z(path, {"1.mp3": os.urandom(5000)})
    data = bytearray(path.read_bytes())
    data[1000] ^= 0xFF
    path.write_bytes(data)


def _cut_7z(path: Path) -> None:
    pack_7z(path, {"1.mp3": os.urandom(5000)})
    path.write_bytes(path.read_bytes()[:3000])


def _much_memory(path: Path) -> None:
    filters = [{"id": py7zr.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    pack_7z(path, {"1.mp3": os.urandom(100)}, filters=filters)


def _damaged_rar(path: Path) -> None:
    make_rar(path, {"1.mp3": os.urandom(5000)})
    data = bytearray(path.read_bytes())
    data[1000] ^= 0xFF
    path.write_bytes(data)


HOSTILE = {
    "up": (lambda path: pack(path, {"../../evil.mp3": b"x"}), "archive_refused", "leads out of its folder"),
    "up in the middle": (lambda path: pack(path, {"a/../../evil.mp3": b"x"}), "archive_refused", "leads out"),
    "absolute": (lambda path: pack(path, {"/etc/evil.mp3": b"x"}), "archive_refused", "leads out of its folder"),
    "backslashes": (lambda path: pack(path, {"..\\evil.mp3": b"x"}), "archive_refused", "leads out of its folder"),
    "a drive": (lambda path: pack(path, {"C:evil.mp3": b"x"}), "archive_refused", "leads out of its folder"),
    "a link": (_link, "archive_refused", "it holds a link"),
    "a bomb": (lambda path: pack(path, {"1.mp3": bytes(3_000_000)}), "archive_refused", "absurdly more"),
    "a hidden bomb": (_lies_about_size, "archive_broken", "damaged"),
    "too many files": (lambda path: pack(path, {f"{n}.mp3": b"" for n in range(30)}), "archive_refused", "30 files"),
    "a password": (_locked, "archive_locked", "needs a password"),
    "damage": (_flips_a_byte, "archive_broken", "damaged"),
    "no zip": (lambda path: path.write_bytes(b"nothing of the kind"), "archive_broken", "damaged"),
    "one name twice": (lambda p: pack(p, {"aa:b.mp3": b"1", "aa - b.mp3": b"2"}), "archive_refused", "same name"),
    "one name in two cases": (lambda p: pack(p, {"A.mp3": b"1", "a.MP3": b"2"}), "archive_refused", "same name"),
    "a file below a file": (lambda p: pack(p, {"a": b"1", "a/b.mp3": b"2"}), "archive_refused", "below another file"),
    "a path too long": (lambda path: pack(path, {"a/" * 1500 + "b.mp3": b"x"}), "archive_refused", "too long"),
    "7z up": (_slip_7z, "archive_refused", "leads out of its folder"),
    "7z link": (_link_7z, "archive_refused", "it holds a link"),
    "7z bomb": (lambda path: pack_7z(path, {"1.mp3": bytes(3_000_000)}), "archive_refused", "absurdly more"),
    "7z many": (lambda p: pack_7z(p, {f"{n}.mp3": b"" for n in range(30)}), "archive_refused", "30 files"),
    "7z password": (lambda p: pack_7z(p, {"1.mp3": b"x"}, password="secret"), "archive_locked", "needs a password"),
    "7z hidden names": (
        lambda p: pack_7z(p, {"1.mp3": b"x"}, password="secret", header_encryption=True),
        "archive_locked",
        "needs a password",
    ),
    "7z damage": (_damaged_7z, "archive_broken", "damaged"),
    "7z cut off": (_cut_7z, "archive_broken", "damaged"),
    "7z memory": (_much_memory, "archive_refused", "512 MB of memory"),
    "rar up": (lambda path: make_rar(path, {"../evil.mp3": b"x"}), "archive_refused", "leads out of its folder"),
    "rar absolute": (lambda path: make_rar(path, {"/etc/evil.mp3": b"x"}), "archive_refused", "leads out"),
    "rar link": (lambda path: make_rar(path, {"a.jpg": b""}, extra=LINK), "archive_refused", "it holds a link"),
    "rar password": (lambda path: make_rar(path, {"1.mp3": b"x"}, extra=LOCKED), "archive_locked", "needs a password"),
    "rar many": (lambda p: make_rar(p, {f"{n}.mp3": b"" for n in range(30)}), "archive_refused", "30 files"),
    "rar lie": (lambda p: make_rar(p, {"1.mp3": b"x" * 100}, size=2**50), "archive_incomplete", "missing"),
    "rar huge": (lambda p: make_rar(p, {"1.mp3": b"x"}, size=2**50, method=NORMAL), "archive_refused", "unpacks to"),
    "rar damage": (_damaged_rar, "archive_broken", "damaged"),
    "rar compressed, no tool": (
        lambda path: make_rar(path, {"1.mp3": b"x"}, method=NORMAL),
        "archive_tool",
        "install unar",
    ),
    "rar of nothing": (lambda path: path.write_bytes(b"Rar!\x1a\x07\x01\x00"), "archive_broken", "nothing in it"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_writes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, code, words = HOSTILE[name]
    monkeypatch.setattr(unpacking, "MAX_FILES", 20)
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 1_000_000)
    monkeypatch.setattr(packages, "MAX_DICTIONARY_BYTES", 1 << 19 if name == "7z memory" else 1 << 30)
    monkeypatch.setenv("PATH", str(tmp_path))
    archive, root = tmp_path / "x" / "book.zip", tmp_path / "root"
    archive.parent.mkdir()
    root.mkdir()
    make(archive)
    with pytest.raises(PlacingError) as caught:
        unpack([archive], root, 1, alive=lambda: None)
    assert caught.value.code == code
    assert words in caught.value.message
    outside = [p for p in tmp_path.rglob("*") if p.is_file() and root not in p.parents and p != archive]
    assert outside == []
    assert list(root.iterdir()) == []


def test_what_unpacks_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_BYTES", 1000)
    archive = pack(tmp_path / "book.zip", {"1.mp3": os.urandom(2000)})
    with pytest.raises(PlacingError, match="it unpacks to"):
        unpack([archive], tmp_path, 1, alive=lambda: None)


@pytest.mark.django_db
def test_a_book_that_came_packed_is_unpacked_checked_and_filed(tmp_path: Path) -> None:
    root, book = make_root(tmp_path / "shelf"), make_book()
    sound = [make_sound(tmp_path / "made" / f"{n}.mp3", seconds=SECONDS / 2, track=f"{n}/2") for n in (1, 2)]
    content = tmp_path / "downloads" / "Ozma"
    pack(content / "ozma.zip", {f"Ozma of Oz/{path.name}": path.read_bytes() for path in sound})
    before = (content / "ozma.zip").read_bytes()
    download = arrived(content, book)
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_message) == ("imported", "")
    copy = Copy.objects.get(book=book)
    assert copy.file_count == 2
    assert (content / "ozma.zip").read_bytes() == before
    assert not (Path(root.path) / ".unabridged").exists()


@pytest.mark.django_db
def test_a_refused_archive_blocks_and_blames_nobody(tmp_path: Path) -> None:
    make_root(tmp_path / "shelf")
    content = tmp_path / "downloads" / "Ozma"
    pack(content / "ozma.zip", {"../evil.mp3": b"x"})
    download = arrived(content, make_book())
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_code) == ("blocked", "archive_refused")
    assert not BlocklistEntry.objects.exists()
    assert Download.objects.count() == 1


def test_a_zip_in_memory_is_not_trusted_by_its_name(tmp_path: Path) -> None:
    archive = tmp_path / "book.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("CON.mp3", b"x")
        package.writestr("a" * 300 + ".mp3", b"y")
    archive.write_bytes(buffer.getvalue())
    folder = unpack([archive], tmp_path, 1, alive=lambda: None)
    assert sorted(len(p.name) for p in folder.iterdir()) == [8, 255]


STRANGE = {
    "line\nbreak.mp3": "line break.mp3",
    "tab\tand\x07bell.mp3": "tab and bell.mp3",
    "\u202egpj.3pm": "gpj.3pm",
    "aux.mp3": "aux_.mp3",
    " .hidden.mp3": "hidden.mp3",
    "trailing. /x.mp3": "trailing/x.mp3",
    "C/on|q?.mp3": "C/onq.mp3",
}


@pytest.mark.parametrize("packer", [pack, pack_7z, make_rar], ids=["zip", "7z", "rar"])
def test_strange_names_become_safe_ones(packer: Callable[..., Path], tmp_path: Path) -> None:
    names = {name: body.encode() for name, body in STRANGE.items()}
    archive = packer(tmp_path / "book.bin", names)
    folder = unpack([archive.rename(tmp_path / "book.zip")], tmp_path, 1, alive=lambda: None)
    found = {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}
    assert found == {value: value for value in STRANGE.values()}


def test_a_name_with_nul_is_kept_as_a_name(tmp_path: Path) -> None:
    archive = pack(tmp_path / "book.zip", {"aXb.mp3": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"aXb.mp3", b"a\0b.mp3"))
    folder = unpack([archive], tmp_path, 1, alive=lambda: None)
    assert [p.name for p in folder.iterdir()] == ["a b.mp3"]


def test_a_hundred_thousand_files_are_counted_and_refused(tmp_path: Path) -> None:
    archive = tmp_path / "book.zip"
    with zipfile.ZipFile(archive, "w") as package:
        for number in range(100_000):
            package.writestr(zipfile.ZipInfo(f"{number}.mp3"), b"")
    with pytest.raises(PlacingError, match="it holds 100000 files"):
        unpack([archive], tmp_path, 1, alive=lambda: None)


# -- volumes, packages in packages ----------------------------------------------------------------------------------


def test_volumes_of_a_rar_are_one(tmp_path: Path) -> None:
    body = os.urandom(5000)
    paths = [tmp_path / "in" / f"Ozma.part{number}.rar" for number in (1, 2, 3)]
    make_volumes(paths, "Ozma.mp3", body)
    folder = unpack(paths, tmp_path, 1, alive=lambda: None)
    assert folder.name == "Ozma"
    assert (folder / "Ozma.mp3").read_bytes() == body


def test_volumes_of_old_names_are_one(tmp_path: Path) -> None:
    body = os.urandom(5000)
    paths = [tmp_path / "in" / name for name in ("ozma.rar", "ozma.r00", "ozma.r01")]
    assert [find_packages(list(reversed(paths)))[0].paths] == [tuple(paths)]
    make_volumes([tmp_path / "in" / f"ozma.part{n}.rar" for n in (1, 2)], "Ozma.mp3", body)
    assert len(find_packages([*paths, *(tmp_path / "in").iterdir()])) == 2


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_volume_that_is_missing_is_named_or_told(gone: int, tmp_path: Path) -> None:
    paths = [tmp_path / "in" / f"Ozma.part{number}.rar" for number in (1, 2, 3)]
    make_volumes(paths, "Ozma.mp3", os.urandom(5000))
    paths.pop(gone).unlink()
    with pytest.raises(PlacingError, match="is missing") as caught:
        unpack(paths, tmp_path, 1, alive=lambda: None)
    assert caught.value.code == "archive_incomplete"
    assert not (tmp_path / ".unabridged").exists()


@pytest.mark.parametrize("packer", [pack, pack_7z], ids=["zip", "7z"])
def test_a_package_that_was_split_is_joined(packer: Callable[..., Path], tmp_path: Path) -> None:
    body = os.urandom(5000)
    data = packer(tmp_path / "whole", {"Ozma.mp3": body}).read_bytes()
    suffix = "zip" if packer is pack else "7z"
    paths = [tmp_path / f"Ozma.{suffix}.{number:03d}" for number in (1, 2, 3)]
    for number, path in enumerate(paths):
        path.write_bytes(data[number * 2000 : (number + 1) * 2000 if number < 2 else None])
    folder = unpack(paths, tmp_path, 1, alive=lambda: None)
    assert (folder / "Ozma.mp3").read_bytes() == body


def test_a_package_within_a_package_is_unpacked_too(tmp_path: Path) -> None:
    inner = make_rar(tmp_path / "x" / "ozma.rar", {"Ozma.mp3": b"sound"})
    archive = pack(tmp_path / "book.zip", {"ozma.rar": inner.read_bytes(), "cover.jpg": b"picture"})
    folder = unpack([archive], tmp_path, 1, alive=lambda: None)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {"Ozma.mp3": b"sound", "cover.jpg": b"picture"}


def test_nested_bombs_share_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 100_000)
    inner = pack(tmp_path / "x" / "inner.zip", {"1.mp3": os.urandom(500) * 200})
    archive = pack(tmp_path / "book.zip", {"inner.zip": inner.read_bytes()})
    with pytest.raises(PlacingError, match="absurdly more"):
        unpack([archive], tmp_path, 1, alive=lambda: None)


def test_packed_again_and_again_it_is_refused(tmp_path: Path) -> None:
    data = b"sound"
    for number in range(6):
        data = pack(tmp_path / "x" / "inner.zip", {f"{number}.zip" if number else "1.txt": data}).read_bytes()
    (tmp_path / "book.zip").write_bytes(data)
    with pytest.raises(PlacingError, match="packed more than 3 times over"):
        unpack([tmp_path / "book.zip"], tmp_path, 1, alive=lambda: None)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["rar", "7z"])
def test_a_book_in_a_rar_or_7z_is_filed(kind: str, tmp_path: Path) -> None:
    root, book = make_root(tmp_path / "shelf"), make_book()
    sound = make_sound(tmp_path / "made" / "Ozma.mp3").read_bytes()
    packer = make_rar if kind == "rar" else pack_7z
    archive = packer(tmp_path / "downloads" / "Ozma" / f"ozma.{kind}", {"Ozma of Oz/Ozma.mp3": sound})
    download = arrived(archive.parent, book)
    import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_message) == ("imported", "")
    placed = Path(root.path) / Copy.objects.get(book=book).path
    assert (placed / "Ozma of Oz.mp3").read_bytes() == sound
