"""Laying a provider's list of a series over the rows: what is known is linked, what is new is made, once."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from library.domain.facts import CatalogueBook, CatalogueSeries, CatalogueSeriesEntry
from library.domain.positions import parse_positions
from library.domain.titles import same_work, series_key, title_key
from library.models import Book, Copy, MatchState, Series, SeriesAlias, SeriesEntry
from library.services.catalogue_rows import create_book, keep_recordings, keep_series_record, known_books
from library.services.placing import POSITION_FIELDS, set_position
from library.services.resolving import find_authors

VANISH_LIMIT = 0.2
Group = list[CatalogueSeriesEntry]


@dataclass
class LayResult:
    """`refused` are sentences about refreshes that were taken for faults of a provider."""

    books_created: int = 0
    books_linked: int = 0
    entries_created: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass
class _Plan:
    """What each place of the list is among our rows: its entry, its book, or nothing yet."""

    group: Group
    entry: SeriesEntry | None
    book: Book | None


def lay_series(series: Series, facts: CatalogueSeries, *, now: datetime.datetime, result: LayResult) -> None:
    """Write a provider's list of a series. One transaction of the caller; a list that has lost too much is refused."""
    held = list(SeriesEntry.objects.filter(series=series).select_related("book").order_by("-book__is_owned", "id"))
    plans = _plan(facts, held)
    gone = _gone(held, plans, facts.provider)
    known = sum(1 for entry in held if entry.source == facts.provider)
    if gone and (len(gone) > max(1, VANISH_LIMIT * known) or len(gone) == known):
        result.refused.append(
            f"{series.name}: {facts.provider} no longer names {len(gone)} of {known} books; taken for a fault there, "
            "nothing was changed."
        )
        return
    keep_series_record(facts, now=now)
    pairs = []
    for plan in plans:
        if plan.book is None:
            plan.book = create_book(plan.group[0].book, now=now, kind=plan.group[0].book.kind)
            result.books_created += 1
        else:
            result.books_linked += 1
        _write_entry(series, plan, facts.provider, result)
        pairs += [(plan.book, offered.book) for offered in plan.group]
    keep_recordings(pairs, now=now)
    _mark_vanished(gone, now)
    _mark_matched([plan.book.pk for plan in plans if plan.book and plan.book.is_owned], series)
    if (series.catalogue_source, series.catalogue_id) != (facts.provider, facts.provider_id[:200]):
        series.catalogue_source, series.catalogue_id = facts.provider, facts.provider_id[:200]
        series.save(update_fields=["catalogue_source", "catalogue_id", "updated_at"])
    _learn_aliases(series, facts)


def _plan(facts: CatalogueSeries, held: Sequence[SeriesEntry]) -> list[_Plan]:
    """Every place with the row that stands for it: by what we know of the provider's ids, by title, by place."""
    groups = _by_place(facts.entries)
    known = known_books(offered.book for group in groups for offered in group)
    theirs = _author_books(facts.authors)
    plans = [_Plan(group, None, None) for group in groups]
    claimed: set[int] = set()

    def claim(plan: _Plan, book: Book, entry: SeriesEntry | None) -> None:
        plan.book, plan.entry = book, entry
        claimed.add(book.pk)

    entries = {entry.book_id: entry for entry in held}
    for plan in plans:
        for offered in plan.group:
            book = known.get((offered.book.provider, offered.book.provider_id))
            if plan.book is None and book is not None and book.pk not in claimed:
                claim(plan, book, entries.get(book.pk))
    for look in (_entry_by_title, _entry_by_place):
        for plan in plans:
            if plan.book is None and (entry := look(plan.group, [e for e in held if e.book_id not in claimed])):
                claim(plan, entry.book, entry)
    for plan in plans:
        if plan.book is None:
            free = [book for book in theirs if book.pk not in claimed and book.pk not in entries]
            for offered in plan.group:
                if plan.book is None and (book := same_book(offered.book, free)):
                    claim(plan, book, None)
    return plans


def _by_place(entries: Iterable[CatalogueSeriesEntry]) -> list[Group]:
    """Entries that are recordings of one work in one place, together."""
    groups: dict[tuple[str, str], Group] = {}
    for entry in entries:
        positions = parse_positions(entry.position)
        work = str(entry.book.raw.get("work") or title_key(entry.book.title))
        groups.setdefault((positions.label, work), []).append(entry)
    return list(groups.values())


