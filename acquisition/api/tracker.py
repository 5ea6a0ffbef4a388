"""`/api/system/compliance/ratio/` and `/event-monitor/`: the tracker's account. Figures are never made up."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from acquisition.services.tracker import check_events, last_account
from config.api.viewsets import OperationsViewSet


def null(kind: type[serializers.Field[Any, Any, Any, Any]], help_text: str = "") -> Any:
    return kind(allow_null=True, help_text=help_text)


class GuardSerializer(serializers.Serializer[Any]):
    """Below a ratio of 1.00 downloads stop; from 1.05 on they go on."""

    is_stopped = serializers.BooleanField()
    since = null(serializers.CharField)
    reason = serializers.CharField(allow_blank=True)


class AccountSerializer(serializers.Serializer[Any]):
    """The figures as the tracker gave them at `as_of`; null where it gave none, or where there is no account."""

    status = serializers.ChoiceField(
        choices=["ok", "not_configured", "never_read", "failed"], help_text="failed: the figures are older ones."
    )
    indexer = null(serializers.CharField)
    as_of = null(serializers.DateTimeField)
    username = null(serializers.CharField)
    member_class = null(serializers.CharField)
    ratio = null(serializers.FloatField)
    uploaded_bytes = null(serializers.IntegerField)
    downloaded_bytes = null(serializers.IntegerField)
    bonus_points = null(serializers.IntegerField)
    wedges = null(serializers.IntegerField, "Freeleech wedges.")
    vip_until = null(serializers.DateTimeField)
    unsatisfied_count = null(serializers.IntegerField, "Torrents that must still be seeded.")
    unsatisfied_limit = null(serializers.IntegerField)
    hit_and_run_count = null(serializers.IntegerField)
    is_connectable = null(serializers.BooleanField)
    guard = GuardSerializer(allow_null=True)
    last_error = serializers.CharField(allow_blank=True)


class TrackerEventsSerializer(serializers.Serializer[Any]):
    """What the newest uploads tell; null where nothing is known."""

    status = serializers.CharField()
    as_of = null(serializers.DateTimeField)
    is_freeleech = null(serializers.BooleanField, "Freeleech for everything.")
    free_share = null(serializers.FloatField, "0 to 1: of the newest uploads, how many are free.")
    account = AccountSerializer()


class TrackerViewSet(OperationsViewSet):
    """The tracker's account."""

    tiers = {"check_now": "admin"}
    answers = {"ratio": AccountSerializer, "check_now": TrackerEventsSerializer}

    @action(detail=False, url_path="compliance/ratio")
    def ratio(self, request: Request) -> Response:
        """Ratio, points, class and the guard's state, as they were last read; nobody is asked."""
        return Response(last_account().as_dict())

    @action(detail=False, methods=["post"], url_path="event-monitor/check-now")
    def check_now(self, request: Request) -> Response:
        """Ask the tracker for freeleech and for the account now; `not_configured` without one."""
        found = check_events(now=timezone.now())
        return Response({**found, "account": last_account().as_dict()})
