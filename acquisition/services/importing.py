"""Filing what came: checked, placed, committed to the database, and the gap closed by the same act."""

import datetime
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from acquisition.domain.import_checks import NEVER_OVERRULED
from acquisition.domain.states import DownloadState
from acquisition.models import Download, DownloadBook, ImportRecord, ImportStatus
from acquisition.services.acquiring import give_up_and_fall_back
from acquisition.services.arriving import Stopped
from acquisition.services.filing import sidecars_of
from acquisition.services.locating import refresh_location
from acquisition.services.placing import (
    FileMove,
    PlacingError,
    Superseded,
    discard_staging,
    explain_disk,
    inside,
    place,
    root_path,
)
from acquisition.services.planning import Plan, journal_of, make_plan, preview_of
from acquisition.services.settling import OPEN, after_commit
from acquisition.services.transitions import block, fail, move, note, note_once
from config.errors import ConflictError, Unavailable, ValidationError
from library.clients.folders.reader import FolderReader
from library.domain.facts import CopyFacts
from library.models import Book, Copy, MatchState
from library.services.gaps import recount_books
from library.services.settings import get_setting
from library.services.shelf import adopt_copy, refresh_ownership
from scheduling.services.context import RunContext

S = DownloadState
UNPACKING_PATIENCE = datetime.timedelta(hours=2)


def import_download(*, download_id: int, run: RunContext) -> dict[str, Any]:
    """Import one download that is complete, or whose import was cut off. Every end is a named state of it."""
    download = Download.objects.select_related("client", "release__indexer").get(pk=download_id)
    if download.status not in (S.DOWNLOADED, S.IMPORTING):
        return {"message": "Nothing to import."}
    try:
        refresh_location(download, now=timezone.now())
        if download.status == S.DOWNLOADED:
            move(download, S.IMPORTING, message="Being checked.", error_code="", error_message="")
        copies = [_import_book(link, run) for link in download.download_books.select_related("book", "download")]
    except Stopped as stop:
        return _end(download, stop)
    except PlacingError as error:
        return _block(download, error)
    except OSError as error:
        return _block(download, explain_disk(error, download.content_path))
    except (Superseded, Unavailable) as error:
        note_once(download, error.message, code=error.code)
        return {"message": error.message, "code": error.code}
    if not copies:
        block(download, code="no_book", message="Nobody said which book this is. Choose it, then import.")
        return {"message": "Nobody said which book this is."}
    after_commit(download, copies)
    return {"message": f"On the shelf: {', '.join(copy.title for copy in copies)}", "copies": [c.pk for c in copies]}


def _block(download: Download, error: PlacingError) -> dict[str, Any]:
    block(download, code=error.code, message=error.message)
    return {"message": error.message, "code": error.code}


def _end(download: Download, stop: Stopped) -> dict[str, Any]:
    """Blocked, or failed with the release at fault and the next best one taken; or looked at again, while something
    still writes there."""
    if {check.code for check in stop.checks} == {"unpacking"} and _may_wait(download):
        words = stop.checks[0].message
        note_once(download, words, code="unpacking")
        return {"message": words, "code": "unpacking"}
    certain = [check for check in stop.checks if check.is_fault]
    words = " ".join(check.message for check in certain or stop.checks)
    code = (certain or stop.checks)[0].code
    if certain:
        fail(download, code=code, message=words, release_at_fault=True)
        following = give_up_and_fall_back(download=download, now=timezone.now())
        return {"message": words, "code": code, "next": following.pk if following else None}
    block(download, code=code, message=f"{words} Look at it, then import anyway or choose another release.")
    return {"message": words, "code": code}


def _may_wait(download: Download) -> bool:
    """The look is repeated every minute; who writes for longer than this has probably stopped."""
    return timezone.now() - download.status_at < UNPACKING_PATIENCE


def _import_book(link: DownloadBook, run: RunContext) -> Copy:
    """One book of a download, from its files to the committed copy."""
    record = ImportRecord.objects.filter(
        download=link.download, book=link.book, status__in=[*OPEN, ImportStatus.COMMITTED]
    ).first()
    if record and record.status == ImportStatus.COMMITTED and record.copy:
        return record.copy
    if record is None or record.status == ImportStatus.PLACING:
        record = _plan(link, record, run)
    moves = [FileMove(file["source"], file["target"], file["size_bytes"]) for file in record.files]
    run.report(message=f"Filing {link.book.title}")
    try:
        place(
            record,
            moves,
            sidecars=sidecars_of(link.book),
            hardlink=get_setting("import.hardlink"),
            alive=run.flush,
        )
    except PlacingError as error:
        if not ImportRecord.objects.filter(pk=record.pk, staging_path=record.staging_path).exists():
            raise Superseded(f"Another worker files {record.target_path}.") from error
        raise
    return _commit(record, link)


