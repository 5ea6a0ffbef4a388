"""A person's decision which book a copy is. It is never asked again and nothing overrides it."""

import datetime

from django.db import transaction

from accounts.models import User
from config.errors import ConflictError, ValidationError
from library.models import Book, BookStatus, Copy, MatchState
from library.services.gaps import analyze_gaps, recount_books
from library.services.shelf import refresh_ownership


def decide_match(*, copy: Copy, book: Book | None, user: User | None, now: datetime.datetime) -> Copy:
    """The copy is this book; None: it stays the book that it is, and no candidate is meant.

    Moves the copy, brings the ownership of both books up to date and recounts their series and authors.
    ValidationError when the chosen book is archived, ConflictError when the copy has no book that it could stay.
    """
    if book is not None and book.status == BookStatus.ARCHIVED:
        raise ValidationError(f"{book.title} is archived. Choose another book.", fields={"book_id": "is archived"})
    chosen = book or copy.book
    if chosen is None:
        raise ConflictError("This copy has no book yet. Decide which book it is.")
    if chosen.status == BookStatus.ARCHIVED:
        raise ConflictError(f"It is taken for {chosen.title}, which is archived. Decide which book it is.")
    with transaction.atomic():
        before = Copy.objects.select_for_update(no_key=True).values_list("book_id", flat=True).get(pk=copy.pk)
        recording = copy.recording if copy.recording and copy.recording.book_id == chosen.pk else None
        Copy.objects.filter(pk=copy.pk).update(
            book=chosen,
            recording=recording,
            match_state=MatchState.USER,
            match_score=1.0,
            match_reasons=[f"Decided by {user.get_username() if user else 'a person'}."],
            match_candidates=[],
            matched_at=now,
        )
        touched = sorted({pk for pk in (before, chosen.pk) if pk})
        refresh_ownership(touched)
        series, authors = _let_go(before) if before and before != chosen.pk else ([], [])
        recount_books(touched, now=now)
        analyze_gaps(now=now, series_ids=series, author_ids=authors, keep_report=False)
    copy.refresh_from_db()
    return copy


def _let_go(book_id: int) -> tuple[list[int], list[int]]:
    """A book that only this copy spoke for is not missing now: it never was. Gives its series and authors."""
    gone = Book.objects.filter(
        pk=book_id, import_source="library", copies=None, catalogue_records=None, corrections=None, recordings=None
    ).first()
    if gone is None:
        return [], []
    series = list(gone.series_entries.values_list("series_id", flat=True))
    authors = list(gone.book_authors.values_list("author_id", flat=True))
    gone.delete()
    return series, authors
