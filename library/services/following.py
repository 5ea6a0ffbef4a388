"""Follow rules of series and authors, with their effect; and the books that a user does not want."""

import datetime
from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from config.errors import ValidationError
from library.models import Author, Book, Exclusion, Follow, Gap, Series
from library.services.gaps import analyze_gaps, recount_books


def follow_series(*, series: Sequence[Series], follow: str, now: datetime.datetime) -> int:
    """Set the rule and recount. Returns how many books of these series are wanted now."""
    ids = [row.pk for row in series]
    with transaction.atomic():
        Series.objects.filter(pk__in=ids).exclude(follow=_rule(follow)).update(follow=follow, followed_at=now)
        analyze_gaps(now=now, series_ids=ids, author_ids=[], keep_report=False)
    return Gap.objects.wanted().filter(series_id__in=ids).values("book_id").distinct().count()


def follow_authors(*, authors: Sequence[Author], follow: str, now: datetime.datetime) -> int:
    """As `follow_series`, for the works of authors outside any followed series."""
    ids = [row.pk for row in authors]
    with transaction.atomic():
        Author.objects.filter(pk__in=ids).exclude(follow=_rule(follow)).update(follow=follow, followed_at=now)
        analyze_gaps(now=now, series_ids=[], author_ids=ids, keep_report=False)
    return Gap.objects.wanted().filter(author_id__in=ids).values("book_id").distinct().count()


def _rule(follow: str) -> str:
    if follow not in Follow.values:
        raise ValidationError(
            f"A follow rule is one of {', '.join(Follow.values)}.", fields={"follow": "is not a follow rule"}
        )
    return follow


def exclude_books(*, books: Sequence[Book], now: datetime.datetime, user: User | None = None, reason: str = "") -> int:
    """These books are not wanted, whatever any rule says. Returns how many were not excluded before."""
    with transaction.atomic():
        known = set(Exclusion.objects.filter(book__in=books).values_list("book_id", flat=True))
        fresh = {book.pk: book for book in books if book.pk not in known}
        Exclusion.objects.bulk_create(
            [Exclusion(book=book, reason=reason[:300], created_by=user) for book in fresh.values()],
            ignore_conflicts=True,
        )
        recount_books(list(fresh), now=now)
    return len(fresh)


def include_books(*, books: Sequence[Book], now: datetime.datetime) -> int:
    """Take exclusions back. Returns how many there were."""
    ids = [book.pk for book in books]
    with transaction.atomic():
        count, _ = Exclusion.objects.filter(book_id__in=ids).delete()
        recount_books(ids, now=now)
    return count
