"""What only matters to callers with cookies: sessions, the users in them, and messages for the next page.

A program that calls the API with a key or a token and no cookie passes these by; DRF finds its user by what it sent.
"""

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest


def has_no_session(request: HttpRequest) -> bool:
    """Whether this is a program's call, which has no session and wants none."""
    sent = request.META
    is_signed = "HTTP_X_API_KEY" in sent or "HTTP_AUTHORIZATION" in sent
    return is_signed and "HTTP_COOKIE" not in sent and request.path_info.startswith("/api/")


class Sessions(SessionMiddleware):
    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if has_no_session(request) else super().__call__(request)


class SessionUsers(AuthenticationMiddleware):
    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if has_no_session(request) else super().__call__(request)


class SessionMessages(MessageMiddleware):
    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request) if has_no_session(request) else super().__call__(request)
