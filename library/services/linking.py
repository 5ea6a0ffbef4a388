"""Linking copies to books: to one that is known when that is certain, else to a book of its own.

A user's decision is never overridden. A doubtful case keeps its own book and is put up for review with its reasons.
"""

import datetime
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from library.domain.evidence import weigh
from library.domain.facts import SeriesPlace
from library.domain.languages import language_code
from library.domain.matching import CERTAIN, HeldFacts, Match, MatchIndex, Outcome, WorkFacts
from library.domain.titles import parse_title, title_key
from library.models import (
    Book,
    BookAuthor,
    BookNarrator,
    CatalogueRecord,
    Copy,
    MatchState,
    RecordingIdentifier,
    SeriesEntry,
)
from library.services.completeness import score_completeness
from library.services.ownership import refresh_ownership, remove_orphans
from library.services.placing import place_in_series, renew_books
from library.services.resolving import chunks, find_authors, resolve_authors, resolve_narrators
from library.services.text import read_title, sort_title, stems

# What linking writes of a copy.
LINK_FIELDS = (
    "book", "recording", "match_state", "match_score", "match_reasons", "match_candidates", "matched_at",
)  # fmt: skip


@dataclass
class LinkResult:
    """`left`: the books that copies stood for before; `created`: those that were made for copies."""

    linked: int = 0
    books_created: int = 0
    for_review: int = 0
    left: set[int] = field(default_factory=set)


def link_copies(
    copies: Sequence[Copy], *, now: datetime.datetime, renamed: Collection[int] = frozenset()
) -> LinkResult:
    """Give every copy its book, in memory: the caller saves `LINK_FIELDS`, then calls `place_copies`.

    Set-based: a handful of queries whatever the number of copies, which need not be saved yet. `renamed` are the ids of
    copies whose title or authors read differently now: what they were linked to is weighed anew.
    """
    result = LinkResult(left={copy.book_id for copy in copies if copy.book_id})
    open_copies = [copy for copy in copies if copy.match_state != MatchState.USER or copy.book_id is None]
    candidates = Candidates(work_facts(candidate_ids(open_copies)))
    linked_by_catalogue = _known_to_catalogue([copy.book_id for copy in open_copies if copy.pk in renamed])
    fresh: list[Copy] = []
    for copy in open_copies:
        _apply_match(copy, candidates.match(held_facts(copy)), now)
        if copy.match_state == MatchState.NONE and copy.book_id in linked_by_catalogue and copy.pk in renamed:
            copy.book = None
        if copy.match_state == MatchState.REVIEW:
            result.for_review += 1
        if copy.book_id is None:
            fresh.append(copy)
        else:
            result.linked += 1
    result.books_created = create_books(fresh)
    return result


def place_copies(
    copies: Sequence[Copy], linked: LinkResult, *, now: datetime.datetime, renewed: Sequence[Copy] = ()
) -> None:
    """What follows once the links are saved: places in series, ownership, and the books that nobody speaks for now.

    `renewed` are copies that were read differently: the books that only they speak for follow them.
    """
    renew_books(renewed, now=now)
    place_in_series([copy for copy in copies if copy.match_state != MatchState.USER], renewed=renewed)
    mine = {copy.book_id for copy in copies if copy.book_id}
    refresh_ownership(linked.left | mine)
    remove_orphans(linked.left - mine, with_gaps=True)


def relink(copies: Sequence[Copy], *, now: datetime.datetime) -> LinkResult:
    """Link saved copies anew, and save."""
    linked = link_copies(copies, now=now, renamed={copy.pk for copy in copies})
    Copy.objects.bulk_update(copies, LINK_FIELDS, batch_size=250)
    place_copies(copies, linked, now=now, renewed=copies)
    return linked


def _known_to_catalogue(book_ids: Iterable[int | None]) -> set[int]:
    ids = [pk for pk in book_ids if pk]
    rows = CatalogueRecord.objects.filter(book_id__in=ids).values_list("book_id", flat=True)
    return {pk for pk in rows if pk is not None}


def held_facts(copy: Copy) -> HeldFacts:
    """A copy as the matcher sees it."""
    own = read_title(copy.title, copy.series)
    return HeldFacts(
        title=own.title,
        authors=tuple(copy.authors),
        narrators=tuple(copy.narrators),
        series=tuple(SeriesPlace(place["name"], place["position"] or own.position) for place in copy.series),
        key=copy.pk or 0,
        identifiers=frozenset((scheme, code) for scheme, code in (("asin", copy.asin), ("isbn", copy.isbn)) if code),
        language=language_code(copy.language),
        year=copy.published_year,
        runtime_seconds=copy.duration_seconds,
        is_abridged=copy.is_abridged,
    )


