"""Health of what lies on disks: the data directory, library roots, download folders, and links between them."""

import datetime
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from acquisition.domain.facts import ClientHealth
from acquisition.domain.health import Finding, error, notice, ok, warning
from acquisition.domain.paths_map import Disk, Missing, explain_missing, to_local
from acquisition.models import ClientKind, DownloadClient
from acquisition.services.locating import mappings_of
from config.http import MEGABYTE
from library.models import LibraryRoot, RootKind
from library.services.settings import get_setting

LOW_BYTES = 5 * 1024 * MEGABYTE
FULL_BYTES = 500 * MEGABYTE
CLOCK_SKEW_SECONDS = 60


def gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"


def check_data_directory(now: datetime.datetime) -> Iterator[Finding]:
    """Writable, with room, and with the clock of this machine."""
    folder = Path(settings.DATA_DIR)
    probe = folder / f".probe-{uuid.uuid4().hex}"
    try:
        probe.write_bytes(b"x")
        skew = probe.stat().st_mtime - time.time()
        probe.unlink()
    except OSError as fault:
        yield error(
            "data_directory",
            f"The data directory {folder} cannot be written ({fault.strerror}). Give this user the right to write it, "
            "or set UNABRIDGED_DATA_DIR.",
        )
        return
    yield ok("data_directory", f"The data directory {folder} can be written.")
    yield _room("data_space", folder, "the data directory")
    if abs(skew) > CLOCK_SKEW_SECONDS:
        yield warning(
            "clock",
            f"The clock of the disk of {folder} differs from this machine's by {abs(skew):.0f} seconds. Let both "
            "keep time by NTP, or retries and schedules come at wrong moments.",
        )


def _room(code: str, folder: Path, what: str, subject: str = "") -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as fault:
        return error(code, f"The free space of {what} cannot be read ({fault.strerror}). Is its disk mounted?", subject)
    if free < FULL_BYTES:
        return error(
            code, f"Only {gigabytes(free)} are free for {what} ({folder}). Make room; downloads will fail.", subject
        )
    if free < LOW_BYTES:
        return warning(code, f"Only {gigabytes(free)} are free for {what} ({folder}). Make room soon.", subject)
    return ok(code, f"{gigabytes(free)} are free for {what}.", subject)


def check_roots(now: datetime.datetime) -> Iterator[Finding]:
    """Every library root, and one that imports go into."""
    roots = list(LibraryRoot.objects.filter(is_enabled=True).select_related("server"))
    if not roots:
        yield warning(
            "root_folder", "There is no library. Add a folder or an Audiobookshelf server under Library roots."
        )
        return
    for root in roots:
        yield from _check_root(root)
    targets = [root for root in roots if root.is_import_target]
    if not targets:
        yield error("import_target", "No library root takes imports. Mark one as import target under Library roots.")
    for root in targets:
        yield from _check_target(root)


def _check_root(root: LibraryRoot) -> Iterator[Finding]:
    if root.kind == RootKind.AUDIOBOOKSHELF and not root.path:
        yield ok("root_folder", f"{root.name} is read through Audiobookshelf.", root.name)
        return
    folder = Path(root.path)
    if not folder.is_dir():
        yield error(
            "root_folder",
            f"The folder {root.path} of {root.name} is not there. Is its disk mounted? Until it is back, nothing of it "
            "is counted as missing.",
            root.name,
        )
    elif not os.access(folder, os.R_OK | os.X_OK):
        yield error(
            "root_folder",
            f"The folder {root.path} of {root.name} may not be read. Give this user the right.",
            root.name,
        )
    elif root.copy_count and not any(folder.iterdir()):
        yield error(
            "root_folder",
            f"The folder {root.path} of {root.name} is empty, where {root.copy_count} books were. Is its disk mounted?",
            root.name,
        )
    else:
        yield ok("root_folder", f"{root.path} can be read.", root.name)


