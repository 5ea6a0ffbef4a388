"""`/api/prowlarr/`: Prowlarr servers, whose indexers are kept here."""

from typing import Any

from django.db.models import Count
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.api.service_fields import ServiceTestSerializer, address_field, tested
from acquisition.models import Prowlarr
from acquisition.services.prowlarr import check_prowlarr, remove_prowlarr, save_prowlarr, sync_prowlarr
from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet
from config.http import redact


class ProwlarrSerializer(serializers.ModelSerializer[Prowlarr]):
    url = serializers.SerializerMethodField()
    has_api_key = serializers.SerializerMethodField()
    indexer_count = serializers.IntegerField(read_only=True, default=0)
    last_error = serializers.SerializerMethodField()

    class Meta:
        model = Prowlarr
        fields = (
            "id", "name", "url", "has_api_key", "is_enabled", "indexer_count", "synced_at", "last_result", "version",
            "failure_level", "paused_until", "last_ok_at", "last_error", "last_error_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, row: Prowlarr) -> str:
        return redact(row.url)

    def get_has_api_key(self, row: Prowlarr) -> bool:
        return bool(row.api_key)

    def get_last_error(self, row: Prowlarr) -> str:
        return redact(row.last_error)


class ProwlarrInput(StrictSerializer):
    name = serializers.CharField(max_length=100)
    url = address_field()
    api_key = serializers.CharField(max_length=200, write_only=True)
    is_enabled = serializers.BooleanField(required=False)

    def validate_name(self, name: str) -> str:
        row = self.instance
        if Prowlarr.objects.filter(name=name).exclude(pk=getattr(row, "pk", None)).exists():
            raise serializers.ValidationError(f"The name {name} is taken.", code="unique")
        return name


class SyncSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    added = serializers.ListField(child=serializers.CharField())
    changed = serializers.ListField(child=serializers.CharField())
    switched_off = serializers.ListField(child=serializers.CharField())
    skipped = serializers.DictField(child=serializers.CharField(), help_text="By name: why it is not kept here.")


class ProwlarrViewSet(CrudViewSet):
    """Prowlarr servers."""

    queryset = Prowlarr.objects.annotate(indexer_count=Count("indexers"))
    serializer_class = ProwlarrSerializer
    inputs = {"create": ProwlarrInput, "update": ProwlarrInput}
    answers = {"test": ServiceTestSerializer, "sync": SyncSerializer}
    access = dict.fromkeys(("create", "update", "destroy", "test", "sync"), "admin")
    tiers = dict.fromkeys(("create", "update", "destroy", "test", "sync"), "admin")
    ordering_fields = ("name", "synced_at")
    ordering = ("name",)
    resource = "Prowlarr server"

    def create_row(self, data: dict[str, Any]) -> Prowlarr:
        return save_prowlarr(row=Prowlarr(), values=data, user=self.request.user)

    def change_row(self, row: Prowlarr, data: dict[str, Any]) -> Prowlarr:
        return save_prowlarr(row=row, values=data, user=self.request.user)

    def remove_row(self, row: Prowlarr) -> dict[str, Any]:
        return {"switched_off": list(remove_prowlarr(row=row, user=self.request.user))}

    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: int) -> Response:
        """Talk to it now, and say what works and what does not."""
        row = self.get_object()
        return self.answer(tested(lambda: check_prowlarr(row, now=timezone.now())))

    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: int) -> Response:
        """Bring the indexers here in line with those there, now."""
        result = sync_prowlarr(self.get_object(), now=timezone.now(), user=request.user)
        return self.answer({**vars(result), "message": result.sentence})
