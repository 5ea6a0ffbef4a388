"""`/api/gaps/`: obtaining what is missing. The report itself is the library's."""

from typing import Any

from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.audit import record
from acquisition.services.gap_acquiring import (
    DEFAULT_DOWNLOADS,
    MOST_DOWNLOADS,
    forget_searches,
    request_gap_search,
)
from config.api.filter_fields import BIGGEST_ID
from config.api.serializers import RunAcceptedSerializer, StrictSerializer
from config.api.viewsets import OperationsViewSet
from library.models import Author, Series

MOST_IDS = 500


def ids_field(help_text: str) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=BIGGEST_ID),
        required=False,
        max_length=MOST_IDS,
        help_text=help_text,
    )


class GapSearchInput(StrictSerializer):
    series_ids = ids_field("Only gaps of these series, whether they are followed or not.")
    author_ids = ids_field("Only gaps of these authors outside of series, whether they are followed or not.")
    max_downloads = serializers.IntegerField(min_value=1, max_value=MOST_DOWNLOADS, default=DEFAULT_DOWNLOADS)
    series_priority = serializers.BooleanField(default=True, help_text="Gaps of series come first.")
    author_priority = serializers.BooleanField(
        default=False, help_text="Gaps outside of series come first; needs series_priority to be false."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Search and decide, but queue nothing.")

    def validate_series_ids(self, ids: list[int]) -> list[int]:
        return _known(ids, Series.objects.filter(merged_into=None), "series")

    def validate_author_ids(self, ids: list[int]) -> list[int]:
        return _known(ids, Author.objects.filter(merged_into=None), "author")


def _known(ids: list[int], rows: Any, what: str) -> list[int]:
    unknown = set(ids) - set(rows.filter(pk__in=ids).values_list("pk", flat=True))
    if unknown:
        raise serializers.ValidationError(f"No {what} has the id {min(unknown)}.", code="does_not_exist")
    return list(dict.fromkeys(ids))


class ForgottenSerializer(serializers.Serializer[Any]):
    search_states_removed = serializers.IntegerField(help_text="Books that are due for a search again.")
    indexers_reset = serializers.IntegerField(help_text="Indexers that were backing off.")


class GapAcquisitionViewSet(OperationsViewSet):
    """Searching for gaps."""

    access = {"reset_state": "admin"}
    tiers = {"acquire": "download", "analyze_and_acquire": "download"}
    inputs = {"acquire": GapSearchInput, "analyze_and_acquire": GapSearchInput}
    answers = {
        "acquire": RunAcceptedSerializer,
        "analyze_and_acquire": RunAcceptedSerializer,
        "reset_state": ForgottenSerializer,
    }
    statuses = {"acquire": 202, "analyze_and_acquire": 202}

    @action(detail=False, methods=["post"])
    def acquire(self, request: Request) -> Response:
        """Search for the given or the most pressing gaps and queue the accepted releases."""
        return self.accepted(request_gap_search(params=self.body, user=request.user))

    @action(detail=False, methods=["post"], url_path="analyze-and-acquire")
    def analyze_and_acquire(self, request: Request) -> Response:
        """Find the gaps anew, then search for them, in one run."""
        return self.accepted(request_gap_search(params=self.body, user=request.user, analyze=True))

    @action(detail=False, methods=["delete"], url_path="reset-state")
    def reset_state(self, request: Request) -> Response:
        """Forget search attempts and back-off, so that everything may be searched for at once."""
        forgotten = forget_searches()
        record("gaps.state_reset", actor=request.user, detail=forgotten)
        return self.answer(forgotten)
