"""`/api/system/integrations/`: every outside service in one list, whatever it is for."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.service_fields import PathMappingInput
from acquisition.services.integration_fields import create_or_change_integration, find_row, kinds
from acquisition.services.integrations import Integration, get_integration, list_integrations, test_integration
from config.api.schema import with_changes
from config.api.serializers import StrictSerializer
from config.api.viewsets import OperationsViewSet
from config.http import redact

# Columns that are named in an answer, but whose values may hold secrets.
HIDDEN = frozenset({"api_key", "password", "token", "secret", "settings", "url"})


class IntegrationSerializer(serializers.Serializer[Any]):
    """A service as its last contact left it. `null`: it was not asked yet. Secrets are never shown."""

    name = serializers.CharField()
    kind = serializers.CharField()
    category = serializers.ChoiceField(choices=["library", "indexer", "download_client", "catalogue"])
    url = serializers.CharField(allow_blank=True)
    is_enabled = serializers.BooleanField()
    is_reachable = serializers.BooleanField(allow_null=True)
    version = serializers.CharField(allow_blank=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)
    last_error_at = serializers.DateTimeField(allow_null=True)
    last_ok_at = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True, help_text="It is left alone until then, after failures.")
    as_of = serializers.DateTimeField(allow_null=True, help_text="When it was last asked.")
    has_secret = serializers.BooleanField()
    warnings = serializers.ListField(child=serializers.CharField())


class IntegrationListSerializer(serializers.Serializer[Any]):
    integrations = IntegrationSerializer(many=True)
    as_of = serializers.DateTimeField()


class IntegrationInput(StrictSerializer):
    """What a service takes depends on its kind; a field that it does not take is 400. A new one needs `kind`.

    Secrets (`api_key`, `cookie`, `token`, `password`) are only written: left out, the stored one stays; null or empty
    clears it.
    """

    needs_a_field = True
    kind = serializers.CharField(max_length=40, required=False, help_text=f"One of {', '.join(kinds())}.")
    url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    is_enabled = serializers.BooleanField(required=False)
    username = serializers.CharField(max_length=150, required=False, allow_blank=True)
    password = serializers.CharField(
        max_length=300, required=False, allow_blank=True, allow_null=True, write_only=True, trim_whitespace=False
    )
    api_key = serializers.CharField(max_length=2000, required=False, allow_blank=True, allow_null=True, write_only=True)
    token = serializers.CharField(max_length=2000, required=False, allow_blank=True, allow_null=True, write_only=True)
    cookie = serializers.CharField(max_length=1000, required=False, allow_blank=True, allow_null=True, write_only=True)
    categories = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1_000_000), max_length=50, required=False
    )
    category = serializers.CharField(max_length=100, required=False, allow_blank=True)
    save_path = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    path_mappings = PathMappingInput(many=True, required=False)
    removes_completed = serializers.BooleanField(required=False)
    is_automatic = serializers.BooleanField(required=False)
    daily_budget = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    minimum_seeders = serializers.IntegerField(min_value=0, max_value=1000, required=False)
    priority = serializers.IntegerField(min_value=1, max_value=50, required=False)
    seed_ratio = serializers.FloatField(min_value=0, max_value=1000, required=False, allow_null=True)
    seed_time_minutes = serializers.IntegerField(min_value=0, max_value=5_256_000, required=False, allow_null=True)
    trust = serializers.IntegerField(min_value=0, max_value=100, required=False)
    settings = serializers.DictField(required=False)

    def validate_path_mappings(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [dict(row) for row in rows]


class StepSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    is_ok = serializers.BooleanField()
    message = serializers.CharField()


class IntegrationTestSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    is_ok = serializers.BooleanField()
    version = serializers.CharField(allow_blank=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    error = serializers.CharField(allow_blank=True, help_text="What does not work, and what to do.")
    error_code = serializers.CharField(allow_blank=True)
    warnings = serializers.ListField(child=serializers.CharField(), help_text="What will not work as it should.")
    steps = StepSerializer(many=True, help_text="What was tried, in order.")
    as_of = serializers.DateTimeField()


class IntegrationsViewSet(OperationsViewSet):
    """Outside services."""

    tiers = {"change_integration": "admin", "test_integration": "admin"}
    access = {"change_integration": "admin", "test_integration": "admin"}
    inputs = {"change_integration": IntegrationInput}
    answers = {
        "integrations": IntegrationListSerializer,
        "change_integration": with_changes(IntegrationSerializer),
        "test_integration": IntegrationTestSerializer,
    }

    @action(detail=False)
    def integrations(self, request: Request) -> Response:
        """Every service that is set up, as its last contact left it; nobody is asked."""
        now = timezone.now()
        return self.answer({"integrations": [_shown(row) for row in list_integrations(now=now)], "as_of": now})

    @action(detail=False, methods=["put"], url_path="integrations/<str:name>")
    def change_integration(self, request: Request, name: str) -> Response:
        """Set a service up, or change the fields that are sent."""
        values = self.body
        before = find_row(name)
        row, changed = create_or_change_integration(name, values, user=request.user)
        shown = _shown(get_integration(name, now=timezone.now()))
        return self.answer({**shown, "changes_made": _changes(before, row, changed)})

    @action(detail=False, methods=["post"], url_path="integrations/<str:name>/test")
    def test_integration(self, request: Request, name: str) -> Response:
        """Talk to the service now, step by step, and say what works and what does not."""
        probe = test_integration(name, now=timezone.now())
        return self.answer(
            {
                "name": name,
                "is_ok": probe.is_ok,
                "version": probe.version,
                "latency_ms": probe.latency_ms,
                "error": redact(probe.error),
                "error_code": probe.error_code,
                "warnings": [redact(words) for words in probe.warnings],
                "steps": [{"name": s.name, "is_ok": s.is_ok, "message": redact(s.message)} for s in probe.steps],
                "as_of": probe.as_of,
            }
        )


def _shown(integration: Integration) -> dict[str, Any]:
    values = integration.as_dict()
    return {**values, "last_error": redact(values["last_error"]), "warnings": [redact(w) for w in values["warnings"]]}


def _changes(before: Any, row: Any, changed: list[str]) -> dict[str, Any]:
    """What changed; of secrets only that they did."""
    return {
        name: {"old": "***", "new": "***"}
        if name in HIDDEN
        else {"old": getattr(before, name, None), "new": getattr(row, name)}
        for name in changed
        if name != "refresh_token"
    }
