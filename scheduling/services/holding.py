"""Which running runs have a living process behind them, on one machine: the process holds a lock on a file of the run.

The operating system frees the lock when the process ends, however it ends. So a server that starts can tell a run that
a command does at this moment from one that died with the server before it. The file says which kernel holds the lock: a
data directory may be shared with other machines, and of their locks nothing is known here.
"""

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from django.conf import settings

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _place(run_id: int) -> Path:
    return Path(settings.HOLD_DIR) / f"{run_id}.lock"


@cache
def _kernel() -> bytes:
    """What tells this start of this machine's kernel from all others; empty where that cannot be known."""
    try:
        return BOOT_ID.read_bytes().strip()
    except OSError:
        return b""


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
        os.pwrite(handle, _kernel(), 0)
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


def died_here(run_ids: Collection[int]) -> list[int]:
    """Those of these running runs whose process ended on this machine without ending them: their file is there, was
    written under this kernel, and nobody holds it."""
    return [run_id for run_id in run_ids if _is_ours(run_id) and not is_held(run_id)]


def _is_ours(run_id: int) -> bool:
    with suppress(OSError):
        return bool(_kernel()) and _place(run_id).read_bytes() == _kernel()
    return False


def forget(run_ids: Collection[int]) -> None:
    """Remove the files of runs that have ended."""
    for run_id in run_ids:
        with suppress(OSError):
            _place(run_id).unlink(missing_ok=True)
