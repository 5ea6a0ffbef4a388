"""What holds for every request, inside the API and outside it."""

import io
import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from config import request_ids
from config.api.callers import client_address
from config.api.errors import Problem
from config.api.limits import count_request
from config.metrics import count_answer

logger = logging.getLogger("unabridged.requests")
Next = Callable[[HttpRequest], HttpResponseBase]
MACHINE_PATHS = ("/api/", "/health", "/metrics")
NO_NUL = "Null characters are not allowed."
DEFAULTS = {
    400: ("malformed_request", "The request is malformed."),
    403: ("forbidden", "You may not do this."),
    404: ("endpoint_not_found", "There is no such address. GET /api/schema/ lists those that there are."),
    405: ("method_not_allowed", "This method is not allowed here."),
    413: ("payload_too_large", "The body is too large."),
    429: ("rate_limit_exceeded", "Too many requests."),
    503: ("service_unavailable", "This is not available now. Try again shortly."),
}


def is_for_machines(request: HttpRequest) -> bool:
    """Whether errors are answered as JSON: under /api/, and elsewhere to those who do not ask for HTML."""
    path = request.path_info
    return path.startswith(MACHINE_PATHS) or path == "/api" or "text/html" not in request.META.get("HTTP_ACCEPT", "")


class RequestIds:
    """Takes or makes the request id, sends it back, and logs each request with it. Stands first."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        identity = request_ids.accept_or_make(request.META.get("HTTP_X_REQUEST_ID", ""))
        token = request_ids.current.set(identity)
        address = request_ids.address.set(client_address(request))
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = identity
            seconds = time.perf_counter() - started
            count_answer(request, response, seconds)
            self._log(request, response, seconds * 1000)
            return response
        finally:
            request_ids.current.reset(token)
            request_ids.address.reset(address)

    @staticmethod
    def _log(request: HttpRequest, response: HttpResponseBase, milliseconds: float) -> None:
        if not logger.isEnabledFor(logging.INFO):
            return
        user = getattr(request, "user", None)
        facts = {
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round(milliseconds, 1),
            "user": user.pk if user is not None and user.is_authenticated else None,
            "address": request_ids.address.get(),
        }
        logger.info("%s %s %s", request.method, request.path, response.status_code, extra={"facts": facts})


class ErrorShape:
    """Every error that did not come from an API view gets the one shape: unknown paths, refused hosts, crashes."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        problem = self._refused(request)
        response = _answer(problem) if problem else self.get_response(request)
        if response.status_code >= 400 and is_for_machines(request) and not _has_shape(response):
            code, message = DEFAULTS.get(response.status_code, ("internal_error", "Something unforeseen went wrong."))
            headers = {name: response[name] for name in ("Allow", "Retry-After") if response.has_header(name)}
            response = _answer(
                Problem(response.status_code, code, message, {"path": request.path[:200]}, headers=headers)
            )
        self._count(request, response)
        return response

    @staticmethod
    def _refused(request: HttpRequest) -> Problem | None:
        if "\x00" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return Problem(400, "malformed_request", NO_NUL, _with_nul(request))
        if not is_for_machines(request):
            return None
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        try:
            length = int(request.META.get("CONTENT_LENGTH") or _take_chunks(request, most))
        except ValueError:
            return Problem(400, "malformed_request", "Content-Length must be a number.")
        if length > most:
            return Problem(413, "payload_too_large", f"The body may have {most} bytes at most.", {"most_bytes": most})
        return None

    @staticmethod
    def _count(request: HttpRequest, response: HttpResponseBase) -> None:
        """Rate-limit headers on every answer of the API; what no view has counted is counted by address here."""
        if not request.path_info.startswith(MACHINE_PATHS):
            return
        if not hasattr(request, "rate_allowance"):
            request.rate_allowance, _ = count_request(  # type: ignore[attr-defined]
                request, "authenticated", f"address:{client_address(request)}"
            )
        allowance = request.rate_allowance  # type: ignore[attr-defined]
        if allowance:
            for name, value in allowance.headers().items():
                response[name] = value


class Slashes:
    """Under /api/ the form without the trailing slash is the same address, for every method, without a redirect."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        if (path.startswith("/api/") or path == "/api") and not path.endswith("/"):
            request.path_info = f"{path}/"
            request.path = f"{request.path}/"
        return self.get_response(request)


class SecurityHeaders:
    """Content-Security-Policy and friends; CORS for the listed origins only."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        self.policy = "; ".join(f"{name} {value}" for name, value in settings.CONTENT_SECURITY_POLICY.items())

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origin = request.META.get("HTTP_ORIGIN", "")
        is_allowed = origin in settings.CORS_ORIGINS and request.path_info.startswith("/api/")
        is_preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
        response = HttpResponse(status=204) if is_allowed and is_preflight else self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        if request.path_info.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        if settings.CORS_ORIGINS and request.path_info.startswith("/api/"):
            _allow(response, origin if is_allowed else "")
        return response


def _allow(response: Any, origin: str) -> None:
    response["Vary"] = ", ".join(filter(None, [response.get("Vary", ""), "Origin"]))
    if origin:
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Methods"] = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
        response["Access-Control-Allow-Headers"] = (
            "Authorization, Content-Type, If-Match, Idempotency-Key, X-API-Key, X-Request-ID"
        )
        response["Access-Control-Expose-Headers"] = (
            "ETag, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID"
        )
        response["Access-Control-Max-Age"] = "600"


def _with_nul(request: HttpRequest) -> dict[str, Any]:
    """The query parameters that hold a null character, by name."""
    wrong = [name for name, values in request.GET.lists() if any("\x00" in value for value in values)]
    code = "null_characters_not_allowed"
    return {"fields": {name[:60]: [{"code": code, "message": NO_NUL}] for name in wrong}} if wrong else {}


def _take_chunks(request: HttpRequest, most: int) -> int:
    """A body that comes in chunks has no length, and Django would take it for empty. Read it here, up to the limit, and
    say how long it is."""
    if "chunked" not in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return 0
    body = request.META["wsgi.input"].read(most + 1)
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = io.BytesIO(body)
    return len(body)


def _answer(problem: Problem) -> JsonResponse:
    response = JsonResponse(problem.body(), status=problem.status, headers=problem.headers)
    response.has_error_shape = True  # type: ignore[attr-defined]
    return response


def _has_shape(response: Any) -> bool:
    if getattr(response, "has_error_shape", False):
        return True
    data = getattr(response, "data", None)
    return isinstance(data, dict) and "status_code" in data and "request_id" in data
