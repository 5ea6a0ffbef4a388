"""The supervisor of `manage.py serve`: starts the processes, restarts one that dies, stops them all cleanly."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

STOP_SECONDS = 20
STEADY_SECONDS = 30
DELAYS = (0.5, 1, 2, 5, 10, 30)
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """On Linux, a child is ended when the supervisor is killed, so that no orphan keeps the port or the queue."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (AttributeError, OSError):
        return


class AlreadyRunning(Exception):
    """Another supervisor serves this data directory."""


@dataclass
class Lock:
    """One supervisor per data directory; the operating system frees the lock when the process ends, however it ends."""

    path: Path
    handle: int = -1

    def take(self, *, patience: float = 0.0) -> None:
        """AlreadyRunning when another holds it for longer than `patience` seconds: one that was killed or stopped a
        moment ago may have processes that are still ending."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        latest = time.monotonic() + patience
        while not self._is_free():
            if time.monotonic() >= latest:
                os.close(self.handle)
                raise AlreadyRunning
            time.sleep(0.05)

    def _is_free(self) -> bool:
        try:
            fcntl.flock(self.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@dataclass
class Child:
    """One process: how to start it, and how often it died lately."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started_at: float = 0.0
    due_at: float = 0.0

    def start(self, now: float) -> None:
        self.started_at = now
        self.process = subprocess.Popen(  # noqa: S603 (our own commands)
            list(self.command),
            env={**os.environ, **self.environment},
            preexec_fn=die_with_parent,
        )

    def look(self, now: float, say: Callable[[str], None]) -> None:
        """Start it when due; notice its death and plan the next start."""
        if self.process is None:
            if now >= self.due_at:
                self.start(now)
            return
        code = self.process.poll()
        if code is None:
            if now - self.started_at > STEADY_SECONDS:
                self.deaths = 0
            return
        delay = DELAYS[min(self.deaths, len(DELAYS) - 1)]
        say(f"{self.name} ended with code {code}; it is started again in {delay} s.")
        self.deaths += 1
        self.process, self.due_at = None, now + delay


@dataclass
class Supervisor:
    children: list[Child]
    say: Callable[[str], None] = print
    clock: Callable[[], float] = time.monotonic
    is_stopping: bool = field(default=False, init=False)

    def run(self, *, on_started: Callable[[], None] = lambda: None) -> None:
        """Until a signal to stop comes."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for child in self.children:
            child.start(self.clock())
        on_started()
        while not self.is_stopping:
            for child in self.children:
                child.look(self.clock(), self.say)
            time.sleep(0.2)
        self._end_all()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _end_all(self) -> None:
        """Ask all to end, the web first; kill what does not."""
        alive = [child.process for child in self.children if child.process and child.process.poll() is None]
        for process in alive:
            process.terminate()
        until = self.clock() + STOP_SECONDS
        for process in alive:
            try:
                process.wait(timeout=max(0.1, until - self.clock()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
