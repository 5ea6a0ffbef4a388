"""`/api/series/`."""

from collections.abc import Mapping
from typing import Any

import django_filters
import orjson
from django.db.models import OuterRef, QuerySet
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.filter_fields import FlagFilter, IdFilter, WholeNumberFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet
from library.api.book_rows import PersonSerializer
from library.api.fields import COMPLETION, CompletionFields, FollowInput, PersonField
from library.models import Author, CompletionStatus, Follow, Series
from library.models.json_rows import JsonRows
from library.services.gaps import preview_follow
from library.services.reports import completion_summary
from library.services.series import add_series, change_series, delete_series, recalculate_series, series_entries

COLUMNS = (
    "id", "name", "follow", "followed_at", "counts_novellas", "total_books", "identifiers", "catalogue_source",
    "catalogue_id", "catalogue_checked_at", *COMPLETION, "created_at", "updated_at",
)  # fmt: skip
AUTHOR = JsonRows(Author.objects.filter(pk=OuterRef("author_id")).order_by(), {"id": "id", "name": "name"})


class SeriesInput(FollowInput):
    author = PersonField(required=False, allow_null=True, help_text="Created or linked by name.")


class SeriesSerializer(CompletionFields):
    """A series in lists."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    author = PersonSerializer(allow_null=True)
    follow = serializers.CharField(help_text="none, all or from_now: which of its missing books are wanted.")
    followed_at = serializers.DateTimeField(allow_null=True)
    monitored = serializers.BooleanField(help_text="Followed.")
    counts_novellas = serializers.BooleanField(allow_null=True, help_text="Null: as the general setting says.")
    total_books = serializers.IntegerField(allow_null=True, help_text="As said by a user or a provider.")
    identifiers = serializers.DictField(child=serializers.CharField())
    catalogue_source = serializers.CharField(help_text="The provider that lists its books; empty while none does.")
    catalogue_id = serializers.CharField()
    catalogue_checked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


FIELDS = tuple(SeriesSerializer().fields)


class EntrySerializer(serializers.Serializer[Any]):
    """One entry. `state`: owned; wanted (missing and searched for); missing; upcoming; ignored (it does not count, is
    covered by another book, or was excluded)."""

    book_id = serializers.IntegerField()
    title = serializers.CharField()
    position = serializers.CharField()
    entry_class = serializers.CharField(help_text="main, novella, range, part, translation, …; empty when owned.")
    state = serializers.CharField(help_text="owned, missing, wanted, upcoming or ignored.")
    reason = serializers.CharField(help_text="As in the gap report; empty when owned.")
    explanation = serializers.CharField()
    counts = serializers.BooleanField(help_text="It counts towards completion.")
    release_date = serializers.DateField(allow_null=True)
    is_primary = serializers.BooleanField()
    gap_id = serializers.IntegerField(allow_null=True)


class FollowEffectSerializer(serializers.Serializer[Any]):
    """What a follow rule would make wanted."""

    follow = serializers.CharField()
    count = serializers.IntegerField()
    books = serializers.ListField(child=serializers.DictField())


class SeriesDetailSerializer(SeriesSerializer):
    entries = EntrySerializer(many=True)
    follow_effect = FollowEffectSerializer(allow_null=True, help_text="With ?preview_follow=.")


class SeriesCompletionSerializer(CompletionFields):
    id = serializers.IntegerField()
    name = serializers.CharField()
    states = serializers.DictField(child=serializers.IntegerField(), help_text="How many entries are in each state.")


class CompletionTotalsSerializer(serializers.Serializer[Any]):
    """Totals. `completion_percentage`: of all counted books; `average_percentage`: of the known percentages."""

    total = serializers.IntegerField()
    followed = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    owned_books = serializers.IntegerField()
    counted_books = serializers.IntegerField()
    covered_books = serializers.IntegerField()
    missing_books = serializers.IntegerField()
    completion_percentage = serializers.IntegerField(allow_null=True)
    average_percentage = serializers.FloatField(allow_null=True)
    as_of = serializers.DateTimeField(allow_null=True)


class RecalculatedSerializer(SeriesSerializer):
    catalogue = serializers.DictField(help_text="What the providers said: found, books_created, errors, refused.")


class PreviewQuery(StrictSerializer):
    preview_follow = serializers.ChoiceField(Follow.choices, required=False)


class BandQuery(StrictSerializer):
    min_completion = serializers.IntegerField(min_value=0, max_value=100, default=0)
    max_completion = serializers.IntegerField(min_value=0, max_value=100, default=99)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["min_completion"] > attrs["max_completion"]:
            raise serializers.ValidationError({"min_completion": "Must not be above max_completion."})
        return attrs


class SeriesFilters(django_filters.FilterSet):
    name = django_filters.CharFilter(lookup_expr="icontains")
    completion_status = django_filters.MultipleChoiceFilter(choices=CompletionStatus.choices)
    author = IdFilter(field_name="author_id", help_text="Id.")
    author_name = django_filters.CharFilter(field_name="author__name", lookup_expr="icontains")
    follow = django_filters.MultipleChoiceFilter(choices=Follow.choices)
    monitored = FlagFilter(method="by_monitored", help_text="Followed, or not.")
    min_completion = WholeNumberFilter(field_name="completion_percentage", lookup_expr="gte", least=0, most=100)
    max_completion = WholeNumberFilter(field_name="completion_percentage", lookup_expr="lte", least=0, most=100)
    has_missing = FlagFilter(method="by_missing")

    def by_monitored(self, rows: QuerySet[Series], name: str, value: bool) -> QuerySet[Series]:
        return rows.exclude(follow=Follow.NONE) if value else rows.filter(follow=Follow.NONE)

    def by_missing(self, rows: QuerySet[Series], name: str, value: bool) -> QuerySet[Series]:
        return rows.filter(missing_count__gt=0) if value else rows.filter(missing_count=0)


ORDERINGS = {
    "name": "sort_name",
    "completion_percentage": "completion_percentage",
    "missing_count": "missing_count",
    "owned_count": "owned_count",
    "total_books": "total_books",
    "created_at": "created_at",
    "updated_at": "updated_at",
}


def show_series(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of COLUMNS with `author_json`, as `SeriesSerializer` says."""
    shown = {name: row[name] for name in COLUMNS}
    found = orjson.loads(row["author_json"])
    shown["author"] = found[0] if found else None
    shown["monitored"] = row["follow"] != Follow.NONE
    return {name: shown[name] for name in FIELDS}


