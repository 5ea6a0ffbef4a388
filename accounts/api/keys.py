"""`/api/admin/keys/`: one's own API keys; an admin sees and makes those of all."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import AccountsView
from accounts.models import ApiKey, Role, User
from accounts.services.keys import create_key, revoke_key
from config.api.filter_fields import FlagFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import CreateMixin, DestroyMixin, ListMixin, ResourceViewSet, RetrieveMixin
from config.errors import ForbiddenError, ValidationError


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    user = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = ApiKey
        fields = (
            "id", "name", "prefix", "user", "is_read_only", "expires_at", "last_used_at", "revoked_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class NewKeySerializer(KeySerializer):
    key = serializers.CharField(read_only=True, help_text="The key itself. It is shown only now.")

    class Meta(KeySerializer.Meta):
        fields = (*KeySerializer.Meta.fields, "key")
        read_only_fields = fields


class KeyInput(StrictSerializer):
    name = serializers.CharField(max_length=100, help_text="What the key is for.")
    is_read_only = serializers.BooleanField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    user = serializers.CharField(max_length=150, required=False, help_text="For whom; only an admin may name another.")


class KeyFilters(django_filters.FilterSet):
    user = django_filters.CharFilter(field_name="user__username")
    is_read_only = FlagFilter()
    is_revoked = FlagFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)


class KeyViewSet(AccountsView, ListMixin, RetrieveMixin, CreateMixin, DestroyMixin, ResourceViewSet):
    """API keys. A key acts with the role of its user."""

    queryset = ApiKey.objects.select_related("user")
    serializer_class = KeySerializer
    access = {"create": "viewer", "destroy": "viewer"}
    inputs = {"create": KeyInput}
    answers = {"create": NewKeySerializer}
    filterset_class = KeyFilters
    ordering_fields = ("created_at", "last_used_at", "expires_at", "name")
    ordering = ("-created_at",)

    def get_queryset(self) -> QuerySet[ApiKey]:
        rows = ApiKey.objects.select_related("user")
        user: Any = self.request.user
        return rows if user.has_role(Role.ADMIN) else rows.filter(user=user)

    def create_row(self, data: dict[str, Any]) -> ApiKey:
        owner = self._owner(data.pop("user", None))
        row, text = create_key(user=owner, **data, now=timezone.now(), actor=self.request.user)
        row.key = text  # type: ignore[attr-defined]
        return row

    def reread(self, row: ApiKey) -> ApiKey:
        return row  # read again, it would have lost its key

    def _owner(self, name: str | None) -> User:
        user: Any = self.request.user
        if name is None or name == user.username:
            return user  # type: ignore[no-any-return]
        if not user.has_role(Role.ADMIN):
            raise ForbiddenError("Only an admin may make keys for others.", code="insufficient_permissions")
        found = User.objects.filter(username=name).first()
        if found is None:
            raise ValidationError(f"There is no user named {name}.", fields={"user": "is not known"})
        return found

    def remove_row(self, row: ApiKey) -> None:
        revoke_key(key=row, now=timezone.now(), actor=self.request.user)

    def destroy(self, request: Request, pk: int) -> Response:
        """Revoke the key at once; its row stays, so that the trail of its use does."""
        row = self.get_object()
        self.remove_row(row)
        return self.answer(row)
