"""The short way for hot reads: the same action of the same view, without the machinery around it that they do not need.

A program's GET with a key, for JSON, of an action that its view names in `short`, is looked up, counted, authorised and
answered here: no session, no negotiation, no template response. Only what succeeds is answered; whatever is unusual or
wrong takes the long way, which says what it is. `library/tests/api/test_short_way.py` holds both to one answer.
"""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import ResolverMatch, resolve
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from config.api import limits
from config.api.authentication import find_key
from config.api.negotiation import PLAIN
from config.api.renderers import FastJSONRenderer
from config.errors import UnabridgedError

JSON = FastJSONRenderer()
logger = logging.getLogger("unabridged.errors")
# What a caller did wrong, and what may be down: the long way meets the same, and tells of it in its form.
EXPECTED = (UnabridgedError, APIException, Http404, SuspiciousOperation, DatabaseError)


class ShortWay:
    """Middleware; stands before those that only matter to browsers."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return (self._short(request) if _is_plain(request) else None) or self.get_response(request)

    def _short(self, request: HttpRequest) -> HttpResponse | None:
        try:
            match = resolve(request.path_info)
            action = _short_action(match)
            return _answer(request, match, action) if action else None
        except EXPECTED:
            return None
        except Exception:
            logger.exception("%s failed on the short way and takes the long one.", request.path)
            return None


def _is_plain(request: HttpRequest) -> bool:
    """Whether it is a program's call for JSON that carries a key and nothing that asks for more."""
    sent = request.META
    return (
        request.method == "GET"
        and "HTTP_X_API_KEY" in sent
        and request.path_info.startswith("/api/")
        and sent.get("HTTP_ACCEPT", "*/*") in PLAIN
        and not sent.get("CONTENT_LENGTH")
        and not (sent.get("QUERY_STRING") and "format" in request.GET)
    )


def _short_action(match: ResolverMatch) -> str | None:
    view: Any = match.func
    action = getattr(view, "actions", {}).get("get")
    return action if action in getattr(getattr(view, "cls", None), "short", ()) else None


def _answer(request: HttpRequest, match: ResolverMatch, action: str) -> HttpResponse | None:
    request.get_host()  # raises for hosts that are not ours
    func: Any = match.func
    view = func.cls(**func.initkwargs)
    view.action, view.action_map, view.args, view.kwargs = action, func.actions, match.args, match.kwargs
    key = find_key(request.META["HTTP_X_API_KEY"], view)
    if key is None:
        return None
    asked = view.request = Request(request)
    asked.user, asked.auth = key.user, key
    asked.accepted_renderer = JSON
    if not all(permission.has_permission(asked, view) for permission in view.get_permissions()):
        return None
    request.resolver_match = match
    limits.enforce(asked, view.tier_for())
    view.check_input(asked)
    found = getattr(view, action)(asked, *match.args, **match.kwargs)
    return _written(view, found) if isinstance(found, Response) else None


def _written(view: Any, found: Response) -> HttpResponse:
    """As DRF and the middleware that was passed by would send it."""
    body = JSON.render(found.data)
    methods = {*view.action_map, "head", "options"}
    headers = {
        **found.headers,
        "Allow": ", ".join(name.upper() for name in view.http_method_names if name in methods),
        "Content-Length": str(len(body)),
        "Content-Type": JSON.media_type,
        "Vary": "Accept",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
    }
    return HttpResponse(body, status=found.status_code, headers=headers)
