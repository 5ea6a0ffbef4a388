"""The job `drift_check`: what the providers say now beside what the books say. It reports; it changes no book.

A record that its provider no longer gives is an observation. It counts as gone only after three agreeing observations
over three days, and when more than a fifth of a provider's records vanish at once, that is taken for a fault there.
"""

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F

from config.errors import ExternalAPIError, UnabridgedError
from library.domain.corrections import Offer, is_gone, propose_changes, vanishing_is_believable
from library.domain.facts import BookQuery, CatalogueBook
from library.domain.offers import offered_values
from library.models import CatalogueRecord, RecordKind
from library.services.book_fields import read_fields, with_fields
from library.services.offers import book_from_payload, trusts
from library.services.providers import Asked, enabled_providers
from scheduling.services.context import RunContext
from scheduling.services.runs import tally_failure

MAX_REPORTED = 200
DEFAULT_LIMIT = 500


@dataclass
class DriftResult:
    """`differences`: [{book, title, field, ours, theirs, source, ruling, reason}]; `gone`: records."""

    checked: int = 0
    unchanged: int = 0
    skipped: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    difference_count: int = 0
    vanished: int = 0
    returned: int = 0
    gone: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def check_drift(
    *, run: RunContext, now: datetime.datetime, providers: Sequence[Asked] | None = None
) -> Mapping[str, Any]:
    """Params: `limit` (records, default 500, those longest not seen first), `book_ids`."""
    asked = {provider.name: provider for provider in (providers or enabled_providers(now=now))}
    if not asked:
        raise UnabridgedError(
            "No catalogue provider may be asked now: enable one under Catalogue providers.", code="metadata_error"
        )
    records = list(_records(asked, run.params))
    run.report(total=len(records))
    result = DriftResult()
    missing: dict[str, list[CatalogueRecord]] = defaultdict(list)
    checked: dict[str, int] = defaultdict(int)
    for record in records:
        provider = asked.get(record.provider)
        if provider is None:
            run.advance(ok=False)
            continue
        if not record.payload.get("identifiers"):
            # A place in a series without a recording: it cannot be asked for alone; the refresh of series watches it.
            result.skipped += 1
            run.advance(message=record.title)
            continue
        try:
            seen = _look_again(provider, record, now)
        except ExternalAPIError as error:
            result.errors.append(f"{record.provider}: {error.message}")
            run.warn(f"{record.provider} is not asked any more in this run: {error.message}")
            tally_failure(job="drift_check", item_type="record", item_id=record.pk, error=error.message, now=now)
            del asked[record.provider]
            run.advance(ok=False)
            continue
        result.checked += 1
        checked[record.provider] += 1
        if seen is None:
            missing[record.provider].append(record)
        else:
            _compare(record, seen, provider, result, now)
        run.advance(message=record.title)
    _observe_missing(missing, checked, result, run, now)
    return _report(result, run)


def _records(asked: Mapping[str, Asked], params: Mapping[str, Any]) -> Sequence[CatalogueRecord]:
    rows = CatalogueRecord.objects.filter(kind=RecordKind.BOOK, provider__in=list(asked)).exclude(book=None)
    if params.get("book_ids") is not None:
        rows = rows.filter(book_id__in=params["book_ids"])
    ordered = rows.filter(book__is_owned=True) if params.get("owned_only", True) else rows
    return list(
        ordered.select_related("book").order_by(F("fetched_at").asc(), "pk")[: params.get("limit") or DEFAULT_LIMIT]
    )


def _look_again(provider: Asked, record: CatalogueRecord, now: datetime.datetime) -> CatalogueBook | None:
    """The same record as the provider gives it now; None when it does not."""
    old = book_from_payload(record.payload)
    author = old.authors[0] if old.authors else ""
    own = [code for code in old.identifiers if not record.region or code.region in ("", record.region)]
    query = BookQuery(title=old.title or record.title, author=author, identifiers=own, language=old.language)
    offered = provider.ask(lambda client: client.find_books(query), now=now)
    for one in offered:
        if one.provider_id[:200] == record.provider_id and one.region[:5] == record.region:
            return one
    return None


def _compare(
    record: CatalogueRecord, seen: CatalogueBook, provider: Asked, result: DriftResult, now: datetime.datetime
) -> None:
    result.returned += bool(record.vanished_at)
    CatalogueRecord.objects.filter(pk=record.pk).update(vanished_at=None, vanished_count=0)
    old, new = offered_values(book_from_payload(record.payload)), offered_values(seen)
    changed = {name for name in new if new[name] != old[name]}
    if not changed or record.book_id is None:
        result.unchanged += 1
        return
    [book] = with_fields([record.book_id])
    states = {name: state for name, state in read_fields(book).items() if name in changed}
    offer = Offer(provider.name, provider.state.trust, new, is_same_recording=True, fetched_at=now)
    for proposal in propose_changes(states, [offer], trusts=trusts()):
        result.difference_count += 1
        if len(result.differences) < MAX_REPORTED:
            result.differences.append(
                {
                    "book": book.pk,
                    "title": book.title,
                    "field": proposal.field,
                    "ours": proposal.old,
                    "before": old[proposal.field],
                    "theirs": proposal.new,
                    "source": provider.name,
                    "ruling": proposal.ruling.value,
                    "reason": proposal.reason,
                }
            )


def _observe_missing(
    missing: Mapping[str, Sequence[CatalogueRecord]],
    checked: Mapping[str, int],
    result: DriftResult,
    run: RunContext,
    now: datetime.datetime,
) -> None:
    for name, records in missing.items():
        if not vanishing_is_believable(gone=len(records), checked=checked[name]):
            words = (
                f"{name} no longer gives {len(records)} of {checked[name]} known records; that is taken for a fault "
                "there, and nothing is noted. Test the provider; if it stays so, it may have changed its catalogue."
            )
            result.refused.append(words)
            run.warn(words, provider=name)
            continue
        for record in records:
            first = record.vanished_at or now
            count = record.vanished_count + 1
            CatalogueRecord.objects.filter(pk=record.pk).update(vanished_at=first, vanished_count=count)
            result.vanished += 1
            if is_gone(count=count, first=first, now=now):
                result.gone.append(
                    {"record": record.pk, "provider": name, "id": record.provider_id, "title": record.title}
                )
                run.warn(f"{name} has given up “{record.title}” ({record.provider_id}); the book and its data stay.")


def _report(result: DriftResult, run: RunContext) -> Mapping[str, Any]:
    for row in result.differences[:50]:
        run.log(
            f"{row['title']}: {row['source']} says another {row['field']}. {row['reason']}",
            context={"book": row["book"]},
        )
    return {
        "message": f"{result.checked} records compared, {result.difference_count} differences, {result.vanished} not "
        "found again. No book was changed.",
        "checked": result.checked,
        "unchanged": result.unchanged,
        "skipped": result.skipped,
        "difference_count": result.difference_count,
        "differences": result.differences,
        "vanished": result.vanished,
        "returned": result.returned,
        "gone": result.gone,
        "refused": result.refused,
        "errors": result.errors,
    }


def gone_records(*, now: datetime.datetime) -> list[CatalogueRecord]:
    """Records that count as gone, for people to see. Nothing is deleted because of it."""
    rows = CatalogueRecord.objects.filter(vanished_count__gte=3, vanished_at__lte=now - datetime.timedelta(days=3))
    return list(rows.select_related("book").order_by("vanished_at", "pk"))
