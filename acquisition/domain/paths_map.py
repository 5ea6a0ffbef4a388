"""Translating paths between a download client's host and ours, both ways.

A client in a container or on another machine says `/downloads/Emma` for what we see as `/mnt/nas/done/Emma`. A mapping
is a pair of folders. It applies to whole components (`/downloads` does not cover `/downloads2`), the longest one wins,
and a path that none covers stays as it is.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

DRIVE = re.compile(r"[A-Za-z]:([\\/]|$)")
SHARE = re.compile(r"(\\\\|//)[^\\/]+[\\/]+[^\\/]+")


@dataclass(frozen=True, slots=True)
class PathMapping:
    """`remote` is the folder as the client names it, `local` the same folder as we see it."""

    remote: str
    local: str


class Missing(StrEnum):
    """Why a path of a client is not there for us."""

    NOT_MISSING = "not_missing"
    NO_PATH = "no_path"
    NOT_ABSOLUTE = "not_absolute"
    FOREIGN_PATH = "foreign_path"
    NO_MAPPING = "no_mapping"
    ROOT_ABSENT = "root_absent"
    ROOT_UNREADABLE = "root_unreadable"
    ROOT_EMPTY = "root_empty"
    CASE_DIFFERS = "case_differs"
    NOT_THERE = "not_there"


@dataclass(frozen=True, slots=True)
class MissingPath:
    """Why a path is missing: a `cause` for programs and a `message` for people that says what to do."""

    cause: Missing
    message: str
    local: str = ""


def is_windows(path: str) -> bool:
    """Whether a path is written the Windows way: with a drive, or as a share with backslashes."""
    return bool(DRIVE.match(path)) or path.startswith("\\\\")


def split(path: str) -> list[str]:
    """The components of a path, its root first; separators are normalised, `.` and empty components dropped."""
    if is_windows(path):
        share = SHARE.match(path)
        root = share.group(0).replace("/", "\\") if share else path[:2]
        rest = path[len(share.group(0)) if share else 2 :]
        return [root, *_kept(re.split(r"[\\/]+", rest))]
    start = ["/"] if path.startswith("/") else []
    return [*start, *_kept(path.split("/"))]


def _kept(parts: Iterable[str]) -> list[str]:
    return [part for part in parts if part not in ("", ".")]


def join(parts: Sequence[str], *, windows: bool) -> str:
    """The opposite of `split`."""
    if windows:
        return parts[0] + "\\" + "\\".join(parts[1:])
    return "/" + "/".join(parts[1:]) if parts and parts[0] == "/" else "/".join(parts)


def _same(first: str, second: str, *, windows: bool) -> bool:
    return first.casefold() == second.casefold() if windows else first == second


def _tail(path: str, prefix: str) -> list[str] | None:
    """The components of the path below the prefix; None when it is not below it, or could climb out of it."""
    windows = is_windows(prefix)
    if windows != is_windows(path):
        return None
    parts, head = split(path), split(prefix)
    if not head or len(parts) < len(head) or ".." in parts:
        return None
    same = all(_same(one, other, windows=windows) for one, other in zip(parts, head, strict=False))
    return parts[len(head) :] if same else None


def _translate(path: str, pairs: Iterable[tuple[str, str]]) -> str | None:
    """The path with the longest covering prefix replaced; None when none covers it."""
    covering = [
        (len(split(source)), tail, target) for source, target in pairs if (tail := _tail(path, source)) is not None
    ]
    if not covering:
        return None
    _, tail, target = max(covering, key=lambda row: row[0])
    return join([*split(target), *tail], windows=is_windows(target))


def to_local(path: str, mappings: Sequence[PathMapping]) -> str:
    """A path of the client as we see it."""
    return _translate(path, ((one.remote, one.local) for one in mappings)) or path


def to_remote(path: str, mappings: Sequence[PathMapping]) -> str:
    """A path of ours as the client sees it (for save paths that we send)."""
    return _translate(path, ((one.local, one.remote) for one in mappings)) or path


@dataclass(frozen=True, slots=True)
class Disk:
    """What must be asked of the disk: whether a path exists, is a folder, may be read, and what a folder holds.

    `names` returns None for a folder that cannot be listed.
    """

    exists: Callable[[str], bool]
    names: Callable[[str], Sequence[str] | None]


def explain_missing(
    path: str, mappings: Sequence[PathMapping], disk: Disk, *, client: str = "The client"
) -> MissingPath:
    """Why a path that the client names is not there for us, as exactly as the disk tells."""
    local = to_local(path, mappings)
    if not path.strip():
        return MissingPath(Missing.NO_PATH, f"{client} does not say where it put the files.")
    if not path.startswith("/") and not is_windows(path):
        words = f"{client} says {path!r}, which is not a whole path. Set an absolute download folder there."
        return MissingPath(Missing.NOT_ABSOLUTE, words)
    if is_windows(local):
        words = f"{client} says {path!r}, a path of Windows. Add a path mapping that says where it is mounted here."
        return MissingPath(Missing.FOREIGN_PATH, words, local)
    if disk.exists(local):
        return MissingPath(Missing.NOT_MISSING, f"{local!r} is there.", local)
    mapping = _mapping_of(path, mappings)
    said = f"{client} says {path!r}" + (f", which is mapped to {local!r}" if mapping else "")
    return _below(local, mapping, disk, said)


def _mapping_of(path: str, mappings: Sequence[PathMapping]) -> PathMapping | None:
    covering = [one for one in mappings if _tail(path, one.remote) is not None]
    return max(covering, key=lambda one: len(split(one.remote)), default=None)


def _below(local: str, mapping: PathMapping | None, disk: Disk, said: str) -> MissingPath:
    """The cause, found by walking down from the mapped folder (or from the root) to what is missing."""
    if mapping and not disk.exists(mapping.local):
        words = f"{said}, but the folder {mapping.local!r} is not there. Is the disk mounted?"
        return MissingPath(Missing.ROOT_ABSENT, words, local)
    folder, missing = _first_missing(local, disk)
    names = disk.names(folder)
    if names is None:
        words = f"{said}, but {folder!r} may not be read. Give this server the right to read it."
        return MissingPath(Missing.ROOT_UNREADABLE, words, local)
    alike = next((name for name in names if name.casefold() == missing.casefold()), "")
    if alike:
        words = f"{said}, but here it is called {alike!r}; upper and lower case differ."
        return MissingPath(Missing.CASE_DIFFERS, words, local)
    if mapping is None and len(split(local)) > 2 and len(split(folder)) < len(split(local)) - 1:
        words = (
            f"{said}, and {missing!r} is not in {folder!r} here. If the client runs in a container or on another "
            "machine, add a path mapping."
        )
        return MissingPath(Missing.NO_MAPPING, words, local)
    if not names:
        words = f"{said}, but {folder!r} is empty. Is the disk mounted, and is it the same folder as the client's?"
        return MissingPath(Missing.ROOT_EMPTY, words, local)
    words = (
        f"{said}, but {missing!r} is not in {folder!r}. Was it moved or deleted, or does the mapping point elsewhere?"
    )
    return MissingPath(Missing.NOT_THERE, words, local)


def _first_missing(local: str, disk: Disk) -> tuple[str, str]:
    """The deepest folder that exists, and the name in it that does not."""
    parts = split(local)
    for length in range(len(parts) - 1, 0, -1):
        folder = join(parts[:length], windows=False)
        if disk.exists(folder):
            return folder, parts[length]
    return "/", parts[1] if len(parts) > 1 else ""
