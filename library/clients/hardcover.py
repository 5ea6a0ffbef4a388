"""Hardcover: books with their series and positions, whole series, and an author's books, by GraphQL.

Source: the service's documentation and published schema. It needs a personal token (free; 60 calls a minute, 5,000 a
day), which goes out from this server only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from config.errors import Malformed, Rejected, Unavailable
from library.clients.json_values import date_in, mapping, mappings, plain_text, real, text, texts, whole, year_in
from library.clients.languages import language_code
from library.clients.provider_base import (
    FIND_AUTHOR_BOOKS,
    FIND_BOOKS,
    FIND_SERIES,
    GET_SERIES,
    RANGE,
    Provider,
    asin_identifiers,
    dramatised,
    identifiers_of,
    isbn_identifiers,
    kind_of,
    person_key,
    places,
    plain,
    position_text,
    writers,
)
from library.domain.facts import BookKind, BookQuery, CatalogueBook, CatalogueSeries, CatalogueSeriesEntry, Identifier

GRAPHQL = "/v1/graphql"
FOUND, PAGE, PAGES = 20, 100, 10
AUDIOBOOK = 2  # reading_format_id
KINDS = {1: None, 2: BookKind.NOVELLA, 3: BookKind.SHORT, 8: BookKind.COLLECTION}

BOOK = """
fragment BookParts on books {
  id title subtitle description audio_seconds release_date release_year compilation book_category_id canonical_id
  contributions { contribution author { name } }
  book_series { position details featured series { id name } }
  image { url }
}
"""
EDITIONS = """
query Editions($value: String!) {
  editions(where: {%s: {_eq: $value}}, limit: 5) {
    id asin isbn_10 isbn_13 title subtitle audio_seconds edition_format reading_format_id release_date
    language { code2 code3 language } publisher { name } contributions { contribution author { name } } image { url }
    book { ...BookParts }
  }
}
"""
SEARCH = """
query Search($words: String!, $kind: String!, $limit: Int!) {
  search(query: $words, query_type: $kind, per_page: $limit, page: 1) { results }
}
"""
ONE_SERIES = """
query Series($id: Int!) {
  series_by_pk(id: $id) {
    id name slug primary_books_count is_completed author { name }
    book_series(
      order_by: [{position: asc}, {book: {users_count: desc}}]
      where: {book: {canonical_id: {_is_null: true}, is_partial_book: {_eq: false}}}
    ) { position details featured compilation book { ...BookParts } }
  }
}
"""
AUTHOR_BOOKS = """
query AuthorBooks($id: Int!, $limit: Int!, $offset: Int!) {
  contributions(
    where: {author_id: {_eq: $id}, contributable_type: {_eq: "Book"}, contribution: {_is_null: true}}
    order_by: {id: asc}, limit: $limit, offset: $offset
  ) { book { ...BookParts } }
}
"""


class Hardcover(Provider):
    """`provider_id` is the number of a book or of a series."""

    name = "hardcover"
    service = "Hardcover"
    default_base_url = "https://api.hardcover.app"
    default_interval = 1.05
    has_key = True
    capabilities = frozenset({FIND_BOOKS, FIND_SERIES, GET_SERIES, FIND_AUTHOR_BOOKS})

    def __init__(self, base_url: str = "", *, token: str = "", **options: Any) -> None:
        super().__init__(base_url, **options)
        self._token = re.sub(r"(?i)^(?:\s*bearer\s+)+", "", token).strip()

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By ASIN or ISBN where one is given and known (an edition), else by title and author (works)."""
        for field, value in self._exact(query):
            rows = self._rows(self._ask(EDITIONS % field + BOOK, {"value": value}), "editions")
            if found := [book for row in rows if (book := _edition(row))]:
                return found
        if not query.title:
            return []
        documents = self._search(f"{query.title} {query.author}".strip(), "Book")
        return [book for row in documents if (book := _document(row))]

    def find_series(self, name: str, *, author: str = "") -> list[CatalogueSeries]:
        """The series of that name, without their entries, which `get_series` gives by `provider_id`."""
        found = []
        for row in self._search(name, "Series"):
            identity, title = text(row.get("id")), plain(row.get("name"))
            authors = writers([text(row.get("author_name")) or text(mapping(row.get("author")).get("name"))])
            other = author and authors and person_key(author) not in {person_key(one) for one in authors}
            if identity.isdigit() and title and not other:
                found.append(CatalogueSeries(self.name, identity, title, authors, raw=row))
        return found

    def get_series(self, provider_id: str, *, region: str = "") -> CatalogueSeries | None:
        """The series with the most read book of each position, and all that have a range or no position."""
        if not provider_id.isdigit():
            return None
        series = mapping(self._ask(ONE_SERIES + BOOK, {"id": int(provider_id)}).get("series_by_pk"))
        name = plain(series.get("name"))
        if not name:
            return None
        return CatalogueSeries(
            provider=self.name,
            provider_id=provider_id,
            name=name,
            authors=writers([text(mapping(series.get("author")).get("name"))]),
            entries=_entries(mappings(series.get("book_series"))),
            raw={key: value for key, value in series.items() if key != "book_series"},
        )

    def find_author_books(self, author: str) -> Iterator[CatalogueBook]:
        """The books that the person wrote (not those narrated or translated), at most 1,000."""
        people = [row for row in self._search(author, "Author") if person_key(author) in _names_of(row)]
        identity = next((text(row.get("id")) for row in people if text(row.get("id")).isdigit()), "")
        for page in range(PAGES if identity else 0):
            variables = {"id": int(identity), "limit": PAGE, "offset": page * PAGE}
            rows = self._rows(self._ask(AUTHOR_BOOKS + BOOK, variables), "contributions")
            yield from (book for row in rows if (book := _book(mapping(row.get("book")))))
            if len(rows) < PAGE:
                return

    def _exact(self, query: BookQuery) -> Iterator[tuple[str, str]]:
        for one in identifiers_of(query, "asin"):
            yield "asin", one.value
        for one in identifiers_of(query, "isbn"):
            yield ("isbn_13" if len(one.value) == 13 else "isbn_10"), one.value

    def _search(self, words: str, kind: str) -> list[Mapping[str, Any]]:
        """The documents of the search engine behind the service, which come as they are."""
        shape = self._ask(SEARCH, {"words": words, "kind": kind, "limit": FOUND})
        results = mapping(mapping(shape.get("search")).get("results"))
        return [mapping(hit.get("document")) for hit in mappings(results.get("hits"))]

    def _ask(self, question: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._token:
            raise Rejected(
                "No token is set for Hardcover. Copy one from your account settings there into the settings.",
                service=self.service,
                code="credentials_missing",
            )
        answer = self._call(
            "POST",
            GRAPHQL,
            json={"query": question, "variables": variables},
            headers={"Authorization": f"Bearer {self._token}"},
        )
        shape = self._object(answer)
        if errors := mappings(shape.get("errors")):
            raise self._complaint(errors)
        data = shape.get("data")
        if not isinstance(data, Mapping):
            raise self._malformed()
        return data

    def _complaint(self, errors: Sequence[Mapping[str, Any]]) -> Rejected | Unavailable | Malformed:
        """Errors of GraphQL come with status 200."""
        words = plain(errors[0].get("message"))[:200]
        if re.search(r"(?i)time ?out|timed out|too many|throttl|rate limit|try again", words):
            return Unavailable(f"{self.service} is busy: {words}", service=self.service, http_status=200)
        return Rejected(f"{self.service} did not accept the question: {words}", service=self.service, http_status=200)


def _names_of(row: Mapping[str, Any]) -> set[str]:
    return {person_key(name) for name in (text(row.get("name")), *texts(row.get("alternate_names")))}


def _credited(rows: object, deed: str) -> tuple[str, ...]:
    """The people with a contribution; the authors are those whose contribution is null."""
    wanted = {"", "author"} if deed == "author" else {deed}
    return writers(
        text(mapping(row.get("author")).get("name"))
        for row in mappings(rows)
        if text(row.get("contribution")).lower() in wanted
    )


def _position(row: Mapping[str, Any]) -> str:
    """The words for a range (`1-3`), else the number."""
    details = plain(row.get("details"))
    return position_text(details if RANGE.match(details) or row.get("position") is None else row.get("position"))


def _book(row: Mapping[str, Any]) -> CatalogueBook | None:
    """None for what was merged into another book (`canonical_id`), which stands there by itself."""
    identity, title = text(row.get("id")), plain(row.get("title"))
    if not (identity.isdigit() and title) or row.get("canonical_id") is not None:
        return None
    subtitle = plain(row.get("subtitle"))
    members = mappings(row.get("book_series"))
    # The featured series is the one that the book is shown with.
    members.sort(key=lambda one: one.get("featured") is not True)
    series = places((mapping(one.get("series")).get("name"), _position(one)) for one in members)
    return CatalogueBook(
        provider=Hardcover.name,
        provider_id=identity,
        title=title,
        subtitle=subtitle,
        authors=_credited(row.get("contributions"), "author"),
        series=series,
        kind=_kind(row, f"{title} {subtitle}", series),
        is_dramatised=dramatised(title, subtitle),
        published_year=year_in(row.get("release_year")) or year_in(row.get("release_date")),
        runtime_seconds=whole(row.get("audio_seconds")) or None,
        identifiers=(Identifier("hardcover", identity),),
        description=plain_text(row.get("description")),
        cover_url=text(mapping(row.get("image")).get("url")),
        raw=row,
    )


def _entries(rows: Sequence[Mapping[str, Any]]) -> tuple[CatalogueSeriesEntry, ...]:
    """Rows come by position, the most read first; later ones of a position are other versions of the same book."""
    taken: set[str] = set()
    entries = []
    for row in rows:
        book, position = _book(mapping(row.get("book"))), _position(row)
        if not book or position in taken:
            continue
        if position and not RANGE.match(position) and row.get("compilation") is not True:
            taken.add(position)
        entries.append(CatalogueSeriesEntry(position, book, is_primary=row.get("featured") is not False))
    return tuple(entries)


def _kind(row: Mapping[str, Any], words: str, series: Any) -> BookKind | None:
    known = KINDS.get(whole(row.get("book_category_id")) or 0)
    if row.get("compilation") is True:
        return kind_of(words, series) or BookKind.COLLECTION
    return known or kind_of(words, series)


def _edition(row: Mapping[str, Any]) -> CatalogueBook | None:
    """An edition with what its book says; narrators, language and release date are its own."""
    work = _book({**mapping(row.get("book")), "canonical_id": None})
    if not work:
        return None
    sound = whole(row.get("reading_format_id")) == AUDIOBOOK or bool(whole(row.get("audio_seconds")))
    tongue = mapping(row.get("language"))
    codes = (text(tongue.get(key)) for key in ("code2", "code3", "language"))
    return CatalogueBook(
        provider=work.provider,
        provider_id=work.provider_id,
        title=plain(row.get("title")) or work.title,
        subtitle=plain(row.get("subtitle")) or work.subtitle,
        authors=_credited(row.get("contributions"), "author") or work.authors,
        narrators=_credited(row.get("contributions"), "narrator"),
        series=work.series,
        kind=work.kind,
        language=next((code for one in codes if (code := language_code(one))), ""),
        is_abridged=_abridged(text(row.get("edition_format"))),
        is_dramatised=dramatised(plain(row.get("title")), text(row.get("edition_format"))) or work.is_dramatised,
        publisher=plain(mapping(row.get("publisher")).get("name")),
        release_date=date_in(row.get("release_date")) if sound else None,
        published_year=work.published_year,
        runtime_seconds=whole(real(row.get("audio_seconds"))) or None,
        identifiers=(
            *work.identifiers,
            *asin_identifiers(row.get("asin"), ""),
            *isbn_identifiers([row.get("isbn_13"), row.get("isbn_10")]),
        ),
        description=work.description,
        cover_url=text(mapping(row.get("image")).get("url")) or work.cover_url,
        raw=row,
    )


def _abridged(written: str) -> bool | None:
    found = re.search(r"(?i)\b(un)?abridged\b", written)
    return not found[1] if found else None


def _document(row: Mapping[str, Any]) -> CatalogueBook | None:
    """A book as the search engine holds it."""
    identity, title = text(row.get("id")), plain(row.get("title"))
    if not (identity.isdigit() and title):
        return None
    featured = mapping(mapping(row.get("featured_series")).get("series")).get("name")
    featured = featured or mapping(row.get("featured_series")).get("name")
    others = ((name, "") for name in texts(row.get("series_names")))
    series = places([(featured, row.get("featured_series_position")), *others])
    subtitle = plain(row.get("subtitle"))
    return CatalogueBook(
        provider=Hardcover.name,
        provider_id=identity,
        title=title,
        subtitle=subtitle,
        authors=writers(texts(row.get("author_names"))),
        series=series,
        kind=_kind(row, f"{title} {subtitle}", series),
        is_dramatised=dramatised(title, subtitle),
        published_year=year_in(row.get("release_year")),
        runtime_seconds=whole(row.get("audio_seconds")) or None,
        identifiers=(Identifier("hardcover", identity), *isbn_identifiers(texts(row.get("isbns"))[:10])),
        description=plain_text(row.get("description")),
        genres=texts(row.get("genres")),
        cover_url=text(mapping(row.get("image")).get("url")),
        raw=row,
    )
