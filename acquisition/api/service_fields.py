"""What indexers and download clients have in common in their resources."""

import json
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.services.configuring import address_fault, masked_settings, remove_service, save_service
from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet
from config.errors import ExternalAPIError, ValidationError
from config.http import redact

LONGEST_SETTINGS = 10_000


class SettingsField(serializers.DictField):
    """Further settings of a kind; secrets inside are shown masked, and a masked one keeps what is stored."""

    def to_internal_value(self, data: Any) -> Any:
        values = super().to_internal_value(data)
        if len(json.dumps(values)) > LONGEST_SETTINGS:
            raise serializers.ValidationError("These are too many settings.")
        return values


class ServiceSerializer(serializers.ModelSerializer[Any]):
    """Without secrets: `has_...` says only that there is one."""

    url = serializers.SerializerMethodField()
    settings = serializers.SerializerMethodField(help_text="Secrets are masked.")
    last_error = serializers.SerializerMethodField()

    def get_url(self, row: Any) -> str:
        return redact(row.url)

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_settings(self, row: Any) -> dict[str, Any]:
        return masked_settings(row.settings)

    def get_last_error(self, row: Any) -> str:
        return redact(row.last_error)


class PathMappingInput(StrictSerializer):
    """A folder as the client sees it, and the same folder as this server sees it."""

    remote = serializers.CharField(max_length=1000)
    local = serializers.CharField(max_length=1000)


def check_address(text: str) -> None:
    """Refuses what is no address."""
    if fault := address_fault(text):
        raise serializers.ValidationError(fault)


def address_field() -> serializers.CharField:
    return serializers.CharField(max_length=500, help_text="http:// or https://", validators=[check_address])


def tested(check: Callable[[], str]) -> dict[str, Any]:
    """How talking to a service went, for people."""
    try:
        found = {"is_ok": True, "message": check(), "error_code": ""}
    except (ExternalAPIError, ValidationError) as error:
        found = {"is_ok": False, "message": error.message, "error_code": error.code}
    return {**found, "as_of": timezone.now()}


class ServiceInput(StrictSerializer):
    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=500, required=False, allow_blank=True, help_text="http:// or https://")
    is_enabled = serializers.BooleanField(required=False)
    priority = serializers.IntegerField(min_value=1, max_value=50, required=False, help_text="1 is asked first.")
    seed_ratio = serializers.FloatField(min_value=0, max_value=1000, required=False, allow_null=True)
    seed_time_minutes = serializers.IntegerField(min_value=0, max_value=5_256_000, required=False, allow_null=True)
    settings = SettingsField(required=False)

    def validate_url(self, text: str) -> str:
        check_address(text)
        return text

    def validate_seed_ratio(self, value: float | None) -> float | None:
        return None if value is None else float(value)


class ServiceTestSerializer(serializers.Serializer[Any]):
    is_ok = serializers.BooleanField()
    message = serializers.CharField(help_text="What works, or what does not and what to do.")
    error_code = serializers.CharField(allow_blank=True)
    as_of = serializers.DateTimeField()


class ServiceViewSet(CrudViewSet):
    """State `queryset`, the serializers, and `check`."""

    access = {"create": "admin", "update": "admin", "destroy": "admin", "test": "admin"}
    tiers = {"create": "admin", "update": "admin", "destroy": "admin", "test": "admin"}
    ordering = ("priority", "name")

    def create_row(self, data: dict[str, Any]) -> Any:
        return save_service(self.queryset.model(), values=data, user=self.request.user)

    def change_row(self, row: Any, data: dict[str, Any]) -> Any:
        return save_service(row, values=data, user=self.request.user)

    def remove_row(self, row: Any) -> None:
        remove_service(row, user=self.request.user)

    def check(self, row: Any) -> str:
        """Talk to the service; the answer is a sentence. Implemented by each resource."""
        raise ValidationError("This service cannot be tested.")

    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: int) -> Response:
        """Talk to the service now, and say what works and what does not."""
        row = self.get_object()
        return self.answer(tested(lambda: self.check(row)))
