"""LibriVox: public-domain recordings, with their readers and runtime. It knows no series.

Source: the site's own catalogue software. Nothing found is a 404. Titles match exactly or by their beginning, authors
by their last name only, so the rest is told apart here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from library.clients.json_values import distinct, mapping, mappings, plain_text, text, values_of, whole, year_in
from library.clients.languages import language_code
from library.clients.provider_base import (
    FIND_AUTHOR_BOOKS,
    FIND_BOOKS,
    Provider,
    dramatised,
    identifiers_of,
    kind_of,
    name_key,
    plain,
)
from library.domain.facts import BookQuery, CatalogueBook, Identifier

AUDIOBOOKS = "/api/feed/audiobooks"
PAGE, PAGES = 50, 20
MANY_READERS = 8  # beyond this a recording is by "LibriVox Volunteers"
VOLUNTEERS = "LibriVox Volunteers"
ARTICLE = re.compile(r"(?i)^(?:the|a|an|der|die|das|le|la|les|l')\s+")
HONORIFIC = re.compile(r"(?i)^(?:sir|dame|dr|lord|lady|mrs?|ms|miss|prof|professor|rev)\b\.?\s*")
EXTRA = re.compile(r"(?i)\s*\((?:version \d+|dramatic reading)[^)]*\)")


class LibriVox(Provider):
    """`provider_id` is the project's number."""

    name = "librivox"
    service = "LibriVox"
    default_base_url = "https://librivox.org"
    default_interval = 1.0
    capabilities = frozenset({FIND_BOOKS, FIND_AUTHOR_BOOKS})

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By project number where given, else by the beginning of the title, with and without its article."""
        for one in identifiers_of(query, "librivox"):
            if one.value.isdigit() and (found := _books(self._ask({"id": one.value}))):
                return found
        if not query.title:
            return []
        bare = ARTICLE.sub("", query.title)
        found = []
        for title in dict.fromkeys((query.title, bare)):
            found = _books(self._ask({"title": f"^{title}", "limit": PAGE}))
            if found:
                break
        return [book for book in found if not query.author or _is_by(book, query.author)]

    def find_author_books(self, author: str) -> Iterator[CatalogueBook]:
        """The finished recordings of the author's works, page by page."""
        for last_name in _last_names(author):
            found = False
            for page in range(PAGES):
                rows = self._ask({"author": last_name, "limit": PAGE, "offset": page * PAGE})
                found = found or bool(rows)
                yield from (book for book in _books(rows) if _is_by(book, author))
                if len(rows) < PAGE:
                    break
            if found:
                return

    def _ask(self, question: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        params = {**question, "format": "json", "extended": 1, "coverart": 1}
        shape = self._get_object(AUDIOBOOKS, params)
        books = shape.get("books")
        if isinstance(books, Mapping):  # an object with keys "0", "1", ... has been seen
            return mappings(list(books.values()))
        return self._rows(shape, "books", may_lack=not shape)


def _is_by(book: CatalogueBook, author: str) -> bool:
    """Whether a name is that of an author of the book: the same last name, and no other first initial."""
    first, last = _name_parts(author)
    return any(
        name_key(last) == name_key(other_last)
        and (not first or not other or name_key(first)[:1] == name_key(other)[:1])
        for other, other_last in map(_name_parts, book.authors)
    )


def _name_parts(name: str) -> tuple[str, str]:
    """First names and last name, of `First Last` and `Last, First`, without a title before them."""
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.strip().rpartition(" ")
    return HONORIFIC.sub("", first.strip() + " ").strip(), last.strip()


def _last_names(author: str) -> list[str]:
    """The last name, and then with the small word before it, as in `de Maupassant`."""
    first, last = _name_parts(author)
    particle = first.rpartition(" ")[2]
    return [one for one in (last, f"{particle} {last}" if particle.islower() else "") if one]


def _books(rows: list[Mapping[str, Any]]) -> list[CatalogueBook]:
    return [book for row in rows if (book := _book(row))]


def _book(row: Mapping[str, Any]) -> CatalogueBook | None:
    """None for projects that are not finished: they have no files or no length yet."""
    identity, written = text(row.get("id")), plain(row.get("title"))
    seconds = whole(row.get("totaltimesecs")) or 0
    if not (identity and written) or seconds <= 0 or not (row.get("url_iarchive") or row.get("url_zip_file")):
        return None
    title = EXTRA.sub("", written) or written
    archive = _archive_id(row)
    return CatalogueBook(
        provider=LibriVox.name,
        provider_id=identity,
        title=title,
        authors=distinct(
            " ".join(filter(None, (plain(one.get("first_name")), plain(one.get("last_name")))))
            for one in mappings(row.get("authors"))
        ),
        narrators=_readers(row),
        kind=kind_of(title, ()),
        language=language_code(text(row.get("language"))),
        is_abridged=re.search(r"(?i)\babridged\b", written) is not None,
        is_dramatised=dramatised(written),
        publisher="LibriVox",
        published_year=year_in(row.get("copyright_year")),
        runtime_seconds=seconds,
        identifiers=(Identifier("librivox", identity), *([Identifier("archive", archive)] if archive else [])),
        description=plain_text(row.get("description")),
        genres=distinct(plain(name) for name in values_of(row.get("genres"), "name")),
        cover_url=text(row.get("coverart_jpg")),
        raw={key: value for key, value in row.items() if key != "sections"},
    )


def _readers(row: Mapping[str, Any]) -> tuple[str, ...]:
    names = distinct(
        plain(reader.get("display_name"))
        for section in mappings(row.get("sections"))
        for reader in mappings(mapping(section).get("readers"))
    )
    return names if len(names) <= MANY_READERS else (VOLUNTEERS,)


def _archive_id(row: Mapping[str, Any]) -> str:
    """The Internet Archive's name of the item: behind /details/, /download/ or /compress/ in an address."""
    for key in ("url_iarchive", "url_zip_file"):
        parts = urlsplit(text(row.get(key))).path.split("/")
        if len(parts) > 2 and parts[1] in ("details", "download", "compress") and parts[2]:
            return parts[2]
    return ""
