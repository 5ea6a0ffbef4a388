"""The one way out: HTTP to outside services.

Every call has a connect timeout, a read timeout and a deadline for the whole answer (so that a slow drip cannot hold a
worker), a bound on the size of the answer, and errors in our own words without secrets. Redirects are followed by
hand, a few at the most, and each address on the way is checked by the guard.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from urllib3.exceptions import DecodeError, ProtocolError, ReadTimeoutError
from urllib3.exceptions import HTTPError as TransportError

from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http_guard import AddressRefused, GuardedAdapter
from config.http_guard import Guard as Guard
from config.http_guard import host_of as host_of

MEGABYTE = 1024 * 1024
BAD_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    ValueError,
)
BROKEN_OFF = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    ProtocolError,
    DecodeError,
)
REDIRECTS = {301, 302, 303, 307, 308}
BUSY = {408, 425, 429, 500, 502, 503, 504, 507, 520, 521, 522, 523, 524}
SECRET_PARAMETER = re.compile(r"(?i)\b(api_?key|passkey|token|password|mam_id|jackett_apikey|r|key|sid)=[^&\s\"'<>]+")
USER_AGENT = "Unabridged/0.1 (self-hosted audiobook library)"


# When the caller of all this must have its answer, on the monotonic clock; None: no such moment.
_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)
SHORTEST_CALL_SECONDS = 2.0


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Within this block, calls to outside services end in about so many seconds altogether, whatever their own limits:
    for a person who waits. Code that makes several calls asks `is_time_up` before each."""
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def is_time_up() -> bool:
    ends_at = _ends_at.get()
    return ends_at is not None and time.monotonic() >= ends_at


def _within_limit(seconds: float) -> float:
    ends_at = _ends_at.get()
    return seconds if ends_at is None else min(seconds, max(SHORTEST_CALL_SECONDS, ends_at - time.monotonic()))


def redact(text: str) -> str:
    """The text without the values of parameters that are commonly secret, and without user:password in URLs."""
    text = re.sub(r"(?i)(https?://)[^/\s@]+@", r"\1***@", text)
    return SECRET_PARAMETER.sub(lambda m: f"{m.group(1)}=***", text)


