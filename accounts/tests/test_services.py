"""The services of accounts where no endpoint leads."""

import datetime

import pytest
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from accounts.models import ApiKey, AuditEntry, LoginFailure, User
from accounts.services import lockout
from accounts.services.keys import create_key, find_key, revoke_key
from accounts.services.lockout import AccountLockedError, claim_attempt, prune_failures
from accounts.services.tokens import issue_tokens, prune_tokens, refresh_tokens
from accounts.services.users import change_user, ensure_first_admin, set_password
from accounts.tests.people import PASSWORD, cast
from config.errors import ConflictError, ForbiddenError, UnauthorizedError, ValidationError

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)


@pytest.fixture
def people() -> dict[str, User]:
    return cast()


class TestFirstAdmin:
    def test_is_made_once_with_a_password_of_its_own(self) -> None:
        made = ensure_first_admin()
        assert made
        user, password = made
        assert user.has_role("admin")
        assert user.check_password(password)
        assert ensure_first_admin() is None
        assert User.objects.count() == 1

    def test_is_not_made_where_there_is_somebody(self, people: dict[str, User]) -> None:
        assert ensure_first_admin() is None


class TestKeys:
    def test_a_key_needs_a_name(self, people: dict[str, User]) -> None:
        with pytest.raises(ValidationError):
            create_key(user=people["viewer"], name="  ")
        assert not ApiKey.objects.exists()

    def test_a_text_with_nul_is_no_key(self) -> None:
        assert find_key("ub_\x00", now=NOW) is None

    def test_revoking_twice_is_audited_once(self, people: dict[str, User]) -> None:
        key, text = create_key(user=people["viewer"], name="phone")
        first = revoke_key(key=key, now=NOW, actor=people["admin"]).revoked_at
        assert revoke_key(key=key, now=NOW + datetime.timedelta(hours=1), actor=people["admin"]).revoked_at == first
        assert AuditEntry.objects.filter(action="key.revoked").count() == 1
        assert find_key(text, now=NOW) is None

    def test_use_is_noted_to_the_minute(self, people: dict[str, User]) -> None:
        _, text = create_key(user=people["viewer"], name="phone")
        for seconds in (0, 30, 90):
            find_key(text, now=NOW + datetime.timedelta(seconds=seconds))
        assert ApiKey.objects.get().last_used_at == NOW + datetime.timedelta(seconds=90)


class TestLockout:
    def test_attempts_at_the_same_moment_do_not_slip_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lockout, "_refuse_locked", lambda *_: None)  # all of them looked before any had failed
        for _ in range(5):
            claim_attempt(account="mira", address="192.0.2.1", now=NOW)
        with pytest.raises(AccountLockedError):
            claim_attempt(account="mira", address="192.0.2.1", now=NOW)
        assert LoginFailure.objects.count() == 5

    def test_what_can_lock_nobody_is_forgotten(self) -> None:
        for minutes in (10, 50):
            at = NOW - datetime.timedelta(minutes=minutes)
            LoginFailure.objects.create(account="mira", address="192.0.2.1", at=at)
        assert prune_failures(now=NOW) == 1


class TestTokens:
    def test_an_expired_one_is_forgotten(self, people: dict[str, User]) -> None:
        issue_tokens(user=people["viewer"])
        assert prune_tokens(now=timezone.now()) == 0
        assert prune_tokens(now=timezone.now() + datetime.timedelta(days=15)) == 1

    def test_one_that_nobody_remembers_is_refused(self, people: dict[str, User]) -> None:
        pair = issue_tokens(user=people["viewer"])
        OutstandingToken.objects.all().delete()
        with pytest.raises(UnauthorizedError):
            refresh_tokens(text=pair.refresh)


class TestUsers:
    def test_a_taken_name_is_a_conflict_and_changes_nothing(self, people: dict[str, User]) -> None:
        with pytest.raises(ConflictError):
            change_user(user=people["viewer"], changes={"username": "A-ADMIN"}, actor=people["admin"], now=NOW)
        assert User.objects.get(pk=people["viewer"].pk).username == "a-viewer"
        assert not AuditEntry.objects.filter(action="user.changed").exists()

    def test_an_admin_who_stays_one_may_change(self, people: dict[str, User]) -> None:
        changed = change_user(user=people["admin"], changes={"email": "new@example.org"}, actor=None, now=NOW)
        assert changed.email == "new@example.org"

    def test_only_an_admin_sets_the_password_of_another(self, people: dict[str, User]) -> None:
        with pytest.raises(ForbiddenError):
            set_password(
                user=people["viewer"], new="another horse battery", current=None, actor=people["moderator"], now=NOW
            )
        assert User.objects.get(pk=people["viewer"].pk).check_password(PASSWORD)
