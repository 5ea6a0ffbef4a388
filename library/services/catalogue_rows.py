"""Providers' words to rows: their records as they came, books and recordings made of them, each once."""

import datetime
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from library.domain.facts import CatalogueBook, CatalogueSeries
from library.domain.titles import title_key
from library.models import Book, BookAuthor, CatalogueRecord, Recording, RecordingIdentifier, RecordKind
from library.services.completeness import score_completeness
from library.services.copy_rows import storable
from library.services.resolving import chunks, resolve_authors, resolve_narrators
from library.services.text import sort_title

Offered = tuple[Book, CatalogueBook]
Code = tuple[str, str, str]


def create_book(facts: CatalogueBook, *, now: datetime.datetime, kind: str | None = None) -> Book:
    """A book out of a provider's words; not owned."""
    book = Book(
        title=facts.title[:500],
        subtitle=facts.subtitle[:500],
        sort_title=sort_title(facts.title)[:500],
        title_key=title_key(facts.title)[:500],
        kind=kind or facts.kind or "novel",
        description=storable(facts.description),
        language=facts.language[:20],
        publisher=facts.publisher[:300],
        published_year=facts.published_year if 0 <= (facts.published_year or 0) <= 32_767 else None,
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


def known_books(offered: Iterable[CatalogueBook]) -> dict[tuple[str, str], Book]:
    """{(provider, provider id): book} of what is known already: by what we kept of the provider's word, else by a
    recording with one of the identifiers."""
    listed = list(offered)
    found: dict[tuple[str, str], Book] = {}
    by_code: dict[tuple[str, str], Book] = {}
    values = sorted({identifier.value for book in listed for identifier in book.identifiers})
    for part in chunks(values):
        rows = RecordingIdentifier.objects.filter(value__in=part).select_related("recording__book")
        by_code |= {(row.scheme, row.value): row.recording.book for row in rows}
    for book in listed:
        for identifier in book.identifiers:
            if (identifier.scheme, identifier.value) in by_code:
                found.setdefault((book.provider, book.provider_id), by_code[identifier.scheme, identifier.value])
    for provider in {book.provider for book in listed}:
        for part in chunks(sorted({book.provider_id for book in listed if book.provider == provider})):
            records = CatalogueRecord.objects.filter(
                provider=provider, kind=RecordKind.BOOK, provider_id__in=part, book__isnull=False
            ).select_related("book")
            for record in records:
                if record.book is not None:
                    found[provider, record.provider_id] = record.book
    return found


def keep_recordings(pairs: Sequence[Offered], *, now: datetime.datetime) -> None:
    """The recordings that a provider describes, each once, with their identifiers; and the provider's own words."""
    keep_records(pairs, now=now)
    known = _known_codes(pairs)
    nameless = _nameless(pairs)
    fresh: list[tuple[Recording, CatalogueBook, list[Code]]] = []
    for book, facts in pairs:
        codes = sorted({(i.scheme[:30], i.value[:200], i.region[:5]) for i in facts.identifiers})
        face = (book.pk, facts.provider, facts.title[:500], facts.runtime_seconds)
        if any(code in known for code in codes) or (not codes and (face in nameless or not facts.runtime_seconds)):
            continue
        fresh.append((_recording_of(book, facts), facts, codes))
        known.update(codes)
        nameless.add(face)
    _create_recordings(fresh)


def _known_codes(pairs: Sequence[Offered]) -> set[Code]:
    known: set[Code] = set()
    values = sorted({identifier.value for _, facts in pairs for identifier in facts.identifiers})
    for part in chunks(values):
        known.update(RecordingIdentifier.objects.filter(value__in=part).values_list("scheme", "value", "region"))
    return known


def _nameless(pairs: Sequence[Offered]) -> set[tuple[int, str, str, int | None]]:
    """Recordings that no identifier tells apart: what else is known of them does."""
    ids = {book.pk for book, facts in pairs if not facts.identifiers}
    if not ids:
        return set()
    rows = Recording.objects.filter(book_id__in=ids).values_list("book_id", "source", "title", "runtime_seconds")
    return set(rows)


def _recording_of(book: Book, facts: CatalogueBook) -> Recording:
    return Recording(
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


def _create_recordings(fresh: Sequence[tuple[Recording, CatalogueBook, list[Code]]]) -> None:
    Recording.objects.bulk_create([recording for recording, _, _ in fresh], batch_size=500)
    people = resolve_narrators(name for _, facts, _ in fresh for name in facts.narrators)
    through = Recording.narrators.through
    through.objects.bulk_create(
        [
            through(recording_id=recording.pk, narrator_id=pk)
            for recording, facts, _ in fresh
            for pk in {people[name] for name in facts.narrators if name in people}
        ],
        batch_size=1000,
    )
    RecordingIdentifier.objects.bulk_create(
        [
            RecordingIdentifier(recording=recording, scheme=scheme, value=value, region=region)
            for recording, _, codes in fresh
            for scheme, value, region in codes
        ],
        ignore_conflicts=True,
        batch_size=1000,
    )


def keep_records(pairs: Sequence[Offered], *, now: datetime.datetime) -> None:
    """What a provider said of books: written where it says something new, else only seen again."""
    by_key = {(f.provider, f.provider_id[:200], f.region[:5]): (book, f) for book, f in pairs}
    existing: dict[Code, CatalogueRecord] = {}
    for provider in {key[0] for key in by_key}:
        for part in chunks(sorted({key[1] for key in by_key if key[0] == provider})):
            rows = CatalogueRecord.objects.filter(provider=provider, kind=RecordKind.BOOK, provider_id__in=part)
            existing |= {(row.provider, row.provider_id, row.region): row for row in rows.defer("payload")}
    fresh: list[CatalogueRecord] = []
    changed: list[CatalogueRecord] = []
    seen: list[int] = []
    for key, (book, facts) in by_key.items():
        payload = _plain(facts)
        digest = _digest(payload)
        row = existing.get(key)
        if row is not None and row.digest == digest and row.book_id is not None and row.vanished_at is None:
            seen.append(row.pk)
            continue
        record = row or CatalogueRecord(provider=key[0], kind=RecordKind.BOOK, provider_id=key[1], region=key[2])
        record.title, record.payload, record.digest = facts.title[:500], payload, digest
        record.fetched_at, record.vanished_at, record.vanished_count = now, None, 0
        record.book_id = record.book_id or book.pk
        (changed if row else fresh).append(record)
    CatalogueRecord.objects.bulk_create(fresh, batch_size=250)
    fields = ["title", "payload", "digest", "fetched_at", "vanished_at", "vanished_count", "book"]
    CatalogueRecord.objects.bulk_update(changed, fields, batch_size=250)
    for ids in chunks(seen):
        CatalogueRecord.objects.filter(pk__in=ids).update(fetched_at=now)


def keep_series_record(facts: CatalogueSeries, *, now: datetime.datetime) -> None:
    """What a provider said of a series."""
    payload = storable(
        {
            "name": facts.name,
            "authors": list(facts.authors),
            "entries": [
                {"position": e.position, "title": e.book.title, "id": e.book.provider_id} for e in facts.entries
            ],
        }
    )
    CatalogueRecord.objects.update_or_create(
        provider=facts.provider, kind=RecordKind.SERIES, provider_id=facts.provider_id[:200], region="",
        defaults={
            "title": facts.name[:500], "payload": payload, "digest": _digest(payload), "fetched_at": now,
            "vanished_at": None, "vanished_count": 0,
        },
    )  # fmt: skip


def _plain(facts: CatalogueBook) -> dict[str, object]:
    return storable(json.loads(json.dumps(asdict(facts), default=str)))  # type: ignore[no-any-return]


def _digest(payload: object) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True, default=str).encode()).hexdigest()
