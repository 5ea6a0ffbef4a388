"""The last lines of the log as values, without secrets."""

import json
import logging
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from config.http import redact

MOST_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
LONGEST_TEXT = 8_000
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Values under these names are secrets wherever they stand.
SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|api_?key|cookie|authorization|mam_id|passkey)")
BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}")


def log_files(folder: Path | None = None) -> list[Path]:
    """The log with its older parts, the newest first."""
    place = folder or Path(settings.DATA_DIR) / "logs"
    found = [path for path in place.glob("*.log*") if path.is_file() and not path.is_symlink()]
    found += [path for path in place.glob("*.jsonl*") if path.is_file() and not path.is_symlink()]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def export_log(
    *, lines: int, level: str = "", request_id: str = "", folder: Path | None = None
) -> list[dict[str, Any]]:
    """The last `lines` entries of at least `level`, of one request if it is named; oldest first.

    At most 64 MB of log are read for it. A line that is no JSON is given as the message of an entry.
    """
    least = LEVELS.index(level.upper()) if level else 0
    kept: deque[dict[str, Any]] = deque()
    left = MOST_BYTES
    for path in log_files(folder):
        for raw in lines_backwards(path, left):
            left -= len(raw) + 1
            entry = read_line(raw)
            if entry and _fits(entry, least, request_id):
                kept.appendleft(entry)
                if len(kept) >= lines:
                    return list(kept)
        if left <= 0:
            break
    return list(kept)


def _fits(entry: dict[str, Any], least: int, request_id: str) -> bool:
    if request_id and entry.get("request_id") != request_id:
        return False
    level = str(entry.get("level", "")).upper()
    return least == 0 or (level in LEVELS and LEVELS.index(level) >= least)


def read_line(raw: bytes) -> dict[str, Any] | None:
    """One line as an entry without secrets; None for an empty one."""
    text = raw.decode("utf-8", "replace").strip()
    if not text:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    entry = value if isinstance(value, dict) else {"message": text}
    if "level" not in entry:
        found = next((name for name in LEVELS if f" {name} " in f" {text[:60]} "), None)
        entry = {**entry, "level": found}
    return {str(key): _clean(str(key), inner) for key, inner in entry.items()}


def _clean(name: str, value: Any) -> Any:
    if SECRET_NAME.search(name) and value not in (None, ""):
        return "***"
    if isinstance(value, dict):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean("", inner) for inner in value]
    if isinstance(value, str):
        return BEARER.sub(r"\1 ***", redact(value[:LONGEST_TEXT]))
    return value


def lines_backwards(path: Path, most_bytes: int) -> Iterator[bytes]:
    """The lines of a file from the last to the first, without reading more than `most_bytes`."""
    try:
        file = path.open("rb")
    except OSError as error:
        logging.getLogger(__name__).warning("The log %s cannot be read (%s).", path.name, error.strerror)
        return
    with file:
        position, rest = file.seek(0, 2), b""
        floor = max(0, position - max(most_bytes, 0))
        while position > floor:
            size = min(CHUNK_BYTES, position - floor)
            position -= size
            file.seek(position)
            pieces = (file.read(size) + rest).split(b"\n")
            rest = pieces[0]
            yield from reversed(pieces[1:])
        if position == 0:
            yield rest
