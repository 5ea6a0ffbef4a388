"""Release profiles of their own, for libraries that want something else than the general one."""

from django.db import models


class ReleaseProfile(models.Model):
    """What differs from the general release profile. A library root names it (`LibraryRoot.profile`)."""

    name = models.CharField(max_length=60, unique=True)
    values = models.JSONField(default=dict, blank=True, help_text='Only what differs: {"formats": ["mp3"]}.')
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
