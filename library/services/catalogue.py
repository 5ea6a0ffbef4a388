"""What exists: asking the providers, keeping their words, and making books, recordings and places in series of them.

Not found is an observation, not a command: a refresh deletes nothing. A place that its provider no longer names is
only marked, and a refresh in which more than a fifth of the known places vanish is refused and reported.
"""

import datetime
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet

from config.errors import ExternalAPIError
from library.domain.facts import BookQuery, CatalogueBook, CatalogueSeries, CatalogueSeriesEntry, Identifier
from library.domain.matching import HeldFacts, MatchIndex, WorkFacts
from library.domain.people import same_person
from library.domain.positions import parse_positions
from library.domain.titles import same_work, series_key, title_key
from library.models import (
    Author,
    Book,
    BookAuthor,
    CatalogueRecord,
    Copy,
    Follow,
    Recording,
    RecordingIdentifier,
    RecordKind,
    Series,
    SeriesAlias,
    SeriesEntry,
)
from library.services.completeness import score_completeness
from library.services.linking import set_position, work_facts
from library.services.providers import EMBEDDED, Asked, enabled_providers
from library.services.resolving import resolve_authors, resolve_narrators, resolve_series
from library.services.settings import get_setting
from library.services.text import sort_title
from scheduling.services.context import RunContext

VANISH_LIMIT = 0.2
Row = TypeVar("Row", Series, Author)
FRESH_FOR = datetime.timedelta(hours=20)


@dataclass
class CatalogueResult:
    """What a refresh did, in numbers and words."""

    series_checked: int = 0
    series_found: int = 0
    authors_checked: int = 0
    books_created: int = 0
    books_linked: int = 0
    entries_created: int = 0
    refused: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def refresh_catalogue(
    *,
    now: datetime.datetime,
    run: RunContext | None = None,
    series_ids: Sequence[int] | None = None,
    author_ids: Sequence[int] | None = None,
    limit: int | None = None,
    force: bool = False,
    providers: Sequence[Asked] | None = None,
) -> CatalogueResult:
    """Ask about the given series and authors, or about all that are due, the longest unchecked first."""
    result = CatalogueResult()
    providers = list(enabled_providers(now=now)) if providers is None else providers
    everything = series_ids is None and author_ids is None
    series = _due(Series.objects.select_related("author"), series_ids, everything, now, force, limit)
    authors = _due(Author.objects.exclude(follow=Follow.NONE), author_ids, everything, now, force, limit)
    if run:
        run.report(total=len(series) + len(authors))
    if everything:
        place_lone_books(providers, now=now, result=result)
    for row in series:
        _refresh_series(row, providers, now, result)
        if run:
            run.advance(message=f"Series: {row.name}")
    for author in authors:
        _refresh_author(author, providers, now, result)
        if run:
            run.advance(message=f"Author: {author.name}")
    return result


def _due(
    rows: QuerySet[Row],
    ids: Sequence[int] | None,
    everything: bool,
    now: datetime.datetime,
    force: bool,
    limit: int | None,
) -> list[Row]:
    if ids is not None:
        rows = rows.model._default_manager.filter(pk__in=ids)
    elif not everything:
        return []
    rows = rows.filter(merged_into=None)
    if not force and ids is None:
        rows = rows.filter(Q(catalogue_checked_at=None) | Q(catalogue_checked_at__lt=now - FRESH_FOR))
    rows = rows.order_by(F("catalogue_checked_at").asc(nulls_first=True), "id")
    return list(rows[:limit])


def _refresh_series(
    series: Series, providers: Sequence[Asked], now: datetime.datetime, result: CatalogueResult
) -> None:
    """The most trusted provider that knows the series lists it; the others are not asked."""
    result.series_checked += 1
    author = series.author.name if series.author else ""
    for provider in providers:
        try:
            found = _find_series(provider, series, author, now)
        except ExternalAPIError as error:
            result.errors.append(f"{provider.name}: {error.message}")
            continue
        if found is None:
            continue
        result.series_found += 1
        with transaction.atomic():
            apply_series(series, found, now=now, result=result)
        break
    Series.objects.filter(pk=series.pk).update(catalogue_checked_at=now)


