"""What providers said, the corrections that came of it, and the settings that users change at run time."""

from django.db import models

from config.constraints import known_values
from library.models.book import Book


class RecordKind(models.TextChoices):
    BOOK = "book"
    SERIES = "series"
    AUTHOR = "author"


class CatalogueRecord(models.Model):
    """A provider's own words. Every screen works from it, with its age shown; it is kept when the provider is gone."""

    provider = models.CharField(max_length=40)
    kind = models.CharField(max_length=20, choices=RecordKind.choices)
    provider_id = models.CharField(max_length=200)
    region = models.CharField(max_length=5, blank=True)
    title = models.CharField(max_length=500, blank=True)
    payload = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, blank=True)
    book = models.ForeignKey(Book, null=True, blank=True, on_delete=models.SET_NULL, related_name="catalogue_records")
    fetched_at = models.DateTimeField(db_index=True)
    vanished_at = models.DateTimeField(null=True, blank=True, help_text="When it was first not found again.")
    vanished_count = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["provider", "kind", "provider_id"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "kind", "provider_id", "region"], name="catalogue_record_once"),
            known_values("catalogue_record", "kind", RecordKind.values),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.kind} {self.provider_id}"


class ProviderState(models.Model):
    """Health, back-off and budget of a catalogue provider."""

    name = models.CharField(max_length=40, unique=True)
    is_enabled = models.BooleanField(default=False)
    trust = models.PositiveSmallIntegerField(default=50, help_text="0 to 100: whose word wins.")
    settings = models.JSONField(default=dict, blank=True)
    secret = models.CharField(max_length=500, blank=True)
    failure_level = models.PositiveSmallIntegerField(default=0)
    paused_until = models.DateTimeField(null=True, blank=True)
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    daily_budget = models.PositiveIntegerField(null=True, blank=True)
    calls_today = models.PositiveIntegerField(default=0)
    calls_date = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["-trust", "name"]
        verbose_name = "catalogue provider"

    def __str__(self) -> str:
        return self.name


class Correction(models.Model):
    """One change of one field. It can be undone, alone or with its run."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="corrections")
    field = models.CharField(max_length=60)
    old = models.JSONField(null=True, blank=True)
    new = models.JSONField(null=True, blank=True)
    source = models.CharField(max_length=60)
    old_source = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    run = models.ForeignKey("scheduling.Run", null=True, blank=True, on_delete=models.SET_NULL)
    actor = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["book", "-created_at"], name="correction_of_book"),
            models.Index(fields=["source", "-created_at"], name="correction_by_source"),
        ]

    def __str__(self) -> str:
        return f"{self.field} of book {self.book_id} by {self.source}"


class Setting(models.Model):
    """A setting that was changed at run time; the defaults are in library.services.settings."""

    key = models.CharField(max_length=100, primary_key=True)
    value = models.JSONField(null=True)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key
