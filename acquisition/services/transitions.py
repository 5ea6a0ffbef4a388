"""Moving downloads along their state machine. The only writer of `Download.status`."""

import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from acquisition.domain.faults import OTHER_TORRENT
from acquisition.domain.states import ACTIVE, DownloadState, allowed_from, next_retry
from acquisition.models import BlocklistEntry, Download, DownloadBook, DownloadEvent
from config.errors import ConflictError
from scheduling.services.runs import tally_failure


def move(
    download: Download,
    new: DownloadState,
    *,
    message: str = "",
    code: str = "",
    actor: str = "system",
    now: datetime.datetime | None = None,
    **changes: Any,
) -> Download:
    """One step. ConflictError (illegal_transition) when the table forbids it; then nothing changed."""
    moment = now or timezone.now()
    try:
        with transaction.atomic():
            current = Download.objects.select_for_update(no_key=True).get(pk=download.pk)
            old = current.status
            moved = Download.objects.filter(pk=download.pk, status__in=[s.value for s in allowed_from(new)]).update(
                status=new.value, status_at=moment, **changes
            )
            if not moved:
                raise ConflictError(
                    f"A download that is {old} cannot become {new.value}.",
                    code="illegal_transition",
                    context={"download": download.pk, "from": old, "to": new.value},
                )
            DownloadBook.objects.filter(download=download).update(is_active=new in ACTIVE)
            note(download, message, code=code, actor=actor, old=old, new=new.value, now=moment)
    except IntegrityError as error:
        raise ConflictError(
            "Another download of the same book is under way; cancel it first.", context={"download": download.pk}
        ) from error
    download.refresh_from_db()
    return download


def note(
    download: Download,
    message: str,
    *,
    code: str = "",
    actor: str = "system",
    old: str = "",
    new: str = "",
    now: datetime.datetime | None = None,
) -> None:
    """An event of the download's history."""
    DownloadEvent.objects.create(
        download=download,
        at=now or timezone.now(),
        actor=actor,
        old_status=old,
        new_status=new,
        code=code,
        message=message[:1000],
    )


def note_once(download: Download, message: str, *, code: str, now: datetime.datetime | None = None) -> None:
    """An event, unless the last one says the same already; and the reason, where people look for it.

    For what is tried every minute: the history must not fill with one sentence.
    """
    last = download.events.order_by("-pk").values_list("code", "message").first()
    if last != (code, message[:1000]):
        note(download, message, code=code, now=now)
    Download.objects.filter(pk=download.pk).update(error_code=code[:60], error_message=message[:1000])


def fail(
    download: Download,
    *,
    code: str,
    message: str,
    release_at_fault: bool = False,
    is_final: bool = False,
    actor: str = "system",
    now: datetime.datetime | None = None,
) -> Download:
    """Record a failed attempt: the server counts, plans the retry, or abandons.

    A release at fault is put on the blocklist. `is_final`: trying again cannot help, though no release is at fault.
    """
    moment = now or timezone.now()
    with transaction.atomic():
        current = Download.objects.select_for_update(no_key=True).get(pk=download.pk)
        attempts = current.attempts + 1
        gives_up = release_at_fault or is_final
        retry_at = None if gives_up else next_retry(attempts, now=moment, max_retries=current.max_retries)
        move(
            download,
            DownloadState.FAILED,
            message=message,
            code=code,
            actor=actor,
            now=moment,
            attempts=attempts,
            next_retry_at=retry_at,
            error_code=code[:60],
            error_message=message[:1000],
            speed_bytes=0,
        )
        tally_failure(job="download", item_type="download", item_id=download.pk, error=message, now=moment)
        if release_at_fault:
            blocklist(download, reason=message, by_name=code != OTHER_TORRENT)
        if retry_at is None:
            why, ending = _ending(attempts, release_at_fault, is_final)
            move(download, DownloadState.ABANDONED, message=why, code=ending, actor=actor, now=moment)
    return download


RELEASE_AT_FAULT = "release_at_fault"


def _ending(attempts: int, release_at_fault: bool, is_final: bool) -> tuple[str, str]:
    """Why it is given up, and the code of that event; the fall-back finds its work by it."""
    if release_at_fault:
        return "Its release is at fault and was put on the blocklist.", RELEASE_AT_FAULT
    if is_final:
        return "Trying again cannot help.", "abandoned"
    return f"Given up after {attempts} failed {'attempt' if attempts == 1 else 'attempts'}.", "abandoned"


def blocklist(download: Download, *, reason: str, by_name: bool = True) -> None:
    """Never grab this release again. Without `by_name` another one of the same name and size is not meant: where a
    torrent was another than its indexer stated, others may offer honestly what it was said to be."""
    release = download.release
    known = BlocklistEntry.objects.filter(
        guid=release.guid if release else "",
        infohash=download.infohash or (release.infohash if release else ""),
        title=(release.title if release else download.title)[:1000],
    )
    if known.exists():
        return
    BlocklistEntry.objects.create(
        book=download.books.first(),
        indexer=release.indexer if release else None,
        guid=release.guid if release else "",
        infohash=download.infohash or (release.infohash if release else ""),
        title=(release.title if release else download.title)[:1000],
        size_bytes=(release.size_bytes if release else download.size_bytes) if by_name else None,
        reason=reason[:500],
    )


def block(download: Download, *, code: str, message: str, now: datetime.datetime | None = None) -> Download:
    """A person must look; the sentence says what to do."""
    return move(
        download,
        DownloadState.BLOCKED,
        code=code,
        message=message,
        now=now,
        error_code=code[:60],
        error_message=message[:1000],
    )


def cancel(download: Download, *, actor: str, message: str = "Cancelled.") -> Download:
    return move(download, DownloadState.CANCELLED, message=message, actor=actor, next_retry_at=None)


def requeue(download: Download, *, actor: str = "system", message: str = "Queued again.") -> Download:
    """Try again, with the client's side forgotten so that it is added anew or adopted."""
    return move(
        download,
        DownloadState.QUEUED,
        message=message,
        actor=actor,
        next_retry_at=None,
        error_code="",
        error_message="",
        progress=0,
        client_state="",
        grabbed_at=None,
        progressed_at=None,
        completed_at=None,
        removed_from_client_at=None,
    )
