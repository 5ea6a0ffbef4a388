"""The map of all endpoints, read from the resolver, so that it cannot be wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from config.api.permissions import NOBODY
from config.api.views import KernelView

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method at one path. `auth` is none, key (or token or session) or jwt (token or session only)."""

    method: str
    path: str
    view: type[KernelView]
    action: str
    auth: str
    role: str
    tier: str
    success: int
    is_list: bool
    parameters: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.view.__name__}.{self.action}"


def endpoints() -> list[Endpoint]:
    """Every endpoint built on the kernel, by path and method."""
    found = [endpoint for route, pattern in _walk(get_resolver().url_patterns, "/") for endpoint in _of(route, pattern)]
    return sorted(found, key=lambda e: (e.path, METHODS.index(e.method.lower())))


def _walk(patterns: Any, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route, pattern


def _of(route: str, pattern: URLPattern) -> Iterator[Endpoint]:
    view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
    if not (isinstance(view, type) and issubclass(view, KernelView)):
        return
    actions = getattr(pattern.callback, "actions", None)
    if actions is None:
        actions = {method: method for method in METHODS if hasattr(view, method)}
    parameters = tuple(re.findall(r"<(?:\w+:)?(\w+)>", route))
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: "{id}" if m[1] == "pk" else f"{{{m[1]}}}", route)
    for method, action in actions.items():
        if method not in METHODS:
            continue
        instance = view(**getattr(pattern.callback, "initkwargs", {}))
        instance.action = action
        role = instance.role_for(_Method(method.upper()))
        auth = NOBODY if role == NOBODY else "key" if view.accepts_keys else "jwt"
        yield Endpoint(
            method.upper(), path, view, action, auth, role, instance.tier_for(), instance.success_status,
            instance.is_list and method == "get", parameters,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Method:
    method: str


def markdown() -> str:
    """The map as a page of the documentation."""
    lines = [
        "# Endpoints",
        "",
        "Made by `manage.py endpoints --write` from the routes; a test fails when it is stale. *auth*: `key` takes an",
        "API key, an access token or the session; `jwt` takes no key; *role* is the least role; *tier* the rate limit.",
        "",
        "| Method | Path | View | Auth | Role | Tier | Success |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {e.method} | `{e.path}` | {e.name} | {e.auth} | {e.role} | {e.tier} | {e.success} |" for e in endpoints()
    ]
    return "\n".join(lines) + "\n"
