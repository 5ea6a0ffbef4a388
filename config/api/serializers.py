"""Bases of serializers, and the shapes that all resources share."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError


class StrictMixin:
    """Refuses fields that it does not know, naming each."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}  # type: ignore[attr-defined]
            unknown = sorted(set(data) - writable)
            if unknown:
                known = set(self.fields)  # type: ignore[attr-defined]
                raise ValidationError({name: [_refusal(name, name in known)] for name in unknown})
        return super().to_internal_value(data)  # type: ignore[misc]


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