def _check_target(root: LibraryRoot) -> Iterator[Finding]:
    if not root.path:
        yield error(
            "import_target",
            f"{root.name} takes imports, but it is not said where its folder is for this server. Set its path.",
            root.name,
        )
        return
    folder = Path(root.path)
    if not folder.is_dir():
        return
    probe = folder / f".unabridged-probe-{uuid.uuid4().hex[:8]}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as fault:
        yield error(
            "import_target",
            f"{root.name} takes imports, but {folder} cannot be written ({fault.strerror}). Give this user the right, "
            "or mount it for writing.",
            root.name,
        )
        return
    yield ok("import_target", f"Books can be filed in {folder}.", root.name)
    yield _room("root_space", folder, root.name, root.name)


def download_folders(healths: dict[str, ClientHealth]) -> dict[str, tuple[DownloadClient, str]]:
    """{client name: (client, download folder as it says)}; `healths` is what the clients said of themselves."""
    found = {}
    for client in DownloadClient.objects.filter(is_enabled=True):
        said = client.save_path or (healths[client.name].save_path if client.name in healths else "")
        if client.kind == ClientKind.WATCH_FOLDER:
            said = str(client.settings.get("completed_dir") or said)
        if client.kind == ClientKind.HTTP:
            said = said or str(settings.DATA_DIR / "downloads")
        if said:
            found[client.name] = (client, said)
    return found


def check_mappings(folders: dict[str, tuple[DownloadClient, str]]) -> Iterator[Finding]:
    """Whether each client's download folder is there for us, and why not."""
    for name, (client, said) in folders.items():
        missing = explain_missing(said, mappings_of(client), Disk(os.path.lexists, _names), client=name)
        if missing.cause is Missing.NOT_MISSING:
            yield ok("path_mapping", f"The download folder of {name} is {missing.local} here.", name)
        elif client.kind == ClientKind.HTTP:
            yield ok("path_mapping", f"{said} is made with the first download.", name)
        else:
            yield error("path_mapping", missing.message, name)


def _names(path: str) -> list[str] | None:
    try:
        return sorted(os.listdir(path))  # noqa: PTH208 (names are wanted, not paths)
    except OSError:
        return None


def check_hardlinks(folders: dict[str, tuple[DownloadClient, str]]) -> Iterator[Finding]:
    """A real link from each download folder into each import target, made and taken away again."""
    wish = get_setting("import.hardlink")
    if wish == "never":
        return
    for root in LibraryRoot.objects.filter(is_enabled=True, is_import_target=True).exclude(path=""):
        for name, (client, said) in folders.items():
            source = Path(to_local(said, mappings_of(client)))
            if source.is_dir() and Path(root.path).is_dir():
                yield _probe_link(source, Path(root.path), f"{name} → {root.name}", wish)


def _probe_link(source: Path, target: Path, subject: str, wish: str) -> Finding:
    name = f".unabridged-probe-{uuid.uuid4().hex[:8]}"
    first, second = source / name, target / f"{name}-link"
    try:
        first.write_bytes(b"x")
    except OSError as fault:
        return notice(
            "hardlink",
            f"Whether {source} and {target} can share files is not known: {source} cannot be written here "
            f"({fault.strerror}). It is seen at the first import.",
            subject,
        )
    try:
        os.link(first, second)
        same = first.stat().st_ino == second.stat().st_ino
    except OSError as fault:
        words = (
            f"Files of {source} cannot be hardlinked into {target} ({fault.strerror}). Put both on one file system "
            "(in Docker: mount their common parent folder once)"
        )
        if wish == "require":
            return error("hardlink", f"{words}, or allow copies (setting import.hardlink).", subject)
        return warning("hardlink", f"{words}; until then every book is copied and takes its space twice.", subject)
    finally:
        for path in (first, second):
            path.unlink(missing_ok=True)
    if not same:
        return warning(
            "hardlink", f"{target} makes copies instead of links; every book takes its space twice.", subject
        )
    return ok("hardlink", f"{source} and {target} share files by hardlink.", subject)
