"""The way out: errors in words without secrets, deadlines, bounds, redirects and the guard, over real HTTP."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import Guard, Http, host_of, is_time_up, redact, retry_after, time_limit
from config.http_guard import is_public_address

Respond = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A server whose paths are functions."""

    def __init__(self) -> None:
        self.pages: dict[str, Respond] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.seen.append((self.path, dict(self.headers)))
                site.pages[self.path.partition("?")[0]](self)

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def reply(body: bytes = b"", status: int = 200, **headers: str) -> Respond:
    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return respond


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.server.shutdown()
    found.server.server_close()


def http(site: Site, **options: Any) -> Http:
    return Http("The service", site.url, **{"timeout": (1.0, 1.0), **options})


def test_reads_json_below_a_base_path(site: Site) -> None:
    site.pages["/base/api"] = reply(json.dumps({"a": 1}).encode(), Content_Type="application/json")
    assert Http("The service", f"{site.url}/base/").get("/api").json() == {"a": 1}


@pytest.mark.parametrize(
    "status, kind, words",
    [
        (401, Rejected, "credentials"),
        (403, Rejected, "credentials"),
        (404, Rejected, "404"),
        (418, Rejected, "418"),
        (429, Unavailable, "wait"),
        (500, Unavailable, "trouble"),
        (503, Unavailable, "trouble"),
    ],
)
def test_a_status_becomes_an_error_in_words(site: Site, status: int, kind: type[ExternalAPIError], words: str) -> None:
    site.pages["/x"] = reply(status=status, Retry_After="7")
    with pytest.raises(kind) as caught:
        http(site).get("/x?apikey=secret-key")
    assert words in caught.value.message
    assert caught.value.http_status == status
    assert "secret-key" not in repr(caught.value)
    if kind is Unavailable:
        assert caught.value.retry_after == 7


def test_a_web_page_where_json_was_expected_is_said_to_be_one(site: Site) -> None:
    site.pages["/x"] = reply(b"<html>log in</html>", Content_Type="text/html")
    with pytest.raises(Malformed, match="login page"):
        http(site).get("/x").json()


def test_too_much_is_refused_without_reading_it_all(site: Site) -> None:
    site.pages["/x"] = reply(b"x" * 300_000)
    with pytest.raises(Malformed, match="more than"):
        http(site, max_bytes=100_000).get("/x")


def test_a_slow_drip_ends_at_the_deadline(site: Site) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        for _ in range(100):
            try:
                request.wfile.write(b"x")
                request.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    site.pages["/x"] = drip
    started = time.monotonic()
    with pytest.raises(Unavailable, match="took more than"):
        http(site, deadline_seconds=0.3).get("/x")
    assert time.monotonic() - started < 3


def test_an_answer_that_breaks_off_is_no_answer(site: Site) -> None:
    def broken(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        request.wfile.write(b"half")

    site.pages["/x"] = broken
    with pytest.raises(Unavailable):
        http(site).get("/x")


def test_nobody_there_is_said(site: Site) -> None:
    site.server.shutdown()
    site.server.server_close()
    with pytest.raises(Unavailable, match="cannot be reached"):
        http(site).get("/x")


def test_follows_redirects_and_drops_credentials_on_the_way_to_another_host(site: Site) -> None:
    other = Site()
    other.pages["/there"] = reply(b"ok")
    site.pages["/here"] = reply(status=302, Location=f"{other.url}/there")
    answer = http(site, headers={"X-Api-Key": "key", "Authorization": "Bearer t"}).get("/here")
    assert answer.text == "ok"
    sent = {name.lower() for name in other.seen[0][1]}
    assert not sent & {"x-api-key", "authorization"}
    other.server.shutdown()
    other.server.server_close()


def test_a_circle_of_redirects_ends(site: Site) -> None:
    site.pages["/a"] = reply(status=302, Location="/a")
    with pytest.raises(Malformed, match="circle"):
        http(site).get("/a")


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:1/x",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
    ],
)
def test_the_guard_refuses_what_leads_inside(site: Site, location: str) -> None:
    site.pages["/x"] = reply(status=302, Location=location)
    with pytest.raises(Rejected):
        http(site, guard=Guard()).get("/x")


def test_the_guard_lets_trusted_hosts_pass(site: Site) -> None:
    other = Site()
    other.pages["/there"] = reply(b"ok")
    site.pages["/x"] = reply(status=302, Location=f"{other.url}/there")
    assert http(site, guard=Guard(frozenset({host_of(other.url)}))).get("/x").text == "ok"
    other.server.shutdown()
    other.server.server_close()


def test_a_name_that_resolves_inside_is_refused() -> None:
    guard = Guard(resolve=lambda host, port: ["93.184.216.34", "192.168.1.5"])
    with pytest.raises(Rejected, match="inside your network"):
        guard.check("https://looks-public.example/x", service="S")


@pytest.mark.parametrize(
    "address, public",
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("::ffff:127.0.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("fc00::1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
        ("2002:c0a8:105::1", False),
        ("2001:0:7f00:1::", False),
        ("100.64.0.1", False),
        ("::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public_address(address) is public


def test_redacts_what_is_commonly_secret() -> None:
    text = redact("http://user:pw@host/x?apikey=abc&t=search&passkey=def token=ghi")
    assert not any(secret in text for secret in ("pw@", "abc", "def", "ghi"))
    assert "t=search" in text


@pytest.mark.parametrize("value, seconds", [("", None), ("12", 12.0), ("-3", 0.0), ("soon", None)])
def test_reads_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after(value) == seconds


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"])
def test_odd_spellings_of_this_machine_are_refused(site: Site, host: str) -> None:
    with pytest.raises((Rejected, Unavailable)) as caught:
        http(site, guard=Guard()).get(f"http://{host}:{host_of(site.url).rpartition(':')[2]}/x")
    assert caught.value.code in ("address_refused", "external_api_error", "upstream_unavailable", "unavailable")
    assert not site.pages.get("/x")


def test_a_name_that_leads_elsewhere_the_second_time_is_refused_before_a_byte_is_sent(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up says that it is public; the connection then goes to this machine."""
    port = int(host_of(site.url).rpartition(":")[2])
    seen: list[str] = []
    site.pages["/x"] = lambda request: seen.append("asked")
    monkeypatch.setattr(Guard, "_addresses", lambda self, host, port, service: ["93.184.216.34"])
    with pytest.raises(Rejected, match="turned out to be inside your network") as caught:
        http(site, guard=Guard()).get(f"http://localhost:{port}/x")
    assert caught.value.code == "address_refused"
    assert seen == []


class TestTimeLimits:
    def test_a_call_ends_with_the_time_of_its_caller(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("config.http.SHORTEST_CALL_SECONDS", 0.2)
        is_over = threading.Event()

        def hang(request: BaseHTTPRequestHandler) -> None:
            is_over.wait(10)

        site.pages["/slow"] = hang
        with time_limit(0.1), pytest.raises(Unavailable, match="in time"):
            http(site).get("/slow")
        is_over.set()

    def test_outside_of_it_nothing_changes(self, site: Site) -> None:
        with time_limit(0):
            assert is_time_up()
        assert not is_time_up()
        site.pages["/"] = reply(b"here")
        assert http(site).get("/").text == "here"
