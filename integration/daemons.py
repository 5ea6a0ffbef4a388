"""Real download programs on loopback, for tests: each with its own folder, odd ports and no network of peers.

Every `start_*` returns a `Daemon`; end it with `stop()` (politely) or `kill()` (as a crash would), and bring it back on
the same folder and ports with `restart()`. Only processes that were started here are ever ended.
"""

import base64
import ctypes
import hashlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

USERNAME, PASSWORD = "admin", "trial-password"
START_SECONDS = 30.0


LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel end this process when the test run is killed and cannot tidy up (Linux, prctl(2)).

    A daemon that changes its user afterwards, as opentracker does under root, escapes this.
    """
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


_hosts = itertools.cycle(range(2, 255))


def next_address() -> str:
    """A loopback address for one peer. Transmission takes all peers at one address for the same peer, so that in a swarm
    of several each needs its own."""
    return f"127.0.0.{next(_hosts)}"


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Daemon:
    """A running program. `save_path` is where it puts downloads by default, `log` what it printed."""

    url: str
    username: str
    password: str
    save_path: Path
    command: list[str]
    home: Path
    is_ready: Callable[[str], bool]
    peer_port: int = 0
    address: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.home / "output.log").read_text(errors="replace")

    def start(self) -> "Daemon":
        self.home.mkdir(parents=True, exist_ok=True)
        self.save_path.mkdir(parents=True, exist_ok=True)
        with (self.home / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.home,
                env={**os.environ, "HOME": str(self.home), **self.environment},
                preexec_fn=die_with_parent,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_ready(self.url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.log[-2000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """End it politely, and by force when it does not listen."""
        self._end(signal.SIGTERM, 15)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._end(signal.SIGKILL, 5)

    def restart(self) -> "Daemon":
        self.stop()
        return self.start()

    def _end(self, how: signal.Signals, patience: float) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


def _answers(url: str) -> bool:
    """Whether a web server answers there, with whatever status."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False


def _program(name: str) -> str:
    path = shutil.which(name)
    if not path:
        raise RuntimeError(f"{name} is not installed; the tests against real servers need it.")
    return path


QBITTORRENT_CONF = """[LegalNotice]
Accepted=true

[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\DefaultSavePath={save_path}
Session\\Port={peer_port}
Session\\Interface=lo
Session\\InterfaceName=lo
Session\\InterfaceAddress={address}
Session\\MultiConnectionsPerIp=true
Session\\BTProtocol=TCP
Session\\MaxUploads=-1
Session\\MaxUploadsPerTorrent=-1
Session\\QueueingSystemEnabled=false

[Network]
PortForwardingEnabled=false

[Preferences]
General\\Locale=en
WebUI\\Enabled=true
WebUI\\Address=127.0.0.1
WebUI\\Port={port}
WebUI\\Username={username}
WebUI\\Password_PBKDF2="@ByteArray({secret})"
WebUI\\LocalHostAuth=true
"""


def start_qbittorrent(tmp_path: Path, *, name: str = "qbittorrent") -> Daemon:
    """qbittorrent-nox with its Web UI; credentials are needed, even from loopback."""
    home, port, peer_port, address = tmp_path / name, free_port(), free_port(), next_address()
    save_path = home / "downloads"
    conf = home / "qBittorrent" / "config" / "qBittorrent.conf"
    conf.parent.mkdir(parents=True, exist_ok=True)
    conf.write_text(
        QBITTORRENT_CONF.format(
            save_path=save_path,
            peer_port=peer_port,
            port=port,
            username=USERNAME,
            secret=_pbkdf2(PASSWORD),
            address=address,
        )
    )
    command = [_program("qbittorrent-nox"), f"--profile={home}", f"--webui-port={port}"]
    url = f"http://127.0.0.1:{port}"
    return Daemon(url, USERNAME, PASSWORD, save_path, command, home, _answers, peer_port, address).start()


def _pbkdf2(password: str) -> str:
    """A password as qBittorrent keeps it: salt and PBKDF2-HMAC-SHA512 with 100,000 rounds, both in base64."""
    salt = os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100_000)
    return f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"


def start_transmission(tmp_path: Path, *, name: str = "transmission") -> Daemon:
    """transmission-daemon with a password on its RPC."""
    home, port, peer_port, address = tmp_path / name, free_port(), free_port(), next_address()
    save_path = home / "downloads"
    command = [
        *(_program("transmission-daemon"), "--foreground", "--config-dir", str(home / "config")),
        *("--port", str(port), "--rpc-bind-address", "127.0.0.1", "--bind-address-ipv4", address),
        *("--auth", "--username", USERNAME, "--password", PASSWORD, "--allowed", "127.0.0.1"),
        *("--download-dir", str(save_path), "--peerport", str(peer_port)),
        *("--no-dht", "--no-lpd", "--no-utp", "--no-portmap", "--no-global-seedratio", "--no-incomplete-dir"),
    ]
    url = f"http://127.0.0.1:{port}/transmission/rpc"
    return Daemon(url, USERNAME, PASSWORD, save_path, command, home, _answers, peer_port, address).start()


def start_opentracker(tmp_path: Path, allowed: Iterable[str], *, name: str = "opentracker") -> Daemon:
    """A tracker for the torrents with these infohashes; announce to `url` + "/announce"."""
    home, port = tmp_path / name, free_port()
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o755)
    (home / "allowed").write_text("".join(f"{infohash}\n" for infohash in allowed))
    command = [_program("opentracker"), "-i", "127.0.0.1", "-p", str(port), "-P", str(port), "-d", str(home)]
    # Started by root, it makes its folder the root of its world and becomes another user.
    command += ["-u", "nobody", "-w", "/allowed"] if os.getuid() == 0 else ["-w", str(home / "allowed")]
    return Daemon(f"http://127.0.0.1:{port}", "", "", home, command, home, _answers, port).start()
