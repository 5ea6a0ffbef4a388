"""Series, and the places of books in them."""

from django.db import models

from config.constraints import known_values
from library.models.people import Author, CompletionFields, CompletionStatus, Follow


class Universe(models.Model):
    """A world that several series share."""

    name = models.CharField(max_length=500)
    name_key = models.CharField(max_length=500)

    class Meta:
        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["name_key"], name="universe_key_once")]

    def __str__(self) -> str:
        return self.name


class Series(CompletionFields):
    """An ordered line of books. Two authors may have a series of the same name, so the key is unique per author."""

    name = models.CharField(max_length=500)
    sort_name = models.CharField(max_length=500, blank=True)
    name_key = models.CharField(max_length=500, db_index=True)
    author = models.ForeignKey(Author, null=True, blank=True, on_delete=models.SET_NULL, related_name="series")
    universe = models.ForeignKey(Universe, null=True, blank=True, on_delete=models.SET_NULL, related_name="series")
    follow = models.CharField(max_length=20, choices=Follow.choices, default=Follow.NONE)
    followed_at = models.DateTimeField(null=True, blank=True)
    counts_novellas = models.BooleanField(null=True, blank=True, help_text="Empty: as the general setting says.")
    preference = models.JSONField(default=dict, blank=True, help_text="What differs from the general preference.")
    total_books = models.PositiveIntegerField(null=True, blank=True)
    identifiers = models.JSONField(default=dict, blank=True)
    catalogue_source = models.CharField(max_length=40, blank=True, help_text="The provider that lists its books.")
    catalogue_id = models.CharField(max_length=200, blank=True)
    catalogue_checked_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["sort_name", "id"]
        verbose_name_plural = "series"
        indexes = [
            models.Index(fields=["sort_name", "id"], name="series_sorted"),
            models.Index(fields=["completion_percentage", "id"], name="series_completion"),
            models.Index(fields=["catalogue_source", "catalogue_id"], name="series_catalogue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["name_key", "author"], condition=models.Q(author__isnull=False), name="series_once_per_author"
            ),
            models.UniqueConstraint(
                fields=["name_key"], condition=models.Q(author__isnull=True), name="series_once_without_author"
            ),
            known_values("series", "follow", Follow.values),
            known_values("series", "completion_status", CompletionStatus.values),
        ]

    def __str__(self) -> str:
        return self.name


class SeriesAlias(models.Model):
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=500)
    name_key = models.CharField(max_length=500, db_index=True)
    origin = models.CharField(max_length=20, default="user", help_text="user, merge or catalogue")

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "series aliases"
        constraints = [models.UniqueConstraint(fields=["series", "name_key"], name="series_alias_once")]

    def __str__(self) -> str:
        return self.name


class SeriesEntry(models.Model):
    """A book's place: `label` as printed, `positions` the canonical set (`2.5`, `1-3,5`), with its ends as numbers."""

    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="entries")
    book = models.ForeignKey("library.Book", on_delete=models.CASCADE, related_name="series_entries")
    label = models.CharField(max_length=100, blank=True)
    positions = models.CharField(max_length=200, blank=True)
    position_first = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    position_last = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    is_primary = models.BooleanField(default=True)
    source = models.CharField(max_length=40, default="library")
    is_locked = models.BooleanField(default=False, help_text="Set by a user; no refresh changes it.")
    vanished_at = models.DateTimeField(null=True, blank=True, help_text="When its provider first stopped naming it.")
    vanished_count = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["series_id", "position_first", "id"]
        verbose_name_plural = "series entries"
        indexes = [models.Index(fields=["series", "position_first", "id"], name="entry_in_order")]
        constraints = [
            models.UniqueConstraint(fields=["series", "book"], name="entry_once_per_book"),
            models.CheckConstraint(
                condition=models.Q(position_first__isnull=True)
                | models.Q(position_last__gte=models.F("position_first")),
                name="entry_ends_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or '–'} in {self.series_id}"


class Exclusion(models.Model):
    """A user's word that a book is not wanted. It always wins and is never asked again."""

    book = models.OneToOneField("library.Book", on_delete=models.CASCADE, related_name="exclusion")
    reason = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"book {self.book_id} is not wanted"
