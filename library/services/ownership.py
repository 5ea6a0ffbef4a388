"""What follows when copies come and go: ownership of books, and rows that nothing speaks for any more."""

import datetime
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, QuerySet

from library.models import (
    Author,
    Book,
    BookAuthor,
    BookNarrator,
    CatalogueRecord,
    Copy,
    Follow,
    Gap,
    Recording,
    Series,
    SeriesEntry,
)
from library.services.resolving import chunks


def refresh_ownership(book_ids: Iterable[int]) -> None:
    """Set `is_owned` of the books by whether a present copy stands for them; only those that differ are written."""
    for part in chunks(sorted(set(book_ids))):
        held = Exists(Copy.objects.present().filter(book=OuterRef("pk")))
        rows = Book.objects.filter(pk__in=part).annotate(held=held)
        rows.filter(is_owned=False, held=True).update(is_owned=True)
        rows.filter(is_owned=True, held=False).update(is_owned=False)


# Rows that are part of a book; whatever else refers to one, here or in another app, keeps it.
OF_A_BOOK = (BookAuthor, BookNarrator, SeriesEntry)


def _unreferred(books: QuerySet[Book], *, besides: tuple[type, ...] = ()) -> QuerySet[Book]:
    for relation in Book._meta.related_objects:
        if relation.related_model not in (*OF_A_BOOK, *besides):
            books = books.filter(**{relation.name: None})
    return books


def remove_orphans(book_ids: Iterable[int], *, with_gaps: bool = False) -> int:
    """Remove books that only a copy spoke for, and that nothing else refers to; returns how many.

    `with_gaps`: a row in the report does not keep them (they were never missing, they only were misread).
    """
    removed = 0
    for part in chunks(sorted(set(book_ids))):
        rows = Book.objects.filter(pk__in=part, import_source="library")
        ids = list(_unreferred(rows, besides=(Gap,) if with_gaps else ()).values_list("pk", flat=True).distinct())
        authors = set(Author.objects.filter(books__in=ids).values_list("pk", flat=True))
        series = set(SeriesEntry.objects.filter(book_id__in=ids).values_list("series_id", flat=True))
        Book.objects.filter(pk__in=ids).delete()
        remove_empty_series(series)
        remove_unused_authors(authors)
        removed += len(ids)
    return removed


def remove_empty_series(series_ids: Iterable[int]) -> int:
    """Remove series that lost their last book, unless a person or a provider gave them something of their own."""
    empty = Series.objects.filter(
        pk__in=list(series_ids), entries=None, aliases=None, merged=None, merged_into=None, catalogue_source="",
        total_books=None, followed_at=None, universe=None, preference={},
    )  # fmt: skip
    ids = list(empty.values_list("pk", flat=True))
    Series.objects.filter(pk__in=ids).delete()
    return len(ids)


def remove_unused_authors(author_ids: Iterable[int]) -> int:
    """Remove authors without a book, a series, an alias or anything that a person said of them."""
    unused = Author.objects.filter(
        pk__in=list(author_ids), books=None, series=None, aliases=None, merged=None, merged_into=None,
        follow=Follow.NONE, is_favorite=False, followed_at=None, total_books=None,
    )  # fmt: skip
    ids = list(unused.values_list("pk", flat=True))
    Author.objects.filter(pk__in=ids).delete()
    return len(ids)


def remove_unclaimed(*, since: datetime.datetime, series_ids: Iterable[int]) -> list[int]:
    """Take back the series made after `since` of which nothing is owned, with the books that only they name.

    Returns the ids of the series that are gone.
    """
    ids = list(
        Series.objects.filter(pk__in=list(series_ids), created_at__gte=since, followed_at=None)
        .exclude(entries__book__is_owned=True)
        .values_list("pk", flat=True)
    )
    theirs = Book.objects.filter(series_entries__series_id__in=ids, created_at__gte=since, is_owned=False)
    books = list(
        _unreferred(theirs, besides=(Gap, CatalogueRecord, Recording))
        .exclude(pk__in=SeriesEntry.objects.exclude(series_id__in=ids).values("book_id"))
        .values_list("pk", flat=True)
        .distinct()
    )
    authors = set(Author.objects.filter(books__in=books, created_at__gte=since).values_list("pk", flat=True))
    authors |= set(Author.objects.filter(series__in=ids, created_at__gte=since).values_list("pk", flat=True))
    Book.objects.filter(pk__in=books).delete()
    Series.objects.filter(pk__in=ids).delete()
    remove_unused_authors(authors)
    return ids
