"""Who calls, as the kernel sees it: an address, and after authentication a user or a key."""

import ipaddress
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def client_address(request: HttpRequest) -> str:
    """The caller's address. Behind a proxy (UNABRIDGED_BEHIND_PROXY) it is the last one in X-Forwarded-For, which our
    own proxy wrote; the entries before it are the caller's own words."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    if settings.BEHIND_PROXY:
        address = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip() or address
    return _canonical(address)


@lru_cache(maxsize=1024)
def _canonical(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address.strip("[]")))
    except ValueError:
        return "0.0.0.0"  # noqa: S104 (a name for "unknown", not a place to listen)


def caller_of(request: Any) -> str:
    """A stable name for who is counted and remembered: `key:7`, `user:3` or `address:192.0.2.1`."""
    auth, user = getattr(request, "auth", None), getattr(request, "user", None)
    if getattr(auth, "is_api_key", False):
        return f"key:{auth.pk}"
    if user is not None and user.is_authenticated:
        return f"user:{user.pk}"
    return f"address:{client_address(request)}"
