"""A small web server on loopback that speaks a recorded protocol and can be told to misbehave."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

FAULTS = {
    "refused": "the connection is reset before an answer",
    "timeout": "nothing is answered until the server stops",
    "drip": "the answer comes byte by byte",
    "401": "status 401",
    "403": "status 403",
    "429": "status 429 with Retry-After: 7",
    "500": "status 500",
    "truncated": "half of the answer, then the connection closes",
    "wrong_type": "a web page",
    "huge": "an answer without end",
}
WEB_PAGE = b"<!DOCTYPE html><html><head><title>Welcome</title></head><body>Please log in.</body></html>"


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def first(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def form(self) -> dict[str, str]:
        """The fields of a URL-encoded body."""
        return {k: v[0] for k, v in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass
class Reply:
    """An answer; `kind` is its content type."""

    body: bytes = b""
    status: int = 200
    kind: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(value: Any, status: int = 200, **headers: str) -> Reply:
    return Reply(json.dumps(value).encode(), status, "application/json; charset=utf-8", headers)


def text_reply(text: str, status: int = 200, **headers: str) -> Reply:
    return Reply(text.encode(), status, "text/plain; charset=utf-8", headers)


@dataclass
class _Fault:
    kind: str
    times: int
    path: str


class FakeServer:
    """Subclasses answer; `fault` makes the next requests (below a path) go wrong. Usable as a context manager."""

    def __init__(self, *, port: int = 0) -> None:
        self.seen: list[Seen] = []
        self.drip_seconds = 0.05
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.004,), daemon=True)

    # -- for tests ------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fault(self, kind: str, *, times: int = 1_000_000, path: str = "") -> None:
        assert kind in FAULTS, kind
        self._faults.append(_Fault(kind, times, path))

    def heal(self) -> None:
        self._faults.clear()

    def calls(self, path: str) -> list[Seen]:
        """The requests whose path ends so."""
        return [seen for seen in self.seen if seen.path.endswith(path)]

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- for subclasses -------------------------------------------------------------------------------------------

    def answer(self, request: Seen) -> Reply:
        return text_reply("nothing here", 404)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _next_fault(self, path: str) -> str:
        with self._lock:
            for fault in self._faults:
                if fault.times > 0 and path.startswith(fault.path):
                    fault.times -= 1
                    return fault.kind
        return ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Silence."""

    def _handle(self) -> None:
        owner = self.server.owner
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        seen = Seen(
            self.command,
            unquote(parts.path),
            parse_qs(parts.query, keep_blank_values=True),
            dict(self.headers.items()),
            self.rfile.read(length),
        )
        owner.seen.append(seen)
        fault = owner._next_fault(seen.path)
        early = {"refused": self._reset, "timeout": self._sleep, "huge": self._flood}.get(fault)
        if early:
            early()
            return
        if fault == "wrong_type":
            reply = Reply(WEB_PAGE, 200, "text/html")
        elif fault.isdigit():
            reply = text_reply("no", int(fault), **({"Retry-After": "7"} if fault == "429" else {}))
        else:
            reply = owner.answer(seen)
        self._send(reply, fault)

    do_GET = do_POST = do_HEAD = _handle  # noqa: N815 - the names that the base class calls

    def _send(self, reply: Reply, fault: str) -> None:
        self.send_response(reply.status)
        if reply.kind:
            self.send_header("Content-Type", reply.kind)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            for single in value.split("\n"):
                self.send_header(name, single)
        self.end_headers()
        if self.command == "HEAD" or reply.status in (204, 304):
            return
        if fault == "truncated":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.wfile.flush()
            self.close_connection = True
        elif fault == "drip":
            self._drip(reply.body)
        else:
            self.wfile.write(reply.body)

    def _drip(self, body: bytes) -> None:
        with contextlib.suppress(OSError):
            for byte in body:
                if self.server.owner._stopping.wait(self.server.owner.drip_seconds):
                    break
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
        self.close_connection = True

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _sleep(self) -> None:
        self.server.owner._stopping.wait(60)
        self.close_connection = True

    def _flood(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.server.owner._stopping.is_set():
                self.wfile.write(b"A" * 65536)
        self.close_connection = True


class Pages(FakeServer):
    """A server whose answers are set path by path; a callable gets the request."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.pages: dict[str, Reply | Callable[[Seen], Reply]] = {}

    def answer(self, request: Seen) -> Reply:
        page = self.pages.get(request.path)
        if page is None:
            return super().answer(request)
        return page(request) if callable(page) else page


class Files(Pages):
    """A server of files with Range, ETag and If-Range. `ranges` off ignores Range, as simple servers do."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.files: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.ranges = True
        self.validators = True
        self.kind = "audio/mpeg"

    def answer(self, request: Seen) -> Reply:
        if request.path not in self.files:
            return super().answer(request)
        body, etag = self.files[request.path], self.etags.get(request.path, '"1"')
        return self.range_reply(request, body, etag if self.validators else "", self.kind, ranges=self.ranges)

    @staticmethod
    def range_reply(request: Seen, body: bytes, etag: str, kind: str, *, ranges: bool = True) -> Reply:
        """A file, or the part of it that is asked for."""
        headers = {"ETag": etag} if etag else {}
        wanted = request.headers.get("Range", "") if ranges else ""
        if request.headers.get("If-Range", etag) != etag:
            wanted = ""
        if not wanted.startswith("bytes="):
            return Reply(body, 200, kind, headers)
        first, _, last = wanted[6:].partition("-")
        start, end = int(first), min(int(last or len(body) - 1), len(body) - 1)
        if start >= len(body):
            return Reply(b"", 416, kind, {"Content-Range": f"bytes */{len(body)}"})
        return Reply(body[start : end + 1], 206, kind, {**headers, "Content-Range": f"bytes {start}-{end}/{len(body)}"})
