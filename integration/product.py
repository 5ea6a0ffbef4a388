"""The product as its user runs it: real processes of `manage.py`, on SQLite or on PostgreSQL and Redis."""

import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from config.supervisor import die_with_parent
from integration.daemons import die_with_parent as killed_with_parent
from integration.daemons import free_port

DATABASE = "unabridged.sqlite3"
ROOT = Path(__file__).resolve().parent.parent
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://root@127.0.0.1:5432")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")
# Each product has a database of its own there; fewer than eight live at once.
REDIS_INDEXES = itertools.cycle(range(8, 16))


def wait_for(what: Callable[[], Any], *, seconds: float = 60, every: float = 0.2, why: str = "") -> Any:
    """The first true answer; an assertion that says what did not happen."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := what():
            return answer
        time.sleep(every)
    raise AssertionError(f"did not happen in {seconds} s: {why or what}")


class Nursery:
    """Starts commands of one installation without the time that starting Python takes; see `integration.nursery`."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "integration.nursery"],
                cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True,
                preexec_fn=killed_with_parent,
            )  # fmt: skip
        self.lock = threading.Lock()

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer: dict[str, Any] = json.loads(self.process.stdout.readline() or "{}")
        return answer

    def start(self, arguments: Sequence[str], *, out: Path, err: Path) -> int:
        return int(self.ask(start=list(arguments), out=str(out), err=str(err))["pid"])

    def wait(self, pid: int) -> int:
        return int(self.ask(wait=pid)["code"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=10)


@dataclass
class Product:
    """One installation. `kind` is sqlite or postgres."""

    folder: Path
    kind: str = "sqlite"
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None
    database: str = field(default_factory=lambda: f"unabridged_{uuid.uuid4().hex[:10]}")
    redis_index: int = field(default_factory=lambda: next(REDIS_INDEXES))
    extra: Mapping[str, str] = field(default_factory=dict)
    template: "Product | None" = None
    forked: int = 0
    _nursery: Nursery | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """A new installation; or, with a `template` that is not running, a copy of its database."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.kind == "postgres":
            source = f' template "{self.template.database}"' if self.template else ""
            with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
                connection.execute(f'create database "{self.database}"{source}')
        elif self.template:
            paths = self.template.folder / DATABASE, self.folder / DATABASE
            with sqlite3.connect(paths[0]) as source_file, sqlite3.connect(paths[1]) as target:
                source_file.backup(target)
        if not self.template:
            self.manage("migrate", "-v0")

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "UNABRIDGED_DATA_DIR": str(self.folder),
            "UNABRIDGED_PORT": str(self.port),
            "UNABRIDGED_LOG_LEVEL": "WARNING",
            "PYTHONUNBUFFERED": "1",
            **self.extra,
        }
        if self.kind == "postgres":
            own |= {"DATABASE_URL": f"{POSTGRES}/{self.database}", "REDIS_URL": f"{REDIS}/{self.redis_index}"}
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("UNABRIDGED_", "DATABASE_", "REDIS_"))},
            **own,
        }

    def manage(self, *arguments: str, check: bool = True) -> str:
        """Run a command to its end; its standard output."""
        number = next(self._numbers)
        out, err = self.folder / f"command-{number}.out", self.folder / f"command-{number}.err"
        code = self.nursery.wait(self.nursery.start(arguments, out=out, err=err))
        said = out.read_text(errors="replace")
        assert not check or code == 0, f"{arguments}: {said}\n{err.read_text(errors='replace')}"
        return said

    @property
    def nursery(self) -> Nursery:
        if self._nursery is None:
            self._nursery = Nursery(self.environment, self.folder / "serve.log")
        return self._nursery

    def configure(self, code: str) -> str:
        return self.manage("shell", "-v0", "-c", code)

    def start(self, *options: str) -> None:
        """`manage.py serve`, in a process group of its own."""
        with (self.folder / "serve.log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "manage.py", "serve", *options],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip

    def start_parts(self, *parts: str) -> None:
        """The same for these parts only (worker, beat), forked from the nursery: there in no time."""
        log = self.folder / "serve.log"
        only = [argument for part in parts for argument in ("--only", part)]
        self.forked = self.nursery.start(["serve", *only], out=log, err=log)

    def kill(self) -> None:
        """SIGKILL to every process of it, as a power cut would."""
        if self.forked:
            os.killpg(self.forked, signal.SIGKILL)
            self.nursery.wait(self.forked)
            self.forked = 0
        if self.server:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
            self.server = None

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        if self.server is None:
            return 0
        self.server.terminate()
        code = self.server.wait(timeout=60)
        self.server = None
        return code

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows straight from the database, without the product's help."""
        if self.kind == "postgres":
            with psycopg.connect(f"{POSTGRES}/{self.database}") as connection:
                return list(connection.execute(sql.encode()).fetchall())
        connection = sqlite3.connect(f"file:{self.folder / DATABASE}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def one(self, sql: str) -> Any:
        rows = self.query(sql)
        return rows[0][0] if rows else None

    def rest(self) -> None:
        """End all processes of it; its database stays, to be a template."""
        self.kill()
        if self._nursery:
            self._nursery.close()
            self._nursery = None

    def close(self) -> None:
        self.rest()
        if self.kind == "postgres":
            import redis

            redis.Redis.from_url(f"{REDIS}/{self.redis_index}").flushdb()
            with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
                connection.execute(f'drop database if exists "{self.database}" with (force)')

    @property
    def log(self) -> str:
        path = self.folder / "serve.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""
