"""Open Library: works by title, author or ISBN, with the year of first publication. It knows no recordings.

Its own documentation: openlibrary.org/dev/docs/api. Limits: 180 calls a minute for each address.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import langcodes

from library.clients.json_values import text, texts, whole, year_in
from library.clients.languages import language_code
from library.clients.provider_base import (
    FIND_AUTHOR_BOOKS,
    FIND_BOOKS,
    Provider,
    dramatised,
    identifiers_of,
    isbn_identifiers,
    kind_of,
    person_key,
    places,
    plain,
    writers,
)
from library.domain.facts import BookQuery, CatalogueBook, Identifier

FIELDS = (
    "key,title,subtitle,author_name,author_key,first_publish_year,cover_i,language,isbn,publisher,subject,"
    "series_name,series_position,id_librivox"
)
FOUND, PAGE, PAGES = 20, 100, 10
KEPT_ISBNS, KEPT_SUBJECTS = 10, 12
WORK, AUTHOR = re.compile(r"OL\d+W"), re.compile(r"OL\d+A")


class OpenLibrary(Provider):
    """`provider_id` is the work's key (`OL262463W`)."""

    name = "openlibrary"
    service = "Open Library"
    default_base_url = "https://openlibrary.org"
    default_interval = 0.4
    capabilities = frozenset({FIND_BOOKS, FIND_AUTHOR_BOOKS})

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By work key or ISBN where given and known there, else by title and author."""
        for question in self._exact(query):
            if found := _books(self._search(question, FOUND), query.language):
                return found
        if not query.title:
            return []
        question = {"title": query.title}
        if query.author:
            question["author"] = query.author
        if marc := _marc_code(query.language):
            question["language"] = marc
        return _books(self._search(question, FOUND), query.language)

    def find_author_books(self, author: str) -> Iterator[CatalogueBook]:
        """The works of the author of that name (or alternate name), the most edited first, at most 1,000."""
        key = self._author_key(author)
        for page in range(1, PAGES + 1) if key else ():
            rows = self._search({"author_key": key, "sort": "editions", "page": page}, PAGE)
            yield from _books(rows, "")
            if len(rows) < PAGE:
                return

    def _exact(self, query: BookQuery) -> Iterator[dict[str, str]]:
        for one in identifiers_of(query, "openlibrary"):
            if WORK.fullmatch(one.value):
                yield {"q": f"key:/works/{one.value}"}
        for one in identifiers_of(query, "isbn"):
            yield {"isbn": one.value}

    def _search(self, question: Mapping[str, Any], limit: int) -> list[Mapping[str, Any]]:
        shape = self._get_object("/search.json", {**question, "fields": FIELDS, "limit": limit}, absent=())
        return self._rows(shape, "docs")

    def _author_key(self, author: str) -> str:
        shape = self._get_object("/search/authors.json", {"q": author, "limit": 20}, absent=())
        wanted = person_key(author)
        rows = [
            row
            for row in self._rows(shape, "docs")
            if wanted in {person_key(name) for name in (text(row.get("name")), *texts(row.get("alternate_names")))}
        ]
        rows.sort(key=lambda row: whole(row.get("work_count")) or 0, reverse=True)
        keys = (text(row.get("key")).rpartition("/")[2] for row in rows)
        return next((key for key in keys if AUTHOR.fullmatch(key)), "")


def _books(rows: Iterable[Mapping[str, Any]], language: str) -> list[CatalogueBook]:
    return [book for row in rows if (book := _book(row, language))]


def _book(row: Mapping[str, Any], wanted_language: str) -> CatalogueBook | None:
    key, title = text(row.get("key")).rpartition("/")[2], plain(row.get("title"))
    if not (WORK.fullmatch(key) and title):
        return None
    subtitle = plain(row.get("subtitle"))
    series = places(_series_pairs(row))
    cover = whole(row.get("cover_i")) or 0
    return CatalogueBook(
        provider=OpenLibrary.name,
        provider_id=key,
        title=title,
        subtitle=subtitle,
        authors=writers(texts(row.get("author_name"))),
        series=series,
        kind=kind_of(title, series),
        language=_language(texts(row.get("language")), wanted_language),
        is_dramatised=dramatised(title, subtitle),
        publisher=next(iter(texts(row.get("publisher"))), "") if len(texts(row.get("publisher"))) == 1 else "",
        published_year=year_in(row.get("first_publish_year")),
        identifiers=_identifiers(key, row),
        genres=texts(row.get("subject"))[:KEPT_SUBJECTS],
        cover_url=f"https://covers.openlibrary.org/b/id/{cover}-L.jpg" if cover > 0 else "",
        raw=row,
    )


def _series_pairs(row: Mapping[str, Any]) -> Iterable[tuple[object, object]]:
    names, positions = row.get("series_name"), row.get("series_position")
    names = names if isinstance(names, list) else [names]
    positions = positions if isinstance(positions, list) else [positions]
    return itertools.islice(itertools.zip_longest(names, positions), len(names))


def _language(written: tuple[str, ...], wanted: str) -> str:
    """A work lists the languages of all its editions, which says something only when it is one, or the one wanted."""
    codes = {code for one in written if (code := language_code(one))}
    if wanted in codes:
        return wanted
    return codes.pop() if len(codes) == 1 else ""


def _identifiers(key: str, row: Mapping[str, Any]) -> tuple[Identifier, ...]:
    return (
        Identifier("openlibrary", key),
        *isbn_identifiers(texts(row.get("isbn"))[:KEPT_ISBNS]),
        *(Identifier("librivox", one) for one in texts(row.get("id_librivox")) if one.isdigit()),
    )


def _marc_code(language: str) -> str:
    """`en` -> `eng`, `de` -> `ger`: catalogues use the bibliographic three-letter codes."""
    try:
        return langcodes.Language.get(language).to_alpha3(variant="B") if language else ""
    except (LookupError, ValueError):
        return ""