def _find_series(provider: Asked, series: Series, author: str, now: datetime.datetime) -> CatalogueSeries | None:
    def by_id(provider_id: str) -> CatalogueSeries | None:
        return provider.ask(lambda client: client.get_series(provider_id), now=now)

    def by_name(name: str) -> list[CatalogueSeries]:
        return provider.ask(lambda client: client.find_series(name, author=author), now=now)

    if series.catalogue_source == provider.name and series.catalogue_id and (known := by_id(series.catalogue_id)):
        return known
    for name in [series.name, *series.aliases.values_list("name", flat=True)]:
        for found in by_name(name):
            keys = {series_key(text) for text in (found.name, *found.aliases)}
            if series_key(name) in keys and _authors_agree(author, found.authors):
                return found if found.entries else by_id(found.provider_id)
    return None


def _authors_agree(author: str, others: Sequence[str]) -> bool:
    return not author or not others or any(same_person(author, other) for other in others)


def apply_series(series: Series, facts: CatalogueSeries, *, now: datetime.datetime, result: CatalogueResult) -> None:
    """Lay a provider's list of a series over the rows. One transaction of the caller."""
    _keep_record(facts.provider, RecordKind.SERIES, facts.provider_id, facts.name, _series_payload(facts), now)
    held = list(
        SeriesEntry.objects.filter(series=series)
        .select_related("book")
        .prefetch_related("book__authors")
        .order_by("id")
    )
    claimed: set[int] = set()
    books = _books_by_identifier(facts.entries)
    author_books = _author_books(facts.authors)
    for group in _by_place(facts.entries):
        entry = _entry_of(group[0], held, claimed, books)
        book = entry.book if entry else books.get(_identifier_key(group[0].book)) or _same_book(group[0], author_books)
        if book is None:
            book = create_book(group[0].book, now=now, kind=group[0].book.kind)
            result.books_created += 1
        else:
            result.books_linked += 1
        claimed.add(book.pk)
        _write_entry(entry, series, book, group[0], facts.provider, result)
        for offered in group:
            keep_recording(book, offered.book, now=now)
    _mark_vanished(series, held, claimed, facts.provider, now, result)
    Series.objects.filter(pk=series.pk).update(catalogue_source=facts.provider, catalogue_id=facts.provider_id[:200])
    _learn_aliases(series, facts)
    series.catalogue_source, series.catalogue_id = facts.provider, facts.provider_id


def _series_payload(facts: CatalogueSeries) -> dict[str, object]:
    return {
        "name": facts.name,
        "authors": list(facts.authors),
        "entries": [{"position": e.position, "title": e.book.title, "id": e.book.provider_id} for e in facts.entries],
    }


def _by_place(entries: Iterable[CatalogueSeriesEntry]) -> list[list[CatalogueSeriesEntry]]:
    """Entries that are recordings of one work in one place, together."""
    groups: dict[tuple[str, str], list[CatalogueSeriesEntry]] = {}
    for entry in entries:
        positions = parse_positions(entry.position)
        work = str(entry.book.raw.get("work") or title_key(entry.book.title))
        groups.setdefault((positions.label, work), []).append(entry)
    return list(groups.values())


def _entry_of(
    wanted: CatalogueSeriesEntry, held: Sequence[SeriesEntry], claimed: set[int], books: dict[tuple[str, str], Book]
) -> SeriesEntry | None:
    """The row that already stands for this place: by identifier, by title, or by an equal place and no other claim."""
    known = books.get(_identifier_key(wanted.book))
    author = wanted.book.authors[0] if wanted.book.authors else ""
    free = [entry for entry in held if entry.book_id not in claimed]
    for entry in free:
        if known is not None and entry.book_id == known.pk:
            return entry
    for entry in free:
        if same_work(entry.book.title, wanted.book.title, author=author):
            return entry
    label = parse_positions(wanted.position).label
    by_place = [entry for entry in free if label and entry.positions == label and _looks_alike(entry, wanted)]
    return by_place[0] if len(by_place) == 1 else None


