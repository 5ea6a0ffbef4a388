"""Turning names that strangers chose into names that are safe in a folder of ours, on every file system."""

import re
import unicodedata

MAX_NAME_BYTES = 200
MAX_DEPTH = 8
FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?")


def safe_name(text: str, *, default: str = "file") -> str:
    """One name without separators: never empty, never `.` or `..`, not reserved on Windows, at most 200 bytes.

    The ending is kept when a long name is cut.
    """
    text = unicodedata.normalize("NFC", text).encode("utf-8", "replace").decode("utf-8")
    text = FORBIDDEN.sub("_", re.sub(r"[/\\]", "_", text)).strip().rstrip(". ")
    if not text.strip("._ "):
        return default
    if RESERVED.fullmatch(text):
        text = f"_{text}"
    return _cut(text)


def _cut(text: str) -> str:
    if len(text.encode()) <= MAX_NAME_BYTES:
        return text
    stem, dot, ending = text.rpartition(".")
    if not stem or len(ending.encode()) > 10:
        stem, dot, ending = text, "", ""
    room = MAX_NAME_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + ending


def safe_relative_path(text: str, *, default: str = "file") -> str:
    """A relative path with forward slashes whose every part is safe; parts that lead elsewhere are dropped."""
    parts = [part for part in re.split(r"[/\\]+", text) if part.strip() not in ("", ".", "..")]
    return "/".join(safe_name(part, default=default) for part in parts[-MAX_DEPTH:]) or default


def without_clashes(paths: list[str]) -> list[str]:
    """The same paths, made different where two are equal on a file system that ignores case."""
    taken: set[str] = set()
    result: list[str] = []
    for path in paths:
        candidate, number = path, 1
        while candidate.casefold() in taken:
            number += 1
            stem, dot, ending = path.rpartition(".")
            stem, ending = (stem, dot + ending) if dot and "/" not in ending and stem else (path, "")
            candidate = f"{stem} ({number}){ending}"
        taken.add(candidate.casefold())
        result.append(candidate)
    return result
