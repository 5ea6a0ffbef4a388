"""The supervisor: a child that dies is started again, all are ended cleanly, one supervisor per data directory."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from config.supervisor import AlreadyRunning, Child, Lock

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from pathlib import Path
from config.supervisor import Child, Supervisor
marks = Path(sys.argv[1])
code = "import pathlib, sys, time; p = pathlib.Path(sys.argv[1]); p.open('a').write('x'); time.sleep(float(sys.argv[2]))"
children = [
    Child("short", [sys.executable, "-c", code, str(marks / "short"), "0.05"], {}),
    Child("long", [sys.executable, "-c", code, str(marks / "long"), "60"], {}),
]
Supervisor(children, say=lambda line: print(line, flush=True)).run(on_started=lambda: print("started", flush=True))
print("stopped", flush=True)
"""


def wait_until(path: Path, size: int) -> None:
    until = time.monotonic() + 10
    while not (path.exists() and path.stat().st_size >= size):
        assert time.monotonic() < until, f"{path.name} was not started {size} times"
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_starts_again_what_dies_and_ends_cleanly(supervisor: "subprocess.Popen[str]", tmp_path: Path) -> None:
    wait_until(tmp_path / "short", 2)
    wait_until(tmp_path / "long", 1)
    supervisor.send_signal(signal.SIGTERM)
    output, _ = supervisor.communicate(timeout=10)
    assert supervisor.returncode == 0
    assert "short ended with code 0; it is started again" in output
    assert output.rstrip().endswith("stopped")
    assert (tmp_path / "long").stat().st_size == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends children with their parent")
def test_children_do_not_outlive_a_killed_supervisor(supervisor: "subprocess.Popen[str]", tmp_path: Path) -> None:
    wait_until(tmp_path / "long", 1)
    children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text().split()
    supervisor.kill()
    supervisor.communicate(timeout=10)
    until = time.monotonic() + 10
    while any(_is_alive(int(pid)) for pid in children):
        assert time.monotonic() < until, "a child outlived its supervisor"
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_delays_grow_with_each_death(tmp_path: Path) -> None:
    child = Child("dies", [sys.executable, "-c", "raise SystemExit(3)"], {})
    said: list[str] = []
    delays = []
    for _ in range(3):
        child.start(0.0)
        assert child.process is not None
        child.process.wait()
        child.look(1.0, said.append)
        delays.append(child.due_at - 1.0)
    assert delays == sorted(delays)
    assert delays[0] < delays[-1]
    assert all("code 3" in line for line in said)


def test_only_one_at_a_time(tmp_path: Path) -> None:
    first = Lock(tmp_path / "serve.lock")
    first.take()
    with pytest.raises(AlreadyRunning):
        Lock(tmp_path / "serve.lock").take()
    os.close(first.handle)
    Lock(tmp_path / "serve.lock").take()


def test_waits_for_one_that_is_ending(tmp_path: Path) -> None:
    first = Lock(tmp_path / "serve.lock")
    first.take()
    ending = threading.Timer(0.3, os.close, [first.handle])
    ending.start()
    with pytest.raises(AlreadyRunning):
        Lock(tmp_path / "serve.lock").take(patience=0.05)
    Lock(tmp_path / "serve.lock").take(patience=30)
    ending.join()
