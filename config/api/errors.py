"""The one error shape, and the one place where exceptions become it."""

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core import exceptions as django_errors
from django.db import utils as database
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, UnreadablePostError
from django.utils import timezone
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config import request_ids
from config.errors import ExternalAPIError, UnabridgedError

logger = logging.getLogger("unabridged.errors")
RETRY_SECONDS = {"external": 30, "database": 5}
AUTHENTICATION_CODES = {"unauthorized", "invalid_credentials", "invalid_token", "token_expired", "no_authentication"}


@dataclass(slots=True)
class Problem:
    """What went wrong, ready to be answered. `context` is for programs; `message` says what to do."""

    status: int
    code: str
    message: str
    context: Mapping[str, Any] = field(default_factory=dict)
    detail: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {
            "error": self.code,
            "code": self.code.upper(),
            "message": self.message,
            "status_code": self.status,
            "detail": self.detail,
            "context": dict(self.context),
            "timestamp": timezone.now().isoformat(timespec="seconds").replace("+00:00", "Z"),
            "request_id": request_ids.current.get(),
        }


INTERNAL = Problem(
    500, "internal_error", "Something unforeseen went wrong. The log has the details under this request id."
)


def translate(error: BaseException) -> Problem:
    """Any exception as a problem. What is not foreseen becomes a 500 that shows nothing internal."""
    for kinds, make in _TRANSLATIONS:
        if isinstance(error, kinds):
            return make(error)
    return INTERNAL


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler."""
    set_rollback()
    problem = translate(error)
    if problem.status >= 500:
        expected = isinstance(error, UnabridgedError)
        logger.log(logging.WARNING if expected else logging.ERROR, "%s", error, exc_info=None if expected else error)
    return Response(problem.body(), status=problem.status, headers=problem.headers)


def _own(error: UnabridgedError) -> Problem:
    problem = Problem(error.status, error.code, error.message, error.context)
    wait = getattr(error, "retry_after", None)
    if wait is None and error.status == 503:
        wait = RETRY_SECONDS["external" if isinstance(error, ExternalAPIError) else "database"]
    if wait is not None:
        problem.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return problem


def _invalid(error: drf.ValidationError) -> Problem:
    fields: dict[str, list[dict[str, str]]] = {}
    for place, message, code in _leaves(error.detail, ""):
        fields.setdefault(place or "non_field_errors", []).append({"code": code, "message": message})
    required = all(found["code"] == "required" for found_list in fields.values() for found in found_list)
    place, found_list = next(iter(fields.items()), ("", [{"code": "", "message": "The input is not valid."}]))
    message = found_list[0]["message"] if place in ("", "non_field_errors") else f"{place}: {found_list[0]['message']}"
    return Problem(400, "missing_field" if required else "validation_error", message, {"fields": fields})


def _leaves(detail: Any, place: str) -> Iterator[tuple[str, str, str]]:
    """Every message with the dotted place of its field: `series_entries.0.position`."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            yield from _leaves(inner, place if key == "non_field_errors" else f"{place}.{key}".strip("."))
    elif isinstance(detail, list | tuple):
        nested = any(isinstance(inner, Mapping) for inner in detail)
        for number, inner in enumerate(detail):
            if inner:
                yield from _leaves(inner, f"{place}.{number}".strip(".") if nested else place)
    else:
        yield place, str(detail), str(getattr(detail, "code", "invalid"))


def _unauthorised(error: drf.APIException) -> Problem:
    code = str(error.get_codes())
    if isinstance(error, drf.NotAuthenticated):
        message = "Sign in, or send an API key in X-API-Key or an access token in Authorization: Bearer."
        return Problem(401, "no_authentication", message, headers=_challenge(error))
    code = code if code in AUTHENTICATION_CODES else "invalid_credentials"
    return Problem(401, code, str(error.detail), headers=_challenge(error))


def _challenge(error: drf.APIException) -> dict[str, str]:
    sent = getattr(error, "auth_header", None)
    return {"WWW-Authenticate": sent} if sent else {}


def _forbidden(error: drf.PermissionDenied) -> Problem:
    text = str(error.detail)
    if text.startswith("CSRF"):
        return Problem(403, "csrf_failed", "The CSRF token is missing or wrong. Load the page again.")
    code = str(error.get_codes())
    return Problem(403, "insufficient_permissions" if code == "permission_denied" else code, text)


def _method(error: drf.MethodNotAllowed) -> Problem:
    return Problem(405, "method_not_allowed", f"{str(error.detail).rstrip('.')} here.")


def _throttled(error: drf.APIException) -> Problem:
    return Problem(error.status_code, str(error.get_codes()), str(error.detail))


def _django_invalid(error: django_errors.ValidationError) -> Problem:
    if hasattr(error, "error_dict"):
        found = {
            name: [{"code": "invalid", "message": m} for m in messages] for name, messages in error.message_dict.items()
        }
    else:
        found = {"non_field_errors": [{"code": "invalid", "message": m} for m in error.messages]}
    first = next(iter(found.values()))[0]["message"] if found else "The input is not valid."
    return Problem(400, "validation_error", first, {"fields": found})


def _unreachable(error: BaseException) -> Problem:
    logger.error("The database cannot be used: %s", error)
    headers = {"Retry-After": str(RETRY_SECONDS["database"])}
    return Problem(
        503, "database_connection_error", "The database cannot be reached now. Try again shortly.", headers=headers
    )


def _fixed(status: int, code: str, message: str) -> Any:
    return lambda error: Problem(status, code, message)


# The first row that fits decides, so that subclasses stand before their bases.
_TRANSLATIONS: tuple[tuple[Any, Any], ...] = (
    (UnabridgedError, _own),
    (drf.ValidationError, _invalid),
    (drf.ParseError, lambda e: Problem(400, "malformed_request", str(e.detail))),
    ((drf.NotAuthenticated, drf.AuthenticationFailed), _unauthorised),
    (drf.PermissionDenied, _forbidden),
    (drf.NotFound, _fixed(404, "not_found", "There is nothing at this address.")),
    (drf.MethodNotAllowed, _method),
    (drf.NotAcceptable, _fixed(406, "not_acceptable", "This address does not answer in a format that you accept.")),
    (drf.UnsupportedMediaType, _fixed(415, "unsupported_media_type", "Send the body as application/json.")),
    (drf.APIException, _throttled),
    (Http404, _fixed(404, "not_found", "There is nothing at this address.")),
    (django_errors.RequestDataTooBig, _fixed(413, "payload_too_large", "The body is too large.")),
    (UnreadablePostError, _fixed(400, "malformed_request", "The body broke off.")),
    (django_errors.PermissionDenied, _fixed(403, "forbidden", "You may not do this.")),
    (
        (django_errors.SuspiciousOperation, django_errors.BadRequest),
        _fixed(400, "malformed_request", "The request is malformed."),
    ),
    (django_errors.ValidationError, _django_invalid),
    ((ProtectedError, RestrictedError), _fixed(409, "conflict", "Other records depend on this one.")),
    (database.IntegrityError, _fixed(409, "conflict", "This contradicts what is stored, perhaps since a moment ago.")),
    ((database.DataError, OverflowError), _fixed(400, "invalid_input", "A value is out of range.")),
    ((database.OperationalError, database.InterfaceError), _unreachable),
    (database.DatabaseError, _fixed(500, "database_error", "The database refused this. The log has the details.")),
)
