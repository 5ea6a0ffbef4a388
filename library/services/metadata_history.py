"""The history of corrections: reading it, taking changes back, and pruning it."""

import datetime
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from config.errors import ConflictError, NotFoundError, ValidationError
from library.domain.corrections import FIELDS, OWN_TRUST, value_key
from library.models import Book, Correction, FieldSource, ProviderState
from library.services.book_fields import known_field, note_source, read_value, with_fields, write_fields
from library.services.providers import ensure_providers
from scheduling.models import Run


@dataclass
class UndoResult:
    """What was taken back, and what was not because it was changed again since."""

    undone: list[Correction] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)


def book_history(book: Book) -> QuerySet[Correction]:
    """Every correction of a book, newest first."""
    return Correction.objects.filter(book=book).select_related("run", "actor").order_by("-created_at", "-id")


def undo_correction(*, correction: Correction, now: datetime.datetime, user: User | None = None) -> Correction:
    """Put the old value back. ConflictError when it was undone already or the field was changed since. The same change
    is not made again by any provider."""
    with transaction.atomic():
        Book.objects.select_for_update(no_key=True).get(pk=correction.book_id)
        correction.refresh_from_db()
        fault = _undo(correction, now)
        if fault:
            raise ConflictError(fault, code="cannot_undo", context={"correction": correction.pk})
    return correction


def undo_run(*, run: Run, now: datetime.datetime, user: User | None = None) -> UndoResult:
    """Take back all that a run changed, newest first, book by book. What was changed again since stays."""
    result = UndoResult()
    waiting = Correction.objects.filter(run=run, undone_at=None)
    if not waiting.exists():
        raise ConflictError(
            "This run changed no metadata, or all of it was taken back already.", context={"run": run.pk}
        )
    for book_id in list(waiting.order_by("book_id").values_list("book_id", flat=True).distinct()):
        with transaction.atomic():
            Book.objects.select_for_update(no_key=True).get(pk=book_id)
            for correction in waiting.filter(book_id=book_id).order_by("-id"):
                fault = _undo(correction, now)
                if fault:
                    result.kept.append({"correction": correction.pk, "book": book_id, "reason": fault})
                else:
                    result.undone.append(correction)
    return result


def _undo(correction: Correction, now: datetime.datetime) -> str:
    """Take one back inside the caller's transaction; the reason why not, else empty."""
    if correction.undone_at:
        return f"This change was taken back already, at {correction.undone_at:%Y-%m-%d %H:%M} UTC."
    [book] = with_fields([correction.book_id])
    if value_key(read_value(book, correction.field)) != value_key(correction.new):
        return f"{correction.field} was changed again since; take that change back first, or edit the book."
    write_fields(book, {correction.field: correction.old})
    if correction.old_source:
        note_source(book, correction.field, correction.old_source, now=now)
    else:
        FieldSource.objects.filter(book=book, field=correction.field).delete()
    Correction.objects.filter(pk=correction.pk).update(undone_at=now)
    correction.undone_at = now
    return ""


def get_correction(pk: int) -> Correction:
    found = Correction.objects.filter(pk=pk).select_related("book").first()
    if found is None:
        raise NotFoundError("There is no such correction.", context={"resource": "correction", "id": pk})
    return found


def known_sources() -> list[str]:
    """Who a field's value may come from."""
    ensure_providers()
    own = {"library", "user", "api", "catalogue", "folder", "tags", "nfo", "txt", "opf", "metadata.json", "abs"}
    return sorted(
        own | {name for name in OWN_TRUST if name} | set(ProviderState.objects.values_list("name", flat=True))
    )


def set_field_source(
    *, book: Book, field: str, source: str, now: datetime.datetime, user: User | None = None
) -> FieldSource:
    """Record where a field's value came from. ValidationError names an unknown field or source."""
    faults = {}
    if field not in FIELDS:
        faults["field_name"] = f"must be one of {', '.join(FIELDS)}"
    if source not in known_sources():
        faults["source"] = f"must be one of {', '.join(known_sources())}"
    if faults:
        raise ValidationError("The source cannot be recorded: nothing was changed.", fields=faults)
    return note_source(book, field, source, now=now)


def set_field_lock(
    *, book: Book, field: str, is_locked: bool, now: datetime.datetime, user: User | None = None
) -> FieldSource:
    """Lock a field against every provider, or open it again."""
    row, _ = FieldSource.objects.update_or_create(
        book=book,
        field=known_field(field),
        defaults={"is_locked": is_locked},
        create_defaults={"is_locked": is_locked, "source": book.import_source or "library", "set_at": now},
    )
    return row


def cleanup_old(*, days: int, now: datetime.datetime) -> int:
    """Delete corrections older than `days`; returns how many. What was taken back is remembered, so that it is not done
    again; the fields and their sources stay as they are."""
    old = Correction.objects.filter(created_at__lt=now - datetime.timedelta(days=days), undone_at=None)
    deleted, _ = old.delete()
    return deleted
