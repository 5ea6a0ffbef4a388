"""Signing in with a password: the one place where passwords are checked, for the API and the admin alike."""

import datetime

from django.contrib.auth.backends import ModelBackend

from accounts.models import User
from accounts.services import audit
from accounts.services.lockout import claim_attempt, forgive, note_failure
from accounts.services.tokens import TokenPair, issue_tokens
from config.errors import UnauthorizedError


def check_credentials(*, username: str, password: str, address: str, now: datetime.datetime) -> User:
    """The active user with this name and password.

    UnauthorizedError, the same for an unknown name, a wrong password and a disabled user, after the same work;
    AccountLockedError after too many failures.
    """
    claim_attempt(account=username, address=address, now=now)
    user = ModelBackend().authenticate(None, username=username, password=password)
    if not isinstance(user, User):
        note_failure(account=username, address=address, now=now)
        raise UnauthorizedError("The user name or the password is wrong.", code="invalid_credentials")
    forgive(account=username, address=address)
    audit.record("login.succeeded", actor=user, target=user)
    return user


def sign_in(*, username: str, password: str, address: str, now: datetime.datetime) -> tuple[User, TokenPair]:
    user = check_credentials(username=username, password=password, address=address, now=now)
    User.objects.filter(pk=user.pk).update(last_login=now)
    user.last_login = now
    return user, issue_tokens(user=user)
