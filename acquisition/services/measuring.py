"""What the product takes up on disk, measured now; None where it cannot be seen from here."""

import datetime
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q, Sum

from acquisition.domain.paths_map import to_local
from acquisition.models import ClientKind, Download, DownloadClient
from acquisition.services.locating import mappings_of
from library.models import LibraryRoot

# A folder that takes longer to walk is answered as not measured: a request must not hang on a slow disk.
WALK_SECONDS = 2.0


def measure_storage(*, now: datetime.datetime, walk_seconds: float = WALK_SECONDS) -> dict[str, Any]:
    """Sizes in bytes of library, downloads and database, and free space of every root folder."""
    roots = [_root(root) for root in _roots()]
    return {
        "as_of": now,
        "library": {
            "size_bytes": sum(root["size_bytes"] for root in roots),
            "copies": sum(root["copies"] for root in roots),
            "measured_at": min((root["read_at"] for root in roots if root["read_at"]), default=None),
        },
        "roots": roots,
        "downloads": _downloads(walk_seconds),
        "database": {"engine": connection.vendor, "size_bytes": database_bytes()},
        "data_folder": _disk(Path(settings.DATA_DIR)),
    }


def _roots() -> Iterable[LibraryRoot]:
    present = Q(copies__missing_since=None)
    return LibraryRoot.objects.annotate(
        copies_present=Count("copies", filter=present), bytes_present=Sum("copies__size_bytes", filter=present)
    ).order_by("name")


def _root(root: Any) -> dict[str, Any]:
    """`size_bytes` is the sum of the files that the last reading saw (`read_at`)."""
    return {
        "id": root.pk,
        "name": root.name,
        "kind": root.kind,
        "is_enabled": root.is_enabled,
        "copies": root.copies_present,
        "size_bytes": root.bytes_present or 0,
        "read_at": root.last_read_at,
        **_disk(Path(root.path) if root.path else None),
    }


def _disk(folder: Path | None) -> dict[str, Any]:
    """Free and total space of the disk that holds the folder."""
    try:
        usage = shutil.disk_usage(folder) if folder and folder.is_dir() else None
    except OSError:
        usage = None
    return {
        "state": "ok" if usage else "not_configured" if folder is None else "unreachable",
        "free_bytes": usage.free if usage else None,
        "total_bytes": usage.total if usage else None,
    }


def _downloads(walk_seconds: float) -> dict[str, Any]:
    """The folders that downloads lie in, as far as they can be seen from here."""
    deadline = time.monotonic() + walk_seconds
    folders = [_measured(folder, deadline) for folder in _download_folders()]
    known = [folder["size_bytes"] for folder in folders if folder["size_bytes"] is not None]
    return {
        "size_bytes": sum(known) if len(known) == len(folders) else None,
        "expected_bytes": Download.objects.in_client().aggregate(sum=Sum("size_bytes"))["sum"] or 0,
        "folders": folders,
    }


def _download_folders() -> list[Path]:
    own = Path(settings.DATA_DIR) / "downloads"
    found = {own} if own.is_dir() else set()
    for client in DownloadClient.objects.filter(is_enabled=True):
        if client.kind == ClientKind.HTTP:
            found |= {Path(client.save_path)} if client.save_path else set()
            continue
        place = client.save_path or str(client.settings.get("completed_dir") or "")
        local = to_local(place, mappings_of(client)) if place else ""
        found |= {Path(local)} if local else set()
    outermost = [path for path in found if not any(other in path.parents for other in found)]
    return sorted(outermost)


def _measured(folder: Path, deadline: float) -> dict[str, Any]:
    disk = _disk(folder)
    size = folder_bytes(folder, deadline) if disk["state"] == "ok" else None
    if size is None and disk["state"] == "ok":
        disk["state"] = "too_large_to_measure"
    return {"path": str(folder), "size_bytes": size, **disk}


def folder_bytes(folder: Path, deadline: float) -> int | None:
    """The bytes of all regular files below, links not followed; None when the deadline (monotonic) passes."""
    total, open_folders = 0, [str(folder)]
    while open_folders:
        if time.monotonic() > deadline:
            return None
        try:
            with os.scandir(open_folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        open_folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # it vanished, or is not ours to read: what cannot be seen is not counted
    return total


def database_bytes() -> int | None:
    """The size of the database; with SQLite the file with its journal. None when it is kept in memory."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("select pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    name = Path(str(connection.settings_dict["NAME"]))
    files = [Path(f"{name}{suffix}") for suffix in ("", "-wal", "-shm")]
    sizes = [file.stat().st_size for file in files if file.is_file()]
    return sum(sizes) if sizes else None
