"""`/api/admin/audit-logs/`: who did what, newest first."""

import django_filters
from rest_framework import serializers

from accounts.api.base import AccountsView
from accounts.models import AuditEntry
from config.api.viewsets import ReadOnlyViewSet


class AuditSerializer(serializers.ModelSerializer[AuditEntry]):
    actor_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="Null when the user is gone.")

    class Meta:
        model = AuditEntry
        fields = (
            "id", "at", "actor_id", "actor_name", "action", "target_type", "target_id", "target_name", "detail",
            "address", "request_id",
        )  # fmt: skip
        read_only_fields = fields


class AuditFilters(django_filters.FilterSet):
    actor = django_filters.CharFilter(field_name="actor_name")
    action = django_filters.CharFilter(help_text="Such as `login.failed`.")
    target_type = django_filters.CharFilter()
    target_id = django_filters.CharFilter()
    request_id = django_filters.CharFilter()
    address = django_filters.CharFilter()
    after = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    before = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")


class AuditViewSet(AccountsView, ReadOnlyViewSet):
    """The audit trail. It cannot be changed."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditSerializer
    access = {"list": "admin", "retrieve": "admin"}
    filterset_class = AuditFilters
    ordering_fields = ("at", "action", "actor_name")
    ordering = ("-at",)
