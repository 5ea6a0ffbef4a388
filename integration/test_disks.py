"""Importing onto a real file system that fills up while it is written, and onto one that turns read-only."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from acquisition.models import Download
from acquisition.services import placing
from acquisition.services.importing import import_again, import_download
from acquisition.tests.factories import arrived, make_book, make_context, make_root
from acquisition.tests.power import tree
from library.tests.audio_files import make_audio

pytestmark = pytest.mark.django_db


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.fail("This test mounts a file system; run it as root.")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


@pytest.fixture
def download(tmp_path: Path, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Download:
    """Two files of together 2 MB, to be copied: the library is on another disk."""
    monkeypatch.setattr(placing, "RESERVE_BYTES", 0)
    make_root(disk / "shelf")
    folder = tmp_path / "downloads" / "Ozma"
    for number in (1, 2):
        tags = {"album": "Ozma of Oz", "artist": "L. Frank Baum", "track": f"{number}/2"}
        make_audio(folder / f"{number:02d}.mp3", seconds=60, noise=True, kbps=128, tags=tags)
    return arrived(folder, make_book(seconds=120))


def run_import(download: Download, context: Any = None) -> Download:
    import_download(download_id=download.pk, run=context or make_context())
    download.refresh_from_db()
    return download


def test_a_disk_that_fills_up_blocks_and_goes_on_when_there_is_room(
    disk: Path, download: Download, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tree(Path(download.content_path))
    filler = disk / "somebody-elses"
    context = make_context()
    real = context.flush

    def fill() -> None:
        """Another program takes the rest once the first bytes are staged."""
        if list(disk.glob("shelf/.unabridged/import-*/*.mp3")) and not filler.exists():
            with filler.open("wb") as file:
                try:
                    while True:
                        file.write(b"x" * 65536)
                        file.flush()
                except OSError:
                    pass
        real()

    monkeypatch.setattr(context, "flush", fill)
    run_import(download, context)
    assert filler.exists()
    assert (download.status, download.error_code) == ("blocked", "disk_full"), download.error_message
    assert tree(disk / "shelf") == {}
    filler.unlink()
    assert run_import(import_again(download=download, actor="anna")).status == "imported"
    assert sorted(source.values()) == sorted(v for k, v in tree(disk / "shelf").items() if k.endswith(".mp3"))


def test_a_disk_that_is_read_only_blocks_and_goes_on_when_it_is_not(disk: Path, download: Download) -> None:
    remount(disk, "ro")
    run_import(download)
    assert (download.status, download.error_code) == ("blocked", "not_writable")
    assert "Read-only file system" in download.error_message
    remount(disk, "rw")
    assert run_import(import_again(download=download, actor="anna")).status == "imported"
    assert len([name for name in tree(disk / "shelf") if name.endswith(".mp3")]) == 2
