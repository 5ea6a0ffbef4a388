"""Which running runs have a living process behind them, on one machine: the process holds a lock on a file of the run.

The operating system frees the lock when the process ends, however it ends. So a server that starts can tell a run that
a command does at this moment from one that died with the server before it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings


def _place(run_id: int) -> Path:
    return Path(settings.HOLD_DIR) / f"{run_id}.lock"


@contextmanager
def held(run_id: int) -> Iterator[None]:
    """Hold the run's file while it is worked on. A data directory that cannot be written is no reason not to work."""
    handle, is_mine = None, False
    place = _place(run_id)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_mine = True
    try:
        yield
    finally:
        if is_mine:
            place.unlink(missing_ok=True)
        if handle is not None:
            os.close(handle)


def is_held(run_id: int) -> bool:
    """Whether a living process of this machine works on it."""
    try:
        handle = os.open(_place(run_id), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
