"""The product as its user runs it: real processes of `manage.py`, on SQLite or on PostgreSQL and Redis."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from config.supervisor import die_with_parent
from integration.daemons import free_port

DATABASE = "unabridged.sqlite3"
ROOT = Path(__file__).resolve().parent.parent
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://root@127.0.0.1:5432")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379")


def wait_for(what: Callable[[], Any], *, seconds: float = 60, every: float = 0.2, why: str = "") -> Any:
    """The first true answer; an assertion that says what did not happen."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := what():
            return answer
        time.sleep(every)
    raise AssertionError(f"did not happen in {seconds} s: {why or what}")


@dataclass
class Product:
    """One installation. `kind` is sqlite or postgres."""

    folder: Path
    kind: str = "sqlite"
    port: int = field(default_factory=free_port)
    server: subprocess.Popen[bytes] | None = None
    database: str = field(default_factory=lambda: f"unabridged_{uuid.uuid4().hex[:10]}")
    redis_index: int = field(default_factory=lambda: random.randint(8, 15))
    extra: Mapping[str, str] = field(default_factory=dict)
    template: "Product | None" = None

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
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

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

    def kill(self) -> None:
        """SIGKILL to every process of it, as a power cut would."""
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

    def close(self) -> None:
        self.kill()
        if self.kind == "postgres":
            import redis

            redis.Redis.from_url(f"{REDIS}/{self.redis_index}").flushdb()
            with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
                connection.execute(f'drop database if exists "{self.database}" with (force)')

    @property
    def log(self) -> str:
        path = self.folder / "serve.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""
