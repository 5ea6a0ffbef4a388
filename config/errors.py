"""The one family of errors.

Services and clients raise these where the fact is known; the API, the admin, commands and tasks translate them once,
at their edge. Every error carries a stable `code`, the HTTP `status` that fits it, a message for people that says what
to do, and `context` for programs. None of them ever holds a secret.
"""

from collections.abc import Mapping
from typing import Any


class UnabridgedError(Exception):
    """Base of all expected errors."""

    code = "internal_error"
    status = 500

    def __init__(self, message: str, *, code: str = "", context: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.context = dict(context or {})

    def __str__(self) -> str:
        return self.message


class ValidationError(UnabridgedError):
    """The input is wrong. `fields` maps a field to its messages."""

    code = "validation_error"
    status = 400

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None, code: str = "") -> None:
        context = {"fields": {k: [{"code": "invalid", "message": v}] for k, v in fields.items()}} if fields else None
        super().__init__(message, code=code, context=context)


class UnauthorizedError(UnabridgedError):
    code = "unauthorized"
    status = 401


class ForbiddenError(UnabridgedError):
    code = "forbidden"
    status = 403


class NotFoundError(UnabridgedError):
    code = "not_found"
    status = 404


class ConflictError(UnabridgedError):
    code = "conflict"
    status = 409


class UnprocessableError(UnabridgedError):
    """Well-formed, but impossible."""

    code = "unprocessable_entity"
    status = 422


class RateLimitError(UnabridgedError):
    code = "rate_limit_exceeded"
    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, context={"retry_after": retry_after})
        self.retry_after = retry_after


class InternalError(UnabridgedError):
    code = "internal_error"
    status = 500


class DatabaseError(UnabridgedError):
    code = "database_error"
    status = 503


class ExternalAPIError(UnabridgedError):
    """An outside service failed us.

    `permanent` is true when trying again without a change of settings cannot help (credentials, a missing function).
    `retry_after` (seconds) is a minimum that the service asked for.
    """

    code = "external_api_error"
    status = 502
    permanent = False

    def __init__(
        self,
        message: str,
        *,
        service: str = "",
        code: str = "",
        http_status: int | None = None,
        retry_after: float | None = None,
        permanent: bool | None = None,
    ) -> None:
        super().__init__(message, code=code, context={"service": service} if service else None)
        self.service = service
        self.http_status = http_status
        self.retry_after = retry_after
        if permanent is not None:
            self.permanent = permanent


class Unavailable(ExternalAPIError):
    """It cannot be reached, timed out, is overloaded or asked us to wait: try again later."""

    code = "service_unavailable"
    status = 503


class Rejected(ExternalAPIError):
    """It answered, and said no: credentials, permission, an unknown id, a request that it does not accept."""

    code = "upstream_error"
    permanent = True


class Malformed(ExternalAPIError):
    """It answered something that is not what its protocol says (HTML for JSON, broken XML, a wrong type, too much)."""

    code = "upstream_error"
