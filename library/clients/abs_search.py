"""Audiobookshelf's own search of the catalogues that it is connected to: its server asks them, with no further key."""

import re
from collections.abc import Mapping
from typing import Any

from library.clients.audiobookshelf import AudiobookshelfClient
from library.clients.json_values import boolean, mappings, plain_text, real, text, texts, year_in
from library.clients.languages import language_code
from library.clients.provider_base import (
    ASIN,
    FIND_BOOKS,
    Provider,
    asin_identifiers,
    dramatised,
    identifiers_of,
    isbn_identifiers,
    kind_of,
    minutes,
    places,
    plain,
    writers,
)
from library.domain.facts import BookQuery, CatalogueBook

AUDIBLE_REGIONS = ("ca", "uk", "au", "fr", "de", "jp", "it", "in", "es")


class AudiobookshelfSearch(Provider):
    """Asks `source` (audible, google, itunes, openlibrary, fantlab, custom-<id>) through an Audiobookshelf server.

    `provider_id` is the ASIN, else the ISBN, else empty: the server gives no ids of its own.
    """

    name = "audiobookshelf"
    service = "Audiobookshelf"
    default_base_url = ""
    default_interval = 0.5
    capabilities = frozenset({FIND_BOOKS})

    def __init__(
        self,
        base_url: str = "",
        *,
        token: str = "",
        username: str = "",
        password: str = "",
        source: str = "audible",
        **options: Any,
    ) -> None:
        super().__init__(base_url, **options)
        self.source = source
        self.client = AudiobookshelfClient(
            self.base_url,
            token=token,
            username=username,
            password=password,
            timeout=self.http.timeout,
            deadline_seconds=self.http.deadline_seconds,
        )

    def close(self) -> None:
        super().close()
        self.client.close()

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By ASIN where one is given and the source is Audible, else by title and author."""
        for one in identifiers_of(query, "asin") if self.source.startswith("audible") else ():
            if ASIN.fullmatch(one.value) and (found := self._ask(one.region or query.region, title=one.value)):
                return found
        if not query.title:
            return []
        return self._ask(query.region, title=query.title, author=query.author)

    def _ask(self, region: str, *, title: str, author: str = "") -> list[CatalogueBook]:
        source = f"audible.{region}" if self.source == "audible" and region in AUDIBLE_REGIONS else self.source
        self.pace.wait()
        rows = self.client.search_catalogue(source, title=title, author=author)
        shop = (source.partition(".")[2] or "us") if source.startswith("audible") else ""
        return [book for row in rows if (book := _book(row, shop))]


def _book(row: Mapping[str, Any], region: str) -> CatalogueBook | None:
    title = plain(row.get("title"))
    if not title:
        return None
    region = text(row.get("region")) or region
    subtitle = plain(row.get("subtitle"))
    series = places((one.get("series") or one.get("name"), one.get("sequence")) for one in mappings(row.get("series")))
    identifiers = (*asin_identifiers(row.get("asin"), region), *isbn_identifiers([row.get("isbn")]))
    return CatalogueBook(
        provider=AudiobookshelfSearch.name,
        provider_id=identifiers[0].value if identifiers else "",
        title=title,
        region=region,
        subtitle=subtitle,
        authors=writers(_names(row.get("author"))),
        narrators=tuple(_names(row.get("narrator"))),
        series=series,
        kind=kind_of(f"{title} {subtitle}", series),
        language=language_code(text(row.get("language"))),
        is_abridged=boolean(row.get("abridged")),
        is_dramatised=dramatised(title, subtitle),
        publisher=plain(row.get("publisher")),
        # Audible's year is that of the recording's release, the others' that of the text.
        published_year=None if region else year_in(row.get("publishedYear")),
        runtime_seconds=minutes(real(row.get("duration"))),
        identifiers=identifiers,
        description=plain_text(row.get("description")),
        genres=texts(row.get("genres")),
        cover_url=text(row.get("cover")),
        raw=row,
    )


def _names(value: object) -> list[str]:
    """Names come joined by commas."""
    return [name.strip() for name in re.split(r",\s*", plain(value)) if name.strip()]
