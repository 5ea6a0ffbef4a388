"""Linking copies to books: to one that is known when that is certain, else to a book of its own.

A user's decision is never overridden. A doubtful case keeps its own book and is put up for review with its reasons.
"""

import datetime
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from library.domain.facts import SeriesPlace
from library.domain.languages import language_code
from library.domain.matching import HeldFacts, Match, MatchIndex, WorkFacts
from library.domain.positions import parse_positions
from library.domain.titles import parse_title, title_key
from library.models import (
    Book,
    BookAuthor,
    BookNarrator,
    Copy,
    Follow,
    MatchState,
    RecordingIdentifier,
    SeriesEntry,
)
from library.services.completeness import score_completeness
from library.services.resolving import chunks, find_authors, resolve_authors, resolve_narrators, resolve_series
from library.services.settings import get_setting
from library.services.text import sort_title


@dataclass
class LinkResult:
    linked: int = 0
    books_created: int = 0
    for_review: int = 0


def link_copies(copies: Sequence[Copy], *, now: datetime.datetime) -> LinkResult:
    """Give every copy its book. Set-based: a handful of queries whatever the number of copies."""
    from library.services.shelf import refresh_ownership

    result = LinkResult()
    open_copies = [copy for copy in copies if copy.match_state != MatchState.USER]
    before = {copy.book_id for copy in copies if copy.book_id}
    index = MatchIndex(_candidates(open_copies))
    matches = {copy.pk: index.match(held_facts(copy)) for copy in open_copies}
    fresh: list[Copy] = []
    for copy in open_copies:
        _apply_match(copy, matches[copy.pk], now)
        if copy.match_state == MatchState.REVIEW:
            result.for_review += 1
        if copy.book_id is None:
            fresh.append(copy)
        else:
            result.linked += 1
    result.books_created = _create_books(fresh, now)
    Copy.objects.bulk_update(
        open_copies,
        ["book", "recording", "match_state", "match_score", "match_reasons", "match_candidates", "matched_at"],
        batch_size=250,
    )
    _place_in_series(copies)
    refresh_ownership(before | {copy.book_id for copy in copies if copy.book_id})
    return result


def held_facts(copy: Copy) -> HeldFacts:
    """A copy as the matcher sees it."""
    return HeldFacts(
        title=copy.title,
        authors=tuple(copy.authors),
        narrators=tuple(copy.narrators),
        series=tuple(SeriesPlace(place["name"], place["position"]) for place in copy.series),
        key=copy.pk,
        identifiers=frozenset((scheme, code) for scheme, code in (("asin", copy.asin), ("isbn", copy.isbn)) if code),
        language=language_code(copy.language),
        year=copy.published_year,
        runtime_seconds=copy.duration_seconds,
        is_abridged=copy.is_abridged,
    )


def _candidates(copies: Sequence[Copy]) -> list[WorkFacts]:
    """The books that could be meant: by the same authors, or with the same identifiers."""
    author_ids = set(find_authors(name for copy in copies for name in copy.authors).values())
    ids: set[int] = set()
    for part in chunks(sorted(author_ids)):
        ids.update(
            BookAuthor.objects.filter(author_id__in=part)
            .exclude(book__status="archived")
            .values_list("book_id", flat=True)
        )
    codes = sorted({code for copy in copies for code in (copy.asin, copy.isbn) if code})
    for some in chunks(codes):
        ids.update(RecordingIdentifier.objects.filter(value__in=some).values_list("recording__book_id", flat=True))
        ids.update(Book.objects.filter(Q(asin__in=some) | Q(isbn__in=some)).values_list("pk", flat=True))
    return work_facts(ids)


def work_facts(book_ids: Iterable[int]) -> list[WorkFacts]:
    """Books as the matcher sees them, with authors, series and identifiers."""
    ids = sorted(book_ids)
    authors: dict[int, list[str]] = defaultdict(list)
    series: dict[int, list[SeriesPlace]] = defaultdict(list)
    codes: dict[int, list[tuple[str, str]]] = defaultdict(list)
    runtimes: dict[int, list[int]] = defaultdict(list)
    rows: list[tuple[Any, ...]] = []
    for part in chunks(ids):
        for book_id, name in BookAuthor.objects.filter(book_id__in=part).values_list("book_id", "author__name"):
            authors[book_id].append(name)
        for book_id, name, positions, label in SeriesEntry.objects.filter(book_id__in=part).values_list(
            "book_id", "series__name", "positions", "label"
        ):
            series[book_id].append(SeriesPlace(name, positions or label))
        for book_id, scheme, value in RecordingIdentifier.objects.filter(recording__book_id__in=part).values_list(
            "recording__book_id", "scheme", "value"
        ):
            codes[book_id].append((scheme, value))
        found = Book.objects.filter(pk__in=part).values_list(
            "pk", "title", "language", "published_year", "asin", "isbn", "duration_seconds"
        )
        rows.extend(found)
        for book_id, runtime in Book.objects.filter(pk__in=part, recordings__runtime_seconds__gt=0).values_list(
            "pk", "recordings__runtime_seconds"
        ):
            runtimes[book_id].append(runtime or 0)
    facts = []
    for pk, title, language, year, asin, isbn, duration in rows:
        own = [("asin", asin)] * bool(asin) + [("isbn", isbn)] * bool(isbn)
        facts.append(
            WorkFacts(
                work_id=pk,
                title=title,
                authors=tuple(authors[pk]),
                series=tuple(series[pk]),
                identifiers=frozenset(codes[pk] + own),
                languages=(language,) if language else (),
                years=(year,) if year else (),
                runtimes_seconds=tuple(runtimes[pk] or ([duration] if duration else [])),
            )
        )
    return facts


