"""Names to rows: authors, narrators and series under their keys, in sets and without a query per name.

Aliases and merges are followed, so that what a user joined stays joined whatever the next import says.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from library.domain.people import person_key, sort_name
from library.domain.titles import series_key
from library.models import Author, AuthorAlias, Follow, Narrator, Series, SeriesAlias
from library.services.text import sort_title, turned

CHUNK = 500
CATALOGUE = "catalogue"
T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Lists of at most `size`."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def resolve_authors(names: Iterable[str]) -> dict[str, int]:
    """{name: author id}; authors that are not known yet are created. Names without a letter are left out."""
    keys = _keys(names)
    found = _find_authors(set(keys.values()))
    fresh = {key: name for name, key in reversed(keys.items()) if key not in found}
    if fresh:
        Author.objects.bulk_create(
            [Author(name=name[:500], sort_name=sort_name(name)[:500], name_key=key) for key, name in fresh.items()],
            ignore_conflicts=True,
        )
        found |= _find_authors(set(fresh))
    return {name: found[key] for name, key in keys.items() if key in found}


def find_authors(names: Iterable[str]) -> dict[str, int]:
    """As `resolve_authors`, but creates nothing."""
    keys = _keys(names)
    found = _find_authors(set(keys.values()))
    return {name: found[key] for name, key in keys.items() if key in found}


def _keys(names: Iterable[str]) -> dict[str, str]:
    keys = ((name, person_key(name)[:500]) for name in dict.fromkeys(names))
    return {name: key for name, key in keys if key}


def _find_authors(keys: set[str]) -> dict[str, int]:
    """What a person joined comes first, then the author of that very name, then what a provider calls an alias."""
    found: dict[str, int] = {}
    learned: dict[str, int] = {}
    for part in chunks(sorted(keys)):
        aliases = AuthorAlias.objects.filter(name_key__in=part)
        for key, author_id, merged, origin in aliases.values_list(
            "name_key", "author_id", "author__merged_into_id", "origin"
        ):
            (learned if origin == CATALOGUE else found)[key] = merged or author_id
        rows = Author.objects.filter(name_key__in=part).values_list("name_key", "id", "merged_into_id")
        for key, author_id, merged_into in rows:
            found.setdefault(key, merged_into or author_id)
    return {**learned, **found}


def resolve_narrators(names: Iterable[str]) -> dict[str, int]:
    """{name: narrator id}; created where unknown."""
    keys = _keys(names)
    found = _find_narrators(set(keys.values()))
    fresh = {key: name for name, key in reversed(keys.items()) if key not in found}
    if fresh:
        Narrator.objects.bulk_create(
            [Narrator(name=name[:500], sort_name=sort_name(name)[:500], name_key=key) for key, name in fresh.items()],
            ignore_conflicts=True,
        )
        found |= _find_narrators(set(fresh))
    return {name: found[key] for name, key in keys.items() if key in found}


def _find_narrators(keys: set[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in chunks(sorted(keys)):
        found.update(Narrator.objects.filter(name_key__in=part).values_list("name_key", "id"))
    return found


def resolve_series(
    wanted: Iterable[tuple[str, int | None]], *, follow: str = Follow.NONE
) -> dict[tuple[str, int | None], int]:
    """{(name, author id): series id}; created where unknown.

    A series of the same name by another author is another series; one without an author is taken by whoever comes.
    A name in library order (`Holmes, Sherlock`) is the series of the plain name where the author has one. New ones get
    the follow rule `follow`.
    """
    keys = {pair: series_keys(pair[0]) for pair in dict.fromkeys(wanted) if pair[0].strip()}
    every = {key for spellings in keys.values() for key in spellings}
    found = _find_series(every)
    fresh: dict[tuple[str, int | None], Series] = {}
    # Plain names first, so that a turned one finds the plain one of the same batch.
    for (name, author_id), spellings in sorted(keys.items(), key=lambda item: len(item[1])):
        known = any(_pick(found, key, author_id) is not None or (key, author_id) in fresh for key in spellings)
        if not known:
            key = spellings[0]
            fresh[key, author_id] = Series(
                name=name[:500], sort_name=sort_title(name)[:500], name_key=key, author_id=author_id, follow=follow
            )
    if fresh:
        Series.objects.bulk_create(fresh.values(), ignore_conflicts=True)
        found = _find_series(every)
    result: dict[tuple[str, int | None], int] = {}
    for pair, spellings in keys.items():
        for key in spellings:
            series_id = _pick(found, key, pair[1])
            if series_id is not None:
                result.setdefault(pair, series_id)
    return result


def series_keys(name: str) -> list[str]:
    """The key of a series name; before it, where the name is in library order, the key of the plain name."""
    key = series_key(name)[:500] or name.strip().casefold()[:500]
    plain = series_key(turned(name))[:500]
    return list(dict.fromkeys([plain, key])) if plain else [key]


def _find_series(keys: set[str]) -> dict[str, dict[int | None, int]]:
    """{key: {author id: series id}}; the same order of trust as among authors."""
    joined: dict[str, dict[int | None, int]] = {}
    learned: dict[str, dict[int | None, int]] = {}
    for part in chunks(sorted(keys)):
        aliases = SeriesAlias.objects.filter(name_key__in=part).values_list(
            "name_key", "series__author_id", "series_id", "series__merged_into_id", "origin"
        )
        for key, author_id, series_id, merged_into, origin in aliases:
            target = learned if origin == CATALOGUE else joined
            target.setdefault(key, {}).setdefault(author_id, merged_into or series_id)
        rows = Series.objects.filter(name_key__in=part).order_by("pk")
        for key, author_id, series_id, merged_into in rows.values_list("name_key", "author_id", "id", "merged_into_id"):
            joined.setdefault(key, {}).setdefault(author_id, merged_into or series_id)
    for key, by_author in learned.items():
        joined[key] = {**by_author, **joined.get(key, {})}
    return joined


def _pick(found: dict[str, dict[int | None, int]], key: str, author_id: int | None) -> int | None:
    by_author = found.get(key, {})
    if author_id in by_author:
        return by_author[author_id]
    if author_id is None and len(by_author) == 1:
        return next(iter(by_author.values()))
    return by_author.get(None)
