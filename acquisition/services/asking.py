"""What a person asks for: books or whole series to be acquired, a release to be taken, a download to be tried again."""

import datetime
from collections.abc import Sequence

from accounts.models import User
from acquisition.domain.states import DownloadState
from acquisition.models import Decision, Download
from acquisition.services.acquiring import ACQUIRABLE, give_up_and_fall_back
from acquisition.services.grabbing import grab
from acquisition.services.monitoring import wake_monitor
from acquisition.services.transitions import cancel, fail, requeue
from config.errors import ConflictError, UnprocessableError, ValidationError
from library.models import Book, Gap, Series
from scheduling.models import Run, Trigger
from scheduling.services.runs import request_run

JOB = "wanted_search"
MOST_BOOKS = 50
S = DownloadState


def acquire_books(*, books: Sequence[Book], user: User | None) -> Run:
    """Queue a search for these books, and the download of the best release of each. At most 50 at once."""
    ids = list(dict.fromkeys(book.pk for book in books if not book.is_owned))
    if not ids:
        raise UnprocessableError("These books are on the shelf already; there is nothing to look for.")
    if len(ids) > MOST_BOOKS:
        raise UnprocessableError(f"Choose at most {MOST_BOOKS} books at once.")
    lock = f"{JOB}-book-{ids[0]}" if len(ids) == 1 else JOB
    return request_run(job=JOB, params={"book_ids": ids}, trigger=Trigger.USER, user=user, lock=lock)


def acquire_series(*, series: Sequence[Series], user: User | None) -> Run:
    """Queue a search for what these series are short of. UnprocessableError when nothing of them is missing."""
    ids = [row.pk for row in series]
    gaps = Gap.objects.open().filter(series_id__in=ids, counts=True, reason__in=ACQUIRABLE)
    missing = gaps.exclude(book__download_books__is_active=True).values("book_id").distinct().count()
    if not missing:
        raise UnprocessableError("Nothing of it is missing that is not on its way already.")
    params = {"gaps": True, "series_ids": ids, "max_downloads": min(missing, MOST_BOOKS)}
    lock = f"{JOB}-series-{ids[0]}" if len(ids) == 1 else JOB
    return request_run(job=JOB, params=params, trigger=Trigger.USER, user=user, lock=lock)


def grab_decided(*, decision: Decision, reason: str, user: User | None, now: datetime.datetime) -> Download:
    """Take the release of a decision. A rejected one needs a reason, which is kept as the overruling."""
    if decision.release is None:
        raise ConflictError("This release is no longer known; search again.", code="release_gone")
    if not decision.is_accepted and not reason:
        raise ValidationError("This release was rejected. Say why you take it all the same.", code="needs_reason")
    overrule = "" if decision.is_accepted else reason
    download = grab(
        release=decision.release, books=[decision.book], now=now, user=user, decision=decision, overrule=overrule
    )
    wake_monitor()
    return download


def retry_download(*, download: Download, actor: str) -> Download:
    """Queue it again now, whatever time was planned."""
    row = requeue(download, actor=actor, message="Tried again by hand.")
    wake_monitor()
    return row


def cancel_download(*, download: Download, actor: str) -> Download:
    return cancel(download, actor=actor, message="Cancelled by hand.")


def reject_download(*, download: Download, reason: str, actor: str, now: datetime.datetime) -> Download | None:
    """The release is at fault: it is put on the blocklist, and the next best one is taken."""
    fail(download, code="rejected_by_user", message=reason, release_at_fault=True, actor=actor, now=now)
    return give_up_and_fall_back(download=download, now=now)
