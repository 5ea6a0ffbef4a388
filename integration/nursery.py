"""A process that has read the product's code once and forks a new process for each start of it.

Starting Python, Django and Celery takes seconds for each of the product's processes; forking takes none, so that a test
can afford to kill the product dozens of times. What runs afterwards is what `manage.py` runs: the same commands, in
processes of their own that know nothing of each other. Started as

    python -m integration.nursery

it reads requests from standard input, a line of JSON each, and answers each with a line:

    {"start": [arguments of manage.py], "out": path, "err": path}   ->  {"pid": number}
    {"wait": pid}                                                   ->  {"code": number}
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence

from config import supervisor
from config.celery import app
from integration.daemons import die_with_parent

READ_AHEAD = ("celery.bin.celery", "celery.apps.worker", "celery.apps.beat", "kombu.transport.redis",
              "celery.concurrency.thread", "django_celery_beat.schedulers", "django.core.management.commands.shell",
              "acquisition.management.commands.serve")  # fmt: skip


def fork(act: Callable[[], object]) -> int:
    """A new process that does this and ends; its id."""
    _flush()
    pid = os.fork()
    if not pid:
        code = _code_of(act)
        _flush()
        os._exit(code)
    return pid


def _flush() -> None:
    with contextlib.suppress(ValueError, OSError):
        sys.stdout.flush()
        sys.stderr.flush()


def _code_of(act: Callable[[], object]) -> int:
    """What the interpreter would end with after this."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        act()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 (why: nothing of a child may go on in the code of its parent)
        traceback.print_exc()
        return 1
    return 0


class Forked:
    """As much of `subprocess.Popen` as the supervisor uses, for a child that runs a module of Python."""

    def __init__(self, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        def act() -> None:
            supervisor.die_with_parent()
            app._after_fork()  # type: ignore[no-untyped-call]  # why: connections of the parent are its own
            os.environ.update(environment)
            sys.argv = [module, *arguments]
            runpy.run_module(module, run_name="__main__", alter_sys=True)

        self.code: int | None = None
        self.pid = fork(act)

    def poll(self) -> int | None:
        if self.code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if ended else None
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (timeout if timeout is not None else 3600)
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(0.02)
        return code

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def _fork_child(child: supervisor.Child, now: float) -> None:
    """Instead of `Child.start`: `python -m celery …` without a new interpreter; anything else as ever."""
    python, dash_m, module, *arguments = child.command
    if (python, dash_m, module) != (sys.executable, "-m", "celery"):
        _start_child(child, now)
        return
    child.started_at = now
    child.process = Forked(module, arguments, child.environment)  # type: ignore[assignment]


_start_child = supervisor.Child.start


def _manage(arguments: Sequence[str], out: str, err: str) -> None:
    """`manage.py` in a session of its own, so that all of its processes can be killed at once."""
    os.setsid()
    die_with_parent()
    for path, number in ((os.devnull, 0), (out, 1), (err, 2)):
        handle = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(handle, number)
    sys.argv = ["manage.py", *arguments]
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


def main() -> None:
    import django

    django.setup()
    app.loader.import_default_modules()
    for name in READ_AHEAD:
        importlib.import_module(name)
    supervisor.Child.start = _fork_child  # type: ignore[method-assign, assignment]
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        else:
            pid = fork(lambda request=request: _manage(request["start"], request["out"], request["err"]))  # type: ignore[misc]
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
