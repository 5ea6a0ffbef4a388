"""`/api/admin/users/`."""

from collections.abc import Callable

import pytest

from accounts.models import AuditEntry, Role, User
from accounts.services.tokens import issue_tokens
from conftest import PASSWORD, Client

pytestmark = pytest.mark.django_db
USERS = "/api/admin/users/"
NEW = {"username": "mira", "email": "mira@example.org", "password": "a long enough secret"}


class TestCreate:
    def test_makes_a_viewer_who_can_sign_in(self, admin_token: Client, nobody: Client) -> None:
        answer = admin_token.post(USERS, NEW)
        assert answer.status_code == 201
        assert answer["Location"] == f"{USERS}{answer.json()['id']}/"
        assert answer.json()["role"] == "viewer"
        login = nobody.post("/api/admin/login/", {"username": "mira", "password": NEW["password"]})
        assert login.status_code == 200
        assert AuditEntry.objects.get(action="user.created").actor_name == admin_token.user.username

    @pytest.mark.parametrize(
        "change", [{"username": "MIRA", "email": "x@example.org"}, {"username": "other", "email": "Mira@Example.org"}]
    )
    def test_a_taken_name_or_address_is_a_conflict(self, admin_token: Client, change: dict[str, str]) -> None:
        admin_token.post(USERS, NEW)
        answer = admin_token.post(USERS, {**NEW, **change})
        assert (answer.status_code, answer.json()["code"]) == (409, "RESOURCE_EXISTS")
        assert User.objects.count() == 2

    @pytest.mark.parametrize(
        "field, value",
        [
            ("username", "ab"),
            ("username", "x" * 51),
            ("username", "a b/c"),
            ("email", "no address"),
            ("password", "short"),
            ("password", "mira@example.org"),
            ("password", "123456789012345"),
            ("role", "emperor"),
            ("is_superuser", True),
            ("username", "nul\x00name"),
            ("username", ["list"]),
        ],
    )
    def test_refuses_and_names_the_field(self, admin_token: Client, field: str, value: object) -> None:
        answer = admin_token.post(USERS, {**NEW, field: value})
        assert answer.status_code == 400
        assert field in answer.json()["context"]["fields"]
        assert not User.objects.filter(username="mira").exists()


class TestChange:
    def test_says_what_changed(self, admin_token: Client, make_user: Callable[..., User]) -> None:
        user = make_user()
        answer = admin_token.put(f"{USERS}{user.pk}/", {"role": "moderator"})
        assert answer.json()["changes_made"] == {"role": {"old": "viewer", "new": "moderator"}}
        assert AuditEntry.objects.get(action="user.changed").detail == {"role": {"old": "viewer", "new": "moderator"}}

    def test_patch_is_the_same(self, admin_token: Client, make_user: Callable[..., User]) -> None:
        user = make_user()
        assert admin_token.patch(f"{USERS}{user.pk}", {"email": "new@example.org"}).status_code == 200
        user.refresh_from_db()
        assert user.email == "new@example.org"

    def test_an_empty_body_is_refused(self, admin_token: Client, make_user: Callable[..., User]) -> None:
        assert admin_token.put(f"{USERS}{make_user().pk}/", {}).status_code == 400

    @pytest.mark.parametrize("change", [{"role": "viewer"}, {"is_active": False}])
    def test_the_last_admin_stays(self, admin_token: Client, change: dict[str, object]) -> None:
        answer = admin_token.put(f"{USERS}{admin_token.user.pk}/", change)
        assert answer.status_code == 409
        admin_token.user.refresh_from_db()
        assert admin_token.user.has_role(Role.ADMIN)

    def test_with_a_second_admin_one_may_go(self, admin_token: Client, make_user: Callable[..., User]) -> None:
        other = make_user(Role.ADMIN)
        assert admin_token.put(f"{USERS}{other.pk}/", {"role": "viewer"}).status_code == 200
        other.refresh_from_db()
        assert (other.role, other.is_superuser) == ("viewer", False)

    def test_disabling_revokes_tokens_and_keys(
        self, admin_token: Client, token_client: Callable[[str], Client], viewer: Client
    ) -> None:
        victim = token_client(Role.VIEWER)
        for user in (victim.user, viewer.user):
            assert admin_token.put(f"{USERS}{user.pk}/", {"is_active": False}).status_code == 200
        assert victim.get("/api/admin/me/").status_code == 401
        assert viewer.get("/api/runs/").status_code == 401
        admin_token.put(f"{USERS}{victim.user.pk}/", {"is_active": True})
        assert victim.get("/api/admin/me/").status_code == 401


class TestDelete:
    def test_keeps_the_audit_trail(self, admin_token: Client, token_client: Callable[[str], Client]) -> None:
        other = token_client(Role.ADMIN)
        other.post(USERS, NEW)
        answer = admin_token.delete(f"{USERS}{other.user.pk}/")
        assert answer.json()["username"] == other.user.username
        entry = AuditEntry.objects.get(action="user.created")
        assert (entry.actor, entry.actor_name) == (None, other.user.username)

    def test_not_oneself(self, admin_token: Client, make_user: Callable[..., User]) -> None:
        make_user(Role.ADMIN)
        assert admin_token.delete(f"{USERS}{admin_token.user.pk}/").status_code == 409


class TestPassword:
    def test_own_with_the_current_one_revokes_tokens(self, viewer_token: Client, nobody: Client) -> None:
        user = viewer_token.user
        other = issue_tokens(user=user)
        body = {"current_password": PASSWORD, "new_password": "another long secret"}
        assert viewer_token.put(f"{USERS}{user.pk}/password/", body).status_code == 200
        assert viewer_token.get("/api/admin/me/").status_code == 401
        assert nobody.post("/api/admin/token/refresh/", {"refresh": other.refresh}).status_code == 401
        login = nobody.post("/api/admin/login/", {"username": user.username, "password": "another long secret"})
        assert login.status_code == 200

    @pytest.mark.parametrize("sent", [{}, {"current_password": "wrong"}])
    def test_own_without_the_current_one_is_refused(self, admin_token: Client, sent: dict[str, str]) -> None:
        body = {**sent, "new_password": "another long secret"}
        answer = admin_token.put(f"{USERS}{admin_token.user.pk}/password/", body)
        assert answer.status_code == 400
        assert "current_password" in answer.json()["context"]["fields"]

    def test_guessing_the_current_one_locks(self, viewer_token: Client) -> None:
        body = {"current_password": "guess", "new_password": "another long secret"}
        place = f"{USERS}{viewer_token.user.pk}/password/"
        assert [viewer_token.put(place, body).status_code for _ in range(6)] == [400] * 5 + [423]

    def test_another_only_as_an_admin(
        self, admin_token: Client, moderator_token: Client, make_user: Callable[..., User]
    ) -> None:
        user = make_user()
        body = {"new_password": "another long secret"}
        assert moderator_token.put(f"{USERS}{user.pk}/password/", body).status_code == 403
        assert moderator_token.put(f"{USERS}999999/password/", body).status_code == 403
        assert admin_token.put(f"{USERS}{user.pk}/password/", body).status_code == 200
        user.refresh_from_db()
        assert user.check_password("another long secret")

    def test_a_weak_one_is_refused(self, admin_token: Client, make_user: Callable[..., User]) -> None:
        answer = admin_token.put(f"{USERS}{make_user().pk}/password/", {"new_password": "123456789012345"})
        assert answer.status_code == 400
        assert "new_password" in answer.json()["context"]["fields"]
