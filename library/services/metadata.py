"""Metadata correction: the providers' words laid beside a book, and what the rules allow written down with its source.

The network is asked first, outside any transaction; then the book is read again under a lock and changed in one.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from config.errors import ConflictError, UnabridgedError
from library.domain.corrections import Offer, Proposal, propose_changes, value_key
from library.models import Book, CatalogueRecord, Correction
from library.services.book_fields import note_source, read_fields, with_fields, write_fields
from library.services.catalogue_rows import keep_recordings
from library.services.offers import Gathered, gather_offers, trusts
from library.services.providers import Asked, enabled_providers
from library.services.settings import get_setting
from scheduling.models import Run, Trigger
from scheduling.services.context import RunContext
from scheduling.services.runs import tally_failure

REFRESH_EVERY = datetime.timedelta(hours=24)


@dataclass
class CorrectionResult:
    """What the correction of one book did or, in a dry run, would do. `sources` says who knows the book for certain and
    how old that word is; `silent` who answered and does not; `errors` who did not answer."""

    book: Book
    proposals: list[Proposal] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    completeness_before: int = 0
    completeness_after: int = 0
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {
            "book_id": self.book.pk,
            "title": self.book.title,
            "dry_run": self.dry_run,
            "changed": sorted(p.field for p in self.proposals if p.is_applied),
            "proposals": [proposal.as_dict() for proposal in self.proposals],
            "sources": self.sources,
            "silent": self.silent,
            "errors": self.errors,
            "completeness_before": self.completeness_before,
            "completeness_after": self.completeness_after,
        }


def correct_book(
    *,
    book: Book,
    now: datetime.datetime,
    force: bool = False,
    dry_run: bool = False,
    user: User | None = None,
    run: Run | None = None,
    providers: Sequence[Asked] | None = None,
) -> CorrectionResult:
    """Correct one book. ConflictError (recently_refreshed) within 24 hours of the last time, unless `force`d; then the
    providers are asked anew. ExternalAPIError when every provider failed."""
    if not force and not dry_run and book.corrected_at and now - book.corrected_at < REFRESH_EVERY:
        raise ConflictError(
            f"{book.title} was refreshed at {book.corrected_at:%Y-%m-%d %H:%M} UTC, less than 24 hours ago. "
            "Force it to ask the providers again.",
            code="recently_refreshed",
            context={"book": book.pk, "refreshed_at": book.corrected_at.isoformat()},
        )
    asked = list(enabled_providers(now=now)) if providers is None else list(providers)
    [loaded] = with_fields([book.pk])
    gathered = gather_offers(loaded, asked, now=now, anew=force)
    if gathered.errors and not gathered.found and not gathered.silent:
        raise gathered.errors[0][1]
    result = _settle(loaded, gathered, now=now, dry_run=dry_run, user=user, run=run)
    book.refresh_from_db()
    result.book = book
    return result


def _settle(
    book: Book, gathered: Gathered, *, now: datetime.datetime, dry_run: bool, user: User | None, run: Run | None
) -> CorrectionResult:
    result = CorrectionResult(book, dry_run=dry_run, silent=gathered.silent)
    result.errors = [{"source": name, "code": error.code, "message": error.message} for name, error in gathered.errors]
    result.sources = [_source_row(offer, now) for offer in gathered.offers]
    result.completeness_before = result.completeness_after = book.completeness
    if dry_run:
        result.proposals = _propose(book, gathered.offers)
        return result
    with transaction.atomic():
        Book.objects.select_for_update(no_key=True).get(pk=book.pk)
        [fresh] = with_fields([book.pk])
        result.proposals = _propose(fresh, gathered.offers)
        applied = [proposal for proposal in result.proposals if proposal.is_applied]
        result.corrections = _apply(fresh, applied, now=now, user=user, run=run)
        for record in gathered.fetched:
            keep_recordings([(fresh, record)], now=now)
            CatalogueRecord.objects.filter(
                provider=record.provider, provider_id=record.provider_id[:200], region=record.region[:5]
            ).update(vanished_count=0)
        if not gathered.errors or gathered.found:
            Book.objects.filter(pk=fresh.pk).update(corrected_at=now)
    result.completeness_after = fresh.completeness
    return result


def _source_row(offer: Offer, now: datetime.datetime) -> dict[str, Any]:
    fetched = offer.fetched_at or now
    return {
        "source": offer.source,
        "trust": offer.trust,
        "same_recording": offer.is_same_recording,
        "as_of": fetched.isoformat(),
        "age_seconds": max(0, round((now - fetched).total_seconds())),
    }


def _propose(book: Book, offers: Sequence[Offer]) -> list[Proposal]:
    undone = Correction.objects.filter(book=book, undone_at__isnull=False).values_list("field", "new")
    taken_back = [(name, value_key(new)) for name, new in undone]
    return propose_changes(read_fields(book), offers, trusts=trusts(), undone=taken_back)


def _apply(
    book: Book, applied: Sequence[Proposal], *, now: datetime.datetime, user: User | None, run: Run | None
) -> list[Correction]:
    if not applied:
        return []
    write_fields(book, {proposal.field: proposal.new for proposal in applied})
    for proposal in applied:
        note_source(book, proposal.field, proposal.source, now=now)
    return Correction.objects.bulk_create(
        [
            Correction(
                book=book,
                field=proposal.field,
                old=proposal.old,
                new=proposal.new,
                source=proposal.source[:60],
                old_source=proposal.old_source[:60],
                reason=proposal.reason[:300],
                run=run,
                actor=user,
            )
            for proposal in applied
        ]
    )


@dataclass
class BatchResult:
    """Figures of a batch, and what was changed, book by book (the first 200)."""

    books: int = 0
    changed_books: int = 0
    corrections: int = 0
    unknown: int = 0
    failed: int = 0
    details: list[dict[str, Any]] = field(default_factory=list)

    def words(self, *, dry_run: bool) -> str:
        verb = "would change" if dry_run else "changed"
        words = f"{self.books} books looked up, {self.corrections} fields {verb} in {self.changed_books} books"
        if self.unknown:
            words += f", {self.unknown} known to no provider"
        if self.failed:
            words += f", {self.failed} failed"
        return words + "."


def correct_batch(*, run: RunContext, new_only: bool) -> Mapping[str, Any]:
    """The jobs `metadata_full` and `metadata_new`.

    Params: `completeness_threshold` (0-100), `limit`, `days` (new_only), `dry_run`, `force`, `book_ids`.
    """
    now = run.run.started_at or run.run.created_at
    params = run.params
    if run.run.trigger == Trigger.SCHEDULE and not get_setting("features.metadata"):
        return {"message": "Metadata correction is switched off (setting features.metadata)."}
    dry_run, force = bool(params.get("dry_run")), bool(params.get("force"))
    books = list(books_to_correct(params, new_only=new_only, now=now))
    run.report(total=len(books))
    result = BatchResult()
    providers = list(enabled_providers(now=now))
    if not providers:
        raise UnabridgedError(
            "No catalogue provider may be asked now: enable one under Catalogue providers, or wait until it is no "
            "longer paused.",
            code="metadata_error",
        )
    for book in books:
        _correct_one(book, result, providers, run, now=now, dry_run=dry_run, force=force)
    return {
        "message": result.words(dry_run=dry_run),
        "dry_run": dry_run,
        "books": result.books,
        "changed_books": result.changed_books,
        "corrections": result.corrections,
        "unknown": result.unknown,
        "failed": result.failed,
        "details": result.details,
    }


def books_to_correct(params: Mapping[str, Any], *, new_only: bool, now: datetime.datetime) -> QuerySet[Book]:
    """Books that are incomplete (or new) and were not looked up today; what is on the shelf first, the worst first."""
    books = Book.objects.active()
    if params.get("book_ids") is not None:
        return books.filter(pk__in=params["book_ids"]).order_by("pk")
    threshold = params.get("completeness_threshold")
    threshold = get_setting("metadata.completeness_threshold") if threshold is None else threshold
    if new_only:
        books = books.filter(created_at__gte=now - datetime.timedelta(days=params.get("days") or 7))
        threshold = 100 if params.get("completeness_threshold") is None else threshold
    books = books.filter(completeness__lt=threshold) if threshold < 100 else books
    if not params.get("force"):
        books = books.filter(Q(corrected_at=None) | Q(corrected_at__lt=now - REFRESH_EVERY))
    return books.order_by("-is_owned", "completeness", "pk")[: params.get("limit") or 1000]


def _correct_one(
    book: Book,
    result: BatchResult,
    providers: list[Asked],
    run: RunContext,
    *,
    now: datetime.datetime,
    dry_run: bool,
    force: bool,
) -> None:
    """One book of a batch. A provider that fails is left alone for the rest of the run."""
    result.books += 1
    if not providers:
        result.failed += 1
        run.advance(ok=False, message=f"No provider answers any more: {book.title}")
        return
    [loaded] = with_fields([book.pk])
    gathered = gather_offers(loaded, providers, now=now, anew=force)
    for name, error in gathered.errors:
        run.warn(f"{name} is not asked any more in this run: {error.message}", code=error.code)
        providers[:] = [provider for provider in providers if provider.name != name]
    if gathered.errors and not gathered.found:
        result.failed += 1
        error = gathered.errors[0][1]
        tally_failure(job=run.run.job, item_type="book", item_id=book.pk, error=error.message, now=now)
        run.advance(ok=False, message=book.title)
        return
    done = _settle(loaded, gathered, now=now, dry_run=dry_run, user=run.run.requested_by, run=run.run)
    changed = [proposal for proposal in done.proposals if proposal.is_applied]
    result.unknown += not gathered.found
    result.changed_books += bool(changed)
    result.corrections += len(changed)
    if changed and len(result.details) < 200:
        result.details.append({"book": book.pk, "title": book.title, "fields": {p.field: p.source for p in changed}})
    run.advance(message=book.title)
