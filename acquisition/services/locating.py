"""Where a download lies, seen from here."""

import os
from collections.abc import Iterator
from pathlib import Path

from acquisition.domain.paths_map import Disk, PathMapping, explain_missing, to_local
from acquisition.models import Download, DownloadClient
from acquisition.services.placing import PlacingError


def mappings_of(client: DownloadClient) -> list[PathMapping]:
    """The path mappings of a client, as the user wrote them."""
    rows = client.path_mappings if isinstance(client.path_mappings, list) else []
    return [
        PathMapping(str(row["remote"]), str(row["local"])) for row in rows if row.get("remote") and row.get("local")
    ]


def locate(download: Download) -> Path:
    """The file or folder of a finished download; PlacingError tells the causes apart."""
    client = download.client
    mappings = mappings_of(client) if client else []
    name = client.name if client else "The client"
    path = Path(to_local(download.content_path, mappings) or "/nowhere")
    if not download.content_path or not _exists(str(path)):
        missing = explain_missing(download.content_path, mappings, Disk(_exists, _names), client=name)
        raise PlacingError(missing.message, code=f"path_{missing.cause.value}")
    if path.is_symlink():
        raise PlacingError(
            f"{path} is a link; links are not followed. Import the folder that it leads to.", code="path_is_link"
        )
    return path


def _exists(path: str) -> bool:
    return os.path.lexists(path)


def _names(path: str) -> list[str] | None:
    try:
        return sorted(os.listdir(path))  # noqa: PTH208 (names are wanted, not paths)
    except OSError:
        return None


def content_files(content: Path) -> Iterator[Path]:
    """The regular files below; links and special files are left out."""
    if content.is_file():
        yield content
        return
    for folder, _, names in os.walk(content, followlinks=False):
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path
