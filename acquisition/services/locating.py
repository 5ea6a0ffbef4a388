"""Where a download lies, seen from here."""

import os
from collections.abc import Iterator
from pathlib import Path

from acquisition.models import Download
from acquisition.services.placing import PlacingError


def locate(download: Download) -> Path:
    """The file or folder of a finished download; PlacingError tells the causes apart."""
    if not download.content_path:
        raise PlacingError(
            "The client does not say where the files are. Look at it in the client.", code="path_unknown"
        )
    path = Path(download.content_path)
    try:
        path.lstat()
    except PermissionError as error:
        raise PlacingError(
            f"{path} may not be read by this user. Give it permission to read.", code="path_forbidden"
        ) from error
    except OSError as error:
        client = download.client.name if download.client else "The client"
        raise PlacingError(
            f"{client} says that the files are at {path}, and that is not here. If it runs elsewhere or in a container, "
            "add a path mapping to it (its folder, and the same folder seen from here).",
            code="path_not_found",
        ) from error
    if path.is_symlink():
        raise PlacingError(
            f"{path} is a link; links are not followed. Import the folder that it leads to.", code="path_is_link"
        )
    return path


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
