"""`/api/indexers/`: where releases are looked for."""

import django_filters
from django.utils import timezone
from rest_framework import serializers

from acquisition.api.service_fields import ServiceInput, ServiceSerializer, ServiceTestSerializer, ServiceViewSet
from acquisition.models import Indexer, IndexerKind
from acquisition.services.contacts import check_indexer
from config.api.filter_fields import FlagFilter


class IndexerFilters(django_filters.FilterSet):
    kind = django_filters.ChoiceFilter(choices=IndexerKind.choices)
    is_enabled = FlagFilter()
    is_automatic = FlagFilter()


class IndexerSerializer(ServiceSerializer):
    has_api_key = serializers.SerializerMethodField()

    class Meta:
        model = Indexer
        fields = (
            "id", "name", "kind", "url", "has_api_key", "is_enabled", "is_automatic", "priority", "categories",
            "daily_budget", "queries_today", "grabs_today", "budget_date", "minimum_seeders", "seed_ratio",
            "seed_time_minutes", "settings", "version", "capabilities_at", "failure_level", "paused_until",
            "last_ok_at", "last_error", "last_error_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_has_api_key(self, row: Indexer) -> bool:
        return bool(row.api_key)


class IndexerInput(ServiceInput):
    kind = serializers.ChoiceField(choices=IndexerKind.choices)
    api_key = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, write_only=True, help_text="Or the session cookie (mam_id)."
    )
    categories = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1_000_000),
        max_length=50,
        required=False,
        help_text="Empty: 3030 (audiobooks).",
    )
    is_automatic = serializers.BooleanField(required=False, help_text="Used without a person asking.")
    daily_budget = serializers.IntegerField(
        min_value=1, max_value=100_000, required=False, allow_null=True, help_text="Queries a day; null: 200."
    )
    minimum_seeders = serializers.IntegerField(min_value=0, max_value=1000, required=False)


class IndexerViewSet(ServiceViewSet):
    """Indexers, in the order in which they are asked."""

    queryset = Indexer.objects.all()
    serializer_class = IndexerSerializer
    inputs = {"create": IndexerInput, "update": IndexerInput}
    answers = {"test": ServiceTestSerializer}
    filterset_class = IndexerFilters
    ordering_fields = ("name", "priority", "kind", "last_ok_at")

    def check(self, row: Indexer) -> str:
        return check_indexer(row, now=timezone.now())
