"""Audnexus: audiobooks by ASIN (and, on newer servers, by title), with narrators, runtime and up to two series.

Source: the server's own source code. Limit: 100 calls a minute for each address. It can be self-hosted, and a successor
is announced, so its address is a setting.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import Rejected
from config.http import Answer, retry_after
from library.clients.json_values import date_in, mapping, mappings, plain_text, real, text, texts, values_of, year_in
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

REGIONS = ("us", "uk", "au", "ca", "de", "es", "fr", "in", "it", "jp")
ABRIDGED = {"abridged": True, "unabridged": False}


class Audnexus(Provider):
    """`provider_id` is the ASIN; the same recording may have another ASIN in another `region`."""

    name = "audnexus"
    service = "Audnexus"
    default_base_url = "https://api.audnex.us"
    default_interval = 0.65
    capabilities = frozenset({FIND_BOOKS})

    def __init__(self, base_url: str = "", *, region: str = "us", **options: Any) -> None:
        super().__init__(base_url, **options)
        self.region = region if region in REGIONS else "us"

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By ASIN where one is given and known, else by title (and author)."""
        found = [
            book
            for one in identifiers_of(query, "asin")
            if ASIN.fullmatch(one.value) and (book := self._by_asin(one.value, one.region or query.region))
        ]
        if found or not query.title:
            return found
        region = self._region(query.region)
        # Servers from before the search existed take the word "search" for an ASIN and answer 400 or 404.
        answer = self._ask(
            "/books/search", {"q": f"{query.title} {query.author}".strip(), "region": region}, (400, 404)
        )
        rows = answer.json() if answer.status == 200 else []
        if not isinstance(rows, list):
            raise self._malformed()
        return [book for row in mappings(rows) if (book := _book(row, region))]

    def _region(self, wanted: str) -> str:
        return wanted if wanted in REGIONS else self.region

    def _by_asin(self, asin: str, wanted_region: str) -> CatalogueBook | None:
        """In the wanted region first; in others only where the server says that the book exists elsewhere."""
        for region in self._regions(wanted_region):
            answer = self._ask(f"/books/{asin}", {"region": region}, (400, 404))
            if answer.status == 200:
                return _book(self._object(answer), region)
            code = _error_code(answer)
            if code == "REGION_UNAVAILABLE":
                continue
            if answer.status == 400 and code not in ("CONTENT_TYPE_MISMATCH", "BAD_REQUEST"):
                raise Rejected(
                    f"{self.service} did not accept the question (400).", service=self.service, http_status=400
                )
            return None
        return None

    def _regions(self, wanted: str) -> Iterator[str]:
        first = self._region(wanted)
        yield first
        yield from (region for region in REGIONS if region != first)

    def _ask(self, path: str, params: Mapping[str, Any], absent: tuple[int, ...]) -> Answer:
        answer = self._call("GET", path, params=params, accept=(200, 429, *absent))
        if answer.status == 429:
            said = real(mapping(_error(answer).get("details")).get("retryAfterSeconds"))
            raise self._wait(retry_after(answer.headers.get("Retry-After", "")) or said or 5.0, status=429)
        return answer


def _error(answer: Answer) -> Mapping[str, Any]:
    """The error object of a refusal; older servers, and proxies, send other things."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return {}
    return mapping(mapping(answer.json()).get("error"))


def _error_code(answer: Answer) -> str:
    code = text(_error(answer).get("code"))
    return code or ("BAD_REQUEST" if answer.status == 400 and "json" in answer.headers.get("Content-Type", "") else "")


def _book(row: Mapping[str, Any], region: str) -> CatalogueBook | None:
    asin, title = text(row.get("asin")).upper(), plain(row.get("title"))
    if not (asin and title):
        return None
    region = text(row.get("region")) or region
    subtitle = plain(row.get("subtitle"))
    both = (mapping(row.get("seriesPrimary")), mapping(row.get("seriesSecondary")))
    series = places((one.get("name"), one.get("position")) for one in both)
    return CatalogueBook(
        provider=Audnexus.name,
        provider_id=asin,
        title=title,
        region=region,
        subtitle=subtitle,
        authors=writers(values_of(row.get("authors"), "name")),
        narrators=texts([plain(name) for name in values_of(row.get("narrators"), "name")]),
        series=series,
        kind=kind_of(f"{title} {subtitle}", series),
        language=language_code(text(row.get("language"))),
        is_abridged=ABRIDGED.get(text(row.get("formatType")).lower()),
        is_dramatised=dramatised(title, subtitle),
        publisher=plain(row.get("publisherName")),
        release_date=date_in(row.get("releaseDate")),
        published_year=year_in(row.get("copyright")),
        runtime_seconds=minutes(real(row.get("runtimeLengthMin"))),
        identifiers=(*asin_identifiers(asin, region), *isbn_identifiers([row.get("isbn")])),
        description=plain_text(row.get("summary")) or plain_text(row.get("description")),
        genres=texts([plain(one.get("name")) for one in mappings(row.get("genres")) if one.get("type") != "tag"]),
        cover_url=text(row.get("image")),
        raw=row,
    )
