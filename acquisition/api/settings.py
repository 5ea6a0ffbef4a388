"""`/api/system/configuration/` and `/quality/rules/`: what an administrator sets at run time."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.services.effective import (
    SET_ELSEWHERE,
    change_configuration,
    change_quality_rules,
    effective_settings,
    quality_rules,
)
from config.api.schema import with_changes
from config.api.serializers import NOTHING_SENT, StrictSerializer
from config.api.viewsets import OperationsViewSet
from library.services.settings import KNOWN, Number, OneOf


class SettingSerializer(serializers.Serializer[Any]):
    value = serializers.JSONField(help_text="What is in force; addresses that hold secrets are masked.")
    default = serializers.JSONField()
    meaning = serializers.CharField()
    is_changed = serializers.BooleanField()
    changed_at = serializers.DateTimeField(allow_null=True)
    changed_by = serializers.CharField(allow_null=True)


class EnvironmentSerializer(serializers.Serializer[Any]):
    """What was decided by environment variables at the start."""

    version = serializers.CharField()
    time_zone = serializers.CharField()
    debug = serializers.BooleanField()
    database = serializers.CharField()
    has_redis = serializers.BooleanField()
    behind_proxy = serializers.BooleanField()
    trusted_hosts = serializers.ListField(child=serializers.CharField())
    log_level = serializers.CharField()
    rate_limits = serializers.DictField(child=serializers.CharField())


class SystemConfigurationSerializer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField()
    settings = serializers.DictField(child=SettingSerializer())
    environment = EnvironmentSerializer()


def setting_field(key: str) -> serializers.Field[Any, Any, Any, Any]:
    """The field of a setting for the schema; it is checked by its own check in `KNOWN`."""
    known = KNOWN[key]
    options: dict[str, Any] = {"required": False, "help_text": known.meaning}
    if isinstance(known.default, list):
        child = serializers.CharField(max_length=200)
        return serializers.ListField(child=child, max_length=100, **options)
    if isinstance(known.check, Number):
        kind = serializers.IntegerField if known.check.is_whole else serializers.FloatField
        return kind(min_value=known.check.least, max_value=known.check.most, **options)
    if isinstance(known.check, OneOf):
        return serializers.ChoiceField(known.check.choices, **options)
    return serializers.BooleanField(**options)


class SystemConfigurationInput(StrictSerializer):
    """Settings by key, such as `search.is_automatic`."""

    needs_a_field = True

    def get_fields(self) -> dict[str, Any]:
        return {key: setting_field(key) for key in KNOWN if key not in SET_ELSEWHERE}

    def to_internal_value(self, data: Any) -> Any:
        # Keys hold dots, which serializers take for nesting: the values go to the service as they are.
        if not data:
            raise serializers.ValidationError(NOTHING_SENT)
        unknown = sorted(set(data) - set(KNOWN))
        if unknown:
            wrong = serializers.ErrorDetail("This setting is not known.", code="unknown_field")
            raise serializers.ValidationError({key: [wrong] for key in unknown})
        return dict(data)


class QualityRulesSerializer(serializers.Serializer[Any]):
    """The release profile. Lists are in order of preference; empty means any."""

    name = serializers.CharField()
    formats = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField(), help_text="ISO 639-1.")
    narrators = serializers.ListField(child=serializers.CharField())
    accepts_abridged = serializers.BooleanField()
    accepts_dramatised = serializers.BooleanField()
    only_dramatised = serializers.BooleanField()
    only_narrators = serializers.BooleanField(help_text="Releases that name another narrator are refused.")
    must_contain = serializers.ListField(child=serializers.CharField())
    must_not_contain = serializers.ListField(child=serializers.CharField())
    minimum_bitrate_kbps = serializers.IntegerField()
    maximum_bitrate_kbps = serializers.IntegerField()
    preferred_bitrate_kbps = serializers.IntegerField()
    minimum_size_mb = serializers.IntegerField()
    maximum_size_mb = serializers.IntegerField()
    minimum_seeders = serializers.IntegerField()
    maximum_age_days = serializers.IntegerField(help_text="0: any age.")
    upgrades_allowed = serializers.BooleanField()
    upgrade_until_format = serializers.CharField(allow_blank=True)
    prefers_freeleech = serializers.BooleanField()
    delay_hours = serializers.IntegerField(help_text="How long a release is left alone for a better one.")


def texts() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=100), max_length=100, required=False)


def number(least: int = 0) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=least, max_value=1_000_000, required=False)


class QualityRulesInput(StrictSerializer):
    needs_a_field = True
    name = serializers.CharField(max_length=100, required=False)
    formats = texts()
    languages = texts()
    narrators = texts()
    accepts_abridged = serializers.BooleanField(required=False)
    accepts_dramatised = serializers.BooleanField(required=False)
    only_dramatised = serializers.BooleanField(required=False)
    only_narrators = serializers.BooleanField(required=False)
    must_contain = texts()
    must_not_contain = texts()
    minimum_bitrate_kbps = number()
    maximum_bitrate_kbps = number(1)
    preferred_bitrate_kbps = number(1)
    minimum_size_mb = number()
    maximum_size_mb = number(1)
    minimum_seeders = number()
    maximum_age_days = number()
    upgrades_allowed = serializers.BooleanField(required=False)
    upgrade_until_format = serializers.CharField(max_length=20, required=False, allow_blank=True)
    prefers_freeleech = serializers.BooleanField(required=False)
    delay_hours = number()


class SettingsViewSet(OperationsViewSet):
    """Settings that are changed at run time."""

    tier = "admin"
    access = {
        "configuration": "admin",
        "change_configuration": "admin",
        "change_rules": "admin",
    }
    tiers = {"rules": "authenticated"}
    inputs = {
        "change_configuration": SystemConfigurationInput,
        "change_rules": QualityRulesInput,
    }
    answers = {
        "configuration": SystemConfigurationSerializer,
        "change_configuration": with_changes(SystemConfigurationSerializer),
        "rules": QualityRulesSerializer,
        "change_rules": with_changes(QualityRulesSerializer),
    }

    @action(detail=False)
    def configuration(self, request: Request) -> Response:
        """The settings in force, with their defaults and meanings; secrets are masked."""
        return self.answer(effective_settings(now=timezone.now()))

    @configuration.mapping.put
    def change_configuration(self, request: Request) -> Response:
        """Change the settings that are sent, all or none."""
        changes = change_configuration(changes=self.body, user=request.user)
        return self.answer({**effective_settings(now=timezone.now()), "changes_made": changes})

    @action(detail=False, url_path="quality/rules")
    def rules(self, request: Request) -> Response:
        """The release profile: what is wanted of a release."""
        return self.answer(quality_rules())

    @rules.mapping.put
    def change_rules(self, request: Request) -> Response:
        """Change the fields of the release profile that are sent."""
        changes = change_quality_rules(changes=self.body, user=request.user)
        return self.answer({**quality_rules(), "changes_made": changes})
