"""What is known of wanted books as the decisions want it, for one book or for many with the same few queries."""

from collections import defaultdict
from collections.abc import Iterable

from acquisition.domain.identity import WantedBook
from library.domain.facts import SeriesPlace
from library.models import Book, BookAuthor, Recording, SeriesEntry
from library.services.resolving import chunks


def wanted_books(books: Iterable[Book]) -> dict[int, WantedBook]:
    """By the books' ids, as the judgement of identity wants them."""
    rows = {book.pk: book for book in books}
    authors: dict[int, list[str]] = defaultdict(list)
    places: dict[int, list[SeriesPlace]] = defaultdict(list)
    for ids in chunks(sorted(rows)):
        links = BookAuthor.objects.filter(book_id__in=ids).order_by("order", "pk")
        for pk, name in links.values_list("book_id", "author__name"):
            authors[pk].append(name)
        entries = SeriesEntry.objects.filter(book_id__in=ids)
        for pk, name, positions, label in entries.values_list("book_id", "series__name", "positions", "label"):
            places[pk].append(SeriesPlace(name, positions or label))
    return {pk: WantedBook(book.title, tuple(authors[pk]), tuple(places[pk])) for pk, book in rows.items()}


def runtimes_of(books: Iterable[Book]) -> dict[int, tuple[int, ...]]:
    """Seconds, one per known recording and the book's own."""
    rows = {book.pk: book for book in books}
    found: dict[int, list[int]] = defaultdict(list)
    for ids in chunks(sorted(rows)):
        known = Recording.objects.filter(book_id__in=ids, runtime_seconds__gt=0)
        for pk, seconds in known.values_list("book_id", "runtime_seconds"):
            found[pk].append(seconds or 0)
    return {pk: tuple(s for s in [*found[pk], book.duration_seconds] if s) for pk, book in rows.items()}


def wanted_book(book: Book) -> WantedBook:
    return wanted_books([book])[book.pk]


def known_runtimes(book: Book) -> tuple[int, ...]:
    return runtimes_of([book])[book.pk]
