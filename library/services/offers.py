"""What the providers say of books: asked over the network, or taken from their kept words while these are fresh."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.errors import ExternalAPIError
from library.domain.corrections import Offer
from library.domain.facts import BookKind, BookQuery, CatalogueBook, Identifier, SeriesPlace
from library.domain.holdings import HeldFacts
from library.domain.languages import language_code
from library.domain.offers import FoundRecord, choose_record, offered_values
from library.models import Book, CatalogueRecord, ProviderState, RecordingIdentifier, RecordKind
from library.services.providers import Asked

FRESH_FOR = datetime.timedelta(days=7)


@dataclass
class Gathered:
    """What was found for one book. `silent` names the providers that answered and know nothing for certain."""

    offers: list[Offer] = field(default_factory=list)
    found: list[tuple[str, FoundRecord]] = field(default_factory=list)
    fetched: list[CatalogueBook] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    errors: list[tuple[str, ExternalAPIError]] = field(default_factory=list)


def held_book(book: Book) -> HeldFacts:
    """A book (from `book_fields.with_fields`) as the matcher sees it."""
    codes = {(scheme, code) for scheme, code in (("asin", book.asin), ("isbn", book.isbn)) if code}
    recorded = RecordingIdentifier.objects.filter(recording__book=book).values_list("scheme", "value")
    places = book.series_entries.values_list("series__name", "positions", "label")
    return HeldFacts(
        title=book.title,
        authors=tuple(row.author.name for row in book.book_authors.all()),
        narrators=tuple(row.narrator.name for row in book.book_narrators.all()),
        series=tuple(SeriesPlace(name, positions or label) for name, positions, label in places),
        key=book.pk,
        identifiers=frozenset(codes or set(recorded)),
        language=language_code(book.language),
        runtime_seconds=book.duration_seconds,
        year=book.published_year,
    )


def query_of(book: Book, held: HeldFacts) -> BookQuery:
    return BookQuery(
        title=book.title,
        author=held.authors[0] if held.authors else "",
        identifiers=[Identifier(scheme, value) for scheme, value in sorted(held.identifiers)],
        language=held.language,
    )


def gather_offers(book: Book, providers: Sequence[Asked], *, now: datetime.datetime, anew: bool = False) -> Gathered:
    """Ask every provider, or read its kept words of this week (`anew`: never). Writes nothing but their health."""
    result = Gathered()
    held = held_book(book)
    kept = {} if anew else _kept_records(book, now)
    for provider in providers:
        fetched_at = now
        records = kept.get(provider.name, [])
        if records:
            fetched_at = min(record.fetched_at for record in records)
            offered = [book_from_payload(record.payload) for record in records]
        else:
            try:
                offered = provider.ask(lambda client: client.find_books(query_of(book, held)), now=now)
            except ExternalAPIError as error:
                result.errors.append((provider.name, error))
                continue
        found = choose_record(held, offered)
        if found is None:
            result.silent.append(provider.name)
            continue
        result.found.append((provider.name, found))
        if not records:
            result.fetched.append(found.record)
        result.offers.append(
            Offer(
                provider.name, provider.state.trust, offered_values(found.record), found.is_same_recording, fetched_at
            )
        )
    return result


def _kept_records(book: Book, now: datetime.datetime) -> dict[str, list[CatalogueRecord]]:
    rows = CatalogueRecord.objects.filter(
        book=book, kind=RecordKind.BOOK, fetched_at__gte=now - FRESH_FOR, vanished_at=None
    )
    kept: dict[str, list[CatalogueRecord]] = {}
    for row in rows.order_by("-fetched_at"):
        kept.setdefault(row.provider, []).append(row)
    return kept


def book_from_payload(payload: Mapping[str, Any]) -> CatalogueBook:
    """A kept record as a value again. What does not fit the shape counts as not said."""

    def texts(name: str) -> tuple[str, ...]:
        value = payload.get(name)
        return tuple(str(one) for one in value) if isinstance(value, list) else ()

    def rows(name: str) -> list[Mapping[str, Any]]:
        value = payload.get(name)
        return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

    def number(name: str) -> int | None:
        value = payload.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def said(name: str) -> str:
        value = payload.get(name)
        return value if isinstance(value, str) else ""

    kind = said("kind")
    raw = payload.get("raw")
    return CatalogueBook(
        provider=said("provider"),
        provider_id=said("provider_id"),
        title=said("title"),
        region=said("region"),
        subtitle=said("subtitle"),
        authors=texts("authors"),
        narrators=texts("narrators"),
        series=tuple(SeriesPlace(str(row.get("name", "")), str(row.get("position", ""))) for row in rows("series")),
        kind=BookKind(kind) if kind in set(BookKind) else None,
        language=said("language"),
        is_abridged=_flag(payload.get("is_abridged")),
        is_dramatised=_flag(payload.get("is_dramatised")),
        publisher=said("publisher"),
        release_date=_date(said("release_date")),
        published_year=number("published_year"),
        runtime_seconds=number("runtime_seconds"),
        identifiers=tuple(
            Identifier(str(row.get("scheme", "")), str(row.get("value", "")), str(row.get("region", "")))
            for row in rows("identifiers")
        ),
        description=said("description"),
        genres=texts("genres"),
        cover_url=said("cover_url"),
        raw=raw if isinstance(raw, Mapping) else {},
    )


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return None


def trusts() -> dict[str, int]:
    """{provider: trust}, of the disabled ones, too: their words still stand in fields."""
    return dict(ProviderState.objects.values_list("name", "trust"))