def _looks_alike(entry: SeriesEntry, wanted: CatalogueSeriesEntry) -> bool:
    """A place alone is thin: one title must also begin as the other does (`Ozma of Oz - Second Reading`)."""
    mine, theirs = title_key(entry.book.title), title_key(wanted.book.title)
    return bool(mine and theirs) and (mine.startswith(theirs) or theirs.startswith(mine))


def _identifier_key(book: CatalogueBook) -> tuple[str, str]:
    first = book.identifiers[0] if book.identifiers else Identifier(book.provider, book.provider_id)
    return first.scheme, first.value


def _books_by_identifier(entries: Iterable[CatalogueSeriesEntry]) -> dict[tuple[str, str], Book]:
    values = {value for entry in entries for value in [_identifier_key(entry.book)[1]]}
    rows = RecordingIdentifier.objects.filter(value__in=values).select_related("recording__book")
    return {(row.scheme, row.value): row.recording.book for row in rows}


def _author_books(names: Iterable[str]) -> list[Book]:
    ids = resolve_authors(names).values()
    return list(Book.objects.active().filter(book_authors__author_id__in=list(ids)).distinct())


def _same_book(wanted: CatalogueSeriesEntry, books: Sequence[Book]) -> Book | None:
    author = wanted.book.authors[0] if wanted.book.authors else ""
    key = title_key(wanted.book.title)
    same_language = [
        b for b in books if not b.language or not wanted.book.language or b.language == wanted.book.language
    ]
    exact = [book for book in same_language if book.title_key == key]
    near = exact or [book for book in same_language if same_work(book.title, wanted.book.title, author=author)]
    return near[0] if len(near) == 1 or exact else None


def create_book(facts: CatalogueBook, *, now: datetime.datetime, kind: str | None = None) -> Book:
    """A book out of a provider's words; not owned."""
    book = Book(
        title=facts.title[:500],
        subtitle=facts.subtitle[:500],
        sort_title=sort_title(facts.title)[:500],
        title_key=title_key(facts.title)[:500],
        kind=kind or facts.kind or "novel",
        description=facts.description,
        language=facts.language[:20],
        publisher=facts.publisher[:300],
        published_year=facts.published_year,
        release_date=facts.release_date,
        duration_seconds=facts.runtime_seconds,
        genres=list(facts.genres),
        cover_url=facts.cover_url[:1000],
        import_source="catalogue",
        metadata_checked_at=now,
    )
    for identifier in facts.identifiers:
        if identifier.scheme == "asin" and not book.asin:
            book.asin = identifier.value[:10]
        if identifier.scheme == "isbn" and not book.isbn:
            book.isbn = identifier.value[:20]
    book.completeness = score_completeness(book, has_authors=bool(facts.authors), has_narrators=bool(facts.narrators))
    book.save(force_insert=True)
    ids = resolve_authors(facts.authors)
    BookAuthor.objects.bulk_create(
        [BookAuthor(book=book, author_id=pk, order=n) for n, pk in enumerate(dict.fromkeys(ids.values()))]
    )
    return book


