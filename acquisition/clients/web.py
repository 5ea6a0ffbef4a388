"""What the clients of outside services share: addresses that strangers gave, answers that failed, texts for people."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from config.errors import ExternalAPIError, Malformed, Rejected
from config.http import Answer, Guard, Http, host_of, redact

ANY_STATUS = range(200, 600)
MAX_URL = 4096
CHALLENGES = (b"just a moment", b"cf-chl", b"challenge-platform", b"cf-browser-verification", b"ddos-guard")


def checked_url(url: str, *, service: str) -> str:
    """The URL itself when it can be called at all; Rejected otherwise.

    The standard library raises ValueError at odd places for URLs with a broken port, bracket or host name, so such
    URLs are stopped here, before any call.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        fine = parts.scheme in ("http", "https") and bool(host) and len(url) <= MAX_URL
        _ = parts.port, host.encode("idna")
    except (ValueError, UnicodeError):
        fine = False
    if not fine:
        raise Rejected(f"{service} gave an address that is not a valid URL.", service=service, code="address_refused")
    return url


def trusting(guard: Guard | None, *urls: str) -> Guard:
    """The guard, which also lets the hosts of these configured URLs pass."""
    base = guard or Guard()
    return Guard(trusted=base.trusted | {host_of(url) for url in urls if url}, resolve=base.resolve)


def failure(http: Http, answer: Answer) -> ExternalAPIError:
    """The error that fits the status of an answer that was read in spite of it."""
    response = requests.Response()
    response.status_code = answer.status
    response.headers.update(answer.headers)
    return http.fail(response)


def is_web_page(body: bytes) -> bool:
    """Whether an answer is a web page, whatever its headers say."""
    start = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def is_challenge(body: bytes, headers: "Iterable[str] | None" = None) -> bool:
    """Whether a web page is a protection wall (Cloudflare and its like) that wants a browser."""
    page = body[: 64 * 1024].lower()
    return any(mark in page for mark in CHALLENGES) or "cf-mitigated" in {name.lower() for name in headers or ()}


def web_page_error(service: str, body: bytes, headers: "Iterable[str] | None" = None) -> Malformed:
    """The error for a web page where data was expected."""
    if is_challenge(body, headers):
        return Malformed(
            f"{service} is behind a protection wall that lets only browsers pass. Use it through Prowlarr or Jackett "
            "with a solver, or ask its operator for an address for programs.",
            service=service,
            code="challenge_page",
        )
    return Malformed(
        f"{service} answered with a web page. Check the address; is there a login page or a proxy in front of it?",
        service=service,
    )


@contextmanager
def sealed() -> Iterator[None]:
    """Errors leave without their causes: those hold the URL that was called, and a traceback would show its key."""
    try:
        yield
    except ExternalAPIError as error:
        error.__cause__ = error.__context__ = None
        raise


def for_people(text: str, *, secrets: Iterable[str] = (), limit: int = 200) -> str:
    """A text of a stranger for use in a message: one line, short, without secrets."""
    text = redact(" ".join(text.split()))
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text if len(text) <= limit else text[: limit - 1] + "…"
