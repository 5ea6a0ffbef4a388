"""`/api/scheduler/configuration/`: here, because it also tells the settings of the library."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.viewsets import OperationsViewSet
from library.services.settings import get_settings
from scheduling.services.overview import list_tasks


class ScheduleSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    schedule = serializers.CharField()
    time_zone = serializers.CharField()
    is_enabled = serializers.BooleanField()
    next_run_at = serializers.DateTimeField(allow_null=True)


class ConfigurationSerializer(serializers.Serializer[Any]):
    schedules = ScheduleSerializer(many=True)
    features = serializers.DictField(child=serializers.BooleanField())
    gap_analysis = serializers.DictField(help_text="The settings of the gap analysis that are in force.")


class SchedulerConfigurationViewSet(OperationsViewSet):
    """How the scheduler is set up."""

    serializer_class = ConfigurationSerializer

    @action(detail=False, methods=["get"])
    def configuration(self, request: Request) -> Response:
        """Schedules, enabled features, and the settings of the gap analysis."""
        settings = get_settings()
        features = {key.removeprefix("features."): on for key, on in settings.items() if key.startswith("features.")}
        features["automatic_search"] = settings["search.is_automatic"]
        gaps = {key.removeprefix("gaps."): value for key, value in settings.items() if key.startswith("gaps.")}
        found = {"schedules": list_tasks(now=timezone.now()), "features": features, "gap_analysis": gaps}
        return Response(ConfigurationSerializer(found).data)
