"""While a row is changed, others may link to it: PostgreSQL checks links at the end of a transaction, which may by then
hold what the change needs next."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from library.models import Author, Book, BookAuthor, Series, SeriesEntry
from library.services.authors import change_author
from library.services.books import BookEdit, change_book
from library.services.series import change_series
from library.tests.factories import NOW, AuthorFactory, BookFactory, SeriesFactory

pytestmark = pytest.mark.django_db(transaction=True)
Link = Callable[[], object]


def meanwhile(link: Link) -> None:
    """Make the link from another connection, which does not wait long for a lock. SQLite has one writer at a time."""
    if connection.vendor != "postgresql":
        return

    def run() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            link()
        finally:
            connection.close()

    other = threading.Thread(target=run)
    other.start()
    other.join()


@pytest.mark.parametrize("changed", ["book", "author", "series"])
def test_a_row_can_be_linked_to_while_it_is_changed(changed: str) -> None:
    book: Book = BookFactory()
    author: Author = AuthorFactory()
    series: Series = SeriesFactory()
    other: Book = BookFactory()
    change: Link = {
        "book": lambda: change_book(book=book, edit=BookEdit({"publisher": "Tor"}), user=None, now=NOW),
        "author": lambda: change_author(author=author, values={"follow": "all"}, now=NOW),
        "series": lambda: change_series(series=series, values={"follow": "all"}, now=NOW),
    }[changed]
    link: Link = {
        "book": lambda: BookAuthor.objects.create(book=book, author=author),
        "author": lambda: BookAuthor.objects.create(book=other, author=author),
        "series": lambda: SeriesEntry.objects.create(book=other, series=series),
    }[changed]
    with transaction.atomic():
        change()
        meanwhile(link)
    if connection.vendor != "postgresql":
        link()
    links = (
        BookAuthor.objects.filter(author=author) if changed != "series" else SeriesEntry.objects.filter(series=series)
    )
    assert links.count() == 1
