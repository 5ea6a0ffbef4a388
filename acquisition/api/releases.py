"""`/api/releases/`: what the indexers offer, searching them by hand, and taking a release."""

from collections.abc import Iterable
from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.decisions import DecisionSerializer
from acquisition.api.downloads import DownloadDetailSerializer
from acquisition.models import Decision, Download, Release
from acquisition.services.asking import grab_decided
from acquisition.services.searching import search_book
from config.api.filter_fields import BIGGEST_ID, FlagFilter, IdFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import ReadOnlyViewSet
from config.errors import UnprocessableError
from config.http import redact, time_limit
from library.models import Book

# Proxies and browsers give up on an answer after 30 to 60 seconds.
SEARCH_SECONDS = 25.0


class ReleaseFilters(django_filters.FilterSet):
    book = IdFilter(method="found_for", help_text="Found for this book.")
    indexer = django_filters.CharFilter(field_name="indexer__name")
    format = django_filters.CharFilter(lookup_expr="iexact")
    language = django_filters.CharFilter(lookup_expr="iexact")
    is_free = FlagFilter()
    seen_after = django_filters.IsoDateTimeFilter(field_name="last_seen_at", lookup_expr="gte")

    def found_for(self, rows: QuerySet[Release], name: str, value: Any) -> QuerySet[Release]:
        return rows.filter(Exists(Decision.objects.filter(release=OuterRef("pk"), book=value)))


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A release without the addresses that it is fetched from: these may hold keys."""

    indexer = serializers.CharField(source="indexer.name", read_only=True)
    info_url = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField(
        help_text="The latest one, of the book that was asked for; null where there is none."
    )

    class Meta:
        model = Release
        fields = (
            "id", "indexer", "title", "protocol", "infohash", "format", "bitrate_kbps", "language", "size_bytes",
            "seeders", "is_free", "info_url", "published_at", "first_seen_at", "last_seen_at", "decision",
        )  # fmt: skip
        read_only_fields = fields

    def get_info_url(self, release: Release) -> str:
        return redact(release.info_url)

    @extend_schema_field(DecisionSerializer(allow_null=True))
    def get_decision(self, release: Any) -> Any:
        found = getattr(release, "latest_decision", None)
        return DecisionSerializer(found).data if found else None


class SearchInput(StrictSerializer):
    book_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID)

    def validate_book_id(self, identity: int) -> Book:
        return existing_book(identity)


class GrabInput(StrictSerializer):
    book_id = serializers.IntegerField(
        min_value=1, max_value=BIGGEST_ID, required=False, help_text="By default the book it was found for last."
    )
    reason = serializers.CharField(
        max_length=300, required=False, allow_blank=True, help_text="Needed for a release that was rejected."
    )

    def validate_book_id(self, identity: int) -> Book:
        return existing_book(identity)


def existing_book(identity: int) -> Book:
    book = Book.objects.active().filter(pk=identity).first()
    if book is None:
        raise serializers.ValidationError(f"No book has the id {identity}.", code="does_not_exist")
    return book


class SearchedSerializer(serializers.Serializer[Any]):
    book_id = serializers.IntegerField()
    outcome = serializers.CharField(help_text="The result in one sentence.")
    is_partial = serializers.BooleanField(
        help_text="The time was up before every indexer was asked everything; a wanted book can be searched for at length "
        "with POST /api/wanted/{id}/search/."
    )
    errors = serializers.ListField(child=serializers.CharField(), help_text="Which indexers gave no answer, and why.")
    decisions = DecisionSerializer(many=True, help_text="Best first, with every reason.")


class ReleaseViewSet(ReadOnlyViewSet):
    """Releases, the latest seen first."""

    queryset = Release.objects.select_related("indexer")
    serializer_class = ReleaseSerializer
    filterset_class = ReleaseFilters
    ordering_fields = ("last_seen_at", "published_at", "title", "size_bytes", "seeders", "bitrate_kbps")
    ordering = ("-last_seen_at",)
    answers = {"search": SearchedSerializer, "grab": DownloadDetailSerializer}
    inputs = {"search": SearchInput, "grab": GrabInput}
    statuses = {"grab": 201}
    tiers = {"search": "search", "grab": "download"}

    def present(self, value: Any, *, many: bool = False) -> Any:
        rows = list(value) if many else [value]
        if rows and isinstance(rows[0], Release):
            self._attach_decisions(rows)
        return super().present(rows if many else value, many=many)

    def _attach_decisions(self, releases: Iterable[Any]) -> None:
        """One query for all: of each release the latest decision."""
        by_id = {release.pk: release for release in releases}
        decisions = Decision.objects.filter(release_id__in=by_id).select_related("book", "overruled_by")
        asked = self.request.query_params.get("book", "")
        if asked.isdigit():
            decisions = decisions.filter(book_id=int(asked))
        for decision in decisions.order_by("created_at", "pk"):
            by_id[decision.release_id].latest_decision = decision

    @action(detail=False, methods=["post"])
    def search(self, request: Request) -> Response:
        """Ask every indexer for one book now, and judge all that they offer; nothing is taken. It answers in about 25
        seconds at the most, with what was found until then."""
        with time_limit(SEARCH_SECONDS):
            found = search_book(book=self.body["book_id"], now=timezone.now(), interactive=True)
        return Response(
            {
                "book_id": found.book.pk,
                "outcome": found.outcome,
                "is_partial": found.is_partial,
                "errors": found.errors,
                "decisions": DecisionSerializer(found.decisions, many=True).data,
            }
        )

    @action(detail=True, methods=["post"])
    def grab(self, request: Request, pk: int) -> Response:
        """Take this release for its book. One that was rejected needs a reason, which is kept with the decision."""
        release = self.get_object()
        decisions = Decision.objects.filter(release=release).select_related("book", "release__indexer")
        book = self.body.get("book_id")
        decision = (decisions.filter(book=book) if book else decisions).first()
        if decision is None:
            raise UnprocessableError(
                "Nobody has judged this release for a book yet. Search for the book first, or queue it with "
                "POST /api/downloads/.",
                context={"release": release.pk},
            )
        reason = self.body.get("reason", "")
        download = grab_decided(decision=decision, reason=reason, user=request.user, now=timezone.now())
        shown = Download.objects.select_related("client", "created_by", "release__indexer").get(pk=download.pk)
        return self.answer(shown, headers={"Location": f"/api/downloads/{download.pk}/"})
