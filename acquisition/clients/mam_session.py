"""The session with MyAnonamouse: its cookie, which changes, its pace, and its refusals in words.

Source: the tracker's own notes on its JSON API for members' programs. The cookie `mam_id` may be replaced by any
answer; the newest value must be kept before the next call, or the session is lost. Redirects are not followed, so that
the cookie goes nowhere else.
"""

import fcntl
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acquisition.clients.web import ANY_STATUS, failure, for_people, is_web_page
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import MEGABYTE, REDIRECTS, Answer, Guard, Http, retry_after

COOKIE = re.compile(r"[\x21-\x2b\x2d-\x3a\x3c-\x7e]{8,4096}")  # what a cookie may hold, without comma and semicolon
PATIENCE_SECONDS = 60.0
WORDS = (
    (
        "ip mismatch",
        "The session belongs to another IP address. Create one for this server's address (Preferences, Security).",
    ),
    (
        "asn mismatch",
        "The session belongs to another network. Create one for this server's network (Preferences, Security).",
    ),
    ("invalid cookie", "The session's cookie is not valid any more. Create a new session and paste its value."),
    ("no session cookie", "No session cookie arrived. Create a session and paste its value."),
    ("non-api", "This is the session of a browser. Create one for programs (Preferences, Security)."),
    ("not allowed this function", "This session may not do that. Create one with the permission that is needed."),
    ("not signed in", "The session has ended. Create a new one and paste its value."),
    ("invalid session", "The session is not valid any more. Create a new one and paste its value."),
)
ENDED = "The session was refused. Is it still valid, and was it made for the address of this server?"

_gates: dict[str, threading.Lock] = {}
_last_calls: dict[str, float] = {}


def cleaned_cookie(pasted: str) -> str:
    """The value as it is sent: without `mam_id=` and a closing semicolon that came along when it was copied."""
    return pasted.strip().removeprefix("mam_id=").rstrip(";").strip()


@dataclass
class MamSession:
    """Calls with the member's cookie, one at a time and `pause_seconds` apart: within this process, and with `lock_path`
    (a file of its own) among all processes of this machine.

    `on_cookie` is called with a new value before anything else happens with the answer that brought it; `newest_cookie`
    is asked before each call, since another worker may have been given a new value meanwhile.
    """

    service: str
    base_url: str
    cookie: str = field(repr=False)
    on_cookie: Callable[[str], None] | None = field(default=None, repr=False)
    newest_cookie: Callable[[], str] | None = field(default=None, repr=False)
    lock_path: Path | None = None
    guard: Guard | None = field(default=None, repr=False)
    pause_seconds: float = 2.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        self.cookie = cleaned_cookie(self.cookie)
        if not COOKIE.fullmatch(self.cookie):
            raise Rejected(
                f"The session cookie of {self.service} is missing or is not one. Paste the value of mam_id.",
                service=self.service,
                code="credentials_refused",
            )
        self.http = Http(self.service, self.base_url, guard=self.guard, timeout=(10.0, 60.0))
        self.http.session.cookies.clear()

    def json(self, method: str, path: str, **options: Any) -> Mapping[str, Any]:
        """An answer that must be a JSON object."""
        answer = self.call(method, path, **options)
        document = answer.json()
        if not isinstance(document, Mapping):
            raise Malformed(f"{self.service} answered something that is not an object.", service=self.service)
        return document

    def call(self, method: str, path: str, *, max_bytes: int = 8 * MEGABYTE, **options: Any) -> Answer:
        """A checked answer; every refusal is raised in words."""
        with self._alone():
            self._keep_pace()
            self._take_newest()
            # The jar is emptied, since it would send older values beside ours.
            self.http.session.cookies.clear()
            try:
                answer = self.http.request(
                    method,
                    path,
                    accept=ANY_STATUS,
                    follow=False,
                    max_bytes=max_bytes,
                    headers={"Cookie": f"mam_id={self.cookie}"},
                    **options,
                )
            finally:
                # Even an answer that broke off may have replaced the cookie.
                self._keep_cookie()
                self._note_call()
        if error := self._refusal(answer):
            raise error
        return answer

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else calls meanwhile: the cookie that an answer brings must be kept before the next call."""
        with _gates.setdefault(self.base_url, threading.Lock()):
            if self.lock_path is None:
                yield
                return
            self.lock_path.parent.mkdir(parents=True, exist_ok=True)
            with self.lock_path.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield

    def _note_call(self) -> None:
        _last_calls[self.base_url] = self.clock()
        if self.lock_path is not None:
            self.lock_path.write_text("called")

    def _take_newest(self) -> None:
        newest = cleaned_cookie(self.newest_cookie()) if self.newest_cookie else ""
        if COOKIE.fullmatch(newest):
            self.cookie = newest

    def _keep_pace(self) -> None:
        wait = _last_calls.get(self.base_url, -1e9) + self.pause_seconds - self.clock()
        if self.lock_path is not None and self.lock_path.stat().st_size:
            # Another process may have called last; the file tells when.
            wait = max(wait, self.lock_path.stat().st_mtime + self.pause_seconds - time.time())
        if wait > 0:
            self.sleep(min(wait, self.pause_seconds))

    def _keep_cookie(self) -> None:
        """Persist the value that the answer set, and use it from now on."""
        value = next((one.value for one in self.http.session.cookies if one.name == "mam_id" and one.value), None)
        if value and value != self.cookie and value != "deleted" and COOKIE.fullmatch(value):
            self.cookie = value
            if self.on_cookie:
                self.on_cookie(value)

    def _refusal(self, answer: Answer) -> ExternalAPIError | None:
        text = answer.text[:2000]
        if answer.status == 403 or answer.status == 401:
            return self._ended(text)
        if answer.status == 429:
            wait = retry_after(answer.headers.get("Retry-After", ""))
            return Unavailable(
                f"{self.service} asks us to wait ({self._said(text) or 'too many calls'}).",
                service=self.service,
                http_status=429,
                retry_after=PATIENCE_SECONDS if wait is None else wait,
            )
        to_login = answer.status in REDIRECTS and "login" in answer.headers.get("Location", "").lower()
        if to_login or "not signed in" in text.lower():
            return self._ended("not signed in")
        return failure(self.http, answer) if answer.status != 200 else None

    def _ended(self, text: str) -> Rejected:
        lowered = text.lower()
        words = next((words for mark, words in WORDS if mark in lowered), ENDED)
        said = "" if is_web_page(text.encode()) else self._said(text)
        return Rejected(
            f"{self.service} refused the session. {words}" + (f" (It says: {said}.)" if said else ""),
            service=self.service,
            code="credentials_refused",
            http_status=403,
        )

    def _said(self, text: str) -> str:
        found = re.search(r'"(?:msg|message|error)"\s*:\s*"([^"]{1,200})"', text)
        plain = found.group(1) if found else re.sub(r"<[^>]*>", " ", text)
        return for_people(plain, secrets=(self.cookie,), limit=120).rstrip(".")
