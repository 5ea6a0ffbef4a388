"""Books (works), their recordings, and where each of their fields came from."""

from django.db import models

from config.constraints import known_values
from library.models.people import Author, Narrator


class BookKind(models.TextChoices):
    NOVEL = "novel"
    NOVELLA = "novella"
    SHORT = "short"
    COLLECTION = "collection"
    OMNIBUS = "omnibus"
    PART = "part"
    GUIDE = "guide"


class BookStatus(models.TextChoices):
    ACTIVE = "active"
    DUPLICATE = "duplicate"
    ARCHIVED = "archived"


class BookQuerySet(models.QuerySet["Book"]):
    def active(self) -> "BookQuerySet":
        return self.filter(status=BookStatus.ACTIVE)

    def owned(self) -> "BookQuerySet":
        """With a copy on the shelf."""
        from library.models.copy import Copy

        return self.filter(models.Exists(Copy.objects.present().filter(book=models.OuterRef("pk"))))


class Book(models.Model):
    """The work. `is_owned` is maintained with the copies; `completeness` with the fields (0 to 100)."""

    title = models.CharField(max_length=500)
    subtitle = models.CharField(max_length=500, blank=True)
    sort_title = models.CharField(max_length=500, blank=True)
    title_key = models.CharField(max_length=500, db_index=True)
    kind = models.CharField(max_length=20, choices=BookKind.choices, default=BookKind.NOVEL)
    status = models.CharField(max_length=20, choices=BookStatus.choices, default=BookStatus.ACTIVE)
    description = models.TextField(blank=True)
    language = models.CharField(max_length=20, blank=True, help_text="ISO 639-1 where there is one.")
    publisher = models.CharField(max_length=300, blank=True)
    published_year = models.PositiveSmallIntegerField(null=True, blank=True)
    release_date = models.DateField(null=True, blank=True, help_text="Of its first audio edition.")
    isbn = models.CharField(max_length=20, blank=True, db_index=True)
    asin = models.CharField(max_length=10, blank=True, db_index=True)
    abs_id = models.CharField(max_length=60, blank=True, db_index=True)
    duration_seconds = models.PositiveIntegerField(null=True, blank=True)
    genres = models.JSONField(default=list, blank=True)
    cover_url = models.CharField(max_length=1000, blank=True)
    import_source = models.CharField(max_length=40, blank=True, help_text="library, catalogue, api, or a provider.")
    is_owned = models.BooleanField(default=False)
    completeness = models.PositiveSmallIntegerField(default=0)
    authors = models.ManyToManyField(Author, through="library.BookAuthor", related_name="books")
    narrators = models.ManyToManyField(Narrator, through="library.BookNarrator", related_name="books")
    metadata_checked_at = models.DateTimeField(null=True, blank=True)
    corrected_at = models.DateTimeField(
        null=True, blank=True, help_text="When its fields were last compared with the providers."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BookQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="book_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="book_status_newest"),
            models.Index(fields=["status", "completeness", "id"], name="book_completeness"),
            models.Index(fields=["sort_title", "id"], name="book_sorted"),
            models.Index(fields=["is_owned", "id"], name="book_owned"),
        ]
        constraints = [known_values("book", "kind", BookKind.values), known_values("book", "status", BookStatus.values)]

    def __str__(self) -> str:
        return self.title


class BookAuthor(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="book_authors")
    author = models.ForeignKey(Author, on_delete=models.PROTECT, related_name="book_authors")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["book_id", "order", "id"]
        constraints = [models.UniqueConstraint(fields=["book", "author"], name="book_author_once")]

    def __str__(self) -> str:
        return f"author {self.author_id} of book {self.book_id}"


class BookNarrator(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="book_narrators")
    narrator = models.ForeignKey(Narrator, on_delete=models.PROTECT, related_name="book_narrators")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["book_id", "order", "id"]
        constraints = [models.UniqueConstraint(fields=["book", "narrator"], name="book_narrator_once")]

    def __str__(self) -> str:
        return f"narrator {self.narrator_id} of book {self.book_id}"


class FieldSource(models.Model):
    """Where one field of a book came from, when it was set, and whether a user locked it."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="field_sources")
    field = models.CharField(max_length=60)
    source = models.CharField(max_length=60)
    set_at = models.DateTimeField()
    is_locked = models.BooleanField(default=False)

    class Meta:
        ordering = ["book_id", "field"]
        constraints = [models.UniqueConstraint(fields=["book", "field"], name="field_source_once")]

    def __str__(self) -> str:
        return f"{self.field} of book {self.book_id} from {self.source}"


class Recording(models.Model):
    """One audio edition of a book."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="recordings")
    title = models.CharField(max_length=500, blank=True)
    narrators = models.ManyToManyField(Narrator, blank=True, related_name="recordings")
    language = models.CharField(max_length=20, blank=True)
    is_abridged = models.BooleanField(null=True, blank=True)
    is_dramatised = models.BooleanField(null=True, blank=True)
    publisher = models.CharField(max_length=300, blank=True)
    release_date = models.DateField(null=True, blank=True)
    runtime_seconds = models.PositiveIntegerField(null=True, blank=True)
    source = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["book_id", "id"]

    def __str__(self) -> str:
        return self.title or f"recording {self.pk}"


class RecordingIdentifier(models.Model):
    """`scheme` and region as in library.domain.facts.Identifier. An ASIN is unique within its region."""

    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="identifiers")
    scheme = models.CharField(max_length=30)
    value = models.CharField(max_length=200)
    region = models.CharField(max_length=5, blank=True)

    class Meta:
        ordering = ["recording_id", "scheme", "value"]
        constraints = [
            models.UniqueConstraint(fields=["scheme", "value", "region"], name="recording_identifier_once"),
        ]

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"
