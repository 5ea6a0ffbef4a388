"""The request that this thread answers: its id, which every log line and error carries, and its caller's address."""

import re
import secrets
from contextvars import ContextVar

WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

current: ContextVar[str] = ContextVar("request_id", default="")
address: ContextVar[str] = ContextVar("address", default="")


def accept_or_make(sent: str) -> str:
    """The id that the caller sent when it is well formed (up to 64 letters, digits, `.`, `_`, `-`), else a new one."""
    return sent if WELL_FORMED.fullmatch(sent) else f"req_{secrets.token_hex(6)}"
