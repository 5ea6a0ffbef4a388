"""Unpacking the archives that a release came in, into a folder of our own below the library root.

Only zip is unpacked; its list is judged before a byte is written: no path that leads out of the folder, no link, no
password, no more than so many files and bytes, nothing that unpacks to absurdly more than it takes.
"""

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from acquisition.services.placing import CHUNK_BYTES, RESERVE_BYTES, STAGING, PlacingError, disk_errors, tidy
from library.domain.file_names import safe_component

UNPACKED = frozenset({".zip"})
MAX_FILES = 5_000
MAX_BYTES = 100 * 1024**3
MAX_RATIO = 50
SMALL_BYTES = 100 * 1024**2  # below this a high ratio is text or silence, and harms nobody
_DRIVE = re.compile(r"^[A-Za-z]:")


def unpack_folder(download_id: int) -> str:
    """Where the archives of a download are unpacked, relative to the root."""
    return f"{STAGING}/unpacked-{download_id}"


def unpack(archives: Sequence[Path], root: Path, download_id: int, *, alive: Callable[[], None]) -> Path:
    """Unpack all archives of a download, and say where; anew each time. PlacingError says why one is not unpacked."""
    folder = root / unpack_folder(download_id)
    target = folder / safe_component(archives[0].stem if len(archives) == 1 else archives[0].parent.name)
    with disk_errors(root):
        clear_unpacked(root, download_id)
        total = sum(_judge(archive) for archive in archives)
        if shutil.disk_usage(root).free < total + RESERVE_BYTES:
            raise PlacingError(
                f"The disk of {root} has no room to unpack {total // 1024**2} MB. Make room, then import again.",
                code="disk_full",
            )
        target.mkdir(parents=True)
        for archive in archives:
            _unpack_one(archive, target, alive)
    return target


def clear_unpacked(root: Path, download_id: int) -> None:
    """Throw away what was unpacked for a download."""
    folder = root / unpack_folder(download_id)
    if folder.exists() and not folder.is_symlink():
        shutil.rmtree(folder)
        tidy(folder.parent)


def _judge(archive: Path) -> int:
    """The bytes that it unpacks to; PlacingError when it is not one that is unpacked."""
    with _opened(archive) as package:
        entries = [entry for entry in package.infolist() if not entry.is_dir()]
        if len(entries) > MAX_FILES:
            raise _refused(archive, f"it holds {len(entries)} files")
        for entry in entries:
            _judge_entry(archive, entry)
        total = sum(entry.file_size for entry in entries)
        if total > MAX_BYTES:
            raise _refused(archive, f"it unpacks to {total // 1024**3} GB")
        if total > SMALL_BYTES and total > MAX_RATIO * max(archive.stat().st_size, 1):
            raise _refused(archive, "it unpacks to absurdly more than it takes")
        return total


def _judge_entry(archive: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith(("/", "\\")) or ".." in parts or _DRIVE.match(name):
        raise _refused(archive, f"it holds a path that leads out of its folder ({name[:80]!r})")
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _refused(archive, f"it holds a link or device ({name[:80]!r})")
    if entry.flag_bits & 0x1:
        raise PlacingError(
            f"{archive.name} needs a password. Unpack it in its folder, then import again.", code="archive_locked"
        )


def _unpack_one(archive: Path, target: Path, alive: Callable[[], None]) -> None:
    with _opened(archive) as package:
        for entry in package.infolist():
            if entry.is_dir():
                continue
            parts = [safe_component(part) or "_" for part in PurePosixPath(entry.filename.replace("\\", "/")).parts]
            place = target.joinpath(*parts)
            if target.resolve() not in place.resolve().parents:
                raise _refused(archive, "it leads out of its folder")
            place.parent.mkdir(parents=True, exist_ok=True)
            _write_entry(archive, package, entry, place, alive)


def _write_entry(
    archive: Path, package: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path, alive: Callable[[], None]
) -> None:
    """One file; what it says of its size is a bound, not a promise."""
    written = 0
    try:
        with package.open(entry) as reader, place.open("xb") as writer:
            while chunk := reader.read(CHUNK_BYTES):
                written += len(chunk)
                if written > entry.file_size:
                    raise _refused(archive, "a file in it is larger than it says")
                writer.write(chunk)
                alive()
    except FileExistsError as error:
        raise _refused(archive, f"two of its files have the same name ({place.name[:80]!r})") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _broken(archive) from error


class _opened:  # noqa: N801 (reads as a verb at its use)
    """A zip file, with its faults in our words."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive

    def __enter__(self) -> zipfile.ZipFile:
        try:
            self.package = zipfile.ZipFile(self.archive)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise _broken(self.archive) from error
        return self.package

    def __exit__(self, *_: object) -> None:
        self.package.close()


def _refused(archive: Path, why: str) -> PlacingError:
    return PlacingError(
        f"{archive.name} is not unpacked: {why}. Look at it, and unpack it by hand only if you trust it.",
        code="archive_refused",
    )


def _broken(archive: Path) -> PlacingError:
    return PlacingError(
        f"{archive.name} is damaged or packed in a way that is not known. Unpack it in its folder, then import again.",
        code="archive_broken",
    )
