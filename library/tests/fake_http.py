"""A small HTTP server on loopback for tests, with faults that can be switched on.

with FakeServer() as server:
    server.faults.append(Fault("status", status=500, times=1))
    ...  # server.url is its base URL, server.requests what was asked
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Reply:
    """`body`: bytes and text go out as they are, anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""

    def encoded(self) -> tuple[bytes, str]:
        if isinstance(self.body, bytes):
            return self.body, self.content_type or "application/octet-stream"
        if isinstance(self.body, str):
            return self.body.encode(), self.content_type or "text/html; charset=utf-8"
        return json.dumps(
            self.body, ensure_ascii=False
        ).encode(), self.content_type or "application/json; charset=utf-8"


@dataclass
class Fault:
    """What goes wrong with calls whose path starts with `path`, after `skip` good ones, `times` times (None: always).

    kind: drop (close the connection without a word), slow (wait `seconds` first), drip (a byte now and then over
    `seconds`), status (`status`, `headers`, `body`), html (a page with 200), truncated (half of the right answer, of
    which all was promised), half (half of the right answer, complete by its length), huge (`size` bytes).
    """

    kind: str
    path: str = ""
    skip: int = 0
    times: int | None = None
    seconds: float = 0.5
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = "Internal Server Error"
    size: int = 0
    when: Callable[[Request], bool] | None = None

    def strikes(self, request: Request) -> bool:
        if not request.path.startswith(self.path) or (self.when and not self.when(request)):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            if self.times <= 0:
                return False
            self.times -= 1
        return True


PAGE = "<!DOCTYPE html><html><body><form action='/sign-in'>Please sign in</form></body></html>"


class FakeServer:
    """Answers by `answer(request)`; subclasses override it."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self._server = _Server((host, port), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def answer(self, request: Request) -> Reply:
        return Reply("Not Found", 404)

    def paths(self, method: str = "") -> list[str]:
        return [one.path for one in self.requests if not method or one.method == method]

    def reset(self) -> None:
        """Forget what was asked, and switch the faults off."""
        with self.lock:
            self.requests.clear()
            self.faults.clear()

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle of an answer is part of the tests, not an error."""


def _handler_of(owner: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def serve(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, unquote(parts.path), query, self.headers, body)  # type: ignore[arg-type]
            with owner.lock:
                owner.requests.append(request)
                fault = next((one for one in owner.faults if one.strikes(request)), None)
            if fault is None:
                self._send(owner.answer(request))
            elif fault.kind == "drop":
                self.close_connection = True
            elif fault.kind == "slow":
                time.sleep(fault.seconds)
                self._send(owner.answer(request))
            elif fault.kind == "status":
                self._send(Reply(fault.body, fault.status, fault.headers))
            elif fault.kind == "html":
                self._send(Reply(PAGE))
            elif fault.kind == "huge":
                self._send(Reply(b"[" + b" " * fault.size + b"]", content_type="application/json"))
            else:
                self._maim(fault, owner.answer(request))

        def _maim(self, fault: Fault, reply: Reply) -> None:
            body, kind = reply.encoded()
            if fault.kind == "half":
                self._send(Reply(body[: len(body) // 2], reply.status, reply.headers, kind))
                return
            self._head(reply, kind, len(body))
            if fault.kind == "truncated":
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            step = max(1, len(body) // 20)
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                time.sleep(fault.seconds / 20)

        def _send(self, reply: Reply) -> None:
            body, kind = reply.encoded()
            self._head(reply, kind, len(body))
            if self.command != "HEAD":
                self.wfile.write(body)

        def _head(self, reply: Reply, kind: str, length: int) -> None:
            self.send_response(reply.status)
            headers = {"Content-Type": kind, "Content-Length": str(length), **reply.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.serve)
    return Handler
