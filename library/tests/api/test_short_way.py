"""Hot reads by key take a shorter way through the server, and are answered the same."""

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.services.keys import create_key
from config.api.views import KernelView
from library.tests.api.makers import make_book, make_copy, make_series

pytestmark = pytest.mark.django_db
LONG = "application/json; charset=utf-8"  # the same wish, but not in the words of the short way
OF_EACH_ANSWER = {"X-Request-ID", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


@pytest.fixture
def key() -> str:
    user = User.objects.create(username="reader", email="reader@example.org", role="viewer")
    return create_key(user=user, name="phone")[1]


@pytest.fixture
def book() -> int:
    found = make_book(
        "Land", authors=("Edgar Rice Burroughs",), narrators=("Nora",), series=make_series(), position="1"
    )
    make_copy(found)
    for number in range(3):
        make_book(f"Land {number}")
    return int(found.pk)


def ask(path: str, key: str, accept: str = "application/json", **more: str) -> Any:
    return Client(raise_request_exception=False).get(path, headers={"X-API-Key": key, "Accept": accept, **more})


def addresses(book: int) -> list[str]:
    return [
        f"/api/books/{book}/",
        f"/api/books/{book}",
        "/api/books/",
        "/api/books/?limit=2&ordering=title",
        "/api/books/?owned=true&author=burroughs",
        "/api/books/search/?query=land",
        "/api/series/incomplete/?min_completion=0",
    ]


def test_the_answer_is_the_same_in_body_and_headers(key: str, book: int) -> None:
    for path in addresses(book):
        short, long = ask(path, key), ask(path, key, LONG)
        assert short.status_code == long.status_code == 200, path
        assert short.content == long.content, path
        headers = [{k: v for k, v in one.headers.items() if k not in OF_EACH_ANSWER} for one in (short, long)]
        assert headers[0] == headers[1], path


def test_it_is_shorter(key: str, book: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_here(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("This went the long way.")

    monkeypatch.setattr(KernelView, "dispatch", not_here)
    assert [ask(path, key).status_code for path in addresses(book)] == [200] * len(addresses(book))
    assert ask(f"/api/books/{book}/", key, LONG).status_code == 500


def test_a_failure_of_its_own_is_in_the_log_and_the_answer_comes_all_the_same(
    key: str, book: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("config.api.short_way._written", lambda view, found: 1 / 0)
    assert ask(f"/api/books/{book}/", key).json()["id"] == book
    (record,) = [one for one in caplog.records if one.levelname == "ERROR"]
    assert "short way" in record.message
    assert "ZeroDivisionError" in str(record.exc_info)
    caplog.clear()
    assert ask("/api/books/999999/", key).status_code == 404
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


def test_another_format_is_given_to_who_asks_for_it(key: str, book: int) -> None:
    for path in ("/api/books/?format=csv", "/api/books/?f%6Frmat=csv", "/api/books/?limit=1&format=csv"):
        assert ask(path, key).headers["Content-Type"].startswith("text/csv"), path
    assert ask("/api/books/", key, "text/csv").headers["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/books/999999/", 404),
        (f"/api/books/{10**30}/", 404),
        ("/api/books/?colour=red", 400),
        ("/api/books/?limit=0", 400),
        ("/api/books/?limit=1&limit=2", 400),
        ("/api/books/?cursor=nonsense", 400),
        ("/api/books/search/", 400),
        ("/api/books/search/?query=%00", 400),
        ("/api/series/incomplete/?min_completion=many", 400),
    ],
)
def test_what_is_wrong_is_said_as_ever_and_counted_once(key: str, book: int, path: str, status: int) -> None:
    first, second = ask(path, key), ask(path, key, LONG)
    assert first.status_code == second.status_code == status
    said = [{name: value for name, value in one.json().items() if name != "request_id"} for one in (first, second)]
    assert {**said[0], "timestamp": ""} == {**said[1], "timestamp": ""}
    left = [int(one.headers["X-RateLimit-Remaining"]) for one in (first, second)]
    assert left[0] - left[1] == 1


def test_a_host_that_is_not_ours_is_refused(key: str, book: int) -> None:
    assert ask(f"/api/books/{book}/", key, Host="evil.example").status_code == 400


@pytest.mark.parametrize("ruin", ["unknown", "revoked", "expired", "disabled"])
def test_a_key_that_does_not_hold_opens_nothing(key: str, book: int, ruin: str) -> None:
    assert ask(f"/api/books/{book}/", key).status_code == 200
    past = timezone.now() - datetime.timedelta(seconds=1)
    if ruin == "revoked":
        ApiKey.objects.update(revoked_at=past)
    if ruin == "expired":
        ApiKey.objects.update(expires_at=past)
    if ruin == "disabled":
        User.objects.update(is_active=False)
    sent = f"{key[:-3]}xyz" if ruin == "unknown" else key
    for path in addresses(book):
        answer = ask(path, sent)
        assert answer.status_code == 401, path
        assert answer.json()["error"] == "invalid_credentials"


def test_it_is_limited_as_the_long_way_is(key: str, book: int, settings: Any) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "authenticated": (3, 60)}
    answers = [ask(f"/api/books/{book}/", key, accept) for accept in ("*/*", LONG, "*/*", "*/*", LONG)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0", "0"]
    assert int(answers[3].headers["Retry-After"]) >= 1


def test_the_use_of_the_key_is_noted(key: str, book: int) -> None:
    assert ApiKey.objects.get().last_used_at is None
    ask(f"/api/books/{book}/", key)
    assert ApiKey.objects.get().last_used_at is not None


def test_it_counts_in_the_metrics_under_its_route(key: str, book: int, settings: Any) -> None:
    settings.METRICS_ALLOWED = []
    wanted = 'unabridged_requests_total{method="GET",route="/api/books/<int:pk>/",status="200"}'

    def counted() -> float:
        lines = Client().get("/metrics", headers={"X-API-Key": key}).content.decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))

    before = counted()
    ask(f"/api/books/{book}/", key)
    assert counted() == before + 1
