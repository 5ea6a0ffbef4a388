"""The recycle bin of a library root: what an import replaced or took back is moved there, never deleted at once.

    <root>/.unabridged/recycle/<date>/<import>/<path below the root>

It lies on the same disk, so that a move is one rename, and it is hidden from every reader of the library.
"""

import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from acquisition.models import ImportRecord, ImportStatus
from acquisition.services.placing import SIDECARS, STAGING, PlacingError, disk_errors, inside, root_path, tidy
from library.clients.folders.reader import FolderReader
from library.domain.facts import CopyFacts
from library.models import Copy, LibraryRoot, MatchState
from library.services.gaps import recount_books
from library.services.settings import get_setting
from library.services.shelf import adopt_copy, refresh_ownership

BIN = f"{STAGING}/recycle"


def plan_replacement(copies: Sequence[Copy]) -> list[dict[str, Any]]:
    """The journal of what an import replaces."""
    return [{"copy": copy.pk, "root": copy.root_id, "path": copy.path, "to": "", "done": False} for copy in copies]


def recycle_replaced(record: ImportRecord, *, now: datetime.datetime) -> int:
    """Move what a committed import replaced into the bin; safe to repeat after a crash. Returns how many copies."""
    if record.status != ImportStatus.COMMITTED:
        return 0
    moved = 0
    for entry in record.replaced:
        if entry.get("done"):
            continue
        root = LibraryRoot.objects.filter(pk=entry["root"]).first()
        if root is None or not root.path or not Path(root.path).is_dir():
            continue
        if not entry["to"]:
            entry["to"] = f"{BIN}/{now.date().isoformat()}/{record.pk}/{entry['path']}"
            record.save(update_fields=["replaced"])
        _move_below(Path(root.path), entry["path"], entry["to"])
        with transaction.atomic():
            Copy.objects.filter(pk=entry["copy"]).exclude(pk=record.copy_id or 0).delete()
            entry["done"] = True
            record.save(update_fields=["replaced"])
            if record.book_id:
                refresh_ownership([record.book_id])
                recount_books([record.book_id], now=now)
        moved += 1
    return moved


def _move_below(root: Path, source: str, target: str) -> None:
    """One rename below a root; done already when the source is gone."""
    start, end = inside(root, source), inside(root, target)
    if not start.exists():
        return
    with disk_errors(root):
        end.parent.mkdir(parents=True, exist_ok=True)
        if end.exists():
            raise PlacingError(f"{target} exists already in the recycle bin; empty it.", code="target_exists")
        start.rename(end)
        _remove_empty(start.parent, root)


def take_back(record: ImportRecord, *, now: datetime.datetime) -> int:
    """Move the files that an import placed into the bin, and only those; folders go when they are empty. Returns how
    many. A file that is not as it was placed is somebody's work, and stays."""
    root = root_path(record)
    target = inside(root, record.target_path)
    bin_ = inside(root, f"{BIN}/{now.date().isoformat()}/{record.pk}-undone/{record.target_path}")
    moved = 0
    with disk_errors(root):
        for file in [*record.files, *({"target": name, "size_bytes": None} for name in SIDECARS)]:
            path = target / file["target"]
            if path.is_file() and not path.is_symlink() and file["size_bytes"] in (None, path.stat().st_size):
                kept = bin_ / file["target"]
                kept.parent.mkdir(parents=True, exist_ok=True)
                path.rename(kept)
                moved += 1
        _remove_empty(target, root)
    return moved


def bring_back(record: ImportRecord, *, now: datetime.datetime) -> int:
    """After an import was undone: what it had replaced returns from the bin to its place; safe to repeat after a
    crash. Returns how many copies."""
    returned = 0
    for entry in record.replaced:
        root = LibraryRoot.objects.filter(pk=entry["root"]).first()
        if not entry.get("done") or root is None or not root.path:
            continue
        base = Path(root.path)
        if inside(base, entry["to"]).exists():
            if inside(base, entry["path"]).exists():
                continue  # why: somebody filed another book there meanwhile; the bin keeps the old one
            _move_below(base, entry["to"], entry["path"])
        with transaction.atomic():
            _adopt_returned(record, root, entry["path"], now)
            entry["done"], entry["to"] = False, ""
            record.save(update_fields=["replaced"])
        returned += 1
    return returned


def _adopt_returned(record: ImportRecord, root: LibraryRoot, path: str, now: datetime.datetime) -> None:
    facts = next((f for f in FolderReader(Path(root.path)).read_only(path) if isinstance(f, CopyFacts)), None)
    if facts is None:
        return
    copy = adopt_copy(root=root, facts=facts, now=now)
    Copy.objects.filter(pk=copy.pk).update(
        book=record.book, match_state=MatchState.CERTAIN, match_reasons=["Brought back."], matched_at=now
    )
    if record.book_id:
        refresh_ownership([record.book_id])
        recount_books([record.book_id], now=now)


def empty_recycle_bin(*, now: datetime.datetime) -> int:
    """Delete what has lain in the bins longer than the setting says. Returns how many days' folders went."""
    oldest = now.date() - datetime.timedelta(days=get_setting("import.recycle_days"))
    emptied = 0
    for root in LibraryRoot.objects.exclude(path=""):
        folder = Path(root.path) / BIN
        if folder.is_symlink() or not folder.is_dir():
            continue
        for day in sorted(folder.iterdir()):
            if not day.is_symlink() and day.is_dir() and _is_before(day.name, oldest):
                with disk_errors(Path(root.path)):
                    shutil.rmtree(day)
                emptied += 1
        tidy(folder)
        tidy(folder.parent)
    return emptied


def _is_before(name: str, day: datetime.date) -> bool:
    try:
        return datetime.date.fromisoformat(name) < day
    except ValueError:
        return False


def _remove_empty(folder: Path, root: Path) -> None:
    """The folder and those above it, as far as they are empty; never the root."""
    if folder.is_dir():
        for below in sorted((p for p in folder.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
            tidy(below)
    while folder != root and root in folder.parents and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
