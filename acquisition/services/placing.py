"""Placing files into a library root: journalled, verified, never overwriting, recoverable after a crash at any line.

    1. the journal row says what will be placed where                       (status placing)
    2. files are hardlinked or copied into a hidden staging folder of the root, and verified
    3. the journal says that staging is whole                               (status placed)
    4. one rename makes the folder appear in the library
    5. the caller commits the copy to the database                          (status committed)

A crash before 3 throws the staging folder away and begins anew; after 3 the rename and the commit are done again.
Nothing outside of the root is written; a folder that exists is never touched.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquisition.models import ImportRecord, ImportStatus
from config.errors import UnabridgedError

STAGING = ".unabridged"
CHUNK_BYTES = 4 * 1024 * 1024
RESERVE_BYTES = 256 * 1024 * 1024


class PlacingError(UnabridgedError):
    """The disk said no. The message says what to do."""

    code = "import_blocked"
    status = 409


@dataclass(frozen=True, slots=True)
class FileMove:
    """One file: from an absolute path to a path relative to the book's folder."""

    source: str
    target: str
    size_bytes: int


def root_path(record: ImportRecord) -> Path:
    """The root's folder as seen from here; PlacingError when it is not there."""
    base = record.root.path
    if not base:
        raise PlacingError(
            f"The library root {record.root.name} has no local path. Set it to where its files are from here.",
            code="root_without_path",
        )
    path = Path(base)
    if not path.is_dir():
        raise PlacingError(f"The library folder {path} is not there. Is its disk mounted?", code="root_absent")
    return path


def inside(root: Path, relative: str) -> Path:
    """A path below the root; PlacingError when it would lead out of it, through a link, too."""
    target = (root / relative).resolve()
    if root.resolve() not in target.parents:
        raise PlacingError(f"{relative} would lie outside of the library; it is not written.", code="outside_root")
    return target


def place(
    record: ImportRecord,
    moves: Sequence[FileMove],
    *,
    sidecar: dict[str, Any],
    hardlink: str,
    alive: Callable[[], None],
) -> str:
    """Steps 2 to 4; returns "hardlink" or "copy". `alive` is called between files, and may raise to stop."""
    root = root_path(record)
    staging, target = inside(root, record.staging_path), inside(root, record.target_path)
    with _disk(root):
        if record.status == ImportStatus.PLACING:
            _discard(staging)
            if target.exists():
                raise PlacingError(
                    f"{record.target_path} exists already in {record.root.name}; nothing is overwritten. Move it away, or cancel.",
                    code="target_exists",
                )
            _check_room(root, moves, hardlink)
            method = _fill_staging(staging, moves, sidecar, hardlink, alive)
            _verify(staging, moves)
            record.status, record.method = ImportStatus.PLACED, method
            record.save(update_fields=["status", "method"])
        if staging.exists():
            _reveal(staging, target)
        elif not target.exists():
            raise PlacingError(
                f"{record.target_path} vanished while it was filed. Import it again.", code="target_vanished"
            )
    return record.method


def _fill_staging(
    staging: Path, moves: Sequence[FileMove], sidecar: dict[str, Any], hardlink: str, alive: Callable[[], None]
) -> str:
    staging.mkdir(parents=True)
    methods = set()
    for move in moves:
        alive()
        place_at = staging / move.target
        place_at.parent.mkdir(parents=True, exist_ok=True)
        methods.add(_link_or_copy(Path(move.source), place_at, hardlink, alive))
    if sidecar:
        _write(staging / "metadata.json", json.dumps(sidecar, ensure_ascii=False, indent=2).encode())
    _sync_folder(staging)
    return "copy" if "copy" in methods else "hardlink"


def _link_or_copy(source: Path, target: Path, hardlink: str, alive: Callable[[], None]) -> str:
    if hardlink != "never":
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if hardlink == "require":
                raise PlacingError(
                    f"{source.name} cannot be hardlinked ({error.strerror}), and copying is switched off. Put downloads and "
                    "library on one file system, or allow copies (setting import.hardlink).",
                    code="hardlink_impossible",
                ) from error
            if error.errno not in (
                errno.EXDEV,
                errno.EPERM,
                errno.EMLINK,
                errno.EOPNOTSUPP,
                errno.EACCES,
                errno.ENOTSUP,
            ):
                raise
        else:
            return "hardlink"
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(CHUNK_BYTES):
            writer.write(chunk)
            alive()
        writer.flush()
        os.fsync(writer.fileno())
    shutil.copystat(source, target)
    return "copy"


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _verify(staging: Path, moves: Sequence[FileMove]) -> None:
    for move in moves:
        size = (staging / move.target).stat().st_size
        if size != move.size_bytes:
            raise PlacingError(
                f"{move.target} has {size} bytes after placing and should have {move.size_bytes}. Import it again.",
                code="verify_failed",
            )


def _reveal(staging: Path, target: Path) -> None:
    """One rename. A folder that appeared meanwhile is an error, not overwritten: rename onto it fails unless empty."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        staging.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise PlacingError(
                f"{target.name} appeared in the library meanwhile; nothing is overwritten.", code="target_exists"
            ) from error
        raise
    _sync_folder(target.parent)
    _tidy(staging.parent)


def _tidy(folder: Path) -> None:
    """The hidden folder goes when nothing is staged in it."""
    try:
        folder.rmdir()
    except OSError:
        return


def _discard(staging: Path) -> None:
    """Only what we made ourselves: the staging folder lies below our own hidden one."""
    if staging.parent.name == STAGING and staging.exists():
        shutil.rmtree(staging)


def _check_room(root: Path, moves: Sequence[FileMove], hardlink: str) -> None:
    needed = sum(move.size_bytes for move in moves if hardlink == "never" or not _same_disk(move.source, root))
    free = shutil.disk_usage(root).free
    if needed and free < needed + RESERVE_BYTES:
        raise PlacingError(
            f"The disk of {root} has {free // 1024**2} MB free and {needed // 1024**2} MB are needed. Make room, then import again.",
            code="disk_full",
        )


def _same_disk(source: str, root: Path) -> bool:
    return Path(source).stat().st_dev == root.stat().st_dev


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _disk:  # noqa: N801 (reads as a verb at its use)
    """Disk errors as sentences."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PlacingError(
                f"The disk of {self.root} is full. Make room, then import again.", code="disk_full"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise PlacingError(
                f"{error.filename or self.root} cannot be written ({error.strerror}). Give this user write permission.",
                code="not_writable",
            ) from error
        raise PlacingError(
            f"The disk failed: {error.strerror} ({error.filename or self.root}).", code="disk_error"
        ) from error


def take_back(record: ImportRecord) -> int:
    """Remove the files that an import placed, and only those; folders go when they are empty. Returns how many."""
    root = root_path(record)
    target = inside(root, record.target_path)
    removed = 0
    with _disk(root):
        _discard(inside(root, record.staging_path))
        for file in [*record.files, {"target": "metadata.json", "size_bytes": None}]:
            path = target / file["target"]
            if path.is_file() and not path.is_symlink() and file["size_bytes"] in (None, path.stat().st_size):
                path.unlink()
                removed += 1
        _remove_empty(target, root)
    return removed


def _remove_empty(folder: Path, root: Path) -> None:
    if folder.is_dir():
        for below in sorted((p for p in folder.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
            _tidy(below)
    while folder != root and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
