"""Signing in, out and staying in."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from freezegun import freeze_time

from accounts.models import AuditEntry, Role, User
from accounts.services.tokens import issue_tokens
from conftest import PASSWORD, Client

pytestmark = pytest.mark.django_db
LOGIN = "/api/admin/login/"
START = "2026-11-22T12:00:00Z"


def login(client: Client, username: str, password: str = PASSWORD, **extra: str) -> Any:
    """Without the rate limit getting in the way of the lockout."""
    caches["limits"].clear()
    return client.post(LOGIN, {"username": username, "password": password}, **extra)


def bearer(token: str) -> Client:
    return Client(HTTP_AUTHORIZATION=f"Bearer {token}")


class TestLogin:
    def test_gives_tokens_that_work(self, nobody: Client, make_user: Callable[..., User]) -> None:
        user = make_user(Role.MODERATOR, username="mira")
        answer = login(nobody, "mira")
        assert answer.status_code == 200
        body = answer.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 1800)
        assert body["user"]["id"] == user.pk
        assert "password" not in body["user"]
        assert bearer(body["access"]).get("/api/admin/me/").json()["username"] == "mira"

    def test_is_the_same_401_for_every_wrong_credential(self, nobody: Client, make_user: Callable[..., User]) -> None:
        make_user(username="mira")
        make_user(username="gone", is_active=False)
        answers = [login(nobody, "mira", "wrong"), login(nobody, "nobody", "wrong"), login(nobody, "gone")]
        assert {a.status_code for a in answers} == {401}
        assert len({(a.json()["code"], a.json()["message"]) for a in answers}) == 1
        assert AuditEntry.objects.filter(action="login.failed").count() == 3

    def test_access_token_expires(self, nobody: Client, make_user: Callable[..., User]) -> None:
        make_user(username="mira")
        with freeze_time(START) as clock:
            access = login(nobody, "mira").json()["access"]
            clock.tick(datetime.timedelta(minutes=29))
            assert bearer(access).get("/api/admin/me/").status_code == 200
            clock.tick(datetime.timedelta(minutes=2))
            answer = bearer(access).get("/api/admin/me/")
        assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_EXPIRED")

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "\x01", "ey" * 3000])
    def test_nonsense_is_no_token(self, db: None, token: str) -> None:
        answer = bearer(token).get("/api/admin/me/")
        assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_TOKEN")

    def test_a_refresh_token_is_no_access_token(self, make_user: Callable[..., User]) -> None:
        pair = issue_tokens(user=make_user())
        assert bearer(pair.refresh).get("/api/admin/me/").status_code == 401


class TestLockout:
    def test_five_failures_lock_for_thirty_minutes(self, nobody: Client, make_user: Callable[..., User]) -> None:
        make_user(username="mira")
        with freeze_time(START) as clock:
            assert [login(nobody, "mira", "wrong").status_code for _ in range(5)] == [401] * 5
            clock.tick(60)
            answer = login(nobody, "Mira ")
            assert (answer.status_code, answer.json()["code"]) == (423, "ACCOUNT_LOCKED")
            assert answer["Retry-After"] == str(29 * 60)
            clock.tick(29 * 60 - 1)
            assert login(nobody, "mira").status_code == 423
            clock.tick(2)
            assert login(nobody, "mira").status_code == 200
        assert AuditEntry.objects.filter(action="login.locked").count() == 1

    def test_failures_spread_over_more_than_fifteen_minutes_do_not_lock(
        self, nobody: Client, make_user: Callable[..., User]
    ) -> None:
        make_user(username="mira")
        with freeze_time(START) as clock:
            for _ in range(8):
                assert login(nobody, "mira", "wrong").status_code == 401
                clock.tick(4 * 60)
            assert login(nobody, "mira").status_code == 200

    def test_another_address_and_another_account_are_not_locked(
        self, nobody: Client, make_user: Callable[..., User]
    ) -> None:
        make_user(username="mira")
        make_user(username="olaf")
        for _ in range(5):
            login(nobody, "mira", "wrong")
        assert login(nobody, "mira", REMOTE_ADDR="192.0.2.7").status_code == 200
        assert login(nobody, "olaf").status_code == 200
        assert login(nobody, "mira").status_code == 423

    def test_success_forgets_failures(self, nobody: Client, make_user: Callable[..., User]) -> None:
        make_user(username="mira")
        for _ in range(3):
            assert [login(nobody, "mira", "wrong").status_code for _ in range(4)] == [401] * 4
            assert login(nobody, "mira").status_code == 200

    def test_an_unknown_account_locks_like_a_known_one(self, nobody: Client) -> None:
        statuses = [login(nobody, "who", "wrong").status_code for _ in range(6)]
        assert statuses == [401] * 5 + [423]

    def test_the_admin_pages_are_guarded_too(self, client: Any, make_user: Callable[..., User]) -> None:
        make_user(Role.ADMIN, username="mira")
        for _ in range(5):
            client.post("/admin/login/", {"username": "mira", "password": "wrong"})
        client.post("/admin/login/", {"username": "mira", "password": PASSWORD})
        assert "_auth_user_id" not in client.session


class TestRefresh:
    def test_rotates(self, nobody: Client, make_user: Callable[..., User]) -> None:
        pair = issue_tokens(user=make_user())
        answer = nobody.post("/api/admin/token/refresh/", {"refresh": pair.refresh})
        assert answer.status_code == 200
        assert answer.json()["refresh"] != pair.refresh
        assert bearer(answer.json()["access"]).get("/api/admin/me/").status_code == 200

    def test_a_second_use_revokes_everything(self, nobody: Client, make_user: Callable[..., User]) -> None:
        pair = issue_tokens(user=make_user())
        fresh = nobody.post("/api/admin/token/refresh/", {"refresh": pair.refresh}).json()
        assert nobody.post("/api/admin/token/refresh/", {"refresh": pair.refresh}).status_code == 401
        assert nobody.post("/api/admin/token/refresh/", {"refresh": fresh["refresh"]}).status_code == 401
        assert bearer(fresh["access"]).get("/api/admin/me/").status_code == 401


class TestLogout:
    def test_revokes_the_refresh_token(self, nobody: Client, make_user: Callable[..., User]) -> None:
        pair = issue_tokens(user=make_user())
        assert bearer(pair.access).post("/api/admin/logout/", {"refresh": pair.refresh}).json() == {"revoked": "token"}
        assert nobody.post("/api/admin/token/refresh/", {"refresh": pair.refresh}).status_code == 401

    def test_without_a_token_revokes_all(self, nobody: Client, make_user: Callable[..., User]) -> None:
        user = make_user()
        first, second = issue_tokens(user=user), issue_tokens(user=user)
        assert bearer(first.access).post("/api/admin/logout/").json() == {"revoked": "all"}
        assert bearer(second.access).get("/api/admin/me/").status_code == 401
        assert nobody.post("/api/admin/token/refresh/", {"refresh": second.refresh}).status_code == 401

    def test_refuses_the_token_of_another(self, make_user: Callable[..., User]) -> None:
        mine, other = issue_tokens(user=make_user()), issue_tokens(user=make_user())
        assert bearer(mine.access).post("/api/admin/logout/", {"refresh": other.refresh}).status_code == 401
        assert bearer(other.access).get("/api/admin/me/").status_code == 200
