"""Releases, what we thought of them, and what is never to be grabbed again."""

from django.conf import settings
from django.db import models

from acquisition.models.services import Indexer
from library.models import Book


class Release(models.Model):
    """Something an indexer offers. `offer` holds the whole OfferedRelease (acquisition.domain.facts); download
    addresses in it may carry keys and are never shown."""

    indexer = models.ForeignKey(Indexer, on_delete=models.CASCADE, related_name="releases")
    guid = models.CharField(max_length=500)
    title = models.CharField(max_length=1000)
    infohash = models.CharField(max_length=64, blank=True, db_index=True)
    protocol = models.CharField(max_length=20, default="torrent")
    format = models.CharField(max_length=20, blank=True)
    bitrate_kbps = models.PositiveIntegerField(null=True, blank=True)
    language = models.CharField(max_length=20, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    seeders = models.PositiveIntegerField(null=True, blank=True)
    is_free = models.BooleanField(default=False)
    info_url = models.CharField(max_length=1000, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    offer = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["indexer", "guid"], name="release_once_per_indexer")]

    def __str__(self) -> str:
        return self.title


class SearchState(models.Model):
    """How the search for one book goes: intervals grow, the least recently searched comes first."""

    book = models.OneToOneField(Book, on_delete=models.CASCADE, related_name="search_state")
    search_count = models.PositiveIntegerField(default=0)
    last_searched_at = models.DateTimeField(null=True, blank=True)
    next_search_at = models.DateTimeField(null=True, blank=True, db_index=True)
    last_outcome = models.CharField(max_length=300, blank=True, help_text="Why it is not here yet.")
    next_step = models.PositiveSmallIntegerField(default=0, help_text="How much of its query plan is asked already.")
    asked = models.JSONField(
        default=dict, blank=True, editable=False, help_text="By indexer: how often it was asked by itself, and when."
    )
    grabs_today = models.PositiveSmallIntegerField(default=0)
    grabs_date = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["last_searched_at", "id"]

    def __str__(self) -> str:
        return f"search for book {self.book_id}"


class Decision(models.Model):
    """What we thought of a release for a book. `reasons`: [{code, message, permanent}]; `order` explains the rank."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="decisions")
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.SET_NULL, related_name="decisions")
    release_title = models.CharField(max_length=1000)
    indexer_name = models.CharField(max_length=100, blank=True)
    run = models.ForeignKey("scheduling.Run", null=True, blank=True, on_delete=models.SET_NULL)
    is_accepted = models.BooleanField()
    is_temporary = models.BooleanField(default=False, help_text="Rejected for now only.")
    rank = models.PositiveSmallIntegerField(null=True, blank=True, help_text="1 is the best of its search.")
    certainty = models.FloatField(null=True, blank=True)
    reasons = models.JSONField(default=list)
    order = models.JSONField(default=list)
    overruled_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    overruled_reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["book", "-created_at"], name="decision_of_book")]

    def __str__(self) -> str:
        return f"{'accepted' if self.is_accepted else 'rejected'}: {self.release_title}"


class BlocklistEntry(models.Model):
    """A release that is at fault. Matches by infohash, by indexer and guid, or by title and size."""

    book = models.ForeignKey(Book, null=True, blank=True, on_delete=models.CASCADE, related_name="blocklist_entries")
    indexer = models.ForeignKey(Indexer, null=True, blank=True, on_delete=models.SET_NULL)
    guid = models.CharField(max_length=500, blank=True)
    infohash = models.CharField(max_length=64, blank=True, db_index=True)
    title = models.CharField(max_length=1000)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "blocklist entries"

    def __str__(self) -> str:
        return self.title
