"""Authors and narrators: persons under a name."""

from django.db import models

from config.constraints import known_values


class Follow(models.TextChoices):
    """Which new books of a series or author become wanted."""

    NONE = "none"
    ALL = "all"
    FROM_NOW = "from_now"


class CompletionStatus(models.TextChoices):
    COMPLETE = "complete"
    PARTIAL = "partial"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"


class CompletionFields(models.Model):
    """Maintained figures: written by the change that affects them (library.services.completion), never by a clock."""

    owned_count = models.PositiveIntegerField(default=0)
    counted_count = models.PositiveIntegerField(default=0, help_text="Books that count towards completion.")
    covered_count = models.PositiveIntegerField(default=0)
    missing_count = models.PositiveIntegerField(default=0)
    completion_percentage = models.PositiveSmallIntegerField(null=True, blank=True)
    completion_status = models.CharField(
        max_length=20, choices=CompletionStatus.choices, default=CompletionStatus.UNKNOWN
    )
    completion_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class Author(CompletionFields):
    name = models.CharField(max_length=500)
    sort_name = models.CharField(max_length=500, blank=True)
    name_key = models.CharField(max_length=500, help_text="Normalised name; one author per key.")
    follow = models.CharField(max_length=20, choices=Follow.choices, default=Follow.NONE)
    followed_at = models.DateTimeField(null=True, blank=True)
    is_favorite = models.BooleanField(default=False)
    total_books = models.PositiveIntegerField(null=True, blank=True, help_text="As said by a user or a provider.")
    identifiers = models.JSONField(default=dict, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="merged")
    catalogue_checked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["sort_name", "id"]
        indexes = [
            models.Index(fields=["sort_name", "id"], name="author_sorted"),
            models.Index(fields=["completion_status", "completion_percentage", "id"], name="author_completion"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["name_key"], name="author_key_once"),
            known_values("author", "follow", Follow.values),
            known_values("author", "completion_status", CompletionStatus.values),
        ]

    def __str__(self) -> str:
        return self.name


class AuthorAlias(models.Model):
    """Another name of an author: a pen name, other initials, or the name of one that was merged."""

    author = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=500)
    name_key = models.CharField(max_length=500)
    origin = models.CharField(max_length=20, default="user", help_text="user, merge or catalogue")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "author aliases"
        constraints = [models.UniqueConstraint(fields=["name_key"], name="author_alias_key_once")]

    def __str__(self) -> str:
        return f"{self.name} = {self.author_id}"


class Narrator(models.Model):
    name = models.CharField(max_length=500)
    sort_name = models.CharField(max_length=500, blank=True)
    name_key = models.CharField(max_length=500)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["sort_name", "id"]
        constraints = [models.UniqueConstraint(fields=["name_key"], name="narrator_key_once")]

    def __str__(self) -> str:
        return self.name


__all__ = ["Author", "AuthorAlias", "CompletionFields", "CompletionStatus", "Follow", "Narrator"]