def _apply_match(copy: Copy, match: Match, now: datetime.datetime) -> None:
    copy.match_score = match.score
    copy.match_reasons = list(match.reasons)
    copy.match_candidates = []
    copy.matched_at = now
    if match.outcome == "certain" and match.work_id is not None:
        copy.match_state, copy.book_id = MatchState.CERTAIN, int(match.work_id)
        return
    if match.outcome == "review":
        copy.match_state = MatchState.REVIEW
        copy.match_candidates = [
            pk for pk in (match.work_id, match.runner_up[0] if match.runner_up else None) if pk and pk != copy.book_id
        ]
        if not copy.match_candidates:
            copy.match_state = MatchState.CERTAIN
        return
    copy.match_state = MatchState.NONE


def _create_books(copies: Sequence[Copy], now: datetime.datetime) -> int:
    """A book for each copy that has none; copies of the same author and title share one."""
    author_ids = resolve_authors(name for copy in copies for name in copy.authors)
    narrator_ids = resolve_narrators(name for copy in copies for name in copy.narrators)
    shared: dict[tuple[object, ...], Book] = {}
    people: dict[tuple[object, ...], Copy] = {}
    keys: dict[int, tuple[object, ...]] = {}
    for copy in copies:
        parsed = parse_title(copy.title, author=copy.authors[0] if copy.authors else "")
        title = parsed.title or copy.title
        ids = tuple(dict.fromkeys(author_ids[name] for name in copy.authors if name in author_ids))
        key: tuple[object, ...] = (ids[:1] or copy.path, title_key(title) or copy.path, language_code(copy.language))
        keys[copy.pk] = key
        if key not in shared:
            shared[key] = _book_of(copy, title)
            people[key] = copy
    Book.objects.bulk_create(shared.values(), batch_size=250)
    links, voices = [], []
    for key, book in shared.items():
        copy = people[key]
        written = dict.fromkeys(author_ids[name] for name in copy.authors if name in author_ids)
        links += [BookAuthor(book=book, author_id=pk, order=n) for n, pk in enumerate(written)]
        read = dict.fromkeys(narrator_ids[name] for name in copy.narrators if name in narrator_ids)
        voices += [BookNarrator(book=book, narrator_id=pk, order=n) for n, pk in enumerate(read)]
    BookAuthor.objects.bulk_create(links, batch_size=500)
    BookNarrator.objects.bulk_create(voices, batch_size=500)
    for copy in copies:
        copy.book = shared[keys[copy.pk]]
    return len(shared)


def _book_of(copy: Copy, title: str) -> Book:
    book = Book(
        title=title[:500],
        subtitle=copy.subtitle,
        sort_title=sort_title(title)[:500],
        title_key=title_key(title)[:500],
        description=copy.description,
        language=language_code(copy.language),
        publisher=copy.publisher,
        published_year=copy.published_year,
        isbn=copy.isbn,
        asin=copy.asin,
        abs_id=copy.abs_item_id,
        duration_seconds=round(copy.duration_seconds) if copy.duration_seconds else None,
        genres=copy.genres,
        import_source="library",
        is_owned=True,
    )
    book.completeness = score_completeness(book, has_authors=bool(copy.authors), has_narrators=bool(copy.narrators))
    return book


def _place_in_series(copies: Sequence[Copy]) -> None:
    """What the copies say of their series, for books that no provider and no user has placed there."""
    named = [copy for copy in copies if copy.book_id and copy.series]
    if not named:
        return
    first_author = dict(
        BookAuthor.objects.filter(book_id__in=[c.book_id for c in named], order=0).values_list("book_id", "author_id")
    )
    wanted = [(place["name"], first_author.get(copy.book_id or 0)) for copy in named for place in copy.series]
    follow = Follow.ALL if get_setting("gaps.follow_owned_series") else Follow.NONE
    series_ids = resolve_series(wanted, follow=follow)
    existing = {
        (entry.series_id, entry.book_id): entry
        for entry in SeriesEntry.objects.filter(book_id__in=[copy.book_id for copy in named])
    }
    fresh: dict[tuple[int, int], SeriesEntry] = {}
    changed = []
    for copy in named:
        for number, place in enumerate(copy.series):
            series_id = series_ids.get((place["name"], first_author.get(copy.book_id or 0)))
            if series_id is None or copy.book_id is None:
                continue
            entry = existing.get((series_id, copy.book_id)) or fresh.get((series_id, copy.book_id))
            if entry is None:
                entry = SeriesEntry(series_id=series_id, book_id=copy.book_id, is_primary=number == 0)
                set_position(entry, place["position"])
                fresh[series_id, copy.book_id] = entry
            elif entry.pk and entry.source == "library" and not entry.is_locked and entry.label != place["position"]:
                set_position(entry, place["position"])
                changed.append(entry)
    SeriesEntry.objects.bulk_create(fresh.values(), batch_size=500)
    SeriesEntry.objects.bulk_update(changed, ["label", "positions", "position_first", "position_last"], batch_size=250)


def set_position(entry: SeriesEntry, label: str) -> None:
    """Write a label and the canonical set that it means."""
    positions = parse_positions(label)
    entry.label = label[:100]
    entry.positions = positions.label[:200]
    entry.position_first, entry.position_last = positions.first, positions.last
