"""Rows for the tests of the library's API."""

import datetime
from typing import Any

from django.utils import timezone

from library.domain.people import person_key, sort_name
from library.domain.titles import series_key, title_key
from library.models import (
    Author,
    Book,
    BookAuthor,
    BookNarrator,
    Copy,
    LibraryRoot,
    Narrator,
    Series,
    SeriesEntry,
)
from library.services.gaps import analyze_gaps
from library.services.placing import set_position
from library.services.text import sort_title

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)


def make_author(name: str = "Ann Author", **fields: Any) -> Author:
    found = Author.objects.filter(name=name).first()
    return found or Author.objects.create(name=name, sort_name=sort_name(name), name_key=person_key(name), **fields)


def make_narrator(name: str) -> Narrator:
    found = Narrator.objects.filter(name=name).first()
    return found or Narrator.objects.create(name=name, sort_name=sort_name(name), name_key=person_key(name))


def make_series(name: str = "Saga", *, author: Author | None = None, **fields: Any) -> Series:
    return Series.objects.create(
        name=name, sort_name=sort_title(name), name_key=series_key(name), author=author, **fields
    )


def make_book(
    title: str = "A Book",
    *,
    authors: tuple[str, ...] = ("Ann Author",),
    narrators: tuple[str, ...] = (),
    series: Series | None = None,
    position: str = "",
    **fields: Any,
) -> Book:
    book = Book.objects.create(title=title, title_key=title_key(title), sort_title=sort_title(title), **fields)
    for number, name in enumerate(authors):
        BookAuthor.objects.create(book=book, author=make_author(name), order=number)
    for number, name in enumerate(narrators):
        BookNarrator.objects.create(book=book, narrator=make_narrator(name), order=number)
    if series:
        entry = SeriesEntry(book=book, series=series)
        set_position(entry, position)
        entry.save()
    return book


def make_copy(book: Book | None, *, title: str = "A Book", **fields: Any) -> Copy:
    root, _ = LibraryRoot.objects.get_or_create(name="shelf", defaults={"path": "/shelf"})
    path = f"{title}/{Copy.objects.count()}"
    return Copy.objects.create(root=root, path=path, title=title, book=book, **fields)


def own(book: Book) -> Book:
    make_copy(book, title=book.title, authors=["Ann Author"], language="en")
    Book.objects.filter(pk=book.pk).update(is_owned=True)
    return book


def count() -> None:
    """Count everything, as after an import."""
    analyze_gaps(now=timezone.now())
