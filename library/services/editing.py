"""Changes of a book by a person: kept as corrections, and locked so that no refresh overrides them."""

import datetime
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts.models import User
from library.domain.titles import title_key
from library.models import Book, Correction, FieldSource
from library.services.completeness import score_completeness
from library.services.gaps import recount_books
from library.services.text import sort_title

USER_SOURCE = "user"


def edit_book(*, book: Book, changes: Mapping[str, Any], user: User | None, now: datetime.datetime) -> Book:
    """Write the changed fields; what reads differently is a correction, its field is locked, its series recounted."""
    with transaction.atomic():
        book.refresh_from_db()
        changed = {name: value for name, value in changes.items() if getattr(book, name) != value}
        for name, value in changed.items():
            Correction.objects.create(
                book=book, field=name, old=_plain(getattr(book, name)), new=_plain(value), source=USER_SOURCE,
                reason="Changed by hand.", actor=user,
            )  # fmt: skip
            FieldSource.objects.update_or_create(
                book=book, field=name, defaults={"source": USER_SOURCE, "set_at": now, "is_locked": True}
            )
            setattr(book, name, value)
        if "title" in changed:
            book.title_key, book.sort_title = title_key(book.title)[:500], sort_title(book.title)[:500]
        book.completeness = score_completeness(
            book, has_authors=book.book_authors.exists(), has_narrators=book.book_narrators.exists()
        )
        book.save()
        if changed:
            recount_books([book.pk], now=now)
    return book


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value
