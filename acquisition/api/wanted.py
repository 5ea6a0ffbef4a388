"""`/api/wanted/`: the books that are looked for, and why each is not here yet."""

from typing import Any

import django_filters
from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.decisions import DecisionSerializer
from acquisition.models import DownloadBook
from acquisition.services.asking import acquire_books
from acquisition.services.profiles import profile_rows, profiles_of
from config.api.filter_fields import FlagFilter, IdFilter
from config.api.serializers import RunAcceptedSerializer
from config.api.viewsets import ReadOnlyViewSet
from library.models import Book, Gap, GapReason

DECISIONS_SHOWN = 50


def wanted_books() -> QuerySet[Book]:
    """Books with an open gap that is wanted, with how their search goes."""
    gaps = Gap.objects.wanted().filter(book=OuterRef("pk"))
    return (
        Book.objects.active()
        .filter(Exists(gaps))
        .annotate(
            last_searched_at=F("search_state__last_searched_at"),
            next_search_at=F("search_state__next_search_at"),
            search_count=F("search_state__search_count"),
            last_outcome=F("search_state__last_outcome"),
            is_on_its_way=Exists(DownloadBook.objects.filter(book=OuterRef("pk"), is_active=True)),
        )
        .prefetch_related(
            "authors", Prefetch("gaps", Gap.objects.wanted().select_related("series"), to_attr="wanted_gaps")
        )
    )


class WantedFilters(django_filters.FilterSet):
    series = IdFilter(method="in_series", help_text="An id.")
    author = IdFilter(method="by_author", help_text="An id.")
    reason = django_filters.ChoiceFilter(choices=GapReason.choices, method="for_reason")
    is_on_its_way = FlagFilter(help_text="A download of it is under way.")
    is_due = FlagFilter(method="due", help_text="The next search by itself takes it.")

    def in_series(self, rows: QuerySet[Book], name: str, value: Any) -> QuerySet[Book]:
        return rows.filter(Exists(Gap.objects.wanted().filter(book=OuterRef("pk"), series=value)))

    def by_author(self, rows: QuerySet[Book], name: str, value: Any) -> QuerySet[Book]:
        return rows.filter(book_authors__author=value)

    def for_reason(self, rows: QuerySet[Book], name: str, value: str) -> QuerySet[Book]:
        return rows.filter(Exists(Gap.objects.wanted().filter(book=OuterRef("pk"), reason=value)))

    def due(self, rows: QuerySet[Book], name: str, value: bool) -> QuerySet[Book]:
        now = timezone.now()
        waits = Q(next_search_at__gt=now) | Q(is_on_its_way=True) | Q(release_date__gt=now.date())
        # Negated in Python's sense: a book that was never searched has no time to wait for.
        is_waiting = Q(pk__in=rows.filter(waits).values("pk"))
        return rows.exclude(is_waiting) if value else rows.filter(is_waiting)


class WantedGapSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    series_id = serializers.IntegerField(allow_null=True)
    series = serializers.CharField(allow_null=True)
    position = serializers.CharField(allow_blank=True)
    reason = serializers.CharField()
    explanation = serializers.CharField()
    opened_at = serializers.DateTimeField()


class WantedSerializer(serializers.ModelSerializer[Book]):
    authors = serializers.SerializerMethodField()
    gaps = serializers.SerializerMethodField(help_text="Where it is missing.")
    is_on_its_way = serializers.BooleanField(read_only=True)
    search_count = serializers.SerializerMethodField()
    last_searched_at = serializers.DateTimeField(read_only=True, allow_null=True)
    next_search_at = serializers.DateTimeField(read_only=True, allow_null=True)
    last_outcome = serializers.SerializerMethodField(help_text="Why it is not here yet; empty before the first search.")

    class Meta:
        model = Book
        fields = (
            "id", "title", "authors", "language", "release_date", "gaps", "is_on_its_way", "search_count",
            "last_searched_at", "next_search_at", "last_outcome",
        )  # fmt: skip
        read_only_fields = fields

    def get_search_count(self, book: Any) -> int:
        return book.search_count or 0

    def get_last_outcome(self, book: Any) -> str:
        return book.last_outcome or ""

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_authors(self, book: Book) -> list[str]:
        return [author.name for author in book.authors.all()]

    @extend_schema_field(WantedGapSerializer(many=True))
    def get_gaps(self, book: Any) -> Any:
        return [
            {
                "id": gap.pk,
                "series_id": gap.series_id,
                "series": gap.series.name if gap.series else None,
                "position": gap.position,
                "reason": gap.reason,
                "explanation": gap.explanation,
                "opened_at": gap.opened_at,
            }
            for gap in book.wanted_gaps
        ]


class ProfileFieldSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    value = serializers.JSONField()
    source = serializers.CharField(help_text="`default`, or the library or series that differs.")


class WantedDetailSerializer(WantedSerializer):
    decisions = serializers.SerializerMethodField(help_text=f"The last {DECISIONS_SHOWN}, newest first.")

    profile = serializers.SerializerMethodField(help_text="What is wanted of a release, and who said so.")

    class Meta(WantedSerializer.Meta):
        fields = (*WantedSerializer.Meta.fields, "profile", "decisions")
        read_only_fields = fields

    @extend_schema_field(ProfileFieldSerializer(many=True))
    def get_profile(self, book: Book) -> Any:
        return profile_rows(profiles_of([book])[book.pk])

    @extend_schema_field(DecisionSerializer(many=True))
    def get_decisions(self, book: Book) -> Any:
        rows = book.decisions.select_related("book", "overruled_by").order_by("-created_at", "-pk")[:DECISIONS_SHOWN]
        return DecisionSerializer(rows, many=True).data


class WantedViewSet(ReadOnlyViewSet):
    """Wanted books; the id is that of the book."""

    queryset = Book.objects.none()
    serializer_class = WantedSerializer
    filterset_class = WantedFilters
    ordering_fields = {
        "title": "title",
        "release_date": "release_date",
        "last_searched_at": "last_searched_at",
        "next_search_at": "next_search_at",
    }
    ordering = ("title",)
    answers = {"retrieve": WantedDetailSerializer, "search": RunAcceptedSerializer}
    statuses = {"search": 202}
    tiers = {"search": "download"}
    resource = "wanted book"

    def get_queryset(self) -> QuerySet[Book]:
        return wanted_books()

    @action(detail=True, methods=["post"])
    def search(self, request: Request, pk: int) -> Response:
        """Search for it now, and queue the best accepted release."""
        return self.accepted(acquire_books(books=[self.get_object()], user=request.user))
