"""Remote path mapping."""

from collections.abc import Mapping, Sequence


def to_local(path: str, mappings: Sequence[Mapping[str, str]]) -> str:
    """The path seen from here: the longest matching remote prefix, on a component boundary, is replaced."""
    for row in sorted(mappings, key=lambda m: -len(m.get("remote", ""))):
        remote = row.get("remote", "").rstrip("/")
        if remote and (path == remote or path.startswith(remote + "/")):
            return row.get("local", "").rstrip("/") + path[len(remote) :]
    return path
