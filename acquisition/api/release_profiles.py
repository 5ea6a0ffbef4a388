"""`/api/release-profiles/`: what single libraries want differently of a release."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from acquisition.api.settings import QualityRulesInput
from acquisition.models import ReleaseProfile
from acquisition.services.profiles import attach_roots, remove_profile, save_profile
from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet
from library.models import LibraryRoot


class ProfileValues(QualityRulesInput):
    """The fields of the release profile, each only where it differs from the general one."""

    name = None


class ReleaseProfileSerializer(serializers.ModelSerializer[ReleaseProfile]):
    values = serializers.JSONField(read_only=True, help_text="What differs from the general profile.")
    roots = serializers.SerializerMethodField(help_text="The ids of the library roots that go by it.")

    class Meta:
        model = ReleaseProfile
        fields = ("id", "name", "values", "roots", "changed_at")
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_roots(self, row: ReleaseProfile) -> list[int]:
        return list(getattr(row, "root_ids", ()))


class ReleaseProfileInput(StrictSerializer):
    name = serializers.CharField(max_length=60)
    values = ProfileValues(required=False)
    roots = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=1000,
        required=False,
        help_text="Exactly these library roots go by it from now on.",
    )

    def validate_roots(self, ids: list[int]) -> list[LibraryRoot]:
        rows = LibraryRoot.objects.in_bulk(ids)
        if missing := [pk for pk in ids if pk not in rows]:
            raise serializers.ValidationError(f"There is no library root {missing[0]}.", code="does_not_exist")
        return list(rows.values())


class ReleaseProfileViewSet(CrudViewSet):
    """Release profiles of single libraries. The general one is at `/api/system/quality/rules/`."""

    queryset = ReleaseProfile.objects.all()
    serializer_class = ReleaseProfileSerializer
    inputs = {"create": ReleaseProfileInput, "update": ReleaseProfileInput}
    access = dict.fromkeys(("create", "update", "destroy"), "admin")
    tiers = dict.fromkeys(("create", "update", "destroy"), "admin")
    ordering_fields = ("name", "changed_at")
    ordering = ("name",)
    resource = "release profile"

    def present(self, value: Any, *, many: bool = False) -> Any:
        rows = list(value) if many else [value]
        attach_roots([row for row in rows if isinstance(row, ReleaseProfile)])
        return super().present(rows if many else value, many=many)

    def create_row(self, data: dict[str, Any]) -> ReleaseProfile:
        return save_profile(row=ReleaseProfile(), **{"values": {}, **data}, user=self.request.user)

    def change_row(self, row: ReleaseProfile, data: dict[str, Any]) -> ReleaseProfile:
        return save_profile(row=row, **data, user=self.request.user)

    def remove_row(self, row: ReleaseProfile) -> None:
        remove_profile(row=row, user=self.request.user)
