"""The cast of clients, and what every test starts from."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches
from django.utils import timezone
from hypothesis import settings
from rest_framework.test import APIClient

from accounts.models import Role, User
from accounts.services.keys import create_key
from accounts.services.tokens import issue_tokens

# The same examples at each run: a failure that chance finds belongs to who looks for it, not to the next change.
settings.register_profile("steady", derandomize=True, database=None)
settings.load_profile("steady")
PASSWORD = "correct horse battery staple"


class Client(APIClient):
    """Answers a crash with the server's own 500 instead of raising it, as a caller would see it."""

    def __init__(self, user: User | None = None, **defaults: Any) -> None:
        super().__init__(raise_request_exception=False, **defaults)
        self.user = user


@pytest.fixture(autouse=True)
def _fresh_counters() -> None:
    """No test inherits another's rate-limit counts."""
    for alias in ("default", "limits"):
        caches[alias].clear()


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """A user by role; `is_active=False` for a disabled one."""

    def make(role: str = Role.VIEWER, *, username: str = "", is_active: bool = True) -> User:
        name = username or f"{role}-{User.objects.count() + 1}"
        user = User(username=name, email=f"{name}@example.org", role=role, is_active=is_active)
        user.is_staff, user.is_superuser = True, role == Role.ADMIN
        user.set_password(PASSWORD)
        user.save()
        return user

    return make


@pytest.fixture
def key_client(make_user: Callable[..., User]) -> Callable[..., Client]:
    """A client with an API key of a new user of this role."""

    def make(role: str, **options: Any) -> Client:
        user = make_user(role)
        _, text = create_key(user=user, name="test", now=timezone.now(), **options)
        return Client(user, HTTP_X_API_KEY=text)

    return make


@pytest.fixture
def token_client(make_user: Callable[..., User]) -> Callable[..., Client]:
    """A client with an access token of a new user of this role."""

    def make(role: str) -> Client:
        user = make_user(role)
        return Client(user, HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")

    return make


@pytest.fixture
def nobody(db: None) -> Client:
    return Client()


@pytest.fixture
def viewer(key_client: Callable[..., Client]) -> Client:
    return key_client(Role.VIEWER)


@pytest.fixture
def moderator(key_client: Callable[..., Client]) -> Client:
    return key_client(Role.MODERATOR)


@pytest.fixture
def admin(key_client: Callable[..., Client]) -> Client:
    """By API key; for /api/admin/ use `admin_token`."""
    return key_client(Role.ADMIN)


@pytest.fixture
def viewer_token(token_client: Callable[..., Client]) -> Client:
    return token_client(Role.VIEWER)


@pytest.fixture
def moderator_token(token_client: Callable[..., Client]) -> Client:
    return token_client(Role.MODERATOR)


@pytest.fixture
def admin_token(token_client: Callable[..., Client]) -> Client:
    return token_client(Role.ADMIN)
