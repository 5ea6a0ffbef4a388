"""What exists: asking the providers, keeping their words, and making books, recordings and places in series of them.

Not found is an observation, not a command: a refresh deletes nothing. A place that its provider no longer names is
only marked, and a refresh in which more than a fifth of the known places vanish is refused and reported.
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet

from config.errors import ExternalAPIError
from library.domain.facts import CatalogueBook, CatalogueSeries
from library.domain.people import same_person
from library.domain.titles import series_key
from library.models import Author, Book, BookAuthor, Follow, Series
from library.services.catalogue_rows import create_book, keep_recordings, known_books
from library.services.laying import LayResult, lay_series, same_book
from library.services.lone_books import place_lone_books
from library.services.providers import EMBEDDED, Asked, enabled_providers, knows_series
from library.services.resolving import chunks
from library.services.text import turned
from scheduling.services.context import RunContext

Row = TypeVar("Row", Series, Author)
FRESH_FOR = datetime.timedelta(hours=20)
AT_ONCE = 100


@dataclass
class CatalogueResult(LayResult):
    """What a refresh did, in numbers and words."""

    series_checked: int = 0
    series_found: int = 0
    authors_checked: int = 0
    series_joined: int = 0
    errors: list[str] = field(default_factory=list)


def refresh_catalogue(
    *,
    now: datetime.datetime,
    run: RunContext | None = None,
    series_ids: Sequence[int] | None = None,
    author_ids: Sequence[int] | None = None,
    limit: int | None = None,
    force: bool = False,
    local_only: bool = False,
    providers: Sequence[Asked] | None = None,
) -> CatalogueResult:
    """Ask about the given series and authors, or about all that are due, the longest unchecked first.

    `local_only`: ask only the catalogue that ships with the product, which costs no network; what it does not know
    stays due for the others.
    """
    result = CatalogueResult()
    asked = list(enabled_providers(now=now)) if providers is None else list(providers)
    if local_only:
        asked = [provider for provider in asked if provider.name == EMBEDDED]
    everything = series_ids is None and author_ids is None
    rows = Series.objects.select_related("author").prefetch_related("aliases")
    series = _due(rows, series_ids, everything, now, force, limit)
    authors = (
        []
        if local_only
        else _due(Author.objects.exclude(follow=Follow.NONE), author_ids, everything, now, force, limit)
    )
    if run:
        run.report(total=len(series) + len(authors))
    if everything:
        place_lone_books(asked, now=now, result=result)
        series += _new_series(series, now) if limit is None else []
    for part in chunks(series, AT_ONCE):
        done = [row.pk for row in part if _refresh_series(row, asked, now, result, run, local_only=local_only)]
        Series.objects.filter(pk__in=done).update(catalogue_checked_at=now)
    for author in authors:
        if _refresh_author(author, asked, now, result):
            Author.objects.filter(pk=author.pk).update(catalogue_checked_at=now)
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
        rows = rows.filter(pk__in=ids) if rows.model is Series else rows.model._default_manager.filter(pk__in=ids)
    elif not everything:
        return []
    rows = rows.filter(merged_into=None)
    if not force and ids is None:
        rows = rows.filter(Q(catalogue_checked_at=None) | Q(catalogue_checked_at__lt=now - FRESH_FOR))
    rows = rows.order_by(F("catalogue_checked_at").asc(nulls_first=True), "id")
    return list(rows[:limit])


def _new_series(known: Sequence[Series], now: datetime.datetime) -> list[Series]:
    """Series that came up while lone books were placed."""
    rows = Series.objects.filter(catalogue_checked_at=None, merged_into=None).exclude(pk__in=[row.pk for row in known])
    return list(rows.select_related("author").prefetch_related("aliases").order_by("pk"))


def _refresh_series(
    series: Series,
    providers: Sequence[Asked],
    now: datetime.datetime,
    result: CatalogueResult,
    run: RunContext | None,
    *,
    local_only: bool,
) -> bool:
    """The most trusted provider that knows the series lists it; the others are not asked. False: ask again soon."""
    result.series_checked += 1
    found, failed = _ask_for_series(series, providers, now, result)
    if found is not None:
        result.series_found += 1
        with transaction.atomic():
            lay_series(_joined(series, found, now, result), found, now=now, result=result)
    if run:
        run.advance(ok=not failed, message=f"Series: {series.name}")
    return found is not None or not (failed or local_only or not providers)


def _ask_for_series(
    series: Series, providers: Sequence[Asked], now: datetime.datetime, result: CatalogueResult
) -> tuple[CatalogueSeries | None, bool]:
    failed = False
    for provider in providers:
        if not provider.may_be_asked(now):
            failed = True
            continue
        try:
            found = _find_series(provider, series, now)
        except ExternalAPIError as error:
            failed = True
            result.errors.append(f"{provider.name}: {error.message}")
            continue
        if found is not None:
            return found, False
    return None, failed


def _find_series(provider: Asked, series: Series, now: datetime.datetime) -> CatalogueSeries | None:
    author = series.author.name if series.author else ""

    def by_id(provider_id: str) -> CatalogueSeries | None:
        return provider.ask(lambda client: client.get_series(provider_id), now=now)

    def by_name(name: str) -> list[CatalogueSeries]:
        return provider.ask(lambda client: client.find_series(name, author=author), now=now)

    if series.catalogue_source == provider.name and series.catalogue_id and (known := by_id(series.catalogue_id)):
        return known
    aliases = [alias.name for alias in series.aliases.all() if alias.origin != "catalogue"]
    for name in filter(None, dict.fromkeys([series.name, turned(series.name), *aliases])):
        if not knows_series(provider, name):
            continue
        for found in by_name(name):
            keys = {series_key(text) for text in (found.name, *found.aliases)}
            if series_key(name) in keys and _authors_agree(author, found.authors):
                return found if found.entries else by_id(found.provider_id)
    return None


def _authors_agree(author: str, others: Sequence[str]) -> bool:
    return not author or not others or any(same_person(author, other) for other in others)


def _joined(series: Series, facts: CatalogueSeries, now: datetime.datetime, result: CatalogueResult) -> Series:
    """Two spellings of one series that a provider knows under one id are one, unless a person parted them."""
    from library.services.identity import merge_series, were_parted

    others = Series.objects.filter(
        catalogue_source=facts.provider, catalogue_id=facts.provider_id[:200], merged_into=None, author=series.author_id
    ).exclude(pk=series.pk)
    for other in others:
        if series.author_id is None or were_parted(series, other):
            continue
        merge_series(keep=other, gone=series, now=now, origin="catalogue", recount=False)
        result.series_joined += 1
        return other
    return series


def _refresh_author(
    author: Author, providers: Sequence[Asked], now: datetime.datetime, result: CatalogueResult
) -> bool:
    """The works of a followed author that the providers know. False: nobody could be asked, try again soon."""
    result.authors_checked += 1
    failed = not providers
    for provider in providers:
        if not provider.may_be_asked(now):
            failed = True
            continue
        try:
            offered = provider.ask(lambda client: list(client.find_author_books(author.name)), now=now)
        except ExternalAPIError as error:
            failed = True
            result.errors.append(f"{provider.name}: {error.message}")
            continue
        if offered:
            with transaction.atomic():
                _apply_author(author, offered, now, result)
            return True
    return not failed


def _apply_author(
    author: Author, offered: Sequence[CatalogueBook], now: datetime.datetime, result: CatalogueResult
) -> None:
    books = list(Book.objects.active().filter(book_authors__author=author).order_by("-is_owned", "pk"))
    known = known_books(offered)
    pairs = []
    for group in _by_work(offered):
        book = next((known[key] for facts in group if (key := (facts.provider, facts.provider_id)) in known), None)
        book = book or next((found for facts in group if (found := same_book(facts, books))), None)
        if book is None:
            book = create_book(group[0], now=now)
            if not BookAuthor.objects.filter(book=book, author=author).exists():
                BookAuthor.objects.create(book=book, author=author, order=9)
            books.append(book)
            result.books_created += 1
        pairs += [(book, facts) for facts in group]
    keep_recordings(pairs, now=now)


def _by_work(offered: Iterable[CatalogueBook]) -> list[list[CatalogueBook]]:
    groups: dict[str, list[CatalogueBook]] = {}
    for number, facts in enumerate(offered):
        groups.setdefault(str(facts.raw.get("work") or f"#{number}"), []).append(facts)
    return list(groups.values())
