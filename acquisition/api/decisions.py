"""`/api/decisions/`: what was thought of every release that a search found."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from acquisition.api.shapes import BookRefSerializer, ReasonSerializer, book_ref, reason_row
from acquisition.models import Decision
from config.api.filter_fields import FlagFilter, IdFilter
from config.api.viewsets import ReadOnlyViewSet


class DecisionFilters(django_filters.FilterSet):
    book = IdFilter(field_name="book_id", help_text="An id.")
    release = IdFilter(field_name="release_id")
    run = IdFilter(field_name="run_id", help_text="A search run.")
    is_accepted = FlagFilter()
    is_temporary = FlagFilter(help_text="Rejected for now only.")
    indexer = django_filters.CharFilter(field_name="indexer_name")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class DecisionSerializer(serializers.ModelSerializer[Decision]):
    book = serializers.SerializerMethodField()
    release_id = serializers.IntegerField(allow_null=True, read_only=True)
    indexer = serializers.CharField(source="indexer_name", read_only=True)
    run_id = serializers.IntegerField(allow_null=True, read_only=True)
    certainty = serializers.FloatField(
        allow_null=True, read_only=True, help_text="0 to 1: that the release is this book."
    )
    reasons = serializers.SerializerMethodField(help_text="Why it was not accepted; empty when it was.")
    order = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="What the rank is made of.")
    overruled_by = serializers.CharField(source="overruled_by.username", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Decision
        fields = (
            "id", "book", "release_id", "release_title", "indexer", "run_id", "is_accepted", "is_temporary", "rank",
            "certainty", "reasons", "order", "overruled_by", "overruled_reason", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(BookRefSerializer)
    def get_book(self, decision: Decision) -> Any:
        return book_ref(decision.book)

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, decision: Decision) -> Any:
        return [reason_row(row) for row in decision.reasons]


class DecisionViewSet(ReadOnlyViewSet):
    """Decisions, newest first. They are kept: "why do I not have this yet?" has an answer."""

    queryset = Decision.objects.select_related("book", "overruled_by")
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilters
    ordering_fields = ("created_at", "rank", "certainty", "release_title")
    ordering = ("-created_at",)
