"""The report: every catalogued book that is not plainly on the shelf, with the reason why."""

from django.db import models

from config.constraints import known_values
from library.models.book import Book
from library.models.people import Author
from library.models.series import Series, SeriesEntry


class EntryClass(models.TextChoices):
    """What an entry of a series is. By default only main entries count."""

    MAIN = "main"
    NOVELLA = "novella"
    RANGE = "range"
    PART = "part"
    TRANSLATION = "translation"
    UPCOMING = "upcoming"
    GUIDE = "guide"
    UNNUMBERED = "unnumbered"


class GapReason(models.TextChoices):
    """Why the row is there. Rows that do not count are shown, so that nothing is hidden."""

    MISSING = "missing"
    COVERED = "covered"
    UPCOMING = "upcoming"
    OTHER_LANGUAGE = "other_language"
    ABRIDGED_ONLY = "abridged_only"
    DRAMATISED_ONLY = "dramatised_only"
    NOT_DRAMATISED = "not_dramatised"
    OTHER_NARRATOR = "other_narrator"
    EXCLUDED = "excluded"
    NOT_FOLLOWED = "not_followed"
    NO_POSITION = "no_position"
    UNCLEAR = "unclear"


class GapQuerySet(models.QuerySet["Gap"]):
    def open(self) -> "GapQuerySet":
        return self.filter(closed_at=None)

    def wanted(self) -> "GapQuerySet":
        """Open, and asked for by a follow rule or a user."""
        return self.open().filter(is_wanted=True)


class Gap(models.Model):
    """One row. `counts`: it lowers the completion. `is_wanted`: it is searched for.

    A row is opened once and closed once; the same book missing again later opens another.
    """

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="gaps")
    series = models.ForeignKey(Series, null=True, blank=True, on_delete=models.CASCADE, related_name="gaps")
    author = models.ForeignKey(Author, null=True, blank=True, on_delete=models.CASCADE, related_name="gaps")
    entry = models.ForeignKey(SeriesEntry, null=True, blank=True, on_delete=models.SET_NULL, related_name="gaps")
    position = models.CharField(max_length=100, blank=True)
    position_first = models.DecimalField(max_digits=10, decimal_places=4, null=True, blank=True)
    entry_class = models.CharField(max_length=20, choices=EntryClass.choices)
    reason = models.CharField(max_length=20, choices=GapReason.choices)
    explanation = models.CharField(max_length=500, help_text="The reason in words.")
    counts = models.BooleanField(default=False)
    is_wanted = models.BooleanField(default=False)
    covered_by = models.ForeignKey(Book, null=True, blank=True, on_delete=models.SET_NULL, related_name="covers_gaps")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.CharField(max_length=200, blank=True)

    objects = GapQuerySet.as_manager()

    class Meta:
        ordering = ["series_id", "position_first", "id"]
        indexes = [
            models.Index(fields=["closed_at", "counts", "reason"], name="gap_report"),
            models.Index(fields=["series", "closed_at"], name="gap_of_series"),
            models.Index(fields=["author", "closed_at"], name="gap_of_author"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["book", "series"],
                condition=models.Q(closed_at=None, series__isnull=False),
                name="gap_open_once_in_series",
            ),
            models.UniqueConstraint(
                fields=["book"], condition=models.Q(closed_at=None, series__isnull=True), name="gap_open_once_alone"
            ),
            known_values("gap", "entry_class", EntryClass.values),
            known_values("gap", "reason", GapReason.values),
        ]

    def __str__(self) -> str:
        return f"{self.explanation} (book {self.book_id})"


class GapAnalysis(models.Model):
    """One analysis with its figures."""

    run = models.ForeignKey("scheduling.Run", null=True, blank=True, on_delete=models.SET_NULL)
    scope = models.JSONField(default=dict, blank=True)
    stats = models.JSONField(default=dict)
    opened_count = models.PositiveIntegerField(default=0)
    closed_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "gap analyses"

    def __str__(self) -> str:
        return f"analysis of {self.created_at:%Y-%m-%d %H:%M}"