def _row(series: Any) -> dict[str, Any]:
    return {name: getattr(series, name) for name in (*COLUMNS, "author_json")}


class RemovedSeriesSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    books_kept = serializers.IntegerField(help_text="Books that stood in it; they stay.")


class SeriesViewSet(CrudViewSet):
    """Series with their maintained completion."""

    queryset = Series.objects.filter(merged_into=None)
    serializer_class = SeriesSerializer
    answers = {
        "retrieve": SeriesDetailSerializer,
        "completion": SeriesCompletionSerializer,
        "completion_summary": CompletionTotalsSerializer,
        "recalculate_completion": RecalculatedSerializer,
        "destroy": RemovedSeriesSerializer,
    }
    inputs = {"create": SeriesInput, "update": SeriesInput}
    queries = {"retrieve": PreviewQuery, "incomplete": BandQuery}
    lists = frozenset({"incomplete"})
    short = frozenset({"incomplete"})
    filterset_class = SeriesFilters
    ordering_fields = ORDERINGS
    ordering = ("name",)
    orderings = {"list": (ORDERINGS, ("name",)), "incomplete": (ORDERINGS, ("completion_percentage",))}

    def get_queryset(self) -> QuerySet[Series]:
        return Series.objects.filter(merged_into=None).annotate(author_json=AUTHOR)

    def present(self, value: Any, *, many: bool = False) -> Any:
        if many:
            return [show_series(row) for row in value]
        if not isinstance(value, Series):
            return super().present(value)
        shown = show_series(_row(value))
        return {**shown, **self._details(value)} if self.verb == "retrieve" else shown

    def _details(self, series: Series) -> dict[str, Any]:
        entries = [EntrySerializer(entry).data for entry in series_entries(series)]
        wanted = self.query.get("preview_follow")
        if wanted is None:
            return {"entries": entries, "follow_effect": None}
        rows = preview_follow(series=series, follow=wanted, now=timezone.now())
        books = [{"book_id": row.book_id, "title": row.title, "position": row.position} for row in rows]
        return {"entries": entries, "follow_effect": {"follow": wanted, "count": len(books), "books": books}}

    def _page_keys(self, rows: QuerySet[Any]) -> HttpResponseBase:
        fields = [field for field, _ in self.order_terms(self.request) if field not in ("pk", *COLUMNS)]
        return self.page(rows.values(*COLUMNS, "author_json", *fields))

    def list(self, request: Request) -> HttpResponseBase:
        return self._page_keys(self.get_queryset())

    def create_row(self, data: dict[str, Any]) -> Series:
        return add_series(values=data, now=timezone.now())

    def change_row(self, series: Series, data: dict[str, Any]) -> Series:
        return change_series(series=series, values=data, now=timezone.now())

    def remove_row(self, series: Series) -> dict[str, Any]:
        return delete_series(series=series, now=timezone.now())

    @action(detail=True, methods=["get"])
    def completion(self, request: Request, pk: int) -> Response:
        """The figures of one series, and how many of its entries are in each state."""
        series = self.get_object()
        states = dict.fromkeys(("owned", "missing", "wanted", "upcoming", "ignored"), 0)
        for entry in series_entries(series):
            states[entry.state] += 1
        shown = {name: getattr(series, name) for name in ("id", "name", *COMPLETION)}
        return self.answer({**shown, "states": states})

    @action(detail=False, methods=["get"], url_path="completion-summary")
    def completion_summary(self, request: Request) -> Response:
        """Totals over all series."""
        return self.answer(completion_summary(Series))

    @action(detail=False, methods=["get"])
    def incomplete(self, request: Request) -> HttpResponseBase:
        """Series whose completion lies in the band, the least complete first."""
        band = (self.query["min_completion"], self.query["max_completion"])
        return self._page_keys(self.get_queryset().filter(completion_percentage__range=band))

    @action(detail=True, methods=["put"], url_path="recalculate-completion")
    def recalculate_completion(self, request: Request, pk: int) -> Response:
        """Ask the catalogue providers about the series now, and recount it."""
        result = recalculate_series(series=self.get_object(), now=timezone.now())
        shown = show_series(_row(self.get_object()))
        return self.answer({**shown, "catalogue": catalogue_words(result)})


def catalogue_words(result: Any) -> dict[str, Any]:
    """What a refresh found, for answers."""
    return {
        "found": result.series_found > 0,
        "series_checked": result.series_checked,
        "books_created": result.books_created,
        "errors": list(result.errors),
        "refused": list(result.refused),
    }
