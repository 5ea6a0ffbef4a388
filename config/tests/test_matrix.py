"""Every endpoint in the map, with every kind of caller. A new endpoint is tested here as soon as it has a route."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.services.keys import create_key
from accounts.services.tokens import issue_tokens
from config.api.endpoints import Endpoint, endpoints
from config.tests.rows import add_row
from conftest import Client

pytestmark = pytest.mark.django_db
ALL = endpoints()
SAFE, ERROR_FIELDS = "GET", {"error", "code", "message", "status_code", "detail", "context", "timestamp", "request_id"}
UNKNOWN_ID, UNKNOWN_NAME = "999999999", "no-such-name"
RANKS = {"viewer": 0, "moderator": 1, "admin": 2}


def each(chosen: list[Endpoint]) -> Any:
    return pytest.mark.parametrize("endpoint", chosen, ids=lambda e: f"{e.method} {e.path}")


def address(endpoint: Endpoint, user: User | None = None) -> str:
    own = "/users/{id}/" in endpoint.path and user
    identity = str(user.pk) if own and user else UNKNOWN_ID
    return re.sub(r"{(\w+)}", lambda m: identity if m[1].endswith("id") else UNKNOWN_NAME, endpoint.path)


def ask(client: Client, endpoint: Endpoint, path: str = "", **extra: Any) -> Any:
    """Unsafe methods carry a field that nobody knows, so that nothing is ever done."""
    path = path or address(endpoint, client.user)
    if endpoint.method == SAFE:
        return client.get(path, **extra)
    return getattr(client, endpoint.method.lower())(path, {"no_such_field": 1}, format="json", **extra)


def assert_error(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.content[:300]
    assert set(answer.json()) == ERROR_FIELDS
    assert answer.json()["status_code"] == status
    assert answer.json()["request_id"] == answer["X-Request-ID"]


def by_key(user: User, **options: Any) -> Client:
    return Client(user, HTTP_X_API_KEY=create_key(user=user, name="matrix", **options)[1])


def by_token(user: User) -> Client:
    return Client(user, HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")


@pytest.fixture
def people(make_user: Callable[..., User]) -> dict[str, User]:
    return {role: make_user(role) for role in RANKS}


@each([e for e in ALL if e.auth != "none"])
class TestCallers:
    def test_refuses_whom_it_does_not_know(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        expired = by_key(people["admin"], expires_at=timezone.now())
        revoked = by_key(people["admin"])
        ApiKey.objects.filter(user=people["admin"], expires_at=None).update(revoked_at=timezone.now())
        disabled_key, disabled_token = by_key(people["moderator"]), by_token(people["moderator"])
        User.objects.filter(pk=people["moderator"].pk).update(is_active=False)
        nobodies = {
            "nobody": Client(),
            "wrong key": Client(HTTP_X_API_KEY="ub_wrong"),
            "empty key": Client(HTTP_X_API_KEY=""),
            "wrong token": Client(HTTP_AUTHORIZATION="Bearer wrong"),
            "expired key": expired,
            "revoked key": revoked,
            "key of a disabled user": disabled_key,
            "token of a disabled user": disabled_token,
        }
        for name, client in nobodies.items():
            answer = ask(client, endpoint)
            assert answer.status_code == 401, name
            assert_error(answer, 401)
            assert answer["WWW-Authenticate"]

    def test_knows_the_roles(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        for role, user in people.items():
            clients = [by_token(user)] if endpoint.auth == "jwt" else [by_token(user), by_key(user)]
            for client in clients:
                answer = ask(client, endpoint)
                if RANKS[role] < RANKS[endpoint.role]:
                    assert_error(answer, 403)
                else:
                    _assert_let_in(endpoint, answer)

    def test_knows_the_scope_of_keys(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        answer = ask(by_key(people["admin"], is_read_only=True), endpoint)
        if endpoint.auth == "jwt" or endpoint.method != SAFE:
            assert_error(answer, 403)
        else:
            _assert_let_in(endpoint, answer)


def _assert_let_in(endpoint: Endpoint, answer: Any) -> None:
    if endpoint.method != SAFE:
        assert answer.status_code in (400, 404, 409), answer.content[:300]
    else:
        assert answer.status_code in (200, 400, 404, 409, 503), answer.content[:300]
    if answer.status_code >= 400:
        assert_error(answer, answer.status_code)


@each([e for e in ALL if e.method in ("POST", "PUT", "PATCH")])
class TestBodies:
    @pytest.mark.parametrize(
        "raw",
        [
            b'{"broken": ',
            b'["not", "an", "object"]',
            b'"text"',
            b"17",
            b"null",
            b"\xff\xfe",
            b'{"a": 1, "a": 2}',
            b'{"a": NaN}',
            b'{"a": "\\u0000"}',
            b'{"a": "\\ud800"}',
            b"[" * 100_000,
        ],
        ids=["broken", "list", "text", "number", "null", "utf-8", "duplicate", "nan", "nul", "surrogate", "deep"],
    )
    def test_malformed_is_400(self, endpoint: Endpoint, raw: bytes, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        path = address(endpoint, client.user)
        answer = client.generic(endpoint.method, path, raw, content_type="application/json")
        assert_error(answer, 400)

    def test_other_types_are_415(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        answer = client.generic(endpoint.method, address(endpoint, client.user), b"a=1", content_type="text/plain")
        assert_error(answer, 415)


@each([e for e in ALL if e.path.startswith("/api/")])
class TestEverywhere:
    def test_the_form_without_the_slash_answers_the_same(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        path = address(endpoint, client.user)
        assert ask(client, endpoint, path.rstrip("/")).status_code == ask(client, endpoint, path).status_code

    def test_unknown_query_parameters_are_400(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        answer = client.generic(endpoint.method, f"{address(endpoint, client.user)}?no_such_parameter=1")
        if answer.status_code != 404:
            assert_error(answer, 400)


@each(ALL)
def test_the_limit_of_its_tier_holds_and_recovers(
    endpoint: Endpoint, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, (9, 60)) | {endpoint.tier: (2, 60)}
    now = [1_800_000_000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    client = Client()
    first, second, third = (ask(client, endpoint) for _ in range(3))
    assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("2", "1")
    assert second["X-RateLimit-Remaining"] == "0"
    assert second.status_code == first.status_code != 429
    assert_error(third, 429)
    wait = int(third["Retry-After"])
    assert int(third["X-RateLimit-Reset"]) == int(now[0]) + wait
    now[0] += wait - 1
    assert ask(client, endpoint).status_code == 429
    now[0] += 1
    assert ask(client, endpoint).status_code == first.status_code


@each([e for e in ALL if e.is_list])
class TestLists:
    def test_is_a_page_and_costs_the_same_with_more_rows(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        place = add_row(endpoint, 1)
        few, before = self._count(client, place)
        add_row(endpoint, 2)
        add_row(endpoint, 3)
        many, after = self._count(client, place)
        assert few["items"], f"{endpoint.path} stays empty: register a maker of its rows in config/tests/rows.py."
        assert len(many["items"]) >= len(few["items"])
        assert after <= before, f"{before} queries became {after} with more rows"
        for body in (few, many):
            assert {"limit", "offset", "has_more"} <= set(body["page_info"])
            assert body["total"] == len(body["items"]) or body["page_info"]["has_more"]

    @staticmethod
    def _count(client: Client, place: str) -> tuple[dict[str, Any], int]:
        client.get(place)  # what is asked only once in a process is asked now
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(place)
        assert answer.status_code == 200, answer.content[:300]
        return answer.json(), len(queries)

    def test_pages_by_cursor_meet_every_row_once(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        place = next(add_row(endpoint, number) for number in (1, 2, 3))
        total = client.get(place).json()["total"]
        joint = "&" if "?" in place else "?"
        seen, following = 0, f"{place}{joint}limit={min(500, max(1, total // 3))}"
        while following:
            body = client.get(following).json()
            assert body["total"] == total
            seen += len(body["items"])
            following = body["page_info"]["next"]
        assert seen == total

    def test_refuses_what_is_out_of_bounds(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        place = add_row(endpoint, 1)
        joint = "&" if "?" in place else "?"
        for wrong in ("limit=0", "limit=501", "limit=x", "offset=-1", "ordering=no_such_field", "no_such_filter=1"):
            answer = client.get(f"{place}{joint}{wrong}")
            assert_error(answer, 400)
            assert wrong.split("=")[0] in answer.json()["context"]["fields"]

    def test_comes_as_csv(self, endpoint: Endpoint, people: dict[str, User]) -> None:
        client = by_token(people["admin"])
        place = add_row(endpoint, 1)
        answer = client.get(place, HTTP_ACCEPT="text/csv")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        heading = answer.getvalue().decode().splitlines()[0].split(",")
        assert heading == list(client.get(place).json()["items"][0])


@each([e for e in ALL if "{id}" in e.path and "/users/" not in e.path])
@pytest.mark.parametrize("identity", [UNKNOWN_ID, str(2**63), "9" * 60])
def test_unknown_ids_are_404(endpoint: Endpoint, identity: str, people: dict[str, User]) -> None:
    client = by_token(people["admin"])
    body = {"no_such_field": 1} if endpoint.method in ("PUT", "PATCH") else None
    path = endpoint.path.replace("{id}", identity)
    answer = getattr(client, endpoint.method.lower())(re.sub(r"{\w+}", UNKNOWN_NAME, path), body, format="json")
    assert answer.status_code in ((404,) if endpoint.method in ("GET", "DELETE") else (400, 404))
    assert_error(answer, answer.status_code)


def test_every_tier_has_a_limit() -> None:
    assert {e.tier for e in ALL} <= set(settings.RATE_LIMITS)


def test_the_counters_are_their_own_cache() -> None:
    assert caches["limits"] is not caches["default"]
