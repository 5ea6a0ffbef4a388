"""Bases of serializers, and the shapes that all resources share."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

NOTHING_SENT = {"non_field_errors": [ErrorDetail("Send at least one field to change.", code="required")]}


class StrictMixin:
    """Refuses fields that it does not know, and values of another JSON type, naming each.

    With `is_text` in the context (query parameters) every value is a text, which the fields read. With
    `needs_a_field` an empty object is refused: it would change nothing.
    """

    needs_a_field: ClassVar[bool] = False

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            if self.needs_a_field and not data:
                raise ValidationError(NOTHING_SENT)
            wrong = {} if self.context.get("is_text") else _wrong_types(self.fields, data)  # type: ignore[attr-defined]
            if wrong:
                raise ValidationError(wrong)
            writable = {name for name, field in self.fields.items() if not field.read_only}  # type: ignore[attr-defined]
            unknown = sorted(set(data) - writable)
            if unknown:
                known = set(self.fields)  # type: ignore[attr-defined]
                raise ValidationError({name: [_refusal(name, name in known)] for name in unknown})
        return super().to_internal_value(data)  # type: ignore[misc]


# DRF takes 5 for "5", "yes" for true and "5" for 5; a caller who mixes them up should hear of it.
TYPES: tuple[tuple[type[serializers.Field[Any, Any, Any, Any]], tuple[type, ...], str], ...] = (
    (serializers.BooleanField, (bool,), "Must be true or false."),
    (serializers.IntegerField, (int, float), "Must be a whole number."),
    (serializers.FloatField, (int, float), "Must be a number."),
    (serializers.CharField, (str,), "Must be a text."),
)


def _wrong_types(fields: Any, data: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, field in fields.items():
        message = _wrong_type(field, data[name]) if name in data and not field.read_only else ""
        if message:
            found[name] = [serializers.ErrorDetail(message, code="invalid")]
    return found


def _wrong_type(field: Any, value: Any) -> str:
    """What is wrong with the JSON type of the value; null is left to the field itself."""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        return next((message for inner in value if (message := _wrong_type(field.child, inner))), "")
    for kind, types, message in TYPES:
        if isinstance(field, kind) and value is not None:
            is_right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
            return "" if is_right else message
    return ""


def _refusal(name: str, is_known: bool) -> Any:
    if is_known:
        return serializers.ErrorDetail("This field cannot be set.", code="read_only")
    return serializers.ErrorDetail("This field is not known.", code="unknown_field")


class StrictSerializer(StrictMixin, serializers.Serializer[Any]):
    """For input (and for answers that are no model)."""


class StrictModelSerializer(StrictMixin, serializers.ModelSerializer[Any]):
    """For resources."""


class NothingSerializer(StrictSerializer):
    """The input of a verb that takes none."""


class FieldErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class ErrorSerializer(serializers.Serializer[Any]):
    """The one error shape."""

    error = serializers.CharField(help_text="The code in lower case.")
    code = serializers.CharField(help_text="The code in upper case.")
    message = serializers.CharField(help_text="For people; says what to do.")
    status_code = serializers.IntegerField()
    detail = serializers.JSONField(allow_null=True)
    context = serializers.DictField(help_text="For programs; `fields` holds the errors of each field.")
    timestamp = serializers.DateTimeField()
    request_id = serializers.CharField()


class ChangeSerializer(serializers.Serializer[Any]):
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class RunSummarySerializer(serializers.Serializer[Any]):
    """A run of slow work, as far as one must know to follow it."""

    id = serializers.IntegerField()
    task = serializers.CharField(source="job")
    status = serializers.CharField()
    progress = serializers.FloatField(allow_null=True, help_text="0 to 1; null while the total is unknown.")
    url = serializers.SerializerMethodField()

    def get_url(self, run: Any) -> str:
        return run_url(run.pk)


class RunAcceptedSerializer(serializers.Serializer[Any]):
    run = RunSummarySerializer()


class RunsAcceptedSerializer(serializers.Serializer[Any]):
    runs = RunSummarySerializer(many=True)


def run_url(run_id: int) -> str:
    return f"/api/runs/{run_id}/"
