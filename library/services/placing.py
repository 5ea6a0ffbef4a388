"""Places of books in series as the shelf tells them, and books that follow the copies that speak for them."""

import datetime
from collections.abc import Iterable, Sequence

from django.db.models import Min

from library.domain.positions import parse_positions
from library.models import (
    Book,
    BookAuthor,
    BookNarrator,
    Copy,
    FieldSource,
    Follow,
    MatchState,
    SeriesEntry,
)
from library.services.ownership import remove_empty_series, remove_unused_authors
from library.services.resolving import resolve_authors, resolve_narrators, resolve_series
from library.services.settings import get_setting
from library.services.text import read_title

LIBRARY = "library"
POSITION_FIELDS = ("label", "positions", "position_first", "position_last")
RENEWED_FIELDS = (
    "title", "subtitle", "sort_title", "title_key", "description", "language", "publisher", "published_year", "isbn",
    "asin", "abs_id", "duration_seconds", "genres", "completeness",
)  # fmt: skip


def set_position(entry: SeriesEntry, label: str) -> None:
    """Write a label and the canonical set that it means."""
    positions = parse_positions(label)
    entry.label = label[:100]
    entry.positions = positions.label[:200]
    entry.position_first, entry.position_last = positions.first, positions.last


def place_in_series(copies: Sequence[Copy], *, renewed: Sequence[Copy] = ()) -> None:
    """What the copies say of their series, for books that no provider and no user has placed there.

    Places that only `renewed` copies named, and name no more, are taken back.
    """
    named = [copy for copy in copies if copy.book_id and copy.series]
    book_ids = {copy.book_id for copy in [*named, *renewed] if copy.book_id}
    if not book_ids:
        return
    first_author = dict(
        BookAuthor.objects.filter(book_id__in=book_ids).order_by("-order").values_list("book_id", "author_id")
    )
    wanted = [(place["name"], first_author.get(copy.book_id or 0)) for copy in named for place in copy.series]
    follow = Follow.ALL if get_setting("gaps.follow_owned_series") else Follow.NONE
    series_ids = resolve_series(wanted, follow=follow)
    existing = {(entry.series_id, entry.book_id): entry for entry in SeriesEntry.objects.filter(book_id__in=book_ids)}
    fresh: dict[tuple[int, int], SeriesEntry] = {}
    changed: dict[int, SeriesEntry] = {}
    said: set[tuple[int, int]] = set()
    for copy in named:
        number_in_title = read_title(copy.title, copy.series).position
        for number, place in enumerate(copy.series):
            series_id = series_ids.get((place["name"], first_author.get(copy.book_id or 0)))
            if series_id is None or copy.book_id is None:
                continue
            key = series_id, copy.book_id
            said.add(key)
            label = place["position"] or (number_in_title if number == 0 else "")
            entry = existing.get(key) or fresh.get(key)
            if entry is None:
                entry = SeriesEntry(series_id=series_id, book_id=copy.book_id, is_primary=number == 0)
                set_position(entry, label)
                fresh[key] = entry
            elif _follows(entry) and entry.label != label[:100] and (label or copy in renewed):
                set_position(entry, label)
                if entry.pk:
                    changed[entry.pk] = entry
    SeriesEntry.objects.bulk_create(fresh.values(), batch_size=500)
    SeriesEntry.objects.bulk_update(changed.values(), POSITION_FIELDS, batch_size=250)
    _take_back({copy.book_id for copy in renewed if copy.book_id}, existing, said)


def _follows(entry: SeriesEntry) -> bool:
    return entry.source == LIBRARY and not entry.is_locked


