"""Releases that come in a zip file: unpacked safely, or refused with a sentence."""

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from acquisition.models import BlocklistEntry, Download
from acquisition.services import unpacking
from acquisition.services.importing import import_download
from acquisition.services.placing import PlacingError
from acquisition.services.unpacking import unpack
from acquisition.tests.factories import SECONDS, arrived, make_book, make_context, make_root, make_sound
from library.models import Copy


def pack(path: Path, entries: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as package:
        for name, body in entries.items():
            package.writestr(name, body)
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
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_and_writes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, code, words = HOSTILE[name]
    monkeypatch.setattr(unpacking, "MAX_FILES", 20)
    monkeypatch.setattr(unpacking, "SMALL_BYTES", 1_000_000)
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
