"""Books, their recordings and where their fields came from, in the admin."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from config.admin_base import MODERATOR, RecordAdmin, RoleInline, button, count_of, who
from config.admin_display import bar, clock, link, moment_column, pill
from config.admin_site import BEHIND, SHELF, site
from library.models import Book, BookAuthor, Exclusion, FieldSource, Gap, Recording, RecordingIdentifier, SeriesEntry
from library.services.editing import edit_book
from library.services.following import exclude_books, include_books
from library.services.gaps import recount_books

EDITABLE = (
    "title", "subtitle", "kind", "status", "language", "publisher", "published_year", "release_date", "description",
)  # fmt: skip


class FieldSourceInline(RoleInline):
    model = FieldSource
    fields = ("field", "source", "set_at", "is_locked")


@admin.register(Book, site=site)
class BookAdmin(RecordAdmin):
    section, order, pin = SHELF, 30, 15
    change_role = MODERATOR
    list_display = (
        "title",
        "author_names",
        "series_names",
        "owned",
        "kind",
        "language",
        "fullness",
        moment_column("created_at", "added"),
    )
    list_filter = ("is_owned", "kind", "status", "language", "import_source")
    search_fields = ("title", "authors__name", "series_entries__series__name", "=asin", "=isbn")
    date_hierarchy = "created_at"
    inlines = (FieldSourceInline,)
    panels: ClassVar[tuple[str, ...]] = ("library/admin/book.html",)
    buttons: ClassVar[tuple[str, ...]] = ("unwant", "want", "recount")
    fields = (*EDITABLE, "genres", "isbn", "asin", "import_source", "completeness", "metadata_checked_at", "created_at")
    editable = EDITABLE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Book]:
        authors = Prefetch("book_authors", BookAuthor.objects.select_related("author").order_by("order"))
        places = Prefetch("series_entries", SeriesEntry.objects.select_related("series").order_by("-is_primary", "pk"))
        return super().get_queryset(request).prefetch_related(authors, places)

    @admin.display(description="authors")
    def author_names(self, book: Book) -> str:
        return ", ".join(row.author.name for row in book.book_authors.all()) or "–"

    @admin.display(description="series")
    def series_names(self, book: Book) -> str:
        return "; ".join(f"{row.series.name} {row.label}".strip() for row in book.series_entries.all()) or "–"

    @admin.display(description="shelf", ordering="is_owned")
    def owned(self, book: Book) -> str:
        return pill("on the shelf", "good") if book.is_owned else pill("not here", "calm")

    @admin.display(description="metadata", ordering="completeness")
    def fullness(self, book: Book) -> str:
        return bar(book.completeness)

    def panel_context(self, request: HttpRequest, obj: Book) -> dict[str, Any]:
        recordings = obj.recordings.prefetch_related("narrators", "identifiers")
        exclusion = Exclusion.objects.filter(book=obj).select_related("created_by").first()
        return {
            "book": obj,
            "places": list(obj.series_entries.all()),
            "writers": [row.author for row in obj.book_authors.all()],
            "readers": list(obj.narrators.order_by("book_narrators__order")),
            "copies": list(obj.copies.select_related("root")),
            "recordings": [{"row": row, "length": clock(row.runtime_seconds)} for row in recordings[:50]],
            "open_gaps": list(Gap.objects.open().filter(book=obj).select_related("series")),
            "exclusion": exclusion,
            "corrections": list(obj.corrections.all()[:20]),
        }

    def save_model(self, request: HttpRequest, obj: Book, form: Any, change: bool) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data if name in EDITABLE}
        edit_book(book=obj, changes=changes, user=who(request), now=timezone.now())

    @button("Not wanted", tone="danger", when=lambda book: not book.is_owned and not hasattr(book, "exclusion"))
    def unwant(self, request: HttpRequest, rows: list[Book]) -> str:
        count = exclude_books(books=rows, now=timezone.now(), user=who(request))
        return f"{count_of(count, 'book')} excluded; nothing asks for them again."

    @button("Want it again", when=lambda book: hasattr(book, "exclusion"))
    def want(self, request: HttpRequest, rows: list[Book]) -> str:
        return f"{count_of(include_books(books=rows, now=timezone.now()), 'exclusion')} taken back."

    @button("Recount")
    def recount(self, request: HttpRequest, rows: list[Book]) -> str:
        result = recount_books([book.pk for book in rows], now=timezone.now())
        return f"{result.series} series recounted: {count_of(result.gaps, 'gap')}."


class IdentifierInline(RoleInline):
    model = RecordingIdentifier
    fields = ("scheme", "value", "region")


@admin.register(Recording, site=site)
class RecordingAdmin(RecordAdmin):
    section, order = SHELF, 50
    list_display = (
        "__str__",
        "book_link",
        "reader_names",
        "language",
        "length",
        "is_abridged",
        "is_dramatised",
        "source",
    )
    list_filter = ("source", "language", "is_abridged", "is_dramatised")
    list_select_related = ("book",)
    search_fields = ("title", "book__title", "narrators__name", "=identifiers__value")
    raw_id_fields = ("book", "narrators")
    inlines = (IdentifierInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recording]:
        return super().get_queryset(request).prefetch_related("narrators")

    @admin.display(description="book")
    def book_link(self, recording: Recording) -> str:
        return link(recording.book)

    @admin.display(description="narrators")
    def reader_names(self, recording: Recording) -> str:
        names = [narrator.name for narrator in recording.narrators.all()]
        return ", ".join(names[:3]) + (" …" if len(names) > 3 else "") or "–"

    @admin.display(description="length", ordering="runtime_seconds")
    def length(self, recording: Recording) -> str:
        return clock(recording.runtime_seconds)


@admin.register(RecordingIdentifier, site=site)
class RecordingIdentifierAdmin(RecordAdmin):
    section, order = BEHIND, 64
    list_display = ("value", "scheme", "region", "recording_link")
    list_filter = ("scheme", "region")
    list_select_related = ("recording",)
    search_fields = ("=value",)

    @admin.display(description="recording")
    def recording_link(self, identifier: RecordingIdentifier) -> str:
        return link(identifier.recording)


@admin.register(FieldSource, site=site)
class FieldSourceAdmin(RecordAdmin):
    section, order = BEHIND, 65
    change_role = MODERATOR
    list_display = ("book", "field", "source", "set_at", "is_locked")
    list_filter = ("field", "source", "is_locked")
    list_select_related = ("book",)
    search_fields = ("book__title",)
    date_hierarchy = "set_at"
    fields = ("book", "field", "source", "set_at", "is_locked")
    editable = ("is_locked",)
