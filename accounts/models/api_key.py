"""API keys: stored hashed, shown once, found by their prefix."""

import datetime

from django.db import models
from django.db.models.expressions import Combinable

from accounts.models.user import User


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, *, now: "datetime.datetime | Combinable") -> "ApiKeyQuerySet":
        """Not revoked, not expired, of an active user."""
        return self.filter(revoked_at=None, user__is_active=True).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        )


class ApiKey(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, help_text="What the key is for.")
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    is_read_only = models.BooleanField(default=False, help_text="Only GET requests are allowed.")
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
