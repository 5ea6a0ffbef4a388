"""Serve the product: web, worker and beat under one supervisor."""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from accounts.services.users import ensure_first_admin
from acquisition.models import Indexer
from acquisition.services.demo import NAME as DEMO
from acquisition.services.demo import ensure_downloader, set_up_demo
from config.supervisor import AlreadyRunning, Child, Lock, Supervisor, python
from library.models import LibraryRoot
from scheduling.services.runs import execute_run, prepare_queue, recover_runs, request_run

PARTS = ("web", "worker", "beat")
LOCK_PATIENCE = 10.0  # seconds
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (only compared with)


class Command(BaseCommand):
    help = "Serve Unabridged: the web server, a worker and the scheduler, restarted when they die, stopped cleanly."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", choices=PARTS, action="append", help="serve only this part; may be repeated")
        parser.add_argument("--first-run", action="store_true", help="migrate, make the first admin, load the demo")
        parser.add_argument("--no-demo", action="store_true", help="with --first-run: start with an empty product")
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--port", type=int, default=settings.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        parts = options["only"] or PARTS
        if not (settings.REDIS_URL and options["only"]):
            self._take_lock()
        if "web" in parts:
            self._check_port(options["host"], options["port"])
        password = self._prepare(options) if options["first_run"] else None
        prepare_queue()
        with suppress(OSError):
            Path(str(settings.STATIC_ROOT)).mkdir(exist_ok=True)
        if "worker" in parts:
            recover_runs(now=timezone.now(), all_running=not settings.REDIS_URL, at_start=True)
        children = [self._child(part, options) for part in parts]
        if "web" in parts and Indexer.objects.filter(name=DEMO).exists():
            children.append(Child("demo source", python("manage.py", "demo", "source"), self._environment()))
        connection.close()
        shown = "127.0.0.1" if options["host"] in EVERYWHERE else options["host"]
        where = f"http://{shown}:{options['port']}/"
        supervisor = Supervisor(children, say=self.stderr.write)
        supervisor.run(on_started=lambda: self._greet(where, password) if "web" in parts else None)

    def _take_lock(self) -> None:
        """One whole server per data directory. Single parts on a broker may be as many as wanted."""
        try:
            self.lock = Lock(Path(settings.DATA_DIR) / "serve.lock")
            self.lock.take(patience=LOCK_PATIENCE)
        except AlreadyRunning:
            raise CommandError(
                f"Another `serve` is running with the data in {settings.DATA_DIR}. Stop it first."
            ) from None
        except OSError as error:
            raise CommandError(
                f"{settings.DATA_DIR} cannot be written: {error.strerror}. Set UNABRIDGED_DATA_DIR."
            ) from error

    def _check_port(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} on {host} cannot be used: {error.strerror}. Set UNABRIDGED_PORT to a free one."
                ) from error

    def _prepare(self, options: Mapping[str, Any]) -> str | None:
        call_command("migrate", verbosity=0, interactive=False)
        made = ensure_first_admin()
        ensure_downloader()
        if not options["no_demo"] and not LibraryRoot.objects.exists():
            self.stdout.write("Making the demonstration library …")
            set_up_demo(report=lambda line: self.stdout.write(f"  {line}"))
            execute_run(request_run(job="library_import", send=lambda run_id: None).pk)
        return made[1] if made else None

    def _greet(self, where: str, password: str | None) -> None:
        threading.Thread(target=self._wait_and_greet, args=(where, password), daemon=True).start()

    def _wait_and_greet(self, where: str, password: str | None) -> None:
        host, port = where.removeprefix("http://").rstrip("/").rsplit(":", 1)
        for _ in range(150):
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        lines = [f"Unabridged is at {where}"]
        if password:
            lines += ["Sign in as   admin", f"Password     {password}", "(shown only now; change it under Users)"]
        width = max(len(line) for line in lines) + 4
        frame = "─" * width
        self.stdout.write("\n".join(["", frame, *(f"  {line}" for line in lines), frame, ""]))
        self.stdout.flush()

    def _environment(self) -> dict[str, str]:
        return {"DJANGO_SETTINGS_MODULE": "config.settings"}

    def _child(self, part: str, options: Mapping[str, Any]) -> Child:
        worker = [
            "-m", "celery", "--quiet", "-A", "config", "worker", "--pool", "threads",
            "--concurrency", str(settings.WORKER_CONCURRENCY), "--loglevel", settings.LOG_LEVEL,
            "--without-gossip", "--without-mingle", "--without-heartbeat",
        ]  # fmt: skip
        commands = {
            "web": [
                "-m", "granian", "--interface", "wsgi", "--host", options["host"], "--port", str(options["port"]),
                "--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS), "--no-ws",
                "--respawn-failed-workers", "--log-level", "warning", "config.wsgi:application",
            ],
            "worker": worker,
            "beat": [
                "-m", "celery", "--quiet", "-A", "config", "beat", "--loglevel", "WARNING", "--pidfile", "",
                "--schedule", str(Path(settings.DATA_DIR) / "beat"),
            ],
        }  # fmt: skip
        return Child(part, python(*commands[part]), self._environment())
