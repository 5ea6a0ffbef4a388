"""Typed readers of environment variables.

Each reader takes the variable's name and a default, and raises `ImproperlyConfigured` naming the variable,
what was found and what would be accepted. A variable `NAME_FILE` may hold the path of a file with the value
(Docker and Kubernetes secrets); `NAME` itself wins when both are set.
"""

import ipaddress
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

PREFIX = "UNABRIDGED_"
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


def _raw(name: str) -> str | None:
    value = os.environ.get(name)
    if value is not None and value.strip():
        return value.strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error}.") from error


def text(name: str, default: str = "", *, choices: tuple[str, ...] = ()) -> str:
    """The variable as text; with `choices`, one of them."""
    value = _raw(name)
    if value is None:
        return default
    if choices and value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")
    return value


def secret(name: str, default: str = "") -> str:
    """A value that must never be shown; errors do not repeat it."""
    return _raw(name) or default


def boolean(name: str, default: bool) -> bool:
    value = _raw(name)
    if value is None:
        return default
    if value.lower() in TRUE:
        return True
    if value.lower() in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; it must be true or false.")


def integer(name: str, default: int, *, least: int | None = None, most: int | None = None) -> int:
    value = _raw(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a whole number.") from error
    if (least is not None and number < least) or (most is not None and number > most):
        bounds = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ImproperlyConfigured(f"{name} is {number}; it must be {bounds}.")
    return number


def decimal(name: str, default: float, *, least: float | None = None) -> float:
    value = _raw(name)
    if value is None:
        return default
    try:
        number = float(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be a number.") from error
    if least is not None and number < least:
        raise ImproperlyConfigured(f"{name} is {number}; it must be at least {least}.")
    return number


def rate(name: str, default: str) -> tuple[int, int]:
    """`60/minute` as a count and seconds; periods are second, minute, hour and day."""
    value = _raw(name) or default
    found = re.fullmatch(r"([1-9]\d{0,8})\s*/\s*(second|minute|hour|day)", value)
    if not found:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must look like 60/minute (second, minute, hour or day).")
    return int(found[1]), {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}[found[2]]


def words(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """A comma-separated list."""
    value = _raw(name)
    if value is None:
        return list(default)
    return [word.strip() for word in value.split(",") if word.strip()]


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """A comma-separated list of addresses and networks (`192.0.2.7, 10.0.0.0/8`)."""
    found = []
    for word in words(name):
        try:
            found.append(ipaddress.ip_network(word, strict=False))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} has {word!r}, which is neither an address nor a network.") from error
    return found


def path(name: str, default: Path) -> Path:
    value = _raw(name)
    return Path(value).expanduser() if value else default


def url(name: str, default: str = "", *, schemes: tuple[str, ...] = ("http", "https")) -> str:
    """A URL with one of `schemes` and a host; no trailing slash."""
    value = _raw(name)
    if value is None:
        return default
    parts = urlsplit(value)
    if parts.scheme not in schemes or not (parts.netloc or parts.path):
        raise ImproperlyConfigured(f"{name} must be a URL that starts with {' or '.join(s + '://' for s in schemes)}.")
    return value.rstrip("/")
