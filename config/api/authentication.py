"""Three ways to say who you are: X-API-Key, Authorization: Bearer, and the Django session with CSRF.

The kernel knows no app: the look-ups are the import paths `API_FIND_KEY` and `API_FIND_TOKEN_USER` in the settings.
"""

from functools import cache
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from config.errors import UnauthorizedError

import_hook = cache(import_string)
LONGEST_KEY = 200


def find_key(text: str, view: Any) -> Any:
    """The usable key with this text, or None; its user's row comes with it. Where the view takes no keys, a good one is
    refused with 403."""
    key = import_hook(settings.API_FIND_KEY)(
        text[:LONGEST_KEY], now=timezone.now(), beside=getattr(view, "reading", None)
    )
    if key is None:
        return None
    if not getattr(view, "accepts_keys", True):
        raise PermissionDenied(
            "API keys are not accepted here; sign in and send an access token.", code="access_denied"
        )
    key.is_api_key = True
    return key


class KeyAuthentication(BaseAuthentication):
    """The key acts with its user's role."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        text = request.headers.get("X-API-Key")
        if text is None:
            return None
        key = find_key(text, request.parser_context["view"] if request.parser_context else None)
        if key is None:
            raise AuthenticationFailed("The API key is unknown, expired or revoked.", code="invalid_credentials")
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="unabridged"'


class BearerAuthentication(BaseAuthentication):
    """An access token, not expired, whose user is active and has not revoked it."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            return import_hook(settings.API_FIND_TOKEN_USER)(text.strip()), None
        except UnauthorizedError as error:
            raise AuthenticationFailed(error.message, code=error.code) from None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="unabridged"'


class SessionAuthentication(DRFSessionAuthentication):
    """The session of the Django admin; unsafe methods need the CSRF token."""
