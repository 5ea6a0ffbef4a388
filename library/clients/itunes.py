"""Apple's iTunes Search: audiobooks by title or author, with abridged or not by their titles. No narrators, no runtime.

Source: Apple's search documentation and recorded answers. About 20 calls a minute; more gives 403 for a while.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import Unavailable
from library.clients.json_values import date_in, plain_text, text, whole
from library.clients.provider_base import (
    FIND_AUTHOR_BOOKS,
    FIND_BOOKS,
    Provider,
    dramatised,
    identifiers_of,
    kind_of,
    person_key,
    plain,
    writers,
)
from library.domain.facts import BookQuery, CatalogueBook, Identifier

FOUND, AUTHOR_BOOKS = 25, 200
PAUSE = 60.0
COUNTRIES = {"uk": "GB"}
COMPLETENESS = re.compile(r"(?i)\s*[(\[]\s*(un)?abridged[^)\]]*[)\]]\s*$")


class Itunes(Provider):
    """`provider_id` is the collection id."""

    name = "itunes"
    service = "iTunes"
    default_base_url = "https://itunes.apple.com"
    default_interval = 3.1
    capabilities = frozenset({FIND_BOOKS, FIND_AUTHOR_BOOKS})

    def __init__(self, base_url: str = "", *, region: str = "us", **options: Any) -> None:
        super().__init__(base_url, **options)
        self.region = region

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By iTunes id where one is given, else by title and author."""
        region = query.region or self.region
        ids = [one.value for one in identifiers_of(query, "itunes") if one.value.isdigit()]
        if ids:
            rows = self._ask("/lookup", {"id": ",".join(ids)}, region)
            # An id may belong to something else in another part of the shop.
            if found := [book for book in _books(rows, region) if book.provider_id in ids]:
                return found
        if not query.title:
            return []
        words = f"{query.title} {query.author}".strip()
        return _books(self._ask("/search", {"term": words, "entity": "audiobook", "limit": FOUND}, region), region)

    def find_author_books(self, author: str) -> Iterator[CatalogueBook]:
        """The audiobooks of the artist of that name, at most 200."""
        question = {"term": author, "entity": "audiobookAuthor", "attribute": "authorTerm", "limit": FOUND}
        rows = self._ask("/search", question, self.region)
        ids = [
            whole(row.get("artistId")) for row in rows if person_key(text(row.get("artistName"))) == person_key(author)
        ]
        for artist in list(dict.fromkeys(one for one in ids if one))[:1]:
            found = self._ask("/lookup", {"id": artist, "entity": "audiobook", "limit": AUTHOR_BOOKS}, self.region)
            yield from _books(found, self.region)

    def _ask(self, path: str, question: Mapping[str, Any], region: str) -> list[Mapping[str, Any]]:
        country = COUNTRIES.get(region, region).upper()
        answer = self._call(
            "GET", path, params={**question, "media": "audiobook", "country": country}, accept=(200, 403)
        )
        if answer.status == 403:  # its way of saying that there were too many calls
            raise self._too_many()
        return self._rows(self._object(answer), "results")

    def _too_many(self) -> Unavailable:
        return self._wait(PAUSE, status=403)


def _books(rows: list[Mapping[str, Any]], region: str) -> list[CatalogueBook]:
    return [book for row in rows if (book := _book(row, region))]


def _book(row: Mapping[str, Any], region: str) -> CatalogueBook | None:
    identity, written = whole(row.get("collectionId")), plain(row.get("collectionName"))
    if text(row.get("wrapperType")) != "audiobook" or not identity or not written:
        return None
    said = COMPLETENESS.search(written)
    title = COMPLETENESS.sub("", written) or written
    return CatalogueBook(
        provider=Itunes.name,
        provider_id=str(identity),
        title=title,
        region=region,
        authors=writers(re.split(r",\s+|\s+&\s+", text(row.get("artistName")))),
        kind=kind_of(title, ()),
        is_abridged=not said[1] if said else None,
        is_dramatised=dramatised(title),
        release_date=date_in(row.get("releaseDate")),
        identifiers=(Identifier("itunes", str(identity)),),
        description=plain_text(row.get("description")),
        genres=tuple(filter(None, [plain(row.get("primaryGenreName"))])),
        cover_url=re.sub(r"/100x100bb(?=\.)", "/600x600bb", text(row.get("artworkUrl100"))),
        raw=row,
    )
