"""`/api/admin/keys/` and what keys can do."""

import datetime
from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry, Role
from accounts.services.keys import create_key
from conftest import Client

pytestmark = pytest.mark.django_db
KEYS = "/api/admin/keys/"


def with_key(text: str) -> Client:
    return Client(HTTP_X_API_KEY=text)


class TestKeys:
    def test_is_shown_once_and_works(self, viewer_token: Client) -> None:
        answer = viewer_token.post(KEYS, {"name": "phone"})
        assert answer.status_code == 201
        text = answer.json()["key"]
        assert with_key(text).get("/api/runs/").status_code == 200
        listed = viewer_token.get(KEYS).json()["items"][0]
        assert "key" not in listed
        assert listed["prefix"] == text[:12]
        assert listed["last_used_at"]
        assert text not in str(list(ApiKey.objects.values()))
        assert text not in str(list(AuditEntry.objects.values()))

    def test_read_only_reads_only(self, moderator_token: Client) -> None:
        text = moderator_token.post(KEYS, {"name": "board", "is_read_only": True}).json()["key"]
        assert with_key(text).get("/api/runs/").status_code == 200
        answer = with_key(text).post("/api/runs/1/cancel/")
        assert (answer.status_code, answer.json()["code"]) == (403, "INSUFFICIENT_PERMISSIONS")

    def test_expired_and_revoked_are_refused(self, viewer_token: Client) -> None:
        now = timezone.now()
        _, expired = create_key(user=viewer_token.user, name="old", expires_at=now - datetime.timedelta(seconds=1))
        assert with_key(expired).get("/api/runs/").status_code == 401
        made = viewer_token.post(KEYS, {"name": "phone"}).json()
        assert viewer_token.delete(f"{KEYS}{made['id']}/").json()["revoked_at"]
        assert with_key(made["key"]).get("/api/runs/").status_code == 401

    def test_is_refused_in_a_query_string(self, viewer_token: Client, nobody: Client) -> None:
        text = viewer_token.post(KEYS, {"name": "phone"}).json()["key"]
        for name in ("api_key", "X-API-Key", "key"):
            assert nobody.get(f"/api/runs/?{name}={text}").status_code == 401

    @pytest.mark.parametrize("path", ["/api/admin/me/", KEYS, "/api/admin/users/"])
    def test_is_refused_where_people_are_managed(self, admin: Client, path: str) -> None:
        answer = admin.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "ACCESS_DENIED")

    def test_others_are_seen_and_made_by_admins_only(
        self, admin_token: Client, viewer_token: Client, token_client: Callable[[str], Client]
    ) -> None:
        other = token_client(Role.VIEWER)
        made = admin_token.post(KEYS, {"name": "for them", "user": other.user.username}).json()
        assert made["user"] == other.user.username
        assert viewer_token.get(f"{KEYS}{made['id']}/").status_code == 404
        assert viewer_token.delete(f"{KEYS}{made['id']}/").status_code == 404
        assert viewer_token.post(KEYS, {"name": "x", "user": other.user.username}).status_code == 403
        assert [row["id"] for row in admin_token.get(f"{KEYS}?is_revoked=false").json()["items"]] == [made["id"]]
        assert admin_token.post(KEYS, {"name": "x", "user": "ghost"}).status_code == 400

    @pytest.mark.parametrize("expires_at", ["2020-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "soon"])
    def test_refuses_an_expiry_that_cannot_be(self, viewer_token: Client, expires_at: str) -> None:
        answer = viewer_token.post(KEYS, {"name": "x", "expires_at": expires_at})
        assert answer.status_code == 400
        assert "expires_at" in answer.json()["context"]["fields"]


class TestAuditLogs:
    def test_says_who_did_what_in_which_request(self, admin_token: Client) -> None:
        admin_token.post(KEYS, {"name": "phone"}, HTTP_X_REQUEST_ID="walk-1")
        body = admin_token.get("/api/admin/audit-logs/?action=key.created").json()
        (entry,) = body["items"]
        assert (entry["actor_name"], entry["request_id"]) == (admin_token.user.username, "walk-1")
        assert entry["address"] == "127.0.0.1"
        assert admin_token.get(f"/api/admin/audit-logs/{entry['id']}/").json() == entry

    def test_cannot_be_changed(self, admin_token: Client) -> None:
        admin_token.post(KEYS, {"name": "phone"})
        place = f"/api/admin/audit-logs/{AuditEntry.objects.first().pk}/"
        assert admin_token.delete(place).status_code == 405
        assert admin_token.put(place, {"action": "x"}).status_code == 405
