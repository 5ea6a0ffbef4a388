"""`/api/blocklist/`: releases that are never to be grabbed again."""

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from acquisition.api.shapes import BookRefSerializer, book_ref
from acquisition.models import BlocklistEntry, Indexer, Release
from acquisition.services.blocklisting import add_to_blocklist
from config.api.filter_fields import BIGGEST_ID, IdFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import CreateMixin, DestroyMixin, ListMixin, ResourceViewSet, RetrieveMixin
from library.models import Book


class BlocklistFilters(django_filters.FilterSet):
    book = IdFilter(field_name="book_id", help_text="An id.")
    indexer = django_filters.CharFilter(field_name="indexer__name")
    infohash = django_filters.CharFilter(lookup_expr="iexact")
    title = django_filters.CharFilter(lookup_expr="icontains", help_text="A part of the title.")


class BlocklistSerializer(serializers.ModelSerializer[BlocklistEntry]):
    book = serializers.SerializerMethodField()
    indexer = serializers.CharField(source="indexer.name", default=None, allow_null=True, read_only=True)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True, read_only=True)

    class Meta:
        model = BlocklistEntry
        fields = (
            "id", "title", "book", "indexer", "guid", "infohash", "size_bytes", "reason", "created_by", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(BookRefSerializer(allow_null=True))
    def get_book(self, entry: BlocklistEntry) -> Any:
        return book_ref(entry.book) if entry.book else None


class BlocklistInput(StrictSerializer):
    """A known release by `release_id`, or an infohash, or an indexer and guid, or a title and size."""

    release_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)
    book_id = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False)
    title = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    indexer = serializers.CharField(max_length=100, required=False, help_text="The name of an indexer.")
    guid = serializers.CharField(max_length=500, required=False, allow_blank=True)
    infohash = serializers.CharField(max_length=64, required=False, allow_blank=True)
    size_bytes = serializers.IntegerField(min_value=1, max_value=BIGGEST_ID, required=False, allow_null=True)
    reason = serializers.CharField(max_length=500)

    def validate_release_id(self, identity: int) -> Release:
        return _existing(Release.objects.select_related("indexer"), "release", pk=identity)

    def validate_book_id(self, identity: int) -> Book:
        return _existing(Book.objects.all(), "book", pk=identity)

    def validate_indexer(self, name: str) -> Indexer:
        return _existing(Indexer.objects.all(), "indexer", name=name)


def _existing(rows: Any, what: str, **known: Any) -> Any:
    row = rows.filter(**known).first()
    if row is None:
        raise serializers.ValidationError(f"There is no {what} {next(iter(known.values()))}.", code="does_not_exist")
    return row


class BlocklistViewSet(ListMixin, RetrieveMixin, CreateMixin, DestroyMixin, ResourceViewSet):
    """The blocklist, newest first."""

    queryset = BlocklistEntry.objects.select_related("book", "indexer", "created_by")
    serializer_class = BlocklistSerializer
    inputs = {"create": BlocklistInput}
    filterset_class = BlocklistFilters
    ordering_fields = ("created_at", "title", "size_bytes")
    ordering = ("-created_at",)

    def create_row(self, data: dict[str, Any]) -> BlocklistEntry:
        renamed = {"release_id": "release", "book_id": "book"}
        values = {renamed.get(name, name): value for name, value in data.items()}
        return add_to_blocklist(**values, user=self.request.user)

    def remove_row(self, entry: BlocklistEntry) -> None:
        entry.delete()
