"""Which authors and which series were joined, and how to part them again."""

from django.conf import settings
from django.db import models

from config.constraints import known_values


class MergeKind(models.TextChoices):
    AUTHOR = "author"
    SERIES = "series"


class Merge(models.Model):
    """One joining of two rows. `moved` says what went over, so that it can go back.

    An undone merge is kept: it is a person's word that the two are not one, and no refresh joins them again.
    """

    kind = models.CharField(max_length=10, choices=MergeKind.choices)
    kept_id = models.BigIntegerField(db_index=True)
    gone_id = models.BigIntegerField(db_index=True)
    moved = models.JSONField(default=dict, blank=True)
    origin = models.CharField(max_length=20, default="user", help_text="user or catalogue")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="children")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            known_values("merge", "kind", MergeKind.values),
            models.UniqueConstraint(
                fields=["kind", "gone_id"], condition=models.Q(undone_at=None), name="merge_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.gone_id} into {self.kept_id}"
