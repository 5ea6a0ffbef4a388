"""Where a download lies, seen from here."""

import datetime
import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from acquisition.domain.facts import ClientState
from acquisition.domain.paths_map import Disk, PathMapping, explain_missing, to_local
from acquisition.models import ClientKind, Download, DownloadClient
from acquisition.services.placing import PlacingError
from acquisition.services.ports import ask, is_paused, open_client
from config.errors import ExternalAPIError, Unavailable


def mappings_of(client: DownloadClient) -> list[PathMapping]:
    """The path mappings of a client, as the user wrote them."""
    rows = client.path_mappings if isinstance(client.path_mappings, list) else []
    return [
        PathMapping(str(row["remote"]), str(row["local"]))
        for row in rows
        if isinstance(row, dict) and row.get("remote") and row.get("local")
    ]


def download_folders(download: Download) -> list[Path]:
    """The folders of this machine where downloads may lie: those of every client, and where this one was last seen."""
    found = {str(settings.DATA_DIR / "downloads")}
    for client in DownloadClient.objects.all():
        mappings = mappings_of(client)
        found |= {one.local for one in mappings}
        found |= {str(client.settings.get("completed_dir") or "")}
        found |= {to_local(client.save_path, mappings)} if client.save_path else set()
    if download.content_path:
        mappings = mappings_of(download.client) if download.client else []
        found.add(str(Path(to_local(download.content_path, mappings)).parent))
    wide = {"", "/", "."}
    return sorted(Path(folder).resolve() for folder in found - wide if Path(folder).is_absolute())


def refresh_location(download: Download, *, now: datetime.datetime) -> None:
    """Where the client has it now: it may have moved or renamed it since it was complete.

    A client that does not answer changes nothing. Raises Unavailable (client_busy) while it moves or checks the files.
    """
    client = download.client
    if client is None or not download.client_ref or not client.is_enabled or is_paused(client, now):
        return
    if client.kind == ClientKind.HTTP:
        return
    try:
        rows = ask(client, lambda: open_client(client).list(refs=[download.client_ref]), now=now)
    except ExternalAPIError:
        return  # why: the files may be there all the same; the client's own row has the error
    if not rows:
        return
    if rows[0].state in (ClientState.MOVING, ClientState.CHECKING):
        words = f"{client.name} is {rows[0].state} its files; they are filed when it is done."
        raise Unavailable(words, service=client.name, code="client_busy")
    if rows[0].content_path and rows[0].content_path != download.content_path:
        download.content_path = rows[0].content_path[:2000]
        Download.objects.filter(pk=download.pk).update(content_path=download.content_path)


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


def leads_through_link(path: Path, base: Path) -> bool:
    """Whether a file below `base` is a link, or lies behind one."""
    while path not in (base, path.parent):
        if path.is_symlink():
            return True
        path = path.parent
    return False
