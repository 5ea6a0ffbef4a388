"""`/api/download-clients/`: the programs that fetch."""

from typing import Any

import django_filters
from django.utils import timezone
from rest_framework import serializers

from acquisition.api.service_fields import (
    PathMappingInput,
    ServiceInput,
    ServiceSerializer,
    ServiceTestSerializer,
    ServiceViewSet,
)
from acquisition.models import ClientKind, DownloadClient
from acquisition.services.contacts import check_client
from config.api.filter_fields import FlagFilter


class ClientFilters(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=ClientKind.choices)
    is_enabled = FlagFilter()


class PathMappingSerializer(serializers.Serializer[Any]):
    """A folder as the client sees it, and the same folder as this server sees it."""

    remote = serializers.CharField()
    local = serializers.CharField()


class DownloadClientSerializer(ServiceSerializer):
    has_password = serializers.SerializerMethodField()
    path_mappings = PathMappingSerializer(many=True, read_only=True)

    class Meta:
        model = DownloadClient
        fields = (
            "id", "name", "kind", "url", "username", "has_password", "is_enabled", "priority", "category", "save_path",
            "path_mappings", "seed_ratio", "seed_time_minutes", "removes_completed", "settings", "version",
            "failure_level", "paused_until", "last_ok_at", "last_error", "last_error_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_has_password(self, row: DownloadClient) -> bool:
        return bool(row.password)


class ClientInput(ServiceInput):
    kind = serializers.ChoiceField(choices=ClientKind.choices)
    username = serializers.CharField(max_length=150, required=False, allow_blank=True)
    password = serializers.CharField(
        max_length=300, required=False, allow_blank=True, write_only=True, trim_whitespace=False
    )
    category = serializers.CharField(max_length=100, required=False, allow_blank=True)
    save_path = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, help_text="As the client sees it; empty: its default."
    )
    path_mappings = PathMappingInput(many=True, required=False)
    removes_completed = serializers.BooleanField(
        required=False, help_text="Remove from the client once the obligation to seed is met."
    )

    def validate_path_mappings(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        if len(rows) > 50:
            raise serializers.ValidationError("At most 50 mappings.")
        # A partial update does not ask for the fields inside.
        if not all(set(row) == {"remote", "local"} for row in rows):
            raise serializers.ValidationError("Each mapping needs remote and local.")
        return [dict(row) for row in rows]


class DownloadClientViewSet(ServiceViewSet):
    """Download clients, in the order in which they are chosen."""

    queryset = DownloadClient.objects.all()
    serializer_class = DownloadClientSerializer
    inputs = {"create": ClientInput, "update": ClientInput}
    answers = {"test": ServiceTestSerializer}
    filterset_class = ClientFilters
    ordering_fields = ("name", "priority", "kind", "last_ok_at")

    def check(self, row: DownloadClient) -> str:
        return check_client(row, now=timezone.now())
