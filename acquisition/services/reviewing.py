"""A person's word on an import that is blocked: import it all the same, or say which book it is."""

import datetime
from collections.abc import Sequence

from django.db import IntegrityError, transaction

from accounts.models import User
from acquisition.domain.import_checks import NEVER_OVERRULED
from acquisition.domain.states import DownloadState
from acquisition.models import Download, DownloadBook
from acquisition.services.importing import overrule_and_import
from acquisition.services.steering import name_of, start_import
from acquisition.services.transitions import move
from config.errors import ConflictError
from library.models import Book


def overrule_import(*, download: Download, codes: Sequence[str], reason: str, user: User | None) -> Download:
    """Import it although these checks failed (by default all that stand in its way)."""
    chosen = list(codes) or standing_codes(download)
    moved = overrule_and_import(download=download, codes=chosen, reason=reason, actor=name_of(user))
    start_import(moved)
    return moved


def standing_codes(download: Download) -> list[str]:
    """The checks that failed at the last look and that a person may overrule; the one that blocks it at least."""
    checks = [check for book in download.preview.values() for check in book["checks"] if not check["ok"]]
    codes = {check["code"] for check in checks} - NEVER_OVERRULED - set(download.overrules)
    return sorted(codes | {download.error_code})


def assign_book(*, download: Download, book: Book, user: User | None, now: datetime.datetime) -> Download:
    """Say which book a blocked download is, and import it. What is known of another book is replaced."""
    if download.status != DownloadState.BLOCKED:
        raise ConflictError("Only a blocked import can be given a book.", code="illegal_transition")
    try:
        with transaction.atomic():
            DownloadBook.objects.filter(download=download).exclude(book=book).delete()
            DownloadBook.objects.get_or_create(download=download, book=book)
            moved = move(
                download,
                DownloadState.IMPORTING,
                message=f"{name_of(user)} says that this is “{book.title}”.",
                actor=name_of(user),
                now=now,
                error_code="",
                error_message="",
                preview={},
            )
    except IntegrityError as error:
        raise ConflictError(
            "Another download of this book is under way; cancel it first.", context={"resource": "book", "id": book.pk}
        ) from error
    start_import(moved)
    return moved
