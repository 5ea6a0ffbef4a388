"""The Audible catalogue: audiobooks with all their series, whole series, and what an author has.

Unofficial and unauthenticated: only the public catalogue endpoints, slowly and with an honest user agent. Fields as
several open clients have found them; all are optional.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from library.clients.json_values import (
    date_in,
    mapping,
    mappings,
    plain_text,
    real,
    text,
    texts,
    values_of,
    whole,
    year_in,
)
from library.clients.languages import language_code
from library.clients.provider_base import (
    ASIN,
    FIND_AUTHOR_BOOKS,
    FIND_BOOKS,
    FIND_SERIES,
    GET_SERIES,
    Provider,
    asin_identifiers,
    dramatised,
    identifiers_of,
    isbn_identifiers,
    kind_of,
    minutes,
    name_key,
    name_words,
    person_key,
    places,
    plain,
    position_text,
    writers,
)
from library.domain.facts import BookKind, BookQuery, CatalogueBook, CatalogueSeries, CatalogueSeriesEntry

DOMAINS = {
    "us": "com", "uk": "co.uk", "au": "com.au", "ca": "ca", "de": "de", "fr": "fr", "es": "es", "it": "it",
    "in": "in", "jp": "co.jp", "br": "com.br",
}  # fmt: skip
PRODUCTS = "/1.0/catalog/products"
GROUPS = (
    "contributors,media,product_attrs,product_desc,product_details,product_extended_attrs,rating,series,"
    "category_ladders"
)
BOOKS = {"", "SinglePartBook", "MultiPartBook"}
SERIES = "BookSeries"
CHUNK, FOUND, PAGE, PAGES = 50, 25, 50, 10  # further pages only repeat what was there
ABRIDGED = {"abridged": True, "unabridged": False}


class Audible(Provider):
    """`provider_id` is the ASIN of a book or of a series. `{tld}` in the address stands for the region's domain."""

    name = "audible"
    service = "Audible"
    default_base_url = "https://api.audible.{tld}"
    default_interval = 0.5
    capabilities = frozenset({FIND_BOOKS, FIND_SERIES, GET_SERIES, FIND_AUTHOR_BOOKS})

    def __init__(self, base_url: str = "", *, region: str = "us", **options: Any) -> None:
        super().__init__(base_url, **options)
        self.region = region if region in DOMAINS else "us"
        self.http.base_url = self._host(self.region)

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By ASIN (in the identifier's region, else the query's), else by title and author."""
        found = []
        for one in identifiers_of(query, "asin"):
            if ASIN.fullmatch(one.value):
                found += self._hydrate([one.value], self._region(one.region or query.region))
        if found or not query.title:
            return found
        region = self._region(query.region)
        question = {"title": query.title, "num_results": FOUND, "products_sort_by": "Relevance"}
        if query.author:
            question["author"] = query.author
        return self._books(self._search(question, region), region)

    def find_series(self, name: str, *, author: str = "") -> list[CatalogueSeries]:
        """The series of that name, without their entries, which `get_series` gives by `provider_id`."""
        region = self.region
        rows = self._search({"keywords": f"{name} {author}".strip(), "num_results": PAGE}, region)
        wanted = set(name_words(name))
        found: dict[str, CatalogueSeries] = {}
        for row in rows:
            authors = writers(values_of(row.get("authors"), "name"))
            own = [row] if text(row.get("content_delivery_type")) == SERIES else []
            for series in (*own, *mappings(row.get("series"))):
                asin, title = text(series.get("asin")).upper(), plain(series.get("title"))
                if asin and asin not in found and wanted <= set(name_words(title)):
                    found[asin] = CatalogueSeries(self.name, asin, title, authors, raw=series)
        # The name itself before longer names that hold it.
        return sorted(found.values(), key=lambda one: name_key(one.name) != name_key(name))

    def get_series(self, provider_id: str, *, region: str = "") -> CatalogueSeries | None:
        """The series and its books in the shop's order. A book that the shop does not show any more keeps its title."""
        region = self._region(region)
        groups = "relationships,product_attrs,product_desc,contributors"
        shape = self._get(f"{PRODUCTS}/{provider_id}", {"response_groups": groups}, region)
        series = mapping(shape.get("product"))
        name = plain(series.get("title"))
        if not name:
            return None
        children = sorted(
            (row for row in mappings(series.get("relationships")) if _is_member(row)),
            key=lambda row: whole(row.get("sort")) or 0,
        )
        asins = list(dict.fromkeys(text(row.get("asin")).upper() for row in children))
        books = {book.provider_id: book for book in self._hydrate(asins, region)}
        entries = []
        for row in children:
            book = books.get(text(row.get("asin")).upper()) or _bare_book(row, region)
            if book:
                primary = not book.raw.get("publication_name") or name_key(
                    plain(book.raw["publication_name"])
                ) == name_key(name)
                entries.append(CatalogueSeriesEntry(position_text(row.get("sequence")), book, primary))
        return CatalogueSeries(
            provider=self.name,
            provider_id=provider_id,
            name=name,
            authors=writers(values_of(series.get("authors"), "name")) or _authors_of(entries),
            entries=tuple(entries),
            raw=series,
        )

    def find_author_books(self, author: str) -> Iterator[CatalogueBook]:
        """What the shop lists under the author, the newest first; pages are fetched as they are drawn."""
        wanted = person_key(author)
        seen: set[str] = set()
        for page in range(PAGES):
            question = {"author": author, "num_results": PAGE, "page": page, "products_sort_by": "-ReleaseDate"}
            rows = self._search(question, self.region)
            new = [row for row in rows if text(row.get("asin")) not in seen]
            seen.update(text(row.get("asin")) for row in new)
            for book in self._books(new, self.region):
                if wanted in {person_key(name) for name in book.authors}:
                    yield book
            if not new or len(rows) < PAGE:
                return

    def _region(self, wanted: str) -> str:
        return wanted if wanted in DOMAINS else self.region

    def _host(self, region: str) -> str:
        return self.base_url.replace("{tld}", DOMAINS[region])

    def _get(self, path: str, params: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        return self._get_object(self._host(region) + path, params)

    def _search(self, question: Mapping[str, Any], region: str) -> list[Mapping[str, Any]]:
        params = {**question, "response_groups": GROUPS, "image_sizes": "500,1024"}
        return self._rows(self._get(PRODUCTS, params, region), "products", may_lack=True)

    def _hydrate(self, asins: Sequence[str], region: str) -> list[CatalogueBook]:
        rows: list[Mapping[str, Any]] = []
        for start in range(0, len(asins), CHUNK):
            rows += self._search({"asins": ",".join(asins[start : start + CHUNK])}, region)
        return self._books(rows, region)

    def _books(self, rows: Sequence[Mapping[str, Any]], region: str) -> list[CatalogueBook]:
        return [book for row in rows if (book := _book(row, region))]


def _is_member(row: Mapping[str, Any]) -> bool:
    return (
        row.get("relationship_to_product") == "child"
        and row.get("relationship_type") == "series"
        and bool(text(row.get("asin")))
    )


def _authors_of(entries: Sequence[CatalogueSeriesEntry]) -> tuple[str, ...]:
    """Who wrote most of the entries."""
    counts: dict[str, int] = {}
    for entry in entries:
        for name in entry.book.authors:
            counts[name] = counts.get(name, 0) + 1
    return tuple(name for name, count in counts.items() if count * 2 > len(entries))


def _bare_book(row: Mapping[str, Any], region: str) -> CatalogueBook | None:
    asin, title = text(row.get("asin")).upper(), plain(row.get("title"))
    if not title:
        return None
    return CatalogueBook(Audible.name, asin, title, region, identifiers=asin_identifiers(asin, region), raw=row)


def _book(row: Mapping[str, Any], region: str) -> CatalogueBook | None:
    """None for stubs (an ASIN that the region does not know) and for what is no book (podcasts, series, bundles)."""
    asin, title = text(row.get("asin")).upper(), plain(row.get("title"))
    if not (asin and title) or text(row.get("content_delivery_type")) not in BOOKS:
        return None
    subtitle = plain(row.get("subtitle"))
    series = places((one.get("title"), one.get("sequence")) for one in mappings(row.get("series")))
    return CatalogueBook(
        provider=Audible.name,
        provider_id=asin,
        title=title,
        region=region,
        subtitle=subtitle,
        authors=writers(values_of(row.get("authors"), "name")),
        narrators=texts([plain(name) for name in values_of(row.get("narrators"), "name")]),
        series=series,
        kind=_kind(row, f"{title} {subtitle}", series),
        language=language_code(text(row.get("language"))),
        is_abridged=ABRIDGED.get(text(row.get("format_type")).lower()),
        is_dramatised=dramatised(title, subtitle),
        publisher=plain(row.get("publisher_name")),
        release_date=date_in(row.get("release_date"))
        or date_in(row.get("publication_datetime"))
        or date_in(row.get("issue_date")),
        published_year=year_in(row.get("copyright")),
        runtime_seconds=minutes(real(row.get("runtime_length_min"))),
        identifiers=(*asin_identifiers(asin, region), *isbn_identifiers([row.get("isbn")])),
        description=plain_text(row.get("publisher_summary")) or plain_text(row.get("merchandising_summary")),
        genres=_genres(row),
        cover_url=_cover(row),
        raw=row,
    )


def _kind(row: Mapping[str, Any], words: str, series: Any) -> BookKind | None:
    return BookKind.GUIDE if text(row.get("content_type")) == "Lecture" else kind_of(words, series)


def _genres(row: Mapping[str, Any]) -> tuple[str, ...]:
    ladders = (one for one in mappings(row.get("category_ladders")) if one.get("root", "Genres") == "Genres")
    return texts([plain(step.get("name")) for one in ladders for step in mappings(one.get("ladder"))])


def _cover(row: Mapping[str, Any]) -> str:
    """The widest picture, in full size: the shop's size mark in the name is taken out."""
    sizes = mapping(row.get("product_images"))
    widest = max((size for size in sizes if size.isdigit()), key=int, default="")
    return re.sub(r"\._SL\d+_", "", text(sizes.get(widest)))