def _plan(link: DownloadBook, record: ImportRecord | None, run: RunContext) -> ImportRecord:
    """Look at what came, check it, and write the journal of what will be placed where."""
    plan = make_plan(link, run)
    _keep_preview(link, plan)
    if plan.standing:
        raise Stopped(plan.standing)
    values = journal_of(plan, link, run)
    if record is None:
        return _write_journal(link.download, link.book, values)
    discard_staging(record)
    ImportRecord.objects.filter(pk=record.pk).update(**values)
    record.refresh_from_db()
    return record


def _keep_preview(link: DownloadBook, plan: Plan) -> None:
    """What would be filed where, for the person who is asked when it is blocked."""
    kept = {**link.download.preview, str(link.book_id): preview_of(plan, link)}
    link.download.preview = kept
    Download.objects.filter(pk=link.download_id).update(preview=kept)


def _write_journal(download: Download, book: Book, values: dict[str, Any]) -> ImportRecord:
    try:
        with transaction.atomic():
            return ImportRecord.objects.create(download=download, book=book, **values)
    except IntegrityError as error:
        raise Superseded(f"Another worker files {book.title}.") from error


def _commit(record: ImportRecord, link: DownloadBook) -> Copy:
    """The copy, its book, the gap, the figures and the download's state: one transaction."""
    now = timezone.now()
    facts = _read_back(record)
    with transaction.atomic():
        claimed = ImportRecord.objects.filter(pk=record.pk, status=ImportStatus.PLACED)
        if not claimed.update(status=ImportStatus.COMMITTED, finished_at=now):
            raise Superseded(f"Another worker filed {record.target_path}.")
        copy = adopt_copy(root=record.root, facts=facts, now=now)
        Copy.objects.filter(pk=copy.pk).update(
            book=link.book,
            match_state=MatchState.CERTAIN,
            match_score=1.0,
            match_reasons=[f"Imported for this book from {link.download.source}."],
            matched_at=now,
        )
        refresh_ownership([link.book_id])
        recount_books([link.book_id], now=now)
        ImportRecord.objects.filter(pk=record.pk).update(copy=copy)
        if not _books_left(link.download):
            move(link.download, S.IMPORTED, message=f"Filed as {record.target_path}.", now=now, imported_at=now)
    copy.refresh_from_db()
    return copy


def _books_left(download: Download) -> bool:
    done = download.imports.filter(status=ImportStatus.COMMITTED).values_list("book_id", flat=True)
    return download.download_books.exclude(book_id__in=list(done)).exists()


def _read_back(record: ImportRecord) -> CopyFacts:
    """The placed folder as the library reader sees it."""
    root = root_path(record)
    inside(root, record.target_path)
    for item in FolderReader(root).read_only(record.target_path):
        if isinstance(item, CopyFacts) and item.path == record.target_path:
            return item
    raise PlacingError(
        f"{record.target_path} cannot be read back after placing. Look at the folder, then import again.",
        code="unreadable",
    )


def overrule_and_import(*, download: Download, codes: Sequence[str], reason: str, actor: str) -> Download:
    """A person's word against checks: recorded, then the import goes on. ConflictError when it is not blocked,
    ValidationError for a check where there is nothing to file."""
    if download.status != S.BLOCKED:
        raise ConflictError("Only a blocked import can be overruled.", code="illegal_transition")
    if hopeless := sorted(set(codes) & NEVER_OVERRULED):
        raise ValidationError(
            f"{', '.join(hopeless)} cannot be overruled: there is nothing that could be filed. Mend it, then import "
            "again.",
            fields={"codes": "cannot be overruled"},
        )
    with transaction.atomic():
        note(download, f"{actor} overrules {', '.join(codes)}: {reason}", code="overruled", actor=actor)
        overrules = sorted({*download.overrules, *codes})
        return move(
            download, S.IMPORTING, message="Import anyway.", actor=actor, overrules=overrules, error_code="",
            error_message="",
        )  # fmt: skip


def import_again(*, download: Download, actor: str) -> Download:
    """After a person mended what was in the way (room on the disk, a mapping, a file): check and file once more."""
    return move(
        download, S.IMPORTING, message="Import again.", actor=actor, error_code="", error_message=""
    )  # fmt: skip
