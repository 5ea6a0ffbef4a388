"""Log lines as JSON, with the request id and without secrets; to the console and to a file that several processes
share."""

import datetime
import fcntl
import json
import logging
import logging.handlers
import os
import re
from pathlib import Path
from typing import Any

from config import request_ids

HIDDEN = "***"
SENSITIVE = (
    r"(?:api[_-]?key|apikey|pass(?:word|key|wd)?|secret|token|access|refresh|authorization|cookie|csrf\w*|sessionid)"
)
# Each pattern keeps its first group and hides the rest.
SECRETS = (
    re.compile(rf"(?i)(\b[\w-]*{SENSITIVE}[\"']?\s*[:=]\s*[\"']?)(?:Bearer\s+)?[^\s\"'&,;)}}\]]+"),
    re.compile(r"(?i)(\bBearer\s+)[\w.~+/=-]+"),
    re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+(?=@)"),
    re.compile(r"(\bub_)[\w-]{8,}"),
    re.compile(r"(\beyJ)[\w-]+\.[\w-]+\.[\w-]+"),
)
LONGEST = 20_000


def redact(text: str) -> str:
    """The text without keys, tokens and passwords, in whatever form they were written."""
    for pattern in SECRETS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


class AddRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_ids.current.get()
        return True


class PlainFormatter(logging.Formatter):
    """For people at a console; redacted like the rest."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, the facts of a request, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage())[:LONGEST],
            "request_id": getattr(record, "request_id", "") or request_ids.current.get() or None,
        }
        facts = getattr(record, "facts", None)
        if isinstance(facts, dict):
            line.update({name: redact(value) if isinstance(value, str) else value for name, value in facts.items()})
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))[:LONGEST]
        return json.dumps(line, ensure_ascii=False, default=str)


class SharedRotatingFile(logging.handlers.RotatingFileHandler):
    """A rotating file into which the web server, workers and beat write at once.

    Each line is one append. Before writing, a process opens the file anew if another has rotated it; a lock lets only
    one of them rotate.
    """

    def __init__(self, filename: str, **options: Any) -> None:
        Path(filename).parent.mkdir(parents=True, exist_ok=True)
        super().__init__(filename, encoding="utf-8", delay=True, **options)

    def emit(self, record: logging.LogRecord) -> None:
        self._follow()
        super().emit(record)

    def _follow(self) -> None:
        if self.stream is None:
            return
        try:
            now, ours = os.stat(self.baseFilename), os.fstat(self.stream.fileno())  # noqa: PTH116
        except OSError:
            now, ours = None, None
        if now is None or ours is None or (now.st_dev, now.st_ino) != (ours.st_dev, ours.st_ino):
            self.stream.close()
            self.stream = None

    def doRollover(self) -> None:  # noqa: N802 (the name of the base class)
        with Path(f"{self.baseFilename}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = Path(self.baseFilename)
            if path.exists() and path.stat().st_size >= self.maxBytes * 0.5:
                super().doRollover()
            else:
                self._follow()  # another process was first
