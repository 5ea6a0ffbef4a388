"""An import that dies at any step ends the same once it is done again: one copy, nothing lost, nothing half-written."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from acquisition.models import Download, ImportRecord, ImportStatus
from acquisition.services.importing import import_download
from acquisition.services.settling import clear_cut_off_imports
from acquisition.services.transitions import cancel
from acquisition.tests.factories import NOW, SECONDS, arrived, make_book, make_context, make_root, make_sound
from acquisition.tests.power import Crash, power, tree
from library.models import Book, Copy, LibraryRoot
from library.services.settings import change_settings


def attempt(download: Download) -> None:
    """One worker's try. What it did in a transaction that was open is gone with it."""
    import_download(download_id=download.pk, run=make_context())


@pytest.fixture
def root(tmp_path: Path) -> LibraryRoot:
    return make_root(tmp_path / "shelf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "downloads" / "Ozma"
    for number in (1, 2):
        make_sound(path / f"{number:02d}.mp3", seconds=SECONDS / 2, track=f"{number}/2")
    (path / "cover.jpg").write_bytes(b"a picture")
    return path


def check_end(book: Book, folder: Path, root: LibraryRoot, before: dict[str, str], outside: dict[str, str]) -> None:
    """Exactly one copy, whole; the source as it was; nothing in staging, nothing anywhere else."""
    assert tree(folder) == before
    (copy,) = Copy.objects.filter(book=book)
    placed = tree(Path(root.path))
    assert all(name.startswith(f"{copy.path}/") for name in placed), "only the book, in its folder"
    hashes = [value for name, value in placed.items() if not name.endswith("metadata.json")]
    assert sorted(hashes) == sorted(before.values()), "whole and once"
    assert not (Path(root.path) / ".unabridged").exists()
    assert {k: v for k, v in tree(Path(root.path).parent).items() if not k.startswith("shelf/")} == outside
    assert ImportRecord.objects.filter(status=ImportStatus.COMMITTED).count() == 1
    assert Book.objects.get(pk=book.pk).is_owned


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hardlink", ["prefer", "never"])
def test_killed_at_any_step_it_ends_the_same(hardlink: str, folder: Path, root: LibraryRoot) -> None:
    change_settings(changes={"import.hardlink": hardlink})
    book = make_book()
    before, outside = tree(folder), {f"downloads/Ozma/{k}": v for k, v in tree(folder).items()}
    fatal, steps = 1, 10**6
    while fatal <= steps:
        download = arrived(folder, book)
        with power(fatal, after=bool(fatal % 2)) as source:
            try:
                attempt(download)
            except Crash:
                pass
            else:
                steps = source.count
        for _ in range(3):
            download.refresh_from_db()
            if download.status in ("imported", "blocked"):
                break
            attempt(download)
        download.refresh_from_db()
        assert (download.status, download.error_message) == ("imported", ""), fatal
        check_end(book, folder, root, before, outside)
        _forget(book, root)
        fatal += 5 if hardlink == "never" else 3 if fatal > 14 else 1
    assert steps > 12


def _forget(book: Book, root: LibraryRoot) -> None:
    ImportRecord.objects.all().delete()
    Download.objects.all().delete()
    Copy.objects.all().delete()
    Book.objects.filter(pk=book.pk).update(is_owned=False)
    for path in Path(root.path).iterdir():
        shutil.rmtree(path)


@pytest.mark.django_db(transaction=True)
def test_killed_and_then_cancelled_it_leaves_nothing(folder: Path, root: LibraryRoot) -> None:
    book = make_book()
    before = tree(folder)
    for fatal in range(1, 40, 3):
        download = arrived(folder, book)
        with power(fatal, after=True):
            try:
                attempt(download)
            except Crash:
                pass
            else:
                break
        download.refresh_from_db()
        if download.status == "imported":
            break
        cancel(download, actor="anna")
        clear_cut_off_imports(now=NOW)
        visible = {name for name in tree(Path(root.path)) if not name.startswith(".unabridged/recycle/")}
        assert visible == set(), fatal
        assert tree(folder) == before
        assert not Copy.objects.exists()
        if (Path(root.path) / ".unabridged").exists():
            shutil.rmtree(Path(root.path) / ".unabridged")
        ImportRecord.objects.all().delete()
        Download.objects.all().delete()


WORKER = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from pathlib import Path
from types import SimpleNamespace
from unittest import mock
from acquisition.models import ImportRecord
from acquisition.services import placing

shelf, source, marker = map(Path, sys.argv[1:])
state = marker.read_text().strip() if marker.exists() else "placing"


class Rows:
    def filter(self, **_): return self
    def update(self, status, **_):
        temporary = marker.with_suffix(".new")
        temporary.write_text(status)
        os.rename(temporary, marker)
        return 1
    def present(self): return self
    def exists(self): return False


root = SimpleNamespace(path=str(shelf), name="shelf", copies=Rows())
record = SimpleNamespace(
    pk=1, root=root, status=state, method="copy", staging_path=".unabridged/import-1", target_path="A/B"
)
moves = [placing.FileMove(str(p), p.name, p.stat().st_size) for p in sorted(source.iterdir())]
with mock.patch.object(placing.ImportRecord, "objects", Rows()):
    placing.place(record, moves, sidecars={"metadata.json": b"{}"}, hardlink="never", alive=lambda: None)
print("done", flush=True)
"""


def test_placing_survives_kill_at_random_moments(tmp_path: Path) -> None:
    """A real process and a real SIGKILL: what is visible in the library is whole, or not there."""
    shelf, source, marker = tmp_path / "shelf", tmp_path / "source", tmp_path / "marker"
    shelf.mkdir()
    source.mkdir()
    chance = random.Random(7)
    for number in range(40):
        (source / f"{number:02d}.mp3").write_bytes(chance.randbytes(300_000))
    before = tree(source)
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    environment = {**os.environ, "PYTHONPATH": str(settings.BASE_DIR), "UNABRIDGED_DATA_DIR": str(tmp_path / "data")}
    for delay in (0.0, 0.02, 0.05):
        worker = subprocess.Popen(
            [sys.executable, str(script), str(shelf), str(source), str(marker)],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        until = time.monotonic() + 20
        while worker.poll() is None and not (shelf / ".unabridged").exists() and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(delay)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert tree(source) == before
        visible = {k: v for k, v in tree(shelf).items() if not k.startswith(".unabridged/")}
        assert not visible or len(visible) == 41, "whole or not there"
    done = subprocess.run(
        [sys.executable, str(script), str(shelf), str(source), str(marker)],
        env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout == "done\n", done.stderr
    placed = tree(shelf)
    assert {k: v for k, v in placed.items() if k.endswith(".mp3")} == {f"A/B/{k}": v for k, v in before.items()}
    assert tree(source) == before
    assert not (shelf / ".unabridged").exists()
