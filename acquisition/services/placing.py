"""Placing files into a library root: journalled, verified, never overwriting, recoverable after a crash at any line.

    1. the journal row says what will be placed where                       (status placing)
    2. files are hardlinked or copied into a hidden staging folder of the root, and verified
    3. the journal says that staging is whole                               (status placed)
    4. one rename makes the folder appear in the library
    5. the caller commits the copy to the database                          (status committed)

A crash before 3 throws the staging folder away and begins anew; after 3 the rename and the commit are done again.
Nothing outside of the root is written; a folder that exists is never touched. Each attempt has a staging folder of its
own, so that a worker that was taken for dead cannot disturb the one that followed it.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.models import ImportRecord, ImportStatus
from config.errors import UnabridgedError
from library.clients.folders.reader import FolderReader

STAGING = ".unabridged"
SIDECARS = ("metadata.json", "metadata.opf")
CHUNK_BYTES = 4 * 1024 * 1024
RESERVE_BYTES = 256 * 1024 * 1024
CANNOT_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES, errno.ENOTSUP, errno.ENOSYS}
)


class PlacingError(UnabridgedError):
    """The disk said no. The message says what to do."""

    code = "import_blocked"
    status = 409


class Superseded(UnabridgedError):
    """Another worker has taken this import over; this one leaves everything to it."""

    code = "superseded"
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
            f"The library root {record.root.name} has no local path. Set it to the folder where its files are from "
            "here.",
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
    sidecars: Mapping[str, bytes],
    hardlink: str,
    alive: Callable[[], None],
) -> str:
    """Steps 2 to 4; returns "hardlink" or "copy". `alive` is called between files, and may raise to stop."""
    root = root_path(record)
    staging, target = inside(root, record.staging_path), inside(root, record.target_path)
    with disk_errors(root):
        if record.status == ImportStatus.PLACING:
            _stage(record, root, staging, target, moves, sidecars, hardlink, alive)
        if staging.exists():
            _reveal(staging, target)
        else:
            _check_revealed(record, target, moves)
            tidy(staging.parent)
    return record.method


def _stage(
    record: ImportRecord,
    root: Path,
    staging: Path,
    target: Path,
    moves: Sequence[FileMove],
    sidecars: Mapping[str, bytes],
    hardlink: str,
    alive: Callable[[], None],
) -> None:
    _discard(staging)
    _check_mounted(record, root)
    if os.path.lexists(target):
        raise PlacingError(
            f"{record.target_path} exists already in {record.root.name}; nothing is overwritten. Move it away, or "
            "cancel.",
            code="target_exists",
        )
    try:
        _check_room(root, moves, hardlink)
        method = _fill_staging(staging, moves, sidecars, hardlink, alive)
        _verify(staging, moves)
    except (OSError, UnabridgedError):
        with contextlib.suppress(OSError):  # why: the first error is the one to tell; a later attempt tidies up
            _discard(staging)
        raise
    _claim_placed(record, staging, method)


def _claim_placed(record: ImportRecord, staging: Path, method: str) -> None:
    """Step 3, by conditional update: only the worker whose attempt is still the current one may go on."""
    mine = ImportRecord.objects.filter(
        pk=record.pk, status=ImportStatus.PLACING, staging_path=record.staging_path
    ).update(status=ImportStatus.PLACED, method=method)
    if not mine:
        _discard(staging)
        raise Superseded(f"Another worker files {record.target_path}.")
    record.status, record.method = ImportStatus.PLACED, method


def _check_mounted(record: ImportRecord, root: Path) -> None:
    """A mount point whose disk is away is an empty folder; books filed into it would be hidden by the disk later."""
    health = FolderReader(root).check()
    if health.code == "empty" and record.root.copies.present().exists():
        raise PlacingError(
            f"The library folder {root} is empty, though books are known in it. Is its disk mounted?",
            code="root_absent",
        )


def _check_revealed(record: ImportRecord, target: Path, moves: Sequence[FileMove]) -> None:
    """After a crash behind step 4: the staging folder has become the target, whole."""
    if target.exists():
        _verify(target, moves)
        return
    ImportRecord.objects.filter(pk=record.pk).update(status=ImportStatus.PLACING)
    record.status = ImportStatus.PLACING
    raise PlacingError(f"{record.target_path} vanished while it was filed. Import it again.", code="target_vanished")


def _fill_staging(
    staging: Path, moves: Sequence[FileMove], sidecars: Mapping[str, bytes], hardlink: str, alive: Callable[[], None]
) -> str:
    staging.mkdir(parents=True)
    methods, folders = set(), {staging}
    for move in moves:
        alive()
        place_at = staging / move.target
        place_at.parent.mkdir(parents=True, exist_ok=True)
        folders.add(place_at.parent)
        methods.add(_link_or_copy(Path(move.source), place_at, hardlink, alive))
    for name, content in sidecars.items():
        _write(staging / name, content)
    for folder in sorted(folders, key=lambda path: -len(path.parts)):
        sync_folder(folder)
    return "copy" if "copy" in methods else "hardlink"


def _link_or_copy(source: Path, target: Path, hardlink: str, alive: Callable[[], None]) -> str:
    if not stat.S_ISREG(source.lstat().st_mode):
        raise PlacingError(
            f"{source.name} is a link or no file; only plain files are filed. Put the file itself there.",
            code="source_is_link",
        )
    if hardlink != "never":
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise
            if hardlink == "require":
                raise PlacingError(
                    f"{source.name} cannot be hardlinked ({error.strerror}), and copying is switched off. Put "
                    "downloads and library on one file system, or allow copies (setting import.hardlink).",
                    code="hardlink_impossible",
                ) from error
            if error.errno not in CANNOT_LINK:
                raise
        else:
            return "hardlink"
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(CHUNK_BYTES):
            writer.write(chunk)
            alive()
        writer.flush()
        os.fsync(writer.fileno())
    with contextlib.suppress(OSError):  # why: some network disks keep no times and modes; the content is what counts
        shutil.copystat(source, target)
    return "copy"


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _verify(folder: Path, moves: Sequence[FileMove]) -> None:
    for move in moves:
        path = folder / move.target
        size = path.stat().st_size if path.exists() else 0
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
                f"{target.name} appeared in the library meanwhile; nothing is overwritten. Move it away, then import "
                "again.",
                code="target_exists",
            ) from error
        raise
    sync_folder(target.parent)
    tidy(staging.parent)


def tidy(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def discard_staging(record: ImportRecord) -> None:
    """Throw away what an attempt has staged."""
    root = root_path(record)
    with disk_errors(root):
        _discard(inside(root, record.staging_path))


def _discard(staging: Path) -> None:
    """Only what we made ourselves: the staging folder lies below our own hidden one."""
    if staging.parent.name == STAGING and staging.exists():
        shutil.rmtree(staging)
        tidy(staging.parent)


def _check_room(root: Path, moves: Sequence[FileMove], hardlink: str) -> None:
    needed = sum(move.size_bytes for move in moves if hardlink == "never" or not _same_disk(move.source, root))
    free = shutil.disk_usage(root).free
    if needed and free < needed + RESERVE_BYTES:
        raise PlacingError(
            f"The disk of {root} has {free // 1024**2} MB free and {needed // 1024**2} MB are needed. Make room, then "
            "import again.",
            code="disk_full",
        )


def _same_disk(source: str, root: Path) -> bool:
    return Path(source).stat().st_dev == root.stat().st_dev


def sync_folder(folder: Path) -> None:
    """Names in a folder are on the disk, not only in its cache."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class disk_errors:  # noqa: N801 (reads as a verb at its use)
    """Disk errors as sentences."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise explain_disk(error, self.root) from error


def explain_disk(error: OSError, root: Path | str) -> PlacingError:
    """What the disk refused, and what to do."""
    where = error.filename or root
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PlacingError(f"The disk of {root} is full. Make room, then import again.", code="disk_full")
    if error.errno == errno.EFBIG:
        words = f"The disk of {root} takes no file this large (FAT stops at 4 GB). Use another disk, then import again."
        return PlacingError(words, code="file_too_large")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        words = f"{where} cannot be read or written ({error.strerror}). Give this user the permission."
        return PlacingError(words, code="not_writable")
    if error.errno == errno.ENOENT:
        words = f"{where} went away while it was filed. Was it moved or deleted? Import again when it is back."
        return PlacingError(words, code="source_gone")
    return PlacingError(f"The disk failed: {error.strerror} ({where}). Check it, then import again.", code="disk_error")
