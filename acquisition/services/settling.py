"""After the commit of an import: what it replaces goes to the bin, its name passes over, Audiobookshelf is told.

Each step is in the journal, is done again by the sweep where a crash came between, and can be taken back as a whole.
"""

import datetime
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from acquisition.domain.states import DownloadState
from acquisition.models import Download, ImportRecord, ImportStatus
from acquisition.services.joining import clear_joined
from acquisition.services.placing import PlacingError, discard_staging, root_path
from acquisition.services.recycling import bring_back, recycle_replaced, take_back
from acquisition.services.transitions import note, note_once
from acquisition.services.unpacking import clear_unpacked
from acquisition.services.upgrading import take_name
from config.errors import ConflictError, ExternalAPIError
from library.models import Copy, RootKind
from library.services.gaps import recount_books
from library.services.readers import open_audiobookshelf
from library.services.shelf import refresh_ownership

S = DownloadState
OPEN = (ImportStatus.PLACING, ImportStatus.PLACED)
ENDED_WITHOUT = (S.CANCELLED, S.FAILED, S.ABANDONED, S.QUEUED, S.GRABBED, S.DOWNLOADING)
# What is left to do after a commit is tried for so long; a disk that stays away longer needs a person anyway.
SWEPT_DAYS = 30


def after_commit(download: Download, copies: Sequence[Copy]) -> None:
    """What follows from the commit, and is done again by the sweep where a crash comes between."""
    now = timezone.now()
    for record in download.imports.filter(status=ImportStatus.COMMITTED).select_related("root", "download"):
        settle(record, now)
    _announce(copies)


def settle(record: ImportRecord, now: datetime.datetime) -> None:
    """Recycle what a committed import replaced, then give it the name that is due to it."""
    if record.download_id:
        with suppress(OSError):  # why: what is left of the unpacking is tried again at the next look
            clear_unpacked(Path(record.root.path), record.download_id)
            clear_joined(Path(record.root.path), record.download_id)
    try:
        recycle_replaced(record, now=now)
        take_name(record, now=now)
    except PlacingError as error:
        if record.download:
            note_once(record.download, f"What it replaces is still there: {error.message}", code=error.code, now=now)


def clear_cut_off_imports(*, now: datetime.datetime) -> int:
    """After crashes and cancellations: take back what was staged or placed for downloads that ended otherwise, and
    finish what was left to do for those that were imported or undone. Returns how many were taken back."""
    recent = ImportRecord.objects.filter(finished_at__gte=now - datetime.timedelta(days=SWEPT_DAYS))
    recent = recent.select_related("root", "download", "book")
    for record in recent.filter(status=ImportStatus.COMMITTED).exclude(Q(replaced=[]) & Q(wanted_path="")):
        if record.wanted_path or any(not entry.get("done") for entry in record.replaced):
            settle(record, now)
    for record in recent.filter(status=ImportStatus.UNDOING):
        _undo_quietly(record, now)
    for record in recent.filter(status=ImportStatus.UNDONE).exclude(replaced=[]):
        with suppress(PlacingError):  # why: the disk is away; it is tried again at the next look
            bring_back(record, now=now)
    count = 0
    for record in ImportRecord.objects.filter(status__in=OPEN).select_related("root", "download"):
        ended = record.download is None or record.download.status in ENDED_WITHOUT
        if ended and _take_back_open(record, now):
            count += 1
    return count


def _undo_quietly(record: ImportRecord, now: datetime.datetime) -> None:
    try:
        _finish_undoing(record, actor="system", now=now)
    except PlacingError as error:
        ImportRecord.objects.filter(pk=record.pk).update(error_message=error.message[:1000])


def _take_back_open(record: ImportRecord, now: datetime.datetime) -> bool:
    try:
        discard_staging(record)
        if record.status == ImportStatus.PLACED:
            take_back(record, now=now)
        if record.download_id:
            clear_unpacked(root_path(record), record.download_id)
            clear_joined(root_path(record), record.download_id)
    except (PlacingError, OSError) as error:
        words = error.message if isinstance(error, PlacingError) else str(error)
        ImportRecord.objects.filter(pk=record.pk).update(error_message=words[:1000])
        return False
    ImportRecord.objects.filter(pk=record.pk, status__in=OPEN).update(status=ImportStatus.FAILED, finished_at=now)
    return True


def undo_import(*, record: ImportRecord, actor: str, now: datetime.datetime) -> ImportRecord:
    """Take an import back: its files go to the recycle bin, what it replaced returns, its gap opens again.

    Said in the journal before the disk is touched, so that the sweep finishes it after a crash.
    """
    settle(record, now)
    begun = ImportRecord.objects.filter(pk=record.pk, status__in=[ImportStatus.COMMITTED, ImportStatus.UNDOING])
    if not begun.update(status=ImportStatus.UNDOING, finished_at=now):
        raise ConflictError("Only a finished import can be undone.", code="illegal_transition")
    record.refresh_from_db()
    _finish_undoing(record, actor=actor, now=now)
    record.refresh_from_db()
    return record


def _finish_undoing(record: ImportRecord, *, actor: str, now: datetime.datetime) -> None:
    removed = take_back(record, now=now)
    with transaction.atomic():
        copy_id = record.copy_id
        ImportRecord.objects.filter(pk=record.pk).update(status=ImportStatus.UNDONE, finished_at=now, copy=None)
        if copy_id:
            Copy.objects.filter(pk=copy_id).delete()
        if record.book_id:
            refresh_ownership([record.book_id])
            recount_books([record.book_id], now=now)
        if record.download:
            words = f"{actor} undid the import; {removed} files went to the recycle bin."
            note(record.download, words, code="undone", actor=actor, now=now)
    record.refresh_from_db()
    bring_back(record, now=now)


def _announce(copies: Sequence[Copy]) -> None:
    """Ask Audiobookshelf to look, once per library; a server that is down finds the books at its next scan anyway."""
    roots = {copy.root_id: copy.root for copy in copies}
    for root in roots.values():
        if root.kind != RootKind.AUDIOBOOKSHELF or root.server is None:
            continue
        client = open_audiobookshelf(root.server)
        try:
            client.scan(root.abs_library_id)
        except ExternalAPIError as error:
            for record in ImportRecord.objects.filter(copy__in=[c for c in copies if c.root_id == root.pk]):
                if record.download:
                    note(record.download, f"Audiobookshelf was not told: {error.message}", code=error.code)
        finally:
            client.close()


def confirm_imports(*, now: datetime.datetime) -> int:
    """Look whether Audiobookshelf has seen what was filed into its libraries; gives the copies their item ids."""
    confirmed = 0
    waiting = ImportRecord.objects.filter(
        status=ImportStatus.COMMITTED, confirmed_at=None, root__kind=RootKind.AUDIOBOOKSHELF, copy__isnull=False
    ).select_related("root__server", "copy")
    for record in waiting[:20]:
        if record.root.server is None or record.copy is None:
            continue
        client = open_audiobookshelf(record.root.server)
        with suppress(ExternalAPIError):
            item = client.find_item_by_path(record.root.abs_library_id, record.target_path, newest=400)
            if item:
                Copy.objects.filter(pk=record.copy.pk, abs_item_id="").update(abs_item_id=item.abs_item_id)
                ImportRecord.objects.filter(pk=record.pk).update(confirmed_at=now)
                confirmed += 1
        client.close()
    return confirmed
