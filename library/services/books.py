"""Books as people add, change and archive them. What a person says is kept with its source and locked against drift."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from accounts.models import User
from config.errors import ConflictError, ValidationError
from library.domain.corrections import FIELDS, USER
from library.domain.titles import title_key
from library.models import Book, BookAuthor, BookStatus, Correction, FieldSource, Follow, SeriesEntry
from library.services.book_fields import read_value, with_fields, write_fields
from library.services.gaps import analyze_gaps
from library.services.placing import set_position
from library.services.resolving import find_authors, resolve_series
from library.services.settings import get_setting

# Fields of the row for which no source is noted.
PLAIN = ("abs_id", "import_source", "status")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a series: its name, and the position as printed (`2`, `2.5`, `1-3`, or empty)."""

    series: str
    position: str = ""


@dataclass(frozen=True, slots=True)
class BookEdit:
    """What a person says of a book. `values` are columns and `authors`, `narrators` (lists of names).

    `places` are all its series, the first one the primary; `primary_series` and `primary_position` change only the
    primary one, each only when it is not None; an empty `primary_series` takes the book out of it.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    places: Sequence[Place] | None = None
    primary_series: str | None = None
    primary_position: str | None = None

    @property
    def touches_series(self) -> bool:
        return self.places is not None or self.primary_series is not None or self.primary_position is not None


def add_book(*, edit: BookEdit, user: User | None, now: datetime.datetime) -> Book:
    """A new book with its authors, narrators and series, which are created or linked. ConflictError when there is an
    active book with the same ASIN or Audiobookshelf id, or with the same title, language, authors and place."""
    with transaction.atomic():
        _refuse_duplicate(edit)
        values = dict(edit.values)
        title = values["title"]
        book = Book.objects.create(
            title=title, title_key=title_key(title)[:500], import_source=values.pop("import_source", "") or "api"
        )
        _assign_plain(book, values)
        write_fields(book, {name: value for name, value in values.items() if name in FIELDS})
        _note(book, [name for name in values if name in FIELDS], now)
        _place(book, edit)
        _recount([_touched(book)], now)
    book.refresh_from_db()
    return book


def change_book(*, book: Book, edit: BookEdit, user: User | None, now: datetime.datetime) -> Book:
    """Write what differs: each changed field is a correction that can be undone, and is locked. The series and authors
    that the book left and joined are recounted."""
    with transaction.atomic():
        Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        [fresh] = with_fields([book.pk])
        before = _touched(fresh)
        changed = {
            name: value
            for name, value in edit.values.items()
            if name in FIELDS and _comparable(read_value(fresh, name)) != _comparable(value)
        }
        old = {name: read_value(fresh, name) for name in changed}
        _assign_plain(fresh, edit.values)
        write_fields(fresh, changed)
        _note(fresh, list(changed), now)
        _keep_corrections(fresh, old, user)
        _place(fresh, edit)
        _recount([before, _touched(fresh)], now)
    fresh.refresh_from_db()
    return fresh


def archive_book(*, book: Book, user: User | None, now: datetime.datetime) -> Book:
    """Out of the lists and counts; nothing on disk is touched, and the status brings it back."""
    return change_book(book=book, edit=BookEdit({"status": BookStatus.ARCHIVED}), user=user, now=now)


def _refuse_duplicate(edit: BookEdit) -> None:
    values = edit.values
    books = Book.objects.active()
    for name in ("asin", "abs_id"):
        if values.get(name):
            _refuse(books.filter(**{name: values[name]}).values_list("pk", flat=True).first(), name)
    same = books.filter(title_key=title_key(values["title"])[:500], language=values.get("language", ""))
    wanted = set(find_authors(values.get("authors") or ()).values())
    if len(wanted) < len(set(values.get("authors") or ())):
        return
    places = {(place.series.casefold(), place.position) for place in _wanted_places(edit)}
    for pk, authors in _authors_of(list(same.values_list("pk", flat=True)[:200])).items():
        entries = SeriesEntry.objects.filter(book_id=pk).values_list("series__name", "label")
        if authors == wanted and (not places or {(name.casefold(), label) for name, label in entries} >= places):
            _refuse(pk, "title")


def _authors_of(book_ids: Sequence[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {pk: set() for pk in book_ids}
    for book_id, author_id in BookAuthor.objects.filter(book_id__in=book_ids).values_list("book_id", "author_id"):
        found[book_id].add(author_id)
    return found


def _refuse(pk: int | None, name: str) -> None:
    if pk is not None:
        raise ConflictError(
            f"This book is there already, with the id {pk}. Change it instead.",
            code="duplicate_resource",
            context={"resource": "book", "id": pk, "field": name},
        )


def _assign_plain(book: Book, values: Mapping[str, Any]) -> None:
    """Set on the object; `write_fields` saves its own columns, so these are saved here."""
    names = [name for name in PLAIN if name in values]
    for name in names:
        setattr(book, name, values[name])
    if names:
        book.save(update_fields=[*names, "updated_at"])


def _comparable(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value or None if isinstance(value, str | list) else value


def _note(book: Book, names: Sequence[str], now: datetime.datetime) -> None:
    FieldSource.objects.bulk_create(
        [FieldSource(book=book, field=name, source=USER, set_at=now, is_locked=True) for name in names],
        update_conflicts=True,
        unique_fields=["book", "field"],
        update_fields=["source", "set_at", "is_locked"],
    )


def _keep_corrections(book: Book, old: Mapping[str, Any], user: User | None) -> None:
    sources = {row.field: row.source for row in book.field_sources.all()}
    Correction.objects.bulk_create(
        [
            Correction(
                book=book,
                field=name,
                old=value,
                new=read_value(book, name),
                source=USER,
                old_source=sources.get(name, book.import_source or "library")[:60],
                reason="Changed by hand.",
                actor=user,
            )
            for name, value in old.items()
        ]
    )


def _touched(book: Book) -> tuple[set[int], set[int]]:
    """Ids of its series and of its authors."""
    series = SeriesEntry.objects.filter(book=book).values_list("series_id", flat=True)
    return set(series), set(BookAuthor.objects.filter(book=book).values_list("author_id", flat=True))


def _recount(groups: Sequence[tuple[set[int], set[int]]], now: datetime.datetime) -> None:
    series = sorted(set().union(*(found for found, _ in groups)))
    authors = sorted(set().union(*(found for _, found in groups)))
    analyze_gaps(now=now, series_ids=series, author_ids=authors, keep_report=False)


def _wanted_places(edit: BookEdit) -> list[Place]:
    if edit.places is not None:
        return list(edit.places)
    return [Place(edit.primary_series, edit.primary_position or "")] if edit.primary_series else []


def _place(book: Book, edit: BookEdit) -> None:
    """Bring the book's places in series in line with the edit; what a person placed is locked."""
    if not edit.touches_series:
        return
    held = list(SeriesEntry.objects.filter(book=book).select_related("series").order_by("-is_primary", "id"))
    if edit.places is not None:
        _write_places(book, held, edit.places)
        return
    primary = held[0] if held else None
    if edit.primary_series is None:
        if primary is None:
            raise ValidationError(
                "This book is in no series. Send the series with its number.",
                fields={"series_number": "needs a series"},
            )
        _write_places(book, [primary], [Place(primary.series.name, edit.primary_position or "")])
    elif edit.primary_series:
        position = edit.primary_position
        if position is None:
            position = primary.label if primary and primary.series.name == edit.primary_series else ""
        others = [entry for entry in held[1:] if entry.series.name == edit.primary_series]
        _write_places(book, [*held[:1], *others], [Place(edit.primary_series, position)])
    elif primary:
        primary.delete()


def _write_places(book: Book, held: Sequence[SeriesEntry], places: Sequence[Place]) -> None:
    """The places instead of those `held`; the first one becomes the primary one."""
    author_id = BookAuthor.objects.filter(book=book).order_by("order", "id").values_list("author_id", flat=True).first()
    follow = Follow.ALL if book.is_owned and get_setting("gaps.follow_owned_series") else Follow.NONE
    ids = resolve_series([(place.series, author_id) for place in places], follow=follow)
    by_series = {entry.series_id: entry for entry in held}
    by_name = {entry.series.name: entry.series_id for entry in held}
    kept = set()
    for number, place in enumerate(places):
        series_id = by_name.get(place.series) or ids[place.series, author_id]
        entry = by_series.get(series_id) or SeriesEntry.objects.filter(book=book, series_id=series_id).first()
        entry = entry or SeriesEntry(book=book, series_id=series_id)
        set_position(entry, place.position)
        entry.is_primary, entry.source, entry.is_locked = number == 0, USER, True
        entry.save()
        kept.add(entry.pk)
    for entry in held:
        if entry.pk not in kept:
            entry.delete()


__all__ = ["BookEdit", "Place", "add_book", "archive_book", "change_book"]
