"""Reading and writing the fields of books as plain values, with where each came from."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Prefetch

from config.errors import NotFoundError
from library.domain.corrections import FIELDS, FieldState
from library.domain.titles import title_key
from library.models import Book, BookAuthor, BookNarrator, FieldSource
from library.services.completeness import score_completeness
from library.services.resolving import resolve_authors, resolve_narrators
from library.services.text import sort_title

PEOPLE = ("authors", "narrators")


def with_fields(ids: Iterable[int]) -> list[Book]:
    """The books with all that `read_fields` needs, in a handful of queries."""
    rows = Book.objects.filter(pk__in=list(ids)).prefetch_related(
        Prefetch("book_authors", queryset=BookAuthor.objects.select_related("author").order_by("order", "id")),
        Prefetch("book_narrators", queryset=BookNarrator.objects.select_related("narrator").order_by("order", "id")),
        "field_sources",
    )
    return list(rows.order_by("pk"))


def read_fields(book: Book) -> dict[str, FieldState]:
    """Every field with its value, source and lock. A field without a noted source has that of the book."""
    sources = {row.field: row for row in book.field_sources.all()}
    states = {}
    for name in FIELDS:
        row = sources.get(name)
        source = row.source if row else (book.import_source or "library")
        states[name] = FieldState(read_value(book, name), source, bool(row and row.is_locked))
    return states


def read_value(book: Book, field: str) -> Any:
    """A field as it is kept in corrections: text, number, ISO date or list of texts."""
    if field == "authors":
        return [row.author.name for row in book.book_authors.all()]
    if field == "narrators":
        return [row.narrator.name for row in book.book_narrators.all()]
    value = getattr(book, known_field(field))
    return value.isoformat() if isinstance(value, datetime.date) else value


def known_field(field: str) -> str:
    if field not in FIELDS:
        raise NotFoundError(
            f"Books have no field {field!r} that sources are noted for. There are: {', '.join(FIELDS)}.",
            context={"resource": "field", "id": field},
        )
    return field


def write_fields(book: Book, values: Mapping[str, Any]) -> None:
    """Write values and what is derived from them. A transaction of the caller."""
    changed = []
    for field, value in values.items():
        if known_field(field) in PEOPLE:
            _write_people(book, field, value or [])
            continue
        setattr(book, field, _stored(field, value))
        changed.append(field)
    if "title" in values:
        book.sort_title, book.title_key = sort_title(book.title)[:500], title_key(book.title)[:500]
        changed += ["sort_title", "title_key"]
    book.completeness = score_completeness(
        book,
        has_authors=BookAuthor.objects.filter(book=book).exists(),
        has_narrators=BookNarrator.objects.filter(book=book).exists(),
    )
    book.save(update_fields=[*changed, "completeness", "updated_at"])


def _stored(field: str, value: Any) -> Any:
    column = Book._meta.get_field(field)
    if field == "genres":
        return list(value or [])
    if value is None:
        return None if getattr(column, "null", False) else ""
    if field == "release_date":
        return datetime.date.fromisoformat(value) if isinstance(value, str) else value
    limit = getattr(column, "max_length", None)
    return value[:limit] if isinstance(value, str) and limit else value


def _write_people(book: Book, field: str, names: Sequence[str]) -> None:
    if field == "authors":
        ids = list(dict.fromkeys(resolve_authors(names).values()))
        BookAuthor.objects.filter(book=book).exclude(author_id__in=ids).delete()
        for number, pk in enumerate(ids):
            BookAuthor.objects.update_or_create(book=book, author_id=pk, defaults={"order": number})
    else:
        ids = list(dict.fromkeys(resolve_narrators(names).values()))
        BookNarrator.objects.filter(book=book).exclude(narrator_id__in=ids).delete()
        for number, pk in enumerate(ids):
            BookNarrator.objects.update_or_create(book=book, narrator_id=pk, defaults={"order": number})
    _forget_prefetched(book)


def _forget_prefetched(book: Book) -> None:
    prefetched: dict[str, Any] = getattr(book, "_prefetched_objects_cache", {})
    for name in ("book_authors", "book_narrators", "authors", "narrators"):
        prefetched.pop(name, None)


def note_source(book: Book, field: str, source: str, *, now: datetime.datetime) -> FieldSource:
    """Write down where a field came from; a lock stays."""
    row, _ = FieldSource.objects.update_or_create(
        book=book, field=known_field(field), defaults={"source": source[:60], "set_at": now}
    )
    return row
