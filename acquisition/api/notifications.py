"""`/api/system/notifications/`: where people are told, and of what."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.services.audit import record
from acquisition.domain.notices import EVENTS
from acquisition.services.notifications import change_notifications, notification_settings, send_test
from config.api.schema import with_changes
from config.api.serializers import StrictSerializer
from config.api.viewsets import OperationsViewSet


class NotificationsSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=["ok", "not_configured"])
    urls = serializers.ListField(child=serializers.CharField(), help_text="Masked.")
    events = serializers.ListField(child=serializers.CharField())
    known_events = serializers.DictField(child=serializers.CharField(), help_text="What there is to be told of.")


class NotificationsInput(StrictSerializer):
    needs_a_field = True
    urls = serializers.ListField(
        child=serializers.CharField(max_length=200),
        max_length=100,
        required=False,
        help_text="Addresses of Apprise; a masked one keeps what is stored at its place.",
    )
    events = serializers.ListField(child=serializers.ChoiceField(sorted(EVENTS)), max_length=100, required=False)


class TargetSerializer(serializers.Serializer[Any]):
    address = serializers.CharField(help_text="Masked.")
    is_ok = serializers.BooleanField()
    message = serializers.CharField()


class NotificationTestSerializer(serializers.Serializer[Any]):
    is_ok = serializers.BooleanField(help_text="Whether every address took it.")
    targets = TargetSerializer(many=True)
    as_of = serializers.DateTimeField()


class NotificationsViewSet(OperationsViewSet):
    """Notifications."""

    tier = "admin"
    access = dict.fromkeys(("notifications", "change_notifications", "test_notifications"), "admin")
    inputs = {"change_notifications": NotificationsInput}
    answers = {
        "notifications": NotificationsSerializer,
        "change_notifications": with_changes(NotificationsSerializer),
        "test_notifications": NotificationTestSerializer,
    }

    @action(detail=False)
    def notifications(self, request: Request) -> Response:
        """Where notifications go, masked, and on which events."""
        return self.answer(_shown())

    @notifications.mapping.put
    def change_notifications(self, request: Request) -> Response:
        """Set the addresses, the events, or both."""
        values = self.body
        before = _shown()
        change_notifications(**values, user=request.user)
        after = _shown()
        changes = {name: {"old": before[name], "new": after[name]} for name in values if before[name] != after[name]}
        if changes:
            record("notifications.changed", actor=request.user, detail=changes)
        return self.answer({**after, "changes_made": changes})

    @action(detail=False, methods=["post"], url_path="notifications/test")
    def test_notifications(self, request: Request) -> Response:
        """Send a test to every address now, and say which of them took it."""
        now = timezone.now()
        found = [asdict(result) for result in send_test(now=now)]
        return self.answer({"is_ok": all(row["is_ok"] for row in found), "targets": found, "as_of": now})


def _shown() -> dict[str, Any]:
    values = asdict(notification_settings())
    return {"state": "ok" if values["urls"] else "not_configured", **values}
