"""`/api/gaps/`: finding and reporting what is missing. Acquiring it is the acquisition's part of the same address."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.filter_fields import FlagFilter, IdFilter
from config.api.serializers import RunAcceptedSerializer, StrictSerializer
from config.api.viewsets import OperationsViewSet
from config.errors import NotFoundError
from library.api.fields import caller
from library.models import Author, EntryClass, Follow, Gap, GapAnalysis, GapReason, Series
from library.services.gaps import analyze_gaps
from library.services.reports import latest_analysis, report_rows
from scheduling.models import Trigger
from scheduling.services.runs import request_run

MOST_IDS = 1000


class IdsField(serializers.ListField):
    """Ids of rows."""

    child = serializers.IntegerField(min_value=1, max_value=2**63 - 1)

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MOST_IDS, required=False, **options)


class GapsInput(StrictSerializer):
    """Without ids, everything is analysed."""

    series_ids = IdsField()
    author_ids = IdsField()

    def validate_series_ids(self, ids: list[int]) -> list[int]:
        return _known(Series, ids)

    def validate_author_ids(self, ids: list[int]) -> list[int]:
        return _known(Author, ids)


def _known(model: type[Series] | type[Author], ids: list[int]) -> list[int]:
    unknown = sorted(set(ids) - set(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True)))
    if unknown:
        raise serializers.ValidationError(f"There is none with the id {unknown[0]}.", code="does_not_exist")
    return list(dict.fromkeys(ids))


class GapsAsyncInput(GapsInput):
    refresh = serializers.BooleanField(default=True, help_text="Ask the catalogue providers first.")


class GapStatsSerializer(serializers.Serializer[Any]):
    """Figures of one analysis."""

    series = serializers.IntegerField()
    authors = serializers.IntegerField()
    rows = serializers.IntegerField(help_text="All rows, also those that do not count.")
    gaps = serializers.IntegerField(help_text="Rows that count and are not satisfied.")
    opened = serializers.IntegerField()
    closed = serializers.IntegerField()
    by_reason = serializers.DictField(child=serializers.IntegerField())
    by_class = serializers.DictField(child=serializers.IntegerField())


class AnalysedSerializer(serializers.Serializer[Any]):
    """What an analysis found."""

    stats = GapStatsSerializer()
    as_of = serializers.DateTimeField()
    report = serializers.CharField(help_text="Where the rows are.")


class AnalysisSerializer(serializers.ModelSerializer[GapAnalysis]):
    """One analysis. An empty scope: everything."""

    stats = serializers.DictField()
    scope = serializers.DictField()

    class Meta:
        model = GapAnalysis
        fields = ("id", "created_at", "run", "scope", "stats", "opened_count", "closed_count")
        read_only_fields = fields


class NamedSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    follow = serializers.CharField()


class TitledSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    title = serializers.CharField()


class GapBookSerializer(TitledSerializer):
    language = serializers.CharField()
    release_date = serializers.DateField(allow_null=True)
    asin = serializers.CharField()
    is_owned = serializers.BooleanField()


class GapSerializer(serializers.Serializer[Any]):
    """A row of the report, with the reason why it is there."""

    id = serializers.IntegerField()
    book = GapBookSerializer()
    series = NamedSerializer(allow_null=True)
    author = NamedSerializer(allow_null=True, help_text="For books outside any followed series.")
    position = serializers.CharField()
    entry_class = serializers.CharField()
    reason = serializers.CharField()
    explanation = serializers.CharField()
    counts = serializers.BooleanField(help_text="It lowers the completion.")
    is_wanted = serializers.BooleanField(help_text="It is searched for.")
    covered_by = TitledSerializer(allow_null=True)
    opened_at = serializers.DateTimeField()


class GapFilters(django_filters.FilterSet):
    reason = django_filters.MultipleChoiceFilter(choices=GapReason.choices)
    counts = FlagFilter()
    wanted = FlagFilter(field_name="is_wanted")
    series = IdFilter(field_name="series_id", help_text="Id.")
    author = IdFilter(method="by_author", help_text="Id.")
    follow = django_filters.ChoiceFilter(choices=Follow.choices, method="by_follow")
    opened_after = django_filters.IsoDateTimeFilter(field_name="opened_at", lookup_expr="gte")

    def by_author(self, gaps: QuerySet[Gap], name: str, value: Any) -> QuerySet[Gap]:
        mine = Gap.objects.order_by().filter(author_id=value) | Gap.objects.order_by().filter(series__author_id=value)
        return gaps.filter(pk__in=mine.values("pk"))

    def by_follow(self, gaps: QuerySet[Gap], name: str, value: str) -> QuerySet[Gap]:
        found = Gap.objects.order_by().filter(series__follow=value) | Gap.objects.order_by().filter(
            author__follow=value
        )
        return gaps.filter(pk__in=found.values("pk"))


# `class` is a word of the language, so the filter cannot be written as an attribute.
GapFilters.base_filters["class"] = django_filters.MultipleChoiceFilter(
    field_name="entry_class", choices=EntryClass.choices, help_text="What the entry is."
)


class GapsViewSet(OperationsViewSet):
    """The gap report."""

    queryset = Gap.objects.none()
    statuses = {"analyze_async": 202}
    inputs = {"analyze": GapsInput, "analyze_async": GapsAsyncInput}
    answers = {
        "analyze": AnalysedSerializer,
        "analyze_async": RunAcceptedSerializer,
        "report": GapSerializer,
        "history": AnalysisSerializer,
    }
    lists = frozenset({"report", "history"})
    filtersets = {"report": GapFilters}
    orderings = {
        "report": (
            {
                "series": "series__sort_name", "position": "position_first", "opened_at": "opened_at",
                "reason": "reason", "title": "book__sort_title", "release_date": "book__release_date",
            },
            ("series__sort_name", "position_first"),
        ),
        "history": (("created_at", "opened_count", "closed_count"), ("-created_at",)),
    }  # fmt: skip

    @action(detail=False, methods=["post"])
    def analyze(self, request: Request) -> Response:
        """Find the gaps of the given series and authors, or of everything, now; changes nothing but the report."""
        body, now = self.body, timezone.now()
        result = analyze_gaps(now=now, series_ids=body.get("series_ids"), author_ids=body.get("author_ids"))
        return self.answer({"stats": result.as_stats(), "as_of": now, "report": "/api/gaps/report/"})

    @action(detail=False, methods=["post"], url_path="analyze-async")
    def analyze_async(self, request: Request) -> Response:
        """Refresh the catalogue and analyse in the background."""
        return self.accepted(
            request_run(job="gap_analysis", params=self.body, trigger=Trigger.USER, user=caller(request))
        )

    @action(detail=False, methods=["get"])
    def report(self, request: Request) -> HttpResponseBase:
        """The open rows by series and position, with the figures of the latest analysis in `analysis`. 404 before the
        first one."""
        analysis = latest_analysis()
        if analysis is None:
            raise NotFoundError(
                "No gap analysis was made yet. POST /api/gaps/analyze/ makes one.",
                context={"resource": "gap report"},
            )
        answer = self.page(report_rows())
        if isinstance(answer, Response):
            answer.data["analysis"] = AnalysisSerializer(analysis).data
        return answer

    @action(detail=False, methods=["get"])
    def history(self, request: Request) -> HttpResponseBase:
        """The analyses with their figures, newest first."""
        return self.page(GapAnalysis.objects.all())
