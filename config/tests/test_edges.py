"""Behaviour at the edges: proxies, a counter that is down, what JSON and CSV can hold, signing in to the pages."""

import datetime
import decimal
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import RequestFactory
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import ApiKey, User
from config.api.callers import client_address
from config.api.renderers import FastJSONRenderer, csv_lines
from conftest import Client


class TestAddresses:
    @pytest.mark.parametrize(
        "meta, expected",
        [
            ({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "10.0.0.1"}, "192.0.2.1"),
            ({"REMOTE_ADDR": "[2001:db8::1]"}, "2001:db8::1"),
            ({"REMOTE_ADDR": ""}, "0.0.0.0"),
            ({"REMOTE_ADDR": "nonsense"}, "0.0.0.0"),
        ],
    )
    def test_the_peer_counts_when_there_is_no_proxy(self, meta: dict[str, str], expected: str) -> None:
        assert client_address(RequestFactory().get("/", **meta)) == expected

    @pytest.mark.parametrize(
        "forwarded, expected", [("10.9.9.9, 198.51.100.7", "198.51.100.7"), ("", "192.0.2.1"), ("junk", "0.0.0.0")]
    )
    def test_behind_a_proxy_only_its_own_word_counts(self, settings: Any, forwarded: str, expected: str) -> None:
        settings.BEHIND_PROXY = True
        meta = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": forwarded}
        assert client_address(RequestFactory().get("/", **meta)) == expected


@pytest.mark.django_db
class TestLimits:
    def test_an_outage_of_the_counter_is_none_of_the_product(
        self, viewer: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*_: Any, **__: Any) -> None:
            raise RedisConnectionError

        monkeypatch.setattr("config.api.limits.get_usage", down)
        answer = viewer.get("/api/runs/")
        assert answer.status_code == 200
        assert "X-RateLimit-Limit" not in answer

    def test_callers_are_counted_apart(self, viewer: Client, moderator: Client, settings: Any) -> None:
        settings.RATE_LIMITS = {**settings.RATE_LIMITS, "authenticated": (1, 60)}
        assert [c.get("/api/runs/").status_code for c in (viewer, moderator, viewer)] == [200, 200, 429]
        elsewhere = [Client().get("/api/runs/", REMOTE_ADDR=f"192.0.2.{n}").status_code for n in (1, 2, 1)]
        assert elsewhere == [401, 401, 429]


class TestRenderers:
    def test_json_holds_what_python_has(self) -> None:
        value = {
            "big": 2**70,
            "day": datetime.date(2026, 1, 2),
            "exact": decimal.Decimal("1.50"),
            "span": datetime.timedelta(minutes=2),
            "set": {1},
            3: "three",
        }
        found = json.loads(FastJSONRenderer().render(value))
        assert found["big"] == 2**70
        assert (found["day"], found["exact"], found["set"], found["3"]) == ("2026-01-02", "1.50", [1], "three")
        moment = datetime.datetime(2026, 1, 2, 3, tzinfo=datetime.UTC)
        assert FastJSONRenderer().render({"at": moment}) == b'{"at":"2026-01-02T03:00:00Z"}'

    def test_csv_flattens_and_disarms(self) -> None:
        row = {"a": None, "b": True, "c": ["x", "y"], "d": [{"k": 1}], "e": {"k": "ä"}, "f": "=SUM(A1)", "g": -5}
        heading, line = (text.rstrip("\r\n") for text in csv_lines([row]))
        assert heading == "a,b,c,d,e,f,g"
        assert line == ',true,x; y,"[{""k"": 1}]","{""k"": ""ä""}",\'=SUM(A1),-5'


@pytest.mark.django_db
class TestPages:
    def test_a_good_password_opens_the_admin(self, client: Any, make_user: Callable[..., User]) -> None:
        make_user("admin", username="mira")
        client.post("/admin/login/", {"username": "mira", "password": "correct horse battery staple"})
        assert "_auth_user_id" in client.session
        assert User.objects.get(username="mira").last_login

    def test_without_a_password_nobody_comes_in(self, client: Any, make_user: Callable[..., User]) -> None:
        make_user("admin", username="mira")
        assert not client.login(username="mira")
        assert not client.login(username="", password="x")


@pytest.mark.django_db
class TestCommands:
    def test_a_key_is_made_and_works(self, make_user: Callable[..., User]) -> None:
        make_user(username="mira")
        out = StringIO()
        call_command("create_api_key", "phone", user="mira", read_only=True, days=3, stdout=out)
        text = out.getvalue().strip()
        assert Client(HTTP_X_API_KEY=text).get("/api/runs/").status_code == 200
        key = ApiKey.objects.get()
        assert key.is_read_only
        assert key.expires_at

    def test_the_map_is_printed(self) -> None:
        out = StringIO()
        call_command("endpoints", stdout=out)
        assert "| GET | `/api/runs/` | RunViewSet.list | key | viewer | authenticated | 200 |" in out.getvalue()
