"""Users, keys and the audit trail through the admin."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.services.keys import find_key
from accounts.tests.people import PASSWORD, cast, signed_in

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
    assert "only active admin" in answer.content.decode()
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
