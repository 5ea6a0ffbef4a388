"""How Django itself signs users in (the admin): with the same lockout and audit as the API."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.services.lockout import AccountLockedError
from accounts.services.signing_in import check_credentials
from config.api.callers import client_address
from config.errors import UnauthorizedError


class GuardedBackend(ModelBackend):
    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if not username or password is None:
            return None
        address = client_address(request) if request else ""
        try:
            return check_credentials(username=username, password=password, address=address, now=timezone.now())
        except UnauthorizedError:
            return None
        except AccountLockedError as error:
            raise PermissionDenied(error.message) from error
