"""Measured storage: library, downloads, backups, recycle bin, database, and the free space under each root."""

import datetime
import os
import shutil
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Sum

from acquisition.domain.paths_map import to_local
from acquisition.models import DownloadClient
from acquisition.services.health_disks import download_folders
from acquisition.services.locating import mappings_of
from library.models import Copy, LibraryRoot
from library.services.states import read_state, write_state

STATE = "storage"
MAX_AGE = datetime.timedelta(minutes=15)
WALK_SECONDS = 20.0


def storage_report(*, now: datetime.datetime, max_age: datetime.timedelta = MAX_AGE) -> dict[str, Any]:
    """The last measurement, or a new one when that is older than `max_age`."""
    kept = read_state(STATE)
    if kept.get("as_of") and now - datetime.datetime.fromisoformat(kept["as_of"]) < max_age:
        return kept
    return measure_storage(now=now)


def measure_storage(*, now: datetime.datetime, walk_seconds: float = WALK_SECONDS) -> dict[str, Any]:
    """Measure and keep. A size that could not be measured whole in `walk_seconds` per folder, or whose folder is not
    there, is None."""
    roots = [_root(row) for row in LibraryRoot.objects.filter(is_enabled=True).order_by("name")]
    folders = download_folders({})
    downloads = [_downloads(name, client, said, walk_seconds) for name, (client, said) in folders.items()]
    data = Path(settings.DATA_DIR)
    measured = {
        "as_of": now.isoformat(),
        "library": {
            "size_bytes": sum(root["size_bytes"] for root in roots),
            "copies": sum(root["copies"] for root in roots),
        },
        "roots": roots,
        "downloads": {
            "size_bytes": _sum([row["size_bytes"] for row in downloads]),
            "folders": downloads,
        },
        "database": {"engine": connection.vendor, "size_bytes": database_bytes()},
        "backups": {"size_bytes": folder_bytes(data / "backups", seconds=walk_seconds) or 0},
        "data_directory": {"path": str(data), **_space(data)},
    }
    write_state(STATE, measured)
    return measured


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _root(root: LibraryRoot) -> dict[str, Any]:
    """A root's size is that of its copies as they were last read, which the integrity check compares with the disk."""
    sums = Copy.objects.present().filter(root=root).aggregate(size=Sum("size_bytes"), copies=Count("pk"))
    return {
        "name": root.name,
        "path": root.path,
        "size_bytes": sums["size"] or 0,
        "copies": sums["copies"],
        "is_import_target": root.is_import_target,
        **_space(Path(root.path) if root.path else None),
    }


def _space(folder: Path | None) -> dict[str, int | None]:
    if folder is not None and folder.is_dir():
        usage = shutil.disk_usage(folder)
        return {"free_bytes": usage.free, "total_bytes": usage.total}
    return {"free_bytes": None, "total_bytes": None}


def _downloads(name: str, client: DownloadClient, said: str, seconds: float) -> dict[str, Any]:
    folder = Path(to_local(said, mappings_of(client)))
    return {
        "client": name,
        "path": str(folder),
        "size_bytes": folder_bytes(folder, seconds=seconds),
        **_space(folder),
    }


def folder_bytes(folder: Path, *, seconds: float) -> int | None:
    """The bytes of all files below; files that are linked twice count once. None when absent or not done in time."""
    if not folder.is_dir():
        return None
    until = time.monotonic() + seconds
    total, linked = 0, set()
    for here, _, names in os.walk(folder, followlinks=False):
        if time.monotonic() > until:
            return None
        for name in names:
            try:
                found = (Path(here) / name).lstat()
            except OSError:
                continue
            if found.st_nlink > 1:
                if (found.st_dev, found.st_ino) in linked:
                    continue
                linked.add((found.st_dev, found.st_ino))
            total += found.st_size
    return total


def database_bytes() -> int | None:
    """As the database itself or its files tell."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
        if connection.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            return int(cursor.fetchone()[0])
    return None
