"""The disk of this server, as `paths_map.explain_missing` asks for it."""

from collections.abc import Sequence
from pathlib import Path

from acquisition.domain.paths_map import Disk


def local_disk() -> Disk:
    """Looks at the real disk; a folder that cannot be listed has no names (None)."""
    return Disk(exists=_exists, names=_names)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False


def _names(folder: str) -> Sequence[str] | None:
    try:
        return [entry.name for entry in Path(folder).iterdir()]
    except OSError:
        return None