@dataclass(frozen=True)
class Answer:
    """What came back: `status`, `headers` (case-insensitive), `body` in bytes, the `url` that answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    elapsed_seconds: float = 0.0
    service: str = "the service"

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; Malformed when it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("Content-Type", "no content type").split(";")[0]
            hint = (
                " It looks like a web page: is there a proxy or a login page in front of it?" if "html" in kind else ""
            )
            raise Malformed(
                f"{self.service} answered {kind} where JSON was expected.{hint}",
                service=self.service,
                http_status=self.status,
            ) from error


@dataclass
class Http:
    """A session with one outside service.

    `service` names it in errors. `base_url` may carry a path (reverse proxies). `timeout` is (connect, read) seconds,
    `deadline_seconds` bounds a whole answer, `max_bytes` its size.
    """

    service: str
    base_url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: tuple[float, float] = (5.0, 30.0)
    deadline_seconds: float = 120.0
    max_bytes: int = 32 * MEGABYTE
    guard: Guard | None = None
    max_redirects: int = 5
    session: requests.Session = field(default_factory=requests.Session)
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self.session.headers.update({"User-Agent": USER_AGENT, **self.headers})
        self.session.trust_env = False
        if self.guard:
            adapter = GuardedAdapter(self.guard, own=host_of(self.base_url) if self.base_url else "")
            self.session.mount("http://", adapter)
            self.session.mount("https://", adapter)

    def close(self) -> None:
        self.session.close()

    def url(self, path: str) -> str:
        """An absolute URL stays; a path is put behind the base URL, whose own path is kept."""
        if path.startswith(("http://", "https://")):
            return path
        return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}"

    def get(self, path: str, **options: Any) -> Answer:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> Answer:
        return self.request("POST", path, **options)

    def request(
        self, method: str, path: str, *, accept: Iterable[int] = (200,), max_bytes: int = 0, **options: Any
    ) -> Answer:
        """Call and read the whole answer. A status outside `accept` raises (see `fail`)."""
        bound = max_bytes or self.max_bytes
        with self.open(method, path, accept=accept, **options) as (response, started):
            body = bytearray()
            for piece in self._pieces(response, started):
                body += piece
                if len(body) > bound:
                    raise Malformed(
                        f"{self.service} answered more than {bound // MEGABYTE or 1} MB, which no answer of it needs.",
                        service=self.service,
                        http_status=response.status_code,
                    )
            return Answer(
                response.status_code, response.headers, bytes(body), response.url, self.clock() - started, self.service
            )

    def download(
        self, path: str, target: BinaryIO, *, progress: Callable[[int], None] | None = None, **options: Any
    ) -> int:
        """Stream an answer into `target`; returns the number of bytes. There is no deadline, only the read timeout."""
        written = 0
        with self.open("GET", path, **options) as (response, started):
            for piece in self._pieces(response, started, deadline=False):
                target.write(piece)
                written += len(piece)
                if progress:
                    progress(written)
        return written

    @contextmanager
    def open(
        self, method: str, path: str, *, accept: Iterable[int] = (200,), follow: bool = True, **options: Any
    ) -> Iterator[tuple[requests.Response, float]]:
        """The response with its body unread, and when the call started. With `follow=False` a redirect is an answer."""
        started = self.clock()
        response = self._send(method, self.url(path), started, follow=follow, **options)
        try:
            if response.status_code not in set(accept):
                raise self.fail(response)
            yield response, started
        finally:
            response.close()

    def _send(self, method: str, url: str, started: float, *, follow: bool, **options: Any) -> requests.Response:
        connect, read = options.pop("timeout", None) or self.timeout
        options["timeout"] = (_within_limit(connect), _within_limit(read))
        for _ in range(self.max_redirects + 1):
            if self.guard and host_of(url) != host_of(self.base_url):
                self.guard.check(url, service=self.service)
            with self._transport(url):
                response = self.session.request(method, url, stream=True, allow_redirects=False, **options)
            location = response.headers.get("Location", "")
            if response.status_code not in REDIRECTS or not follow or not location:
                return response
            response.close()
            target = urljoin(url, location)
            if urlsplit(target).scheme not in ("http", "https"):
                raise Rejected(f"{self.service} redirects to something that is not HTTP.", service=self.service)
            if host_of(target) != host_of(url):
                options.pop("auth", None)
                options["headers"] = {**(options.get("headers") or {}), "Authorization": None, "X-Api-Key": None}
            url, method = target, "GET" if response.status_code == 303 else method
            options.pop("params", None)
        raise Malformed(f"{self.service} redirects in a circle.", service=self.service)

    def _pieces(self, response: requests.Response, started: float, *, deadline: bool = True) -> Iterator[bytes]:
        most = _within_limit(self.deadline_seconds)
        with self._transport(response.url):
            while piece := response.raw.read1(64 * 1024, decode_content=True):
                if deadline and self.clock() - started > most:
                    raise Unavailable(
                        f"{self.service} took more than {most:.0f} s for one answer.",
                        service=self.service,
                    )
                yield piece

    @contextmanager
    def _transport(self, url: str) -> Iterator[None]:
        """Translate what requests and urllib3 raise."""
        parts = urlsplit(url)
        where = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], "", "", ""))
        try:
            yield
        except AddressRefused as error:
            raise Rejected(
                f"{self.service} gave an address that turned out to be inside your network ({parts.hostname}); it is not "
                "followed. If that server is yours, add it to the allowed hosts (UNABRIDGED_TRUSTED_HOSTS).",
                service=self.service,
                code="address_refused",
            ) from error
        except requests.exceptions.SSLError as error:
            raise Unavailable(
                f"{self.service} at {where}: its certificate cannot be verified.", service=self.service, permanent=True
            ) from error
        except (requests.exceptions.Timeout, ReadTimeoutError) as error:
            raise Unavailable(f"{self.service} at {where} did not answer in time.", service=self.service) from error
        except BAD_URL as error:
            raise Rejected(
                f"{self.service}: {where or 'the address'} is not a valid URL.",
                service=self.service,
                code="address_refused",
            ) from error
        except BROKEN_OFF as error:
            raise Unavailable(
                f"{self.service} at {where} broke off in the middle of its answer.", service=self.service
            ) from error
        except (requests.exceptions.RequestException, TransportError, OSError) as error:
            raise Unavailable(
                f"{self.service} cannot be reached at {where}. Is it running, and is the address right?",
                service=self.service,
            ) from error

    def fail(self, response: requests.Response) -> ExternalAPIError:
        """The error for a status that was not accepted."""
        status = response.status_code
        common: dict[str, Any] = {"service": self.service, "http_status": status}
        if status in (401, 403):
            return Rejected(
                f"{self.service} refused the credentials ({status}). Check its key, user or password in the settings.",
                code="credentials_refused",
                **common,
            )
        if status in BUSY:
            wait = retry_after(response.headers.get("Retry-After", ""))
            words = "asks us to wait" if status == 429 else f"has trouble (status {status})"
            return Unavailable(f"{self.service} {words}.", retry_after=wait, **common)
        if status == 404:
            return Rejected(
                f"{self.service} knows nothing under that address (404).", code="upstream_not_found", **common
            )
        return Rejected(f"{self.service} answered with status {status}.", **common)


def retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, section 10.2.3), which may be a number or a date; None when absent."""
    if not value.strip():
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
