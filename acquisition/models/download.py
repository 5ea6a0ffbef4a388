"""Downloads, their events, and the journal of imports."""

import datetime

from django.conf import settings
from django.db import models

from acquisition.domain.states import ACTIVE, IN_CLIENT, DownloadState
from acquisition.models.release import Release
from acquisition.models.services import DownloadClient
from config.constraints import known_values
from library.models import Book, Copy, LibraryRoot

STATE_CHOICES = [(state.value, state.value) for state in DownloadState]


class DownloadQuerySet(models.QuerySet["Download"]):
    def active(self) -> "DownloadQuerySet":
        return self.filter(status__in=[s.value for s in ACTIVE])

    def in_client(self) -> "DownloadQuerySet":
        return self.filter(status__in=[s.value for s in IN_CLIENT])

    def retry_due(self, *, now: datetime.datetime) -> "DownloadQuerySet":
        return self.filter(status=DownloadState.FAILED, next_retry_at__lte=now)


class Download(models.Model):
    """One attempt to obtain one or more books.

    `tag` is bound to the row before the client is called and finds the download in the client after any crash.
    """

    title = models.CharField(max_length=1000)
    author = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=100, help_text="An indexer's name, or manual.")
    status = models.CharField(max_length=20, choices=STATE_CHOICES, default=DownloadState.QUEUED.value)
    books = models.ManyToManyField(Book, through="acquisition.DownloadBook", related_name="downloads")
    release = models.ForeignKey(Release, null=True, blank=True, on_delete=models.SET_NULL, related_name="downloads")
    client = models.ForeignKey(
        DownloadClient, null=True, blank=True, on_delete=models.PROTECT, related_name="downloads"
    )
    tag = models.CharField(max_length=60, unique=True)
    client_ref = models.CharField(max_length=100, blank=True, db_index=True)
    infohash = models.CharField(max_length=64, blank=True, db_index=True)
    payload = models.JSONField(default=dict, blank=True, help_text="Magnet, torrent or file addresses. Never shown.")
    progress = models.FloatField(default=0)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    downloaded_bytes = models.BigIntegerField(null=True, blank=True)
    speed_bytes = models.BigIntegerField(default=0)
    eta_seconds = models.PositiveIntegerField(null=True, blank=True)
    client_state = models.CharField(max_length=30, blank=True)
    content_path = models.CharField(max_length=2000, blank=True, help_text="As the client says it.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Failed attempts so far.")
    max_retries = models.PositiveSmallIntegerField(default=3)
    next_retry_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=1000, blank=True)
    overrules = models.JSONField(default=list, blank=True, help_text="Import checks that a person overruled.")
    preview = models.JSONField(
        default=dict, blank=True, editable=False, help_text="What its import would do, as of the last look."
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    status_at = models.DateTimeField()
    grabbed_at = models.DateTimeField(null=True, blank=True)
    progressed_at = models.DateTimeField(null=True, blank=True, help_text="When it last moved on.")
    completed_at = models.DateTimeField(null=True, blank=True)
    imported_at = models.DateTimeField(null=True, blank=True)
    removed_from_client_at = models.DateTimeField(null=True, blank=True)

    objects = DownloadQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["status", "-created_at"], name="download_status"),
            models.Index(fields=["status", "next_retry_at"], name="download_retry"),
        ]
        constraints = [known_values("download", "status", [s.value for s in DownloadState])]

    def __str__(self) -> str:
        return self.title


class DownloadBook(models.Model):
    """A book that a download is for. `is_active` mirrors the download's state: never two active ones for a book."""

    download = models.ForeignKey(Download, on_delete=models.CASCADE, related_name="download_books")
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="download_books")
    files = models.JSONField(default=list, blank=True, help_text="The files of a pack that are this book; empty: all.")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["download_id", "id"]
        constraints = [
            models.UniqueConstraint(fields=["download", "book"], name="download_book_once"),
            models.UniqueConstraint(
                fields=["book"], condition=models.Q(is_active=True), name="book_one_active_download"
            ),
        ]

    def __str__(self) -> str:
        return f"book {self.book_id} of download {self.download_id}"


class DownloadEvent(models.Model):
    download = models.ForeignKey(Download, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, default="system")
    old_status = models.CharField(max_length=20, blank=True)
    new_status = models.CharField(max_length=20, blank=True)
    code = models.CharField(max_length=60, blank=True)
    message = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.old_status} → {self.new_status}: {self.message}"


class ImportStatus(models.TextChoices):
    PLACING = "placing"
    PLACED = "placed"
    COMMITTED = "committed"
    UNDOING = "undoing"
    UNDONE = "undone"
    FAILED = "failed"


class ImportRecord(models.Model):
    """The journal of filing one book: written before the disk is touched, so that every crash can be recovered."""

    download = models.ForeignKey(Download, null=True, blank=True, on_delete=models.SET_NULL, related_name="imports")
    book = models.ForeignKey(Book, null=True, blank=True, on_delete=models.SET_NULL, related_name="imports")
    root = models.ForeignKey(LibraryRoot, on_delete=models.PROTECT, related_name="imports")
    copy = models.ForeignKey(Copy, null=True, blank=True, on_delete=models.SET_NULL, related_name="imports")
    status = models.CharField(max_length=20, choices=ImportStatus.choices, default=ImportStatus.PLACING)
    source_path = models.CharField(max_length=2000)
    target_path = models.CharField(max_length=1000, help_text="Relative to the root.")
    wanted_path = models.CharField(
        max_length=1000, blank=True, help_text="An upgrade's name once what it replaces is gone; relative to the root."
    )
    staging_path = models.CharField(max_length=1000, blank=True, help_text="Relative to the root, while placing.")
    method = models.CharField(max_length=20, blank=True, help_text="hardlink or copy")
    files = models.JSONField(default=list, help_text="[{source, target, size_bytes, linked}]")
    checks = models.JSONField(default=list, help_text="[{code, ok, message}]")
    replaced = models.JSONField(default=list, blank=True, help_text="What went to the recycle bin.")
    error_message = models.CharField(max_length=1000, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="Seen by Audiobookshelf.")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            known_values("import", "status", ImportStatus.values),
            models.UniqueConstraint(
                fields=["download", "book"],
                condition=models.Q(status__in=["placing", "placed", "committed"]),
                name="import_once_per_book",
            ),
        ]

    def __str__(self) -> str:
        return self.target_path
