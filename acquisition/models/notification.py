"""What people were told, so that nobody is told twice."""

import datetime

from django.db import models

from config.constraints import known_values


class NotificationStatus(models.TextChoices):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class NotificationQuerySet(models.QuerySet["Notification"]):
    def due(self, *, now: datetime.datetime) -> "NotificationQuerySet":
        return self.filter(status=NotificationStatus.PENDING, next_try_at__lte=now)


class Notification(models.Model):
    """One fact for one address. `key` names the fact; `target` is a digest of the address, which is a secret."""

    key = models.CharField(max_length=200)
    target = models.CharField(max_length=64)
    event = models.CharField(max_length=40)
    title = models.CharField(max_length=200)
    body = models.TextField()
    status = models.CharField(
        max_length=20, choices=NotificationStatus.choices, default=NotificationStatus.PENDING.value
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["status", "next_try_at"], name="notification_due")]
        constraints = [
            models.UniqueConstraint(fields=["key", "target"], name="notification_once_per_fact"),
            known_values("notification", "status", NotificationStatus.values),
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.title}"
