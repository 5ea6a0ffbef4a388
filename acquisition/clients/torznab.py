"""Torznab and Newznab indexers, as Prowlarr, Jackett and many sites speak them.

Source: the Newznab API, its Torznab extension (torznab.com, schema 2015) and the behaviour of Prowlarr and Jackett.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, quote, urljoin, urlsplit, urlunsplit

from acquisition.clients.torznab_xml import ItemReader, find_error, parse_capabilities, parse_document
from acquisition.clients.web import ANY_STATUS, checked_url, failure, is_web_page, sealed, trusting, web_page_error
from acquisition.domain.facts import IndexerCapabilities, OfferedRelease, Payload, SearchQuery
from acquisition.domain.torrents import BadTorrent, looks_like_torrent, parse_magnet, parse_torrent
from config.errors import ExternalAPIError, Malformed, Rejected
from config.http import MEGABYTE, REDIRECTS, Answer, Guard, Http, host_of, retry_after

AUDIOBOOKS = 3030
MAX_PAGES = 10
MAX_REDIRECTS = 5
MAX_FEED_BYTES = 8 * MEGABYTE
MAX_TORRENT_BYTES = 10 * MEGABYTE
# A search is passed on to the tracker behind the indexer, and may have to solve a challenge there.
SEARCH_TIMEOUT = (10.0, 100.0)
UNSEARCHABLE = re.compile(r"[^\w\s\-._()@/'\[\]+%]")


def split_address(url: str) -> tuple[str, str]:
    """The address to call and the API key that a pasted feed URL may carry.

    `http://host:9696/3`, `…/3/`, `…/3/api` and `…/3/api?t=caps&apikey=…` all mean the same. Prowlarr's other form,
    `/api/v1/indexer/3/newznab`, is called as it is.
    """
    parts = urlsplit(url.strip())
    key = next((values[0] for name, values in parse_qs(parts.query).items() if name.lower() == "apikey"), "")
    path = parts.path.rstrip("/")
    if not path.endswith(("/api", "/newznab")):
        path += "/api"
    return urlunsplit((parts.scheme, parts.netloc, path, "", "")), key


@dataclass
class TorznabClient:
    """An indexer that speaks Torznab or Newznab (`kind`).

    `known_capabilities` saves a call where the caller keeps them (a week is usual; `on_capabilities` is called with new
    ones); without them they are read once per client. `may_page` is asked before each page after the first.
    `download_url` of its releases holds a mark in place of the API key, which `fetch` fills in again for the indexer's
    own host only; it may still hold keys of the tracker, so treat it as secret.
    """

    name: str
    url: str = field(repr=False)
    api_key: str = field(default="", repr=False)
    kind: str = "torznab"
    categories: Iterable[int] = (AUDIOBOOKS,)
    guard: Guard | None = field(default=None, repr=False)
    known_capabilities: IndexerCapabilities | None = field(default=None, repr=False)
    on_capabilities: Callable[[IndexerCapabilities], None] | None = field(default=None, repr=False)
    may_page: Callable[[], bool] | None = field(default=None, repr=False)
    timeout: tuple[float, float] = SEARCH_TIMEOUT
    deadline_seconds: float = 120.0
    http: Http = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_url(self.url.strip(), service=self.name)
        self.url, pasted_key = split_address(self.url)
        self.api_key = self.api_key.strip() or pasted_key
        self.http = Http(
            self.name,
            self.url,
            timeout=self.timeout,
            deadline_seconds=self.deadline_seconds,
            max_bytes=MAX_FEED_BYTES,
            guard=trusting(self.guard, self.url),
        )
        self._reader = ItemReader(self.name, self.api_key, self.kind, host_of(self.url))

    # -- capabilities ---------------------------------------------------------------------------------------------

    def capabilities(self) -> IndexerCapabilities:
        """What the indexer can do, read afresh."""
        answer = self._call({"t": "caps"})
        self.known_capabilities = parse_capabilities(parse_document(answer.body, service=self.name), service=self.name)
        if self.on_capabilities:
            self.on_capabilities(self.known_capabilities)
        return self.known_capabilities

    # -- search ---------------------------------------------------------------------------------------------------

    def search(self, query: SearchQuery) -> list[OfferedRelease]:
        """The releases for one tier of a plan, each guid once; at most `query.limit`."""
        known = self.known_capabilities or self.capabilities()
        parameters = search_parameters(query, known)
        if parameters is None:
            return []
        found: dict[str, OfferedRelease] = {}
        page_size = max(1, min(known.page_size, query.limit))
        for page in range(query.feed_pages if query.is_feed else MAX_PAGES):
            if page and self.may_page and not self.may_page():
                break
            batch = self._page(parameters, page_size, page * page_size)
            fresh = {release.guid: release for release in batch if release.guid not in found}
            found.update(fresh)
            # Many indexers ignore the offset and send the first page for ever.
            if len(found) >= query.limit or len(batch) < page_size or len(fresh) < len(batch):
                break
        return list(found.values())[: query.limit]

    def _page(self, parameters: dict[str, str], limit: int, offset: int) -> list[OfferedRelease]:
        paging = {"limit": str(limit), "offset": str(offset), "extended": "1"}
        wanted = ",".join(str(category) for category in self.categories)
        answer = self._call({**parameters, **({"cat": wanted} if wanted else {}), **paging})
        return self._reader.releases(parse_document(answer.body, service=self.name))

    def _call(self, parameters: dict[str, str]) -> Answer:
        key = {"apikey": self.api_key} if self.api_key else {}
        # quote, not the form encoding: some servers take a plus sign literally.
        pairs = "&".join(f"{name}={quote(value, safe=',')}" for name, value in {**parameters, **key}.items())
        with sealed():
            answer = self.http.get(f"{self.url}?{pairs}", accept=ANY_STATUS)
        if error := self._error(answer):
            raise error
        return answer

    def _error(self, answer: Answer) -> ExternalAPIError | None:
        """The error that an answer carries, in its body (even under status 200) or in its status."""
        if is_web_page(answer.body):
            ordinary = answer.status in (200, 403, 503)
            return web_page_error(self.name, answer.body, answer.headers) if ordinary else failure(self.http, answer)
        if b"<error" in answer.body[:4096]:
            wait = retry_after(answer.headers.get("Retry-After", ""))
            try:
                root = parse_document(answer.body, service=self.name)
            except Malformed:
                return failure(self.http, answer)
            secrets = (self.api_key,)
            if error := find_error(root, service=self.name, secrets=secrets, wait=wait):
                error.http_status = answer.status
                return error
        return None if answer.status == 200 else failure(self.http, answer)

    # -- fetching -------------------------------------------------------------------------------------------------

    def fetch(self, release: OfferedRelease) -> Payload:
        """What a download client needs: the bytes of a checked .torrent, a magnet link, or direct files."""
        if release.direct_files:
            return Payload(direct_files=tuple(replace(f, url=self._with_key(f.url)) for f in release.direct_files))
        if release.protocol == "usenet":
            raise Rejected(
                f"{self.name} offers this on Usenet, which no download client here can fetch.",
                service=self.name,
                code="unsupported_protocol",
            )
        if release.magnet_url:
            return self._magnet(release.magnet_url)
        return self._follow(release.download_url)

    def _follow(self, url: str) -> Payload:
        """Follow redirects by hand: an indexer may redirect to its tracker, or to a magnet link."""
        for _ in range(MAX_REDIRECTS + 1):
            if url[:7].lower() == "magnet:":
                return self._magnet(url)
            target = self._with_key(url)
            answer = self._get(target)
            location = answer.headers.get("Location", "")
            if answer.status not in REDIRECTS or not location:
                return self._payload(answer)
            url = location if location[:7].lower() == "magnet:" else urljoin(target, location)
        raise Malformed(f"{self.name} redirects a download in a circle.", service=self.name)

    def _get(self, url: str) -> Answer:
        try:
            with sealed():
                return self.http.get(url, accept=ANY_STATUS, follow=False, max_bytes=MAX_TORRENT_BYTES)
        except ValueError:  # requests looks at the Location of a redirect even when it does not follow it
            raise Rejected(
                f"{self.name} redirects to an address that is not a valid URL.",
                service=self.name,
                code="address_refused",
            ) from None

    def _with_key(self, url: str) -> str:
        """The URL with the API key in the place of its mark, for the indexer's own host alone."""
        own = host_of(checked_url(url, service=self.name)) == host_of(self.url)
        return url.replace(ItemReader.MARK, quote(self.api_key, safe="")) if own else url

    def _payload(self, answer: Answer) -> Payload:
        if looks_like_torrent(answer.body) and answer.status == 200:
            return self._torrent(answer.body)
        if answer.status == 200 and answer.body[:8].lower() == b"magnet:?":
            return self._magnet(answer.text.strip())
        raise self._error(answer) or Malformed(
            f"{self.name} answered something that is not a torrent.", service=self.name, code="bad_torrent"
        )

    def _torrent(self, body: bytes) -> Payload:
        try:
            parse_torrent(body)
        except BadTorrent as error:
            raise self._bad(error) from error
        return Payload(torrent=body)

    def _magnet(self, link: str) -> Payload:
        try:
            parse_magnet(link)
        except BadTorrent as error:
            raise self._bad(error) from error
        return Payload(magnet_url=link)

    def _bad(self, error: BadTorrent) -> Malformed:
        return Malformed(
            f"{self.name} gave a torrent that is not accepted: {error.message}", service=self.name, code="bad_torrent"
        )


def searchable(text: str) -> str:
    """The text without characters that break searches."""
    return " ".join(UNSEARCHABLE.sub(" ", text).split())


def search_parameters(query: SearchQuery, known: IndexerCapabilities) -> dict[str, str] | None:
    """The parameters for a query, given what the indexer can do; None when nothing of the query can be searched.

    An indexer that only takes `q` ignores author and title and answers with its newest items, so fields are used only
    when they are all supported, and a search without any words is never sent.
    """
    if query.is_feed:
        return {"t": "search"}
    fields = {"author": searchable(query.author), "title": searchable(query.title)}
    fields = {name: text for name, text in fields.items() if text}
    if "title" in fields and set(fields) <= set(known.book_params):
        return {"t": "book", **fields}
    words = searchable(query.text or " ".join(fields[name] for name in ("title", "author") if name in fields))
    words = words or searchable(query.isbn or query.asin)
    if not words:
        return None
    if "q" in known.search_params or not known.book_params:
        return {"t": "search", "q": words}
    return {"t": "book", "q": words}
