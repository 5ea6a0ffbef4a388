"""What is on the shelf: roots, copies and their files."""

from django.db import models

from config.constraints import known_values
from library.models.book import Book, Recording


class RootKind(models.TextChoices):
    FOLDER = "folder"
    AUDIOBOOKSHELF = "audiobookshelf"


class Audiobookshelf(models.Model):
    """A server whose libraries are read. Secrets are write-only."""

    name = models.CharField(max_length=100, unique=True, default="audiobookshelf")
    url = models.CharField(max_length=500)
    token = models.CharField(max_length=2000, blank=True, help_text="An API key (2.26 and newer) or a user token.")
    username = models.CharField(max_length=150, blank=True)
    password = models.CharField(max_length=300, blank=True)
    refresh_token = models.CharField(max_length=2000, blank=True, editable=False)
    is_enabled = models.BooleanField(default=True)
    version = models.CharField(max_length=40, blank=True, editable=False)
    last_ok_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "Audiobookshelf servers"

    def __str__(self) -> str:
        return self.name


class LibraryRoot(models.Model):
    """A folder, or one library of an Audiobookshelf server.

    `path` is where its files are for us: the folder itself, or the same folder as the Audiobookshelf library seen from
    here (needed only to import into it). `remote_path` is the folder as Audiobookshelf sees it.
    """

    name = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20, choices=RootKind.choices, default=RootKind.FOLDER)
    path = models.CharField(max_length=1000, blank=True)
    server = models.ForeignKey(Audiobookshelf, null=True, blank=True, on_delete=models.CASCADE, related_name="roots")
    abs_library_id = models.CharField(max_length=60, blank=True)
    remote_path = models.CharField(max_length=1000, blank=True)
    is_enabled = models.BooleanField(default=True)
    is_import_target = models.BooleanField(default=False, help_text="Imported books are filed here.")
    naming_preset = models.CharField(max_length=40, default="audiobookshelf")
    naming_folder = models.CharField(
        max_length=300, blank=True, help_text="Template of a book's folder; empty: that of the preset."
    )
    naming_file = models.CharField(
        max_length=300, blank=True, help_text="Template of a file's name; empty: that of the preset."
    )
    merges_parts = models.BooleanField(
        default=False, help_text="Books that come in several mp3 or m4a files are filed as one m4b with chapters."
    )
    profile = models.CharField(max_length=60, blank=True, help_text="Release profile; empty for the default one.")
    copy_count = models.PositiveIntegerField(default=0, editable=False)
    last_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_healthy_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            known_values("root", "kind", RootKind.values),
            models.UniqueConstraint(
                fields=["path"], condition=models.Q(kind=RootKind.FOLDER.value), name="root_folder_once"
            ),
            models.UniqueConstraint(
                fields=["server", "abs_library_id"],
                condition=models.Q(kind=RootKind.AUDIOBOOKSHELF.value),
                name="root_abs_library_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MatchState(models.TextChoices):
    """How a copy stands to the catalogue. `user`: a person decided; nothing overrides it."""

    PENDING = "pending"
    CERTAIN = "certain"
    REVIEW = "review"
    NONE = "none"
    USER = "user"


class CopyQuerySet(models.QuerySet["Copy"]):
    def present(self) -> "CopyQuerySet":
        return self.filter(missing_since=None)

    def missing(self) -> "CopyQuerySet":
        return self.filter(missing_since__isnull=False)


class Copy(models.Model):
    """A book on the shelf, as its source describes it. Identity: the path in its root, or its Audiobookshelf id."""

    root = models.ForeignKey(LibraryRoot, on_delete=models.CASCADE, related_name="copies")
    path = models.CharField(max_length=1000)
    abs_item_id = models.CharField(max_length=60, blank=True)
    is_single_file = models.BooleanField(default=False)
    title = models.CharField(max_length=500)
    subtitle = models.CharField(max_length=500, blank=True)
    authors = models.JSONField(default=list, blank=True)
    narrators = models.JSONField(default=list, blank=True)
    series = models.JSONField(default=list, blank=True, help_text='[{"name": "Oz", "position": "2.5"}]')
    asin = models.CharField(max_length=10, blank=True)
    isbn = models.CharField(max_length=20, blank=True)
    publisher = models.CharField(max_length=300, blank=True)
    published_year = models.PositiveSmallIntegerField(null=True, blank=True)
    language = models.CharField(max_length=20, blank=True)
    description = models.TextField(blank=True)
    genres = models.JSONField(default=list, blank=True)
    tags = models.JSONField(default=list, blank=True)
    is_abridged = models.BooleanField(null=True, blank=True)
    is_explicit = models.BooleanField(null=True, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    file_count = models.PositiveIntegerField(default=0)
    codec = models.CharField(max_length=40, blank=True)
    bitrate_kbps = models.PositiveIntegerField(null=True, blank=True)
    chapter_count = models.PositiveIntegerField(default=0)
    sources = models.JSONField(default=dict, blank=True)
    problems = models.JSONField(default=list, blank=True)
    fingerprint = models.CharField(max_length=200, blank=True)
    facts_digest = models.CharField(
        max_length=64, blank=True, help_text="Of all that was read: unchanged, nothing is written."
    )
    missing_since = models.DateTimeField(null=True, blank=True)
    unseen_count = models.PositiveSmallIntegerField(default=0, help_text="Healthy runs in a row that did not see it.")
    seen_run = models.BigIntegerField(null=True, blank=True, help_text="The last run that saw it.")
    recording = models.ForeignKey(Recording, null=True, blank=True, on_delete=models.SET_NULL, related_name="copies")
    book = models.ForeignKey(Book, null=True, blank=True, on_delete=models.SET_NULL, related_name="copies")
    match_state = models.CharField(max_length=20, choices=MatchState.choices, default=MatchState.PENDING)
    match_score = models.FloatField(null=True, blank=True)
    match_reasons = models.JSONField(default=list, blank=True)
    match_candidates = models.JSONField(default=list, blank=True)
    matched_at = models.DateTimeField(null=True, blank=True)
    added_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = CopyQuerySet.as_manager()

    class Meta:
        ordering = ["root_id", "path"]
        verbose_name_plural = "copies"
        indexes = [
            models.Index(fields=["book", "missing_since"], name="copy_of_book"),
            models.Index(fields=["match_state", "id"], name="copy_match_state"),
            models.Index(fields=["root", "seen_run"], name="copy_seen"),
            # The unique constraints below are partial: no look-up by many paths or ids can use their indexes.
            models.Index(fields=["root", "path"], name="copy_path"),
            models.Index(fields=["root", "abs_item_id"], name="copy_item"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["root", "path"], condition=models.Q(abs_item_id=""), name="copy_once_per_path"
            ),
            models.UniqueConstraint(
                fields=["root", "abs_item_id"], condition=~models.Q(abs_item_id=""), name="copy_once_per_item"
            ),
            known_values("copy", "match_state", MatchState.values),
        ]

    def __str__(self) -> str:
        return self.title or self.path


class CopyFile(models.Model):
    """One file of a copy; `path` is relative to the root."""

    copy = models.ForeignKey(Copy, on_delete=models.CASCADE, related_name="copy_files")
    path = models.CharField(max_length=1000)
    kind = models.CharField(max_length=20)
    size_bytes = models.BigIntegerField()
    mtime_ns = models.BigIntegerField(default=0)
    duration_seconds = models.FloatField(null=True, blank=True)
    codec = models.CharField(max_length=40, blank=True)
    bitrate_kbps = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["copy_id", "id"]

    def __str__(self) -> str:
        return self.path


class ShelfChange(models.Model):
    """What one reading of the library changed in one copy, so that the run can be reverted."""

    class Kind(models.TextChoices):
        CREATED = "created"
        UPDATED = "updated"
        MISSING = "missing"
        RETURNED = "returned"

    run = models.ForeignKey("scheduling.Run", on_delete=models.CASCADE, related_name="shelf_changes")
    copy = models.ForeignKey(Copy, on_delete=models.CASCADE, related_name="changes")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    before = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [known_values("shelf_change", "kind", ["created", "updated", "missing", "returned"])]

    def __str__(self) -> str:
        return f"{self.kind} copy {self.copy_id}"
