"""Undoing what one reading of the library changed in the database."""

import datetime

from django.db import transaction
from django.utils import timezone

from library.models import BookAuthor, Copy, SeriesEntry, ShelfChange
from library.services.gaps import analyze_gaps
from library.services.linking import relink
from library.services.ownership import refresh_ownership, remove_orphans, remove_unclaimed
from library.services.resolving import chunks
from scheduling.models import Run


def revert_reading(run_id: int) -> dict[str, int]:
    """What the reading added goes, what it changed or lost comes back as it was, and all of it is counted anew.

    Series that came only with it go too, with the books that only they name. The next reading starts afresh for what
    was touched. A second revert of the same run finds nothing to do.
    """
    now = timezone.now()
    counts = {"removed": 0, "restored": 0}
    with transaction.atomic():
        changes = list(ShelfChange.objects.filter(run_id=run_id).select_related("copy").order_by("-id"))
        books = {change.copy.book_id for change in changes if change.copy.book_id}
        series = set(SeriesEntry.objects.filter(book_id__in=books).values_list("series_id", flat=True))
        authors = set(BookAuthor.objects.filter(book_id__in=books).values_list("author_id", flat=True))
        created = [change.copy_id for change in changes if change.kind == ShelfChange.Kind.CREATED]
        restored: dict[int, Copy] = {}
        for change in changes:
            if change.kind != ShelfChange.Kind.CREATED and change.copy_id not in created:
                _restore(restored.setdefault(change.copy_id, change.copy), change, now)
        for part in chunks(created):
            Copy.objects.filter(pk__in=part).delete()
        for copy in restored.values():
            copy.save()
        relink(list(restored.values()), now=now)
        refresh_ownership(books)
        remove_orphans(books, with_gaps=True)
        began = Run.objects.filter(pk=run_id).values_list("created_at", flat=True).first()
        if began and created:
            series -= set(remove_unclaimed(since=began, series_ids=series))
        ShelfChange.objects.filter(run_id=run_id).delete()
        counts |= {"removed": len(created), "restored": len(restored)}
        analyze_gaps(now=now, series_ids=sorted(series), author_ids=sorted(authors), keep_report=False)
    return counts


def _restore(copy: Copy, change: ShelfChange, now: datetime.datetime) -> None:
    for name, value in change.before.items():
        setattr(copy, name, value)
    if change.kind == ShelfChange.Kind.RETURNED:
        copy.missing_since = copy.missing_since or now
    elif change.kind == ShelfChange.Kind.MISSING:
        copy.missing_since = None
    # Nothing of what was read is trusted any more: the next reading looks at the files themselves.
    copy.facts_digest = copy.fingerprint = ""
    copy.unseen_count = 0
