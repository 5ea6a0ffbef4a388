"""Unpacking what a release came packed in, into a folder of our own below the library root.

Each package's list is judged before a byte is written: no path that leads out of the folder, no link, no password, no
more than so many files and bytes, nothing that unpacks to absurdly more than it takes. What the list promises is a
bound: a file that grows beyond it is refused. A package within a package is unpacked too, against the same budget.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from acquisition.clients.packages import (
    Entry,
    Package,
    PackageError,
    Volumes,
    find_packages,
    is_package,
    open_package,
)
from acquisition.services.locating import content_files
from acquisition.services.placing import RESERVE_BYTES, STAGING, PlacingError, disk_errors, tidy
from library.domain.book_files import is_audio
from library.domain.file_names import byte_length, safe_component

MAX_FILES = 5_000
MAX_BYTES = 100 * 1024**3
MAX_RATIO = 50
MAX_PATH_BYTES = 2_000
MAX_NESTED = 3
SMALL_BYTES = 100 * 1024**2  # below this a high ratio is text or silence, and harms nobody
_DRIVE = re.compile(r"^[A-Za-z]:")
ADVICE = {
    "archive_refused": "Look at it, and unpack it by hand only if you trust it.",
    "archive_locked": "Unpack it in its folder, then import again.",
    "archive_broken": "Unpack it in its folder, then import again, or choose another release.",
    "archive_incomplete": "Get what is missing, then import again, or choose another release.",
    "archive_tool": "Then import again.",
}


@dataclass(slots=True)
class _Budget:
    """What all packages of a download may come to together, those within others too."""

    packed_bytes: int
    files: int = 0
    total_bytes: int = 0

    def take(self, entries: Sequence[Entry]) -> int:
        """PackageError when it is too much; else the bytes that these come to."""
        wanted = sum(entry.size_bytes for entry in entries)
        self.files += len(entries)
        self.total_bytes += wanted
        if self.files > MAX_FILES:
            raise PackageError("archive_refused", f"it holds {self.files} files")
        if self.total_bytes > MAX_BYTES:
            raise PackageError("archive_refused", f"it unpacks to {self.total_bytes // 1024**3} GB")
        if self.total_bytes > SMALL_BYTES and self.total_bytes > MAX_RATIO * max(self.packed_bytes, 1):
            raise PackageError("archive_refused", "it unpacks to absurdly more than it takes")
        return wanted


def unpack_folder(download_id: int) -> str:
    """Where the archives of a download are unpacked, relative to the root."""
    return f"{STAGING}/unpacked-{download_id}"


def unpack(paths: Sequence[Path], root: Path, download_id: int, *, alive: Callable[[], None]) -> Path:
    """Unpack all packages of a download, and say where; anew each time. PlacingError says why one is not unpacked."""
    folder = root / unpack_folder(download_id)
    with disk_errors(root):
        clear_unpacked(root, download_id)
        with _named(paths[0]):
            packages = find_packages(paths)
        name = packages[0].stem if len(packages) == 1 else packages[0].first.parent.name
        target = folder / (safe_component(name) or "unpacked")
        budget = _Budget(sum(volumes.size_bytes for volumes in packages))
        try:
            for volumes in packages:
                _unpack_one(volumes, target, budget, alive)
            _unpack_nested(target, budget, alive)
        except (PlacingError, OSError):
            clear_unpacked(root, download_id)
            raise
    return target


def clear_unpacked(root: Path, download_id: int) -> None:
    """Throw away what was unpacked for a download."""
    folder = root / unpack_folder(download_id)
    if folder.exists() and not folder.is_symlink():
        shutil.rmtree(folder)
        tidy(folder.parent)


def _unpack_nested(target: Path, budget: _Budget, alive: Callable[[], None]) -> None:
    """Packages that came in packages, where there is no sound beside them."""
    for _ in range(MAX_NESTED):
        files = list(content_files(target))
        inner = [path for path in files if is_package(path.name)]
        if not inner or any(is_audio(path.name) for path in files):
            return
        with _named(inner[0]):
            packages = find_packages(inner)
        for volumes in packages:
            _unpack_one(volumes, volumes.first.parent, budget, alive)
        for path in inner:
            path.unlink()
    if any(is_package(path.name) for path in content_files(target)):
        words = f"{target.name} is not unpacked: it is packed more than {MAX_NESTED} times over."
        raise PlacingError(f"{words} {ADVICE['archive_refused']}", code="archive_refused")


def _unpack_one(volumes: Volumes, target: Path, budget: _Budget, alive: Callable[[], None]) -> None:
    with _named(volumes.first), open_package(volumes) as package:
        places = _judge(package, target, budget)
        needed = sum(entry.size_bytes for entry in package.entries)
        target.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(target).free < needed + RESERVE_BYTES:
            raise PlacingError(
                f"The disk of {target.parent.parent.parent} has no room to unpack {needed // 1024**2} MB. Make room, "
                "then import again.",
                code="disk_full",
            )

        @contextmanager
        def open_sink(entry: Entry) -> Iterator[_Bounded]:
            place = places[entry.name]
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                yield _Bounded(file, entry.size_bytes, alive)

        package.extract(open_sink)


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    """What is wrong with a package, with its name and what to do."""
    try:
        yield
    except PackageError as error:
        words = f"{archive.name} is not unpacked: {error.why}. {ADVICE[error.code]}"
        raise PlacingError(words, code=error.code) from error


def _judge(package: Package, target: Path, budget: _Budget) -> dict[str, Path]:
    """Where each entry goes; PackageError when the package is not one that is unpacked."""
    if not package.entries:
        raise PackageError("archive_broken", "there is nothing in it")
    budget.take(package.entries)
    places: dict[str, Path] = {}
    taken: set[str] = set()
    for entry in package.entries:
        _judge_entry(entry)
        place = _place_of(entry, target)
        key = str(place).casefold()
        if key in taken or place.exists():
            raise PackageError("archive_refused", f"two of its files have the same name ({place.name[:80]!r})")
        taken.add(key)
        places[entry.name] = place
    if folders := {str(parent).casefold() for place in places.values() for parent in place.parents} & taken:
        raise PackageError("archive_refused", f"a file in it lies below another file ({Path(min(folders)).name!r})")
    return places


def _judge_entry(entry: Entry) -> None:
    name = entry.name
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith(("/", "\\")) or ".." in parts or _DRIVE.match(name):
        raise PackageError("archive_refused", f"it holds a path that leads out of its folder ({name[:80]!r})")
    if byte_length(name) > MAX_PATH_BYTES:
        raise PackageError("archive_refused", f"it holds a path that is too long ({name[:80]!r}…)")
    if entry.is_link or entry.is_special:
        raise PackageError("archive_refused", f"it holds a link or device ({name[:80]!r})")
    if entry.is_locked:
        raise PackageError("archive_locked", "it needs a password")


def _place_of(entry: Entry, target: Path) -> Path:
    """Every part of the path as a safe name; the whole of it below the target."""
    parts = [safe_component(part) or "_" for part in PurePosixPath(entry.name.replace("\\", "/")).parts]
    place = target.joinpath(*parts)
    if target.resolve() not in place.resolve().parents:
        raise PackageError("archive_refused", "it leads out of its folder")
    return place


class _Bounded:
    """A file that may grow to what its package said of it, and no further."""

    def __init__(self, file: BinaryIO, limit: int, alive: Callable[[], None]) -> None:
        self.file, self.left, self.alive = file, limit, alive

    def write(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            raise PackageError("archive_refused", "a file in it is larger than it says")
        self.file.write(data)
        self.alive()
