"""OpenAPI: what the views state per action, told to drf-spectacular."""

from functools import cache
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from config.api.filters import StrictFilterBackend, StrictOrdering
from config.api.permissions import NOBODY
from config.api.serializers import ChangeSerializer, ErrorSerializer, StrictMixin
from config.api.viewsets import has_moment

IDENTITY = {"type": "integer", "minimum": 0}
WORD = {"type": "string", "minLength": 1}


READ_ERRORS = (400, 401, 403, 406, 429, 500, 503)
WRITE_ERRORS = (*READ_ERRORS, 404, 409, 413, 415, 422, 502)


def error_answers(codes: tuple[int, ...]) -> dict[int, Any]:
    """The errors of an action that states its answers by itself because they are no JSON."""
    return dict.fromkeys(sorted(codes), ErrorSerializer)


class KernelSchema(AutoSchema):
    """Reads `answers`, `inputs`, `queries`, `lists` and `statuses` of a KernelView."""

    def get_request_serializer(self) -> Any:
        if self.method not in ("POST", "PUT", "PATCH"):
            return None
        found = self.view.inputs.get(self.view.verb)
        # Updates take only the sent fields, by PUT as by PATCH.
        return found(partial=True) if found and self.view.verb == "update" else found

    def get_response_serializers(self) -> Any:
        answer = self.view.answer_class()
        if self.view.verb == "update" and "update" not in self.view.answers:
            answer = with_changes(answer)
        return {self.view.success_status: answer, **self._errors()}

    def _errors(self) -> dict[int, Any]:
        found = {400, 406, 429, 500, 503}
        if not self._is_open():
            found |= {401, 403}
        elif self.method != "GET":
            found |= {401, 423}  # doors: wrong credentials, and too many of them
        if "{" in self.path:
            found.add(404)
        if self.method != "GET":
            found |= {404, 409, 413, 415, 422, 502}
        return dict.fromkeys(sorted(found), ErrorSerializer)

    def _get_request_body(self, direction: str = "request") -> Any:
        found = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        serializer = self.get_request_serializer()
        if found and (getattr(serializer, "needs_a_field", False) or getattr(serializer, "partial", False)):
            found["required"] = True
        return found

    def _is_open(self) -> bool:
        return self.view.role_for(_Method(self.method)) == NOBODY

    def get_auth(self) -> list[dict[str, Any]]:
        if self._is_open():
            return []
        found = super().get_auth()
        return found if self.view.accepts_keys else [way for way in found if "ApiKey" not in way]

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        if type(field) is serializers.JSONField:
            # Any JSON value, null too: "any or null" would be two answers for null.
            return {"description": str(field.help_text)} if field.help_text else {}
        found = super()._map_serializer_field(field, direction, bypass_extensions)
        if direction == "request" and isinstance(field, serializers.ListField) and not field.allow_empty:
            return {"minItems": 1, **found}
        is_text = isinstance(field, serializers.CharField) and found.get("type") == "string"
        if direction == "request" and is_text and not field.allow_blank:
            return {"minLength": 1, **found}
        return found

    def _map_serializer(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        found = super()._map_serializer(serializer, direction, bypass_extensions)
        if direction != "request" or not isinstance(serializer, StrictMixin):
            return found
        if getattr(serializer, "partial", False) and has_moment(self.view):
            text = "As it was read: the change is refused (409) when the row has been changed since."
            moment = {"type": "string", "format": "date-time", "description": text}
            found["properties"] = {**found.get("properties", {}), "updated_at": moment}
        if serializer.needs_a_field or getattr(serializer, "partial", False):
            found["minProperties"] = 1
        return {**found, "additionalProperties": False}

    def _resolve_path_parameters(self, variables: Any) -> list[dict[str, Any]]:
        """Ids are whole numbers, everything else is a word."""
        return [
            {"name": name, "in": "path", "required": True, "schema": IDENTITY if name.endswith("id") else WORD}
            for name in variables
        ]

    def _get_response_for_code(
        self, serializer: Any, status_code: Any, media_types: Any = None, direction: str = "response"
    ) -> Any:
        # A view's own media type stands in its `extend_schema`; everything else is JSON.
        media_types = media_types or ["application/json"]
        found = super()._get_response_for_code(serializer, status_code, media_types, direction)  # type: ignore[no-untyped-call]
        if self._is_list_view() and int(status_code) == 200:
            found["content"]["text/csv"] = {"schema": {"type": "string"}}
        found["description"] = found["description"] or HTTPStatus(int(status_code)).phrase
        return found

    def _is_list_view(self, serializer: Any = None) -> bool:
        return bool(self.view.is_list) and self.method == "GET"

    def _get_filter_parameters(self) -> Any:
        """The types of filters are those of the rows that are answered, which need not be the view's own."""
        model = getattr(getattr(self.view.answer_class(), "Meta", None), "model", None)
        if model is not None:
            self.view.get_queryset = model._default_manager.none
        return super()._get_filter_parameters()  # type: ignore[no-untyped-call]

    def get_filter_backends(self) -> list[Any]:
        if not self._is_list_view():
            return []
        return [StrictFilterBackend, StrictOrdering] if self.view.filterset_for_action() else [StrictOrdering]

    def get_override_parameters(self) -> list[Any]:
        found = self.view.queries.get(self.view.verb)
        return [found] if found else []

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api").strip("/").split("/")[0]]


@cache
def with_changes(base: Any) -> Any:
    """The resource as an update answers it: with `changes_made`."""
    fields: dict[str, Any] = {
        "changes_made": serializers.DictField(
            child=ChangeSerializer(), read_only=True, help_text="What is different now, by field."
        )
    }
    if hasattr(base, "Meta"):
        names = (*base.Meta.fields, "changes_made")
        fields["Meta"] = type("Meta", (base.Meta,), {"fields": names, "read_only_fields": names})
    return type(base.__name__.removesuffix("Serializer") + "ChangedSerializer", (base,), fields)


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
