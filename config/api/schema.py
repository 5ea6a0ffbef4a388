"""OpenAPI: what the views state per action, told to drf-spectacular."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from config.api.filters import StrictFilterBackend, StrictOrdering
from config.api.permissions import NOBODY
from config.api.serializers import ErrorSerializer


class KernelSchema(AutoSchema):
    """Reads `answers`, `inputs`, `queries`, `lists` and `statuses` of a KernelView."""

    def get_request_serializer(self) -> Any:
        if self.method not in ("POST", "PUT", "PATCH"):
            return None
        return self.view.inputs.get(self.view.verb)

    def get_response_serializers(self) -> Any:
        return {self.view.success_status: self.view.answer_class(), **self._errors()}

    def _errors(self) -> dict[int, Any]:
        found = {400, 406, 429, 500, 503}
        if self.view.role_for(_Method(self.method)) != NOBODY:
            found |= {401, 403}
        if "{" in self.path:
            found.add(404)
        if self.method != "GET":
            found |= {404, 409, 413, 415, 422, 502}
        return dict.fromkeys(sorted(found), ErrorSerializer)

    def _is_list_view(self, serializer: Any = None) -> bool:
        return bool(self.view.is_list) and self.method == "GET"

    def get_filter_backends(self) -> list[Any]:
        return [StrictFilterBackend, StrictOrdering] if self._is_list_view() else []

    def get_override_parameters(self) -> list[Any]:
        found = self.view.queries.get(self.view.verb)
        return [found] if found else []

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/").split("/")[0]]


class _Method:
    def __init__(self, method: str) -> None:
        self.method = method


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "config.api.authentication.KeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "header", "name": "X-API-Key"}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "config.api.authentication.BearerAuthentication"
    name = "AccessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "config.api.authentication.SessionAuthentication"
    name = "Session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
