"""`/api/decisions/`: what was thought of every release that a search found."""

from typing import Any

import django_filters
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.settings import QualityRulesInput
from acquisition.api.shapes import BookRefSerializer, ReasonSerializer, book_ref, reason_row
from acquisition.domain.reasons import REASONS
from acquisition.models import Decision, ReleaseProfile
from acquisition.services.replaying import DAYS, replay_decisions
from config.api.filter_fields import BIGGEST_ID, FlagFilter, IdFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import ReadOnlyViewSet
from library.models import Book


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


class ChangesInput(QualityRulesInput):
    name = None


class ReplayInput(StrictSerializer):
    """`changes`: fields of the release profile as at `/api/system/quality/rules/`."""

    changes = ChangesInput()
    profile_id = serializers.IntegerField(
        min_value=1,
        max_value=BIGGEST_ID,
        required=False,
        help_text="Change this profile of a library; without it, the general one.",
    )
    book_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=BIGGEST_ID),
        max_length=1000,
        required=False,
        help_text="Only these books; without it, all.",
    )
    days = serializers.IntegerField(min_value=1, max_value=3650, required=False, help_text="How far back; 30.")

    def validate_profile_id(self, identity: int) -> ReleaseProfile:
        row = ReleaseProfile.objects.filter(pk=identity).first()
        if row is None:
            raise serializers.ValidationError(f"No release profile has the id {identity}.", code="does_not_exist")
        return row


class ReplayedSerializer(serializers.Serializer[Any]):
    decision_id = serializers.IntegerField(source="decision.pk")
    book = serializers.SerializerMethodField()
    release_title = serializers.CharField(source="decision.release_title")
    indexer = serializers.CharField(source="decision.indexer_name")
    reasons = serializers.SerializerMethodField(help_text="What stands against it on the side that refuses it.")

    @extend_schema_field(BookRefSerializer)
    def get_book(self, row: Any) -> Any:
        return book_ref(row.decision.book)

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, row: Any) -> Any:
        return [reason_row(reason) for reason in row.reasons]


class ReplaySerializer(serializers.Serializer[Any]):
    message = serializers.CharField(source="sentence")
    judged = serializers.IntegerField(help_text="Releases that were judged anew, each for one book.")
    unknown = serializers.IntegerField(help_text="Decisions whose release is no longer known.")
    books_gained = serializers.IntegerField(help_text="Books that had nothing acceptable, and would have.")
    gained = ReplayedSerializer(many=True, help_text="Accepted only with the changes.")
    lost = ReplayedSerializer(many=True, help_text="Accepted only without them.")


class ReasonMeaningSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    meaning = serializers.CharField(help_text="What it means and what can be done.")


class DecisionViewSet(ReadOnlyViewSet):
    """Decisions, newest first. They are kept: "why do I not have this yet?" has an answer."""

    access = {"replay": "viewer"}
    inputs = {"replay": ReplayInput}
    answers = {"replay": ReplaySerializer, "reasons": ReasonMeaningSerializer}

    queryset = Decision.objects.select_related("book", "overruled_by")
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilters
    ordering_fields = ("created_at", "rank", "certainty", "release_title")
    ordering = ("-created_at",)
    lists = sequences = frozenset({"reasons"})
    orderings = {"reasons": (("code",), ())}

    @action(detail=False, methods=["post"])
    def replay(self, request: Request) -> Response:
        """Judge the kept decisions again under a changed release profile; nothing is written."""
        ids = self.body.get("book_ids")
        books = None if ids is None else list(Book.objects.filter(pk__in=ids))
        changes, days = self.body["changes"], self.body.get("days", DAYS)
        profile = self.body.get("profile_id")
        found = replay_decisions(changes=changes, now=timezone.now(), profile=profile, books=books, days=days)
        return self.answer(found)

    @action(detail=False)
    def reasons(self, request: Request) -> HttpResponseBase:
        """Every reason why a release is not taken, and what it means."""
        return self.page([{"code": code, "meaning": meaning} for code, meaning in REASONS.items()])
