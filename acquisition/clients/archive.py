"""LibriVox and the Internet Archive as an indexer: recordings in the public domain, free for all, with no account.

LibriVox is asked first, because it knows sections and readers; the archive's search is the second way, and its metadata
names the files with their lengths and checksums.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from acquisition.clients.archive_items import LIBRIVOX_COLLECTION, releases_of, text
from acquisition.clients.librivox import IDENTIFIER, LibrivoxBook, find_books
from acquisition.clients.web import checked_url, trusting
from acquisition.domain.facts import IndexerCapabilities, OfferedRelease, Payload, SearchQuery
from acquisition.domain.torrents import BadTorrent, parse_torrent
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import MEGABYTE, Guard, Http

ARCHIVE_URL = "https://archive.org"
LIBRIVOX_URL = "https://librivox.org"
NAMED = re.compile(
    r"(?:https?://(?:www\.)?archive\.org/(?:details|download)/)?([A-Za-z0-9][A-Za-z0-9.-]*_[A-Za-z0-9._-]+)/?"
)
NOT_A_WORD = re.compile(r"[^\w\s]|_")
SUFFIXES = {"jr", "sr", "ii", "iii", "iv", "phd", "md"}


@dataclass
class ArchiveClient:
    """LibriVox and the Internet Archive (IndexerClient).

    `most_items` bounds the items that one search looks into, each of which costs a call or two; `pause_seconds` lies
    between calls. With `prefer_torrents`, `fetch` gives the torrent of an item where there is one (it holds every form:
    choose files by the release's `files`); otherwise direct files.
    """

    archive_url: str = ARCHIVE_URL
    librivox_url: str = LIBRIVOX_URL
    name: str = "LibriVox"
    guard: Guard | None = field(default=None, repr=False)
    collection: str = LIBRIVOX_COLLECTION
    most_items: int = 6
    prefer_torrents: bool = False
    pause_seconds: float = 1.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", self.collection):
            raise Rejected("The name of the collection is not valid.", service=self.name)
        for url in (self.archive_url, self.librivox_url):
            checked_url(url, service=self.name)
        guard = trusting(self.guard, self.archive_url, self.librivox_url)
        self._archive = Http("The Internet Archive", self.archive_url, guard=guard)
        self._librivox = Http("LibriVox", self.librivox_url, guard=guard)
        self._called = False

    def capabilities(self) -> IndexerCapabilities:
        return IndexerCapabilities(
            server="LibriVox and the Internet Archive",
            book_params=("author", "title"),
            categories={3030: "Audio/Audiobook"},
        )

    # -- search ---------------------------------------------------------------------------------------------------

    def search(self, query: SearchQuery) -> list[OfferedRelease]:
        """The releases of the items that fit, the likeliest item first; the newest items for an empty query.

        An outage of one of the two services is borne as long as the other one answers.
        """
        named = NAMED.fullmatch(query.text.strip())
        if named:
            return self._of_items({named.group(1): None}, query.limit)
        title, author = words(query.title), words(query.author)
        found: dict[str, LibrivoxBook | None] = {}
        outage: ExternalAPIError | None = None
        for look in self._ways(query, title, author):
            try:
                found = look()
            except (Unavailable, Malformed) as error:
                outage = error
            if found:
                return self._of_items(found, query.limit)
        if outage:
            raise outage
        return []

    def by_identifier(self, identifier: str) -> list[OfferedRelease]:
        """The releases of one item of the archive; none when it is not there."""
        if not IDENTIFIER.fullmatch(identifier):
            raise Rejected("This is not an identifier of the Internet Archive.", service=self.name)
        return self._of_items({identifier: None}, 100)

    def _ways(self, query: SearchQuery, title: str, author: str) -> list[Callable[[], dict[str, LibrivoxBook | None]]]:
        """How to look, the most exact way first."""
        if query.is_feed:
            return [lambda: self._searched(f"collection:{self.collection}", sort="publicdate desc")]
        ways: list[Callable[[], dict[str, LibrivoxBook | None]]] = []
        if title:
            ways += [partial(self._known_to_librivox, name, author) for name in title_starts(query.title)]
            by = f" AND creator:({author})" if author else ""
            ways.append(lambda: self._searched(f'collection:{self.collection} AND title:("{title}"){by}'))
        elif author:
            ways.append(lambda: self._searched(f"collection:{self.collection} AND creator:({author})"))
        if broad := words(query.text):
            ways.append(lambda: self._searched(f"collection:{self.collection} AND ({broad})"))
        return ways

    def _known_to_librivox(self, title: str, author: str) -> dict[str, LibrivoxBook | None]:
        self._pause()
        books = find_books(self._librivox, author=last_name(author), title=title, limit=self.most_items)
        return {book.identifier: book for book in books}

    def _searched(self, query: str, *, sort: str = "downloads desc") -> dict[str, LibrivoxBook | None]:
        """Identifiers by the archive's search. All in the query but our own operators was made of plain words."""
        self._pause()
        answer = self._archive.get(
            "/advancedsearch.php",
            params={
                "q": query,
                "fl[]": ["identifier", "title", "creator"],
                "sort[]": sort,
                "rows": str(self.most_items),
                "page": "1",
                "output": "json",
            },
        )
        document = answer.json()
        response = document.get("response") if isinstance(document, Mapping) else None
        docs = response.get("docs") if isinstance(response, Mapping) else None
        if not isinstance(docs, list):
            raise Malformed("The Internet Archive did not understand the search.", service=self.name)
        identifiers = (text(doc.get("identifier")) for doc in docs if isinstance(doc, Mapping))
        return {identifier: None for identifier in identifiers if IDENTIFIER.fullmatch(identifier)}

    def _of_items(self, items: Mapping[str, LibrivoxBook | None], limit: int) -> list[OfferedRelease]:
        releases: list[OfferedRelease] = []
        for identifier, book in list(items.items())[: self.most_items]:
            document = self._metadata(identifier)
            book = book or self._project_of(document)
            releases += releases_of(document, book, base_url=self.archive_url)
        return releases[:limit]

    def _metadata(self, identifier: str) -> Mapping[str, Any]:
        """The metadata of an item. An unknown item is an empty document under status 200."""
        self._pause()
        document = self._archive.get(f"/metadata/{identifier}").json()
        return document if isinstance(document, Mapping) else {}

    def _project_of(self, document: Mapping[str, Any]) -> LibrivoxBook | None:
        """What LibriVox knows of an item, by the project's number; an item can be offered without it."""
        metadata = document.get("metadata")
        number = text(metadata.get("call_number")) if isinstance(metadata, Mapping) else ""
        if not number.isdigit():
            return None
        self._pause()
        try:
            return next(iter(find_books(self._librivox, book_id=number)), None)
        except ExternalAPIError:
            return None

    def _pause(self) -> None:
        if self._called:
            self.sleep(self.pause_seconds)
        self._called = True

    # -- fetching -------------------------------------------------------------------------------------------------

    def fetch(self, release: OfferedRelease) -> Payload:
        """The direct files, or the torrent where torrents are preferred and the item has one."""
        if not (self.prefer_torrents and release.download_url) and release.direct_files:
            return Payload(direct_files=release.direct_files)
        url = checked_url(release.download_url, service=self.name)
        body = self._archive.get(url, max_bytes=10 * MEGABYTE).body
        try:
            parse_torrent(body)
        except BadTorrent as error:
            raise Malformed(
                f"The torrent of this item is not accepted: {error.message}", service=self.name, code="bad_torrent"
            ) from error
        return Payload(torrent=body)


def words(value: str) -> str:
    """Plain words in lower case: nothing that Lucene takes for an operator, no apostrophes (they spoil matching)."""
    return " ".join(NOT_A_WORD.sub(" ", re.sub(r"['’]", "", value)).lower().split())


def title_starts(title: str) -> list[str]:
    """The starts by which LibriVox may know a title: without its subtitle, and then without its article too."""
    main = " ".join(re.split(r"[:;(\[]", title, maxsplit=1)[0].split())
    bare = re.sub(r"(?i)^(the|an?)\s+", "", main)
    return list(dict.fromkeys(start for start in (main, bare) if start))


def last_name(author: str) -> str:
    """The last name, as LibriVox wants it, of names like "Jane Austen" or "Martin Luther King Jr"."""
    parts = [part for part in author.split() if part not in SUFFIXES]
    return parts[-1] if parts else ""