def _take_back(book_ids: set[int], existing: dict[tuple[int, int], SeriesEntry], said: set[tuple[int, int]]) -> None:
    """Places of the shelf's own making that no copy of the book names any more."""
    doubtful = {key: e for key, e in existing.items() if key[1] in book_ids and key not in said and _follows(e)}
    if not doubtful:
        return
    named = set()
    others = Copy.objects.present().filter(book_id__in={key[1] for key in doubtful}).exclude(series=[])
    authors = dict(
        BookAuthor.objects.filter(book_id__in={key[1] for key in doubtful})
        .order_by("-order")
        .values_list("book_id", "author_id")
    )
    pairs = [(copy.book_id, place["name"]) for copy in others for place in copy.series]
    ids = resolve_series((name, authors.get(book_id or 0)) for book_id, name in pairs)
    named = {(ids.get((name, authors.get(book_id or 0))), book_id) for book_id, name in pairs}
    gone = [entry for key, entry in doubtful.items() if key not in named]
    SeriesEntry.objects.filter(pk__in=[entry.pk for entry in gone]).delete()
    remove_empty_series({entry.series_id for entry in gone})


def renew_books(copies: Sequence[Copy], *, now: datetime.datetime) -> int:
    """Books that the shelf made follow the first of their copies; what a user or a provider set stays. Returns how
    many were written."""
    from library.services.linking import book_of

    ids = [copy.book_id for copy in copies if copy.book_id and copy.match_state != MatchState.USER]
    books = Book.objects.filter(import_source=LIBRARY).in_bulk(ids)
    first = dict(Copy.objects.present().filter(book_id__in=books).values_list("book_id").annotate(Min("pk")))
    kept: dict[int, set[str]] = {pk: set() for pk in books}
    for book_id, name in FieldSource.objects.filter(book_id__in=books).values_list("book_id", "field"):
        kept[book_id].add(name)
    changed = []
    speaking = [copy for copy in copies if copy.book_id in books and first.get(copy.book_id) == copy.pk]
    for copy in speaking:
        book, said = books[copy.book_id or 0], book_of(copy)
        names = [name for name in RENEWED_FIELDS if name not in kept[book.pk] | _bound(kept[book.pk])]
        different = [name for name in names if getattr(book, name) != getattr(said, name)]
        for name in different:
            setattr(book, name, getattr(said, name))
        if different:
            book.updated_at = now
            changed.append(book)
    Book.objects.bulk_update(changed, [*RENEWED_FIELDS, "updated_at"], batch_size=250)
    _renew_people([copy for copy in speaking if not kept[copy.book_id or 0] & {"authors", "narrators"}])
    return len(changed)


def _bound(kept: set[str]) -> set[str]:
    """Fields that go with a kept one."""
    return {"title_key", "sort_title"} if "title" in kept else set()


def _renew_people(copies: Sequence[Copy]) -> None:
    authors = resolve_authors(name for copy in copies for name in copy.authors)
    narrators = resolve_narrators(name for copy in copies for name in copy.narrators)
    left: set[int] = set()
    for copy in copies:
        left |= _set_authors(copy.book_id or 0, _ids(copy.authors, authors))
        _set_narrators(copy.book_id or 0, _ids(copy.narrators, narrators))
    remove_unused_authors(left)


def _ids(names: Iterable[str], known: dict[str, int]) -> list[int]:
    return list(dict.fromkeys(known[name] for name in names if name in known))


def _set_authors(book_id: int, wanted: list[int]) -> set[int]:
    """Write the authors of a book; gives those that it has no more."""
    current = list(
        BookAuthor.objects.filter(book_id=book_id).order_by("order", "pk").values_list("author_id", flat=True)
    )
    if current == wanted:
        return set()
    BookAuthor.objects.filter(book_id=book_id).delete()
    BookAuthor.objects.bulk_create(
        [BookAuthor(book_id=book_id, author_id=pk, order=number) for number, pk in enumerate(wanted)]
    )
    return set(current) - set(wanted)


def _set_narrators(book_id: int, wanted: list[int]) -> None:
    rows = BookNarrator.objects.filter(book_id=book_id).order_by("order", "pk")
    if list(rows.values_list("narrator_id", flat=True)) == wanted:
        return
    rows.delete()
    BookNarrator.objects.bulk_create(
        [BookNarrator(book_id=book_id, narrator_id=pk, order=number) for number, pk in enumerate(wanted)]
    )