class Candidates:
    """The works that something held could be, ready for matching."""

    def __init__(self, works: Iterable[WorkFacts]) -> None:
        listed = list(works)
        self.index = MatchIndex(listed)
        self.by_title: dict[str, list[WorkFacts]] = defaultdict(list)
        for work in listed:
            self.by_title[title_key(work.title)].append(work)

    def match(self, held: HeldFacts) -> Match:
        """The work that is meant. A whole title by the same author is as telling as a title can be, so that a title of
        common words is no reason for doubt where only one such work is known."""
        match = self.index.match(held)
        equal = self.by_title.get(title_key(held.title), ())
        if match.outcome != Outcome.REVIEW or len(equal) != 1 or equal[0].work_id != match.work_id:
            return match
        evidence = weigh(held, equal[0], rarity=1.0)
        if evidence.score < CERTAIN or evidence.doubts:
            return match
        return Match(Outcome.CERTAIN, match.work_id, evidence.score, evidence.reasons, match.runner_up)


def candidate_ids(copies: Sequence[Copy]) -> set[int]:
    """The books that could be meant: by an author of the copies with a word of the title or a series in common, or with
    the same identifiers. By author alone it would be too many: some have written a thousand."""
    ids: set[int] = {copy.book_id for copy in copies if copy.book_id}
    author_of = find_authors(name for copy in copies for name in copy.authors)
    words: dict[int, set[str]] = defaultdict(set)
    for copy in copies:
        told = stems(copy.title, *(place["name"] for place in copy.series))
        for author_id in {author_of[name] for name in copy.authors if name in author_of}:
            words[author_id] |= told
    for part in chunks(sorted(words)):
        rows = BookAuthor.objects.filter(author_id__in=part).exclude(book__status="archived")
        for book_id, author_id, title in rows.values_list("book_id", "author_id", "book__title").iterator():
            told = stems(title)
            if not told or not told.isdisjoint(words[author_id]):
                ids.add(book_id)
    codes = sorted({code for copy in copies for code in (copy.asin, copy.isbn) if code})
    for some in chunks(codes):
        ids.update(RecordingIdentifier.objects.filter(value__in=some).values_list("recording__book_id", flat=True))
        ids.update(Book.objects.filter(asin__in=some).values_list("pk", flat=True))
        ids.update(Book.objects.filter(isbn__in=some).values_list("pk", flat=True))
    return ids


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


def create_books(copies: Sequence[Copy]) -> int:
    """A book for each copy that has none; copies of the same author and title share one. Returns how many were made."""
    author_ids = resolve_authors(name for copy in copies for name in copy.authors)
    narrator_ids = resolve_narrators(name for copy in copies for name in copy.narrators)
    shared: dict[tuple[object, ...], tuple[Book, Copy]] = {}
    for copy in copies:
        book = book_of(copy)
        ids = tuple(dict.fromkeys(author_ids[name] for name in copy.authors if name in author_ids))
        key = (ids[:1] or copy.path, book.title_key or copy.path, book.language)
        copy.book = shared.setdefault(key, (book, copy))[0]
    Book.objects.bulk_create([book for book, _ in shared.values()], batch_size=250)
    links, voices = [], []
    for book, copy in shared.values():
        written = dict.fromkeys(author_ids[name] for name in copy.authors if name in author_ids)
        links += [BookAuthor(book=book, author_id=pk, order=n) for n, pk in enumerate(written)]
        read = dict.fromkeys(narrator_ids[name] for name in copy.narrators if name in narrator_ids)
        voices += [BookNarrator(book=book, narrator_id=pk, order=n) for n, pk in enumerate(read)]
    BookAuthor.objects.bulk_create(links, batch_size=500)
    BookNarrator.objects.bulk_create(voices, batch_size=500)
    for copy in copies:
        copy.book_id = copy.book.pk if copy.book else None  # the book has an id only now
    for copy in copies:
        copy.book = copy.book  # takes up the id that the book has now
    return len(shared)


def book_of(copy: Copy) -> Book:
    """The book that a copy describes, not saved."""
    own = read_title(copy.title, copy.series)
    title = parse_title(own.title, author=copy.authors[0] if copy.authors else "").title or own.title
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
