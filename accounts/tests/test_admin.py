"""Users, keys and the audit trail through the admin."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry, User
from accounts.services.keys import create_key, find_key, revoke_key
from accounts.services.tokens import find_token_user, issue_tokens
from accounts.tests.people import PASSWORD, cast, signed_in
from config.errors import UnauthorizedError

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture
def people() -> dict[str, User]:
    return cast()


@pytest.fixture
def browser(people: dict[str, User]) -> Client:
    return signed_in(people["admin"])


def user_values(user: User, **changes: str) -> dict[str, str]:
    values = {"username": user.username, "email": user.email, "role": user.role, "is_active": "on", **changes}
    return {name: value for name, value in values.items() if value}


def test_new_user_gets_what_the_role_says(browser: Client) -> None:
    values = {
        "username": "mod", "email": "mod@example.org", "role": "moderator", "usable_password": "true",
        "password1": PASSWORD, "password2": PASSWORD,
    }  # fmt: skip
    assert browser.post(reverse("admin:accounts_user_add"), values).status_code == 302
    user = User.objects.get(username="mod")
    assert (user.role, user.is_staff, user.is_superuser) == ("moderator", True, False)
    assert user.check_password(PASSWORD)


def test_role_is_changed(browser: Client, people: dict[str, User]) -> None:
    url = reverse("admin:accounts_user_change", args=[people["viewer"].pk])
    assert browser.post(url, user_values(people["viewer"], role="admin")).status_code == 302
    assert User.objects.get(pk=people["viewer"].pk).is_superuser


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"is_active": ""}])
def test_last_admin_stays(browser: Client, people: dict[str, User], change: dict[str, str]) -> None:
    url = reverse("admin:accounts_user_change", args=[people["admin"].pk])
    answer = browser.post(url, user_values(people["admin"], **change))
    assert "This is the last admin" in answer.content.decode()
    people["admin"].refresh_from_db()
    assert people["admin"].has_role("admin")
    delete = reverse("admin:accounts_user_delete", args=[people["admin"].pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 403


def test_user_is_deleted_with_the_keys(browser: Client, people: dict[str, User]) -> None:
    browser.post(reverse("admin:accounts_apikey_add"), {"user": people["viewer"].pk, "name": "player"})
    url = reverse("admin:accounts_user_delete", args=[people["viewer"].pk])
    assert browser.post(url, {"post": "yes"}).status_code == 302
    assert not User.objects.filter(username="a-viewer").exists()
    assert not ApiKey.objects.exists()


def test_key_is_shown_once_and_works(browser: Client, people: dict[str, User]) -> None:
    values = {"user": people["viewer"].pk, "name": "player"}
    answer = browser.post(reverse("admin:accounts_apikey_add"), values)
    found = re.search(r"ub_[\w-]{43}", answer.content.decode())
    assert found
    key = find_key(found[0], now=timezone.now())
    assert key
    assert key.user == people["viewer"]
    for url in (reverse("admin:accounts_apikey_changelist"), reverse("admin:accounts_apikey_change", args=[key.pk])):
        html = browser.get(url).content.decode()
        assert found[0] not in html
        assert key.digest not in html


def test_key_is_revoked(browser: Client, people: dict[str, User]) -> None:
    browser.post(reverse("admin:accounts_apikey_add"), {"user": people["viewer"].pk, "name": "player"})
    key = ApiKey.objects.get()
    browser.post(reverse("admin:accounts_apikey_do", args=[key.pk, "revoke"]))
    key.refresh_from_db()
    assert key.revoked_at
    assert not ApiKey.objects.usable(now=timezone.now()).exists()


def test_moderator_sees_no_people(people: dict[str, User]) -> None:
    browser = signed_in(people["moderator"])
    for name in ("user", "apikey", "auditentry"):
        assert browser.get(reverse(f"admin:accounts_{name}_changelist")).status_code == 403
    assert "API keys" not in browser.get(reverse("admin:index")).content.decode()


def test_inactive_person_is_sent_away(people: dict[str, User]) -> None:
    browser = signed_in(people["admin"])
    User.objects.filter(pk=people["admin"].pk).update(is_active=False)
    assert browser.get(reverse("admin:index")).status_code == 302


def actions() -> list[tuple[str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "actor_name"))


def test_what_is_done_to_people_is_audited(browser: Client, people: dict[str, User]) -> None:
    viewer = people["viewer"]
    AuditEntry.objects.all().delete()
    values = {
        "username": "new", "email": "new@example.org", "role": "viewer", "usable_password": "true",
        "password1": PASSWORD, "password2": PASSWORD,
    }  # fmt: skip
    browser.post(reverse("admin:accounts_user_add"), values)
    browser.post(reverse("admin:accounts_user_change", args=[viewer.pk]), user_values(viewer, role="moderator"))
    browser.post(reverse("admin:accounts_apikey_add"), {"user": viewer.pk, "name": "player"})
    browser.post(reverse("admin:accounts_apikey_do", args=[ApiKey.objects.get().pk, "revoke"]))
    browser.post(reverse("admin:accounts_user_delete", args=[viewer.pk]), {"post": "yes"})
    done = ["user.created", "user.changed", "key.created", "key.revoked", "user.deleted"]
    assert actions() == [(action, "a-admin") for action in done]
    assert AuditEntry.objects.get(action="user.changed").detail == {"role": {"old": "viewer", "new": "moderator"}}


def test_who_is_disabled_has_no_tokens_when_enabled_again(browser: Client, people: dict[str, User]) -> None:
    viewer = people["viewer"]
    token = issue_tokens(user=viewer).access
    url = reverse("admin:accounts_user_change", args=[viewer.pk])
    browser.post(url, user_values(viewer, is_active=""))
    browser.post(url, user_values(viewer))
    assert User.objects.get(pk=viewer.pk).is_active
    with pytest.raises(UnauthorizedError):
        find_token_user(token)


def test_a_new_password_makes_tokens_void(browser: Client, people: dict[str, User]) -> None:
    viewer = people["viewer"]
    token, new = issue_tokens(user=viewer).access, "another horse battery"
    url = reverse("admin:auth_user_password_change", args=[viewer.pk])
    browser.post(url, {"usable_password": "true", "password1": new, "password2": "mistyped"})
    assert find_token_user(token) == viewer
    browser.post(url, {"usable_password": "true", "password1": new, "password2": new})
    assert User.objects.get(pk=viewer.pk).check_password(new)
    with pytest.raises(UnauthorizedError):
        find_token_user(token)
    assert ("user.password_changed", "a-admin") in actions()


class TestOwnPassword:
    def change(self, browser: Client, old: str, new: str = "another horse battery") -> str:
        values = {"old_password": old, "new_password1": new, "new_password2": new}
        answer = browser.post(reverse("admin:password_change"), values)
        return "" if answer.status_code == 302 else answer.content.decode()

    def test_makes_tokens_void_and_keeps_the_session(self, people: dict[str, User]) -> None:
        moderator = people["moderator"]
        browser, token = signed_in(moderator), issue_tokens(user=moderator).access
        assert self.change(browser, PASSWORD) == ""
        with pytest.raises(UnauthorizedError):
            find_token_user(token)
        assert ("user.password_changed", "a-moderator") in actions()
        assert browser.get(reverse("admin:index")).status_code == 200

    def test_guessing_the_old_one_locks(self, people: dict[str, User]) -> None:
        browser = signed_in(people["moderator"])
        for _ in range(5):
            assert "incorrect" in self.change(browser, "wrong")
        assert "Too many failed attempts" in self.change(browser, PASSWORD)
        assert User.objects.get(pk=people["moderator"].pk).check_password(PASSWORD)


def test_nobody_deletes_oneself(browser: Client, people: dict[str, User]) -> None:
    User.objects.filter(pk=people["viewer"].pk).update(role="admin", is_superuser=True)
    url = reverse("admin:accounts_user_delete", args=[people["admin"].pk])
    assert browser.post(url, {"post": "yes"}).status_code == 403
    values = {"action": "delete_selected", "_selected_action": [user.pk for user in people.values()], "post": "yes"}
    browser.post(reverse("admin:accounts_user_changelist"), values)
    assert list(User.objects.values_list("username", flat=True)) in (
        ["a-admin"],
        sorted(u.username for u in people.values()),
    )


def test_a_revoked_key_is_seen_as_such_and_may_be_renamed(browser: Client, people: dict[str, User]) -> None:
    key, _ = create_key(user=people["viewer"], name="player")
    revoke_key(key=key, now=timezone.now())
    assert "revoked" in browser.get(reverse("admin:accounts_apikey_changelist")).content.decode()
    browser.post(reverse("admin:accounts_apikey_change", args=[key.pk]), {"name": "old player"})
    key.refresh_from_db()
    assert (key.name, bool(key.revoked_at)) == ("old player", True)


def test_a_key_for_nobody_is_refused_by_the_command(people: dict[str, User]) -> None:
    with pytest.raises(CommandError, match="nobody-at-all"):
        call_command("create_api_key", "phone", user="nobody-at-all")
    assert not ApiKey.objects.exists()
