"""Google Books: works by ISBN, title or author, with dates and descriptions. It knows nothing of recordings.

Source: the service's discovery document. A key (free, 1,000 calls a day) is advised: calls without one share a pool
that is usually empty.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from config.errors import Rejected
from config.http import retry_after
from library.clients.json_values import mapping, mappings, plain_text, text, texts, year_in
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
    plain,
    writers,
)
from library.domain.facts import BookQuery, CatalogueBook, Identifier

VOLUMES = "/books/v1/volumes"
FOUND, PAGE, PAGES = 20, 40, 5
QUOTA_WAIT = 3600.0
QUOTA_REASONS = re.compile(r"(?i)ratelimit|quota|dailylimit|userratelimit")


class GoogleBooks(Provider):
    """`provider_id` is the volume id."""

    name = "google"
    service = "Google Books"
    default_base_url = "https://www.googleapis.com"
    default_interval = 1.0
    has_key = True
    capabilities = frozenset({FIND_BOOKS, FIND_AUTHOR_BOOKS})

    def __init__(self, base_url: str = "", *, api_key: str = "", country: str = "US", **options: Any) -> None:
        super().__init__(base_url, **options)
        self._api_key = api_key.strip()
        self.country = country

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """By ISBN where one is given and known, else by title and author."""
        for one in identifiers_of(query, "isbn"):
            if found := _books(self._search(f"isbn:{one.value}", FOUND)):
                return found
        if not query.title:
            return []
        words = f"intitle:{_quoted(query.title)}" + (f" inauthor:{_quoted(query.author)}" if query.author else "")
        return _books(self._search(words, FOUND, language=query.language))

    def find_author_books(self, author: str) -> Iterator[CatalogueBook]:
        """Volumes that name the author, at most 200; each id once (the pages of one answer may overlap)."""
        seen: set[str] = set()
        for page in range(PAGES):
            rows = self._search(f"inauthor:{_quoted(author)}", PAGE, start=page * PAGE)
            for book in _books(rows):
                if book.provider_id not in seen and person_key(author) in {person_key(name) for name in book.authors}:
                    seen.add(book.provider_id)
                    yield book
            if len(rows) < PAGE:
                return

    def _search(self, words: str, limit: int, *, start: int = 0, language: str = "") -> list[Mapping[str, Any]]:
        params: dict[str, Any] = {"q": words, "maxResults": limit, "printType": "books", "country": self.country}
        params |= {"startIndex": start} if start else {}
        params |= {"langRestrict": language} if len(language) == 2 else {}
        params |= {"key": self._api_key} if self._api_key else {}
        answer = self._call("GET", VOLUMES, params=params, accept=(200, 400, 403, 429))
        if answer.status != 200:
            self._refuse(answer.status, answer.text, retry_after(answer.headers.get("Retry-After", "")))
        return self._rows(self._object(answer), "items", may_lack=True)

    def _refuse(self, status: int, body: str, wait: float | None) -> None:
        """An empty quota comes as 400, 403 or 429, told apart by the reason in the body."""
        if status == 429 or QUOTA_REASONS.search(body):
            raise self._wait(wait or QUOTA_WAIT, status=status)
        hint = (
            "Check the key in the settings." if status != 403 else "Check the key, and set a country in the settings."
        )
        raise Rejected(
            f"{self.service} refused the question ({status}). {hint}",
            service=self.service,
            code="credentials_refused" if status == 403 or "api key" in body.lower() else "",
            http_status=status,
        )


def _quoted(words: str) -> str:
    return '"' + " ".join(words.replace('"', " ").split()) + '"'


def _books(rows: list[Mapping[str, Any]]) -> list[CatalogueBook]:
    return [book for row in rows if (book := _book(row))]


def _book(row: Mapping[str, Any]) -> CatalogueBook | None:
    about, identity = mapping(row.get("volumeInfo")), text(row.get("id"))
    title = plain(about.get("title"))
    if not (identity and title):
        return None
    subtitle = plain(about.get("subtitle"))
    isbns = [
        one.get("identifier")
        for one in mappings(about.get("industryIdentifiers"))
        if text(one.get("type")).startswith("ISBN")
    ]
    return CatalogueBook(
        provider=GoogleBooks.name,
        provider_id=identity,
        title=title,
        subtitle=subtitle,
        authors=writers(texts(about.get("authors"))),
        kind=kind_of(f"{title} {subtitle}", ()),
        language=language_code(text(about.get("language"))),
        is_dramatised=dramatised(title, subtitle),
        publisher=plain(about.get("publisher")),
        # The date is that of this edition on paper, so it is no release date of a recording.
        published_year=year_in(about.get("publishedDate")),
        identifiers=(Identifier("google", identity), *isbn_identifiers(isbns)),
        description=plain_text(about.get("description")),
        genres=texts(about.get("categories")),
        cover_url=_cover(mapping(about.get("imageLinks"))),
        raw=row,
    )


def _cover(links: Mapping[str, Any]) -> str:
    found = next(
        (text(links.get(size)) for size in ("large", "medium", "thumbnail", "smallThumbnail") if links.get(size)), ""
    )
    return found.replace("http://", "https://", 1).replace("&edge=curl", "")
