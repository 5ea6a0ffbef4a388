"""Owned books that are in no series yet: where the catalogue that ships with the product knows their series, they are
placed. Only that one is asked, since it costs no network; the others answer in the metadata jobs."""

import datetime
from collections.abc import Sequence

from django.db import transaction

from library.domain.facts import BookQuery, CatalogueBook
from library.domain.matching import HeldFacts, WorkFacts
from library.models import Book, Follow, SeriesEntry
from library.services.catalogue_rows import keep_recordings
from library.services.laying import LayResult
from library.services.linking import Candidates, work_facts
from library.services.placing import set_position
from library.services.providers import EMBEDDED, Asked, known_author_keys
from library.services.resolving import chunks, resolve_authors, resolve_series
from library.services.settings import get_setting

AT_ONCE = 250


def place_lone_books(providers: Sequence[Asked], *, now: datetime.datetime, result: LayResult) -> None:
    """Place what can be placed for certain. Every book is looked up once."""
    lone = Book.objects.active().filter(is_owned=True, series_entries=None, metadata_checked_at=None)
    for provider in providers:
        if provider.name != EMBEDDED:
            continue
        keys = known_author_keys(provider)
        ids: set[int] = set()
        for part in chunks(sorted(keys)):
            ids.update(lone.filter(authors__name_key__in=part).values_list("pk", flat=True))
        for some in chunks(sorted(ids), AT_ONCE):
            with transaction.atomic():
                _place(provider, some, now, result)


def _place(provider: Asked, ids: Sequence[int], now: datetime.datetime, result: LayResult) -> None:
    placed: list[tuple[int, list[CatalogueBook]]] = []
    for work in work_facts(ids):
        author = work.authors[0] if work.authors else ""
        query = BookQuery(title=work.title, author=author)
        offered = provider.ask(lambda client, query=query: client.find_books(query), now=now)  # type: ignore[misc]
        if author and (found := _meant(work, offered)):
            placed.append((int(work.work_id), found))
    books = Book.objects.in_bulk([pk for pk, _ in placed])
    authors = resolve_authors(name for _, group in placed for name in group[0].authors[:1])
    follow = Follow.ALL if get_setting("gaps.follow_owned_series") else Follow.NONE
    wanted = [
        (place.name, authors.get("".join(group[0].authors[:1]))) for _, group in placed for place in group[0].series
    ]
    series_ids = resolve_series(wanted, follow=follow)
    pairs = []
    for pk, group in placed:
        pairs += [(books[pk], facts) for facts in group]
        for place in group[0].series:
            series_id = series_ids.get((place.name, authors.get("".join(group[0].authors[:1]))))
            if series_id and not SeriesEntry.objects.filter(series_id=series_id, book_id=pk).exists():
                entry = SeriesEntry(series_id=series_id, book_id=pk, source=provider.name)
                set_position(entry, place.position)
                entry.save()
                result.entries_created += 1
    keep_recordings(pairs, now=now)
    Book.objects.filter(pk__in=ids).update(metadata_checked_at=now)


def _meant(work: WorkFacts, offered: Sequence[CatalogueBook]) -> list[CatalogueBook]:
    """The recordings of the work that an owned book certainly is; several recordings of a work are no doubt."""
    groups: dict[str, list[CatalogueBook]] = {}
    for facts in offered:
        groups.setdefault(str(facts.raw.get("work") or facts.provider_id), []).append(facts)
    works = [_as_work(key, group) for key, group in groups.items()]
    held = HeldFacts(title=work.title, authors=work.authors, language=work.languages[0] if work.languages else "")
    match = Candidates(works).match(held)
    return groups[str(match.work_id)] if match.outcome == "certain" else []


def _as_work(key: str, group: Sequence[CatalogueBook]) -> WorkFacts:
    return WorkFacts(
        work_id=key,
        title=group[0].title,
        authors=group[0].authors,
        series=group[0].series,
        languages=tuple(dict.fromkeys(facts.language for facts in group if facts.language)),
        years=tuple(dict.fromkeys(facts.published_year for facts in group if facts.published_year)),
    )
