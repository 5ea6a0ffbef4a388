"""The job `discovery_top`: the most wanted titles of the enabled genres, out of what the catalogues have said already.

It makes a list of candidates and nothing more: no book is wanted and nothing is downloaded until a person says so.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import NotFoundError
from library.domain.discovery import Title, matching_genres, popularity_of, rank_titles
from library.domain.facts import CatalogueBook
from library.domain.text import fold
from library.domain.titles import title_key
from library.models import Author, Book, CatalogueRecord, RecordKind
from library.services.catalogue_rows import create_book, keep_recordings
from library.services.offers import book_from_payload
from library.services.providers import EMBEDDED, embedded_catalogue, enabled_providers
from library.services.settings import get_setting
from library.services.states import read_state, write_state
from scheduling.models import Trigger
from scheduling.services.context import RunContext

STATE = "discovery"
LIMIT = 50


def discover(*, run: RunContext, now: datetime.datetime) -> Mapping[str, Any]:
    """Params: `genres` (setting discovery.genres), `limit` (50). The list replaces the last one."""
    params = run.params
    if run.run.trigger == Trigger.SCHEDULE and not get_setting("features.discovery"):
        return {"message": "Discovery is switched off (setting features.discovery).", "candidates": 0}
    genres = list(params.get("genres") or get_setting("discovery.genres"))
    if not genres:
        return {"message": "No genres are enabled (setting discovery.genres).", "candidates": 0}
    candidates = find_candidates(genres, run=run, now=now, limit=params.get("limit") or LIMIT)
    write_state(STATE, {"as_of": now.isoformat(), "genres": genres, "candidates": candidates})
    words = f"{len(candidates)} candidates in {', '.join(genres)}."
    return {"message": words, "candidates": len(candidates), "titles": [row["title"] for row in candidates[:10]]}


def find_candidates(genres: list[str], *, run: RunContext, now: datetime.datetime, limit: int) -> list[dict[str, Any]]:
    """[{key, title, authors, genres, score, reasons, provider, provider_id, region, book_id}], best first."""
    owned = _owned_works()
    languages = set(get_setting("gaps.languages"))
    works: dict[str, list[CatalogueBook]] = defaultdict(list)
    for record in _known_books(now):
        run.advance(message="Looking through the catalogue")
        if languages and record.language and record.language not in languages:
            continue
        key = _work_key(record)
        if key and key not in owned and matching_genres(record.genres, genres):
            works[key].append(record)
    titles = [_title(key, records, genres) for key, records in works.items()]
    known = dict(
        Book.objects.active().filter(title_key__in={k.partition("|")[0] for k in works}).values_list("title_key", "pk")
    )
    ranked = rank_titles(titles, owned_by_author=_owned_by_author(), limit=limit)
    return [
        {
            "key": one.title.key,
            "title": one.title.title,
            "authors": list(one.title.authors),
            "genres": list(one.title.genres),
            "score": one.score,
            "reasons": list(one.reasons),
            "provider": works[one.title.key][0].provider,
            "provider_id": works[one.title.key][0].provider_id,
            "region": works[one.title.key][0].region,
            "book_id": known.get(one.title.key.partition("|")[0]),
        }
        for one in ranked
    ]


def _known_books(now: datetime.datetime) -> Iterator[CatalogueBook]:
    """What the catalogues have said, and the catalogue that ships with the product while it is enabled."""
    rows = CatalogueRecord.objects.filter(kind=RecordKind.BOOK, vanished_at=None).exclude(provider=EMBEDDED)
    for payload in rows.order_by("pk").values_list("payload", flat=True).iterator(chunk_size=500):
        yield book_from_payload(payload)
    if any(provider.name == EMBEDDED for provider in enabled_providers(now=now)):
        yield from embedded_catalogue().iter_books()


def _work_key(record: CatalogueBook) -> str:
    key = title_key(record.title)
    return f"{key}|{fold(record.authors[0])}" if key and record.authors else ""


def _title(key: str, records: list[CatalogueBook], genres: list[str]) -> Title:
    first = records[0]
    found = dict.fromkeys(genre for record in records for genre in matching_genres(record.genres, genres))
    popularity = max(popularity_of(record.raw) for record in records)
    return Title(key, first.title, first.authors, tuple(found), popularity, len(records))


def _owned_works() -> set[str]:
    """Works on the shelf, and those that a person does not want."""
    rows = Book.objects.filter(is_owned=True) | Book.objects.exclude(exclusion=None)
    pairs = rows.order_by().values_list("title_key", "authors__name").distinct()
    return {f"{key}|{fold(name or '')}" for key, name in pairs}


def _owned_by_author() -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for name, count in Author.objects.filter(owned_count__gt=0).values_list("name", "owned_count"):
        counts[fold(name)] += count
    return counts


def last_candidates() -> dict[str, Any]:
    """The list of the last run: {as_of, genres, candidates}; `as_of` None before the first."""
    kept = read_state(STATE)
    return {"as_of": kept.get("as_of"), "genres": kept.get("genres", []), "candidates": kept.get("candidates", [])}


def accept_candidate(*, key: str, now: datetime.datetime) -> Book:
    """Make a candidate a known book (not owned, not wanted by itself), so that it can be searched for."""
    row = next((one for one in last_candidates()["candidates"] if one["key"] == key), None)
    if row is None:
        raise NotFoundError("There is no such candidate.", context={"resource": "candidate", "id": key[:100]})
    if row["book_id"] and (known := Book.objects.filter(pk=row["book_id"]).first()):
        return known
    for record in _known_books(now):
        if (record.provider, record.provider_id, record.region) == (row["provider"], row["provider_id"], row["region"]):
            book = create_book(record, now=now)
            keep_recordings([(book, record)], now=now)
            return book
    raise NotFoundError("The catalogue no longer has this title.", context={"resource": "candidate", "id": key[:100]})