def keep_recording(book: Book, facts: CatalogueBook, *, now: datetime.datetime) -> Recording | None:
    """The recording that the provider describes, once, with its identifiers; and the provider's own words."""
    _keep_record(
        facts.provider, RecordKind.BOOK, facts.provider_id, facts.title, _payload(facts), now, facts.region, book
    )
    if not facts.identifiers and not facts.runtime_seconds:
        return None
    keys = {(i.scheme, i.value, i.region) for i in facts.identifiers}
    for row in RecordingIdentifier.objects.filter(value__in=[v for _, v, _ in keys]).select_related("recording"):
        if (row.scheme, row.value, row.region) in keys:
            return row.recording
    recording = Recording.objects.create(
        book=book,
        title=facts.title[:500],
        language=facts.language[:20],
        is_abridged=facts.is_abridged,
        is_dramatised=facts.is_dramatised,
        publisher=facts.publisher[:300],
        release_date=facts.release_date,
        runtime_seconds=facts.runtime_seconds,
        source=facts.provider,
    )
    recording.narrators.set(resolve_narrators(facts.narrators).values())
    RecordingIdentifier.objects.bulk_create(
        [
            RecordingIdentifier(recording=recording, scheme=s[:30], value=v[:200], region=r[:5])
            for s, v, r in sorted(keys)
        ],
        ignore_conflicts=True,
    )
    return recording


def _payload(facts: CatalogueBook) -> dict[str, object]:
    return json.loads(json.dumps(asdict(facts), default=str))  # type: ignore[no-any-return]


def _keep_record(
    provider: str,
    kind: str,
    provider_id: str,
    title: str,
    payload: dict[str, object],
    now: datetime.datetime,
    region: str = "",
    book: Book | None = None,
) -> None:
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True, default=str).encode()).hexdigest()
    defaults = {"title": title[:500], "payload": payload, "digest": digest, "fetched_at": now, "vanished_at": None}
    if book is not None:
        defaults["book"] = book
    CatalogueRecord.objects.update_or_create(
        provider=provider, kind=kind, provider_id=provider_id[:200], region=region[:5], defaults=defaults
    )


def _write_entry(
    entry: SeriesEntry | None,
    series: Series,
    book: Book,
    offered: CatalogueSeriesEntry,
    provider: str,
    result: CatalogueResult,
) -> None:
    if entry is None:
        entry = SeriesEntry.objects.filter(series=series, book=book).first()
    if entry is None:
        entry = SeriesEntry(series=series, book=book)
        result.entries_created += 1
    if entry.is_locked:
        return
    set_position(entry, offered.position)
    entry.source, entry.is_primary, entry.vanished_at, entry.vanished_count = provider, offered.is_primary, None, 0
    entry.save()
    if offered.book.kind and book.kind != offered.book.kind and book.import_source == "library":
        Book.objects.filter(pk=book.pk).update(kind=offered.book.kind)


def _mark_vanished(
    series: Series,
    held: Sequence[SeriesEntry],
    claimed: set[int],
    provider: str,
    now: datetime.datetime,
    result: CatalogueResult,
) -> None:
    known = [entry for entry in held if entry.source == provider]
    gone = [entry for entry in known if entry.book_id not in claimed]
    if not gone:
        return
    if len(gone) > max(1, VANISH_LIMIT * len(known)):
        result.refused.append(
            f"{series.name}: {provider} no longer names {len(gone)} of {len(known)} books; taken for a fault there."
        )
        return
    for entry in gone:
        entry.vanished_at = entry.vanished_at or now
        entry.vanished_count += 1
        entry.save(update_fields=["vanished_at", "vanished_count"])


def _learn_aliases(series: Series, facts: CatalogueSeries) -> None:
    own = series_key(series.name)
    for name in (facts.name, *facts.aliases):
        key = series_key(name)[:500]
        if key and key != own:
            SeriesAlias.objects.get_or_create(
                series=series, name_key=key, defaults={"name": name[:500], "origin": "catalogue"}
            )


def _refresh_author(
    author: Author, providers: Sequence[Asked], now: datetime.datetime, result: CatalogueResult
) -> None:
    """The works of a followed author that the providers know."""
    result.authors_checked += 1
    for provider in providers:
        try:
            offered = provider.ask(lambda client: list(client.find_author_books(author.name)), now=now)
        except ExternalAPIError as error:
            result.errors.append(f"{provider.name}: {error.message}")
            continue
        if not offered:
            continue
        with transaction.atomic():
            _apply_author(author, offered, now, result)
        break
    Author.objects.filter(pk=author.pk).update(catalogue_checked_at=now)