def _entry_by_title(group: Group, free: Sequence[SeriesEntry]) -> SeriesEntry | None:
    """The one with the same title at the same place first: a series may have two books of one title."""
    label = parse_positions(group[0].position).label
    titles = list(dict.fromkeys(offered.book.title for offered in group))
    author = next((offered.book.authors[0] for offered in group if offered.book.authors), "")
    same = [e for e in free if any(same_work(e.book.title, title, author=author) for title in titles)]
    same.sort(key=lambda entry: (entry.positions != label, not entry.book.is_owned, entry.pk))
    return same[0] if same else None


def _entry_by_place(group: Group, free: Sequence[SeriesEntry]) -> SeriesEntry | None:
    """A place alone is thin: one title must also begin as the other does (`Ozma of Oz - Second Reading`)."""
    label = parse_positions(group[0].position).label
    if not label:
        return None
    theirs = {title_key(offered.book.title) for offered in group} - {""}
    near = [
        entry
        for entry in free
        if entry.positions == label
        and any(
            _begins(title_key(entry.book.title), key) or _begins(key, title_key(entry.book.title)) for key in theirs
        )
    ]
    return near[0] if len(near) == 1 else None


def _begins(longer: str, shorter: str) -> bool:
    return bool(shorter) and (longer == shorter or longer.startswith(f"{shorter} "))


def _author_books(names: Iterable[str]) -> list[Book]:
    ids = list(find_authors(names).values())
    rows = Book.objects.active().filter(book_authors__author_id__in=ids).distinct()
    return list(rows.order_by("-is_owned", "pk"))


def same_book(wanted: CatalogueBook, books: Sequence[Book]) -> Book | None:
    """The book among these by the same author that the provider means; none where it could be two."""
    author = wanted.authors[0] if wanted.authors else ""
    key = title_key(wanted.title)
    spoken = [b for b in books if not b.language or not wanted.language or b.language == wanted.language]
    exact = [book for book in spoken if book.title_key == key]
    near = exact or [book for book in spoken if same_work(book.title, wanted.title, author=author)]
    return near[0] if len(near) == 1 or exact else None


def _write_entry(series: Series, plan: _Plan, provider: str, result: LayResult) -> None:
    book, offered = plan.book, plan.group[0]
    if book is None:
        return
    entry = plan.entry or SeriesEntry(series=series, book=book)
    if entry.pk is None:
        result.entries_created += 1
    if not entry.is_locked:
        before = [getattr(entry, name) for name in (*POSITION_FIELDS, "source", "is_primary", "vanished_at")]
        set_position(entry, offered.position)
        entry.source, entry.is_primary, entry.vanished_at, entry.vanished_count = provider, offered.is_primary, None, 0
        after = [getattr(entry, name) for name in (*POSITION_FIELDS, "source", "is_primary", "vanished_at")]
        if entry.pk is None or before != after:
            entry.save()
    if offered.book.kind and book.kind != offered.book.kind and book.import_source == "library":
        Book.objects.filter(pk=book.pk).exclude(field_sources__field="kind").update(kind=offered.book.kind)


def _gone(held: Sequence[SeriesEntry], plans: Sequence[_Plan], provider: str) -> list[SeriesEntry]:
    named = {plan.book.pk for plan in plans if plan.book}
    return [entry for entry in held if entry.source == provider and not entry.is_locked and entry.book_id not in named]


def _mark_vanished(gone: Sequence[SeriesEntry], now: datetime.datetime) -> None:
    """Observations of one day agree with themselves only: each counts for a day."""
    for entry in gone:
        entry.vanished_at = entry.vanished_at or now
        if now >= entry.vanished_at + datetime.timedelta(days=entry.vanished_count):
            entry.vanished_count += 1
            entry.save(update_fields=["vanished_at", "vanished_count"])


def _mark_matched(book_ids: Sequence[int], series: Series) -> None:
    """Copies whose book the catalogue knows are matched, though it was their own book that was linked."""
    Copy.objects.filter(book_id__in=book_ids, match_state=MatchState.NONE).update(
        match_state=MatchState.CERTAIN, match_score=1.0, match_reasons=[f"The catalogue lists it in {series.name}."]
    )


def _learn_aliases(series: Series, facts: CatalogueSeries) -> None:
    wanted = {series_key(name)[:500]: name[:500] for name in (facts.name, *facts.aliases)}
    known = set(series.aliases.values_list("name_key", flat=True))
    SeriesAlias.objects.bulk_create(
        [
            SeriesAlias(series=series, name_key=key, name=name, origin="catalogue")
            for key, name in wanted.items()
            if key and key != series.name_key and key not in known
        ],
        ignore_conflicts=True,
    )