def _apply_author(
    author: Author, offered: Sequence[CatalogueBook], now: datetime.datetime, result: CatalogueResult
) -> None:
    books = list(Book.objects.active().filter(book_authors__author=author))
    for facts in offered:
        book = _same_book(CatalogueSeriesEntry("", facts), books)
        if book is None:
            book = create_book(facts, now=now)
            if not book.authors.filter(pk=author.pk).exists():
                BookAuthor.objects.create(book=book, author=author, order=9)
            books.append(book)
            result.books_created += 1
        keep_recording(book, facts, now=now)


def place_lone_books(providers: Sequence[Asked], *, now: datetime.datetime, result: CatalogueResult) -> None:
    """Owned books that are in no series yet: where a local catalogue knows their series for certain, they are placed.

    Only the embedded catalogue is asked, since it costs no network; the others answer in the metadata jobs.
    """
    local = [provider for provider in providers if provider.name == EMBEDDED]
    lone = Book.objects.active().filter(is_owned=True, series_entries=None, metadata_checked_at=None)
    for provider in local:
        ids = list(lone.values_list("pk", flat=True))
        for start in range(0, len(ids), 250):
            with transaction.atomic():
                _place_batch(provider, ids[start : start + 250], now, result)


def _place_batch(provider: Asked, ids: Sequence[int], now: datetime.datetime, result: CatalogueResult) -> None:
    placed: list[tuple[Book, CatalogueBook]] = []
    books = {book.pk: book for book in Book.objects.filter(pk__in=ids)}
    for work in work_facts(ids):
        author = work.authors[0] if work.authors else ""
        query = BookQuery(title=work.title, author=author)
        offered = provider.ask(lambda client, query=query: client.find_books(query), now=now)  # type: ignore[misc]
        by_id = {facts.provider_id: facts for facts in offered}
        held = HeldFacts(title=work.title, authors=work.authors, language=work.languages[0] if work.languages else "")
        match = MatchIndex([_offered_work(facts) for facts in offered]).match(held)
        if match.outcome == "certain" and author and match.work_id in by_id:
            placed.append((books[int(work.work_id)], by_id[str(match.work_id)]))
    authors = resolve_authors(name for _, facts in placed for name in facts.authors[:1])
    first = {facts.provider_id: authors.get("".join(facts.authors[:1])) for _, facts in placed}
    follow = Follow.ALL if get_setting("gaps.follow_owned_series") else Follow.NONE
    wanted = [(place.name, first[facts.provider_id]) for _, facts in placed for place in facts.series]
    series_ids = resolve_series(wanted, follow=follow)
    for book, facts in placed:
        keep_recording(book, facts, now=now)
        author_id = first[facts.provider_id]
        for place in facts.series:
            series_id = series_ids.get((place.name, author_id))
            if series_id and not SeriesEntry.objects.filter(series_id=series_id, book=book).exists():
                entry = SeriesEntry(series_id=series_id, book=book, source=facts.provider)
                set_position(entry, place.position)
                entry.save()
                result.entries_created += 1
    Book.objects.filter(pk__in=ids).update(metadata_checked_at=now)


def _offered_work(facts: CatalogueBook) -> WorkFacts:
    return WorkFacts(
        work_id=facts.provider_id,
        title=facts.title,
        authors=facts.authors,
        series=facts.series,
        languages=(facts.language,) if facts.language else (),
        years=(facts.published_year,) if facts.published_year else (),
    )


def rematch_copies(*, now: datetime.datetime) -> int:
    """Give the copies that no rule could link another look, now that more is known."""
    from library.services.linking import link_copies

    waiting = Copy.objects.present().filter(match_state="pending")
    count = 0
    for start in range(0, waiting.count(), 250):
        batch = list(waiting.order_by("pk")[start : start + 250])
        link_copies(batch, now=now)
        count += len(batch)
    return count
