"""MyAnonamouse by its official JSON API, for members with a session of their own.

Source: the tracker's notes on its API. Its etiquette is kept: one call at a time with pauses, no bulk, an honest user
agent, torrents handed on unchanged, nothing spent or given away without being told to.
"""

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from acquisition.clients.mam_items import number, read_release, size, text, whole
from acquisition.clients.mam_session import MamSession
from acquisition.clients.web import for_people, trusting
from acquisition.domain.facts import IndexerCapabilities, OfferedRelease, Payload, SearchQuery
from acquisition.domain.torrents import BadTorrent, looks_like_torrent, parse_torrent
from config.errors import Malformed, Rejected, Unavailable
from config.http import MEGABYTE, Guard

BASE_URL = "https://www.myanonamouse.net"
SEARCH = "/tor/js/loadSearchJSONbasic.php"
AUDIOBOOKS, PAGE_SIZE, MAX_PAGES = "13", 100, 5
NOT_A_WORD = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class MamAccount:
    """The account's figures as the tracker gave them; None where it gave none. `unsatisfied_*` count torrents that were
    not yet seeded for 72 hours, and how many the class may have."""

    username: str
    member_class: str = ""
    ratio: float | None = None
    uploaded_bytes: int | None = None
    downloaded_bytes: int | None = None
    bonus_points: int | None = None
    wedges: int | None = None
    vip_until: datetime.datetime | None = None
    unsatisfied_count: int | None = None
    unsatisfied_limit: int | None = None
    hit_and_run_count: int | None = None
    is_connectable: bool | None = None


@dataclass
class MyAnonamouseClient:
    """MyAnonamouse (IndexerClient), with the member's session cookie.

    `on_cookie` must store the new value of the cookie whenever it is called; the old one may stop working at once. Let
    only one process at a time call. `member_class` (from `account`) decides what is free for VIPs.
    """

    cookie: str = field(repr=False)
    on_cookie: Callable[[str], None] | None = field(default=None, repr=False)
    name: str = "MyAnonamouse"
    base_url: str = BASE_URL
    guard: Guard | None = field(default=None, repr=False)
    member_class: str = ""
    pause_seconds: float = 2.0
    may_page: Callable[[], bool] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self.session = MamSession(
            self.name,
            self.base_url,
            self.cookie,
            self.on_cookie,
            trusting(self.guard, self.base_url),
            self.pause_seconds,
        )

    def capabilities(self) -> IndexerCapabilities:
        return IndexerCapabilities(server=self.name, categories={3030: "Audio/Audiobook"}, page_size=PAGE_SIZE)

    # -- search ---------------------------------------------------------------------------------------------------

    def search(self, query: SearchQuery) -> list[OfferedRelease]:
        """Audiobooks that fit the words; the newest ones for an empty query."""
        words = searchable(query.text or f"{query.title} {query.author}".strip() or query.isbn or query.asin)
        if not words and not query.is_feed:
            return []
        by_identifier = not (query.title or query.author) and bool(query.isbn or query.asin)
        found: dict[str, OfferedRelease] = {}
        start = 0
        for page in range(query.feed_pages if query.is_feed else MAX_PAGES):
            if page and self.may_page and not self.may_page():
                break
            rows, total = self._page(words, start, by_identifier=by_identifier)
            start += len(rows)
            read = (read_release(row, base_url=self.base_url, member_class=self.member_class) for row in rows)
            found.update({release.guid: release for release in read if release})
            if not rows or start >= total or len(found) >= query.limit:
                break
        return list(found.values())[: query.limit]

    def _page(self, words: str, start: int, *, by_identifier: bool) -> tuple[list[Mapping[str, Any]], int]:
        """The rows of a page, and how many there are in all."""
        tor = {
            "text": words,
            "srchIn": ["title", "author", "narrator", "series", *(["description"] if by_identifier else [])],
            "searchType": "all",
            "searchIn": "torrents",
            "main_cat": [AUDIOBOOKS],
            "cat": ["0"],
            "sortType": "default" if words else "dateDesc",
            "startNumber": str(start),
            "perpage": str(PAGE_SIZE),
        }
        # The personal download hash (dlLink) is not asked for: it is a secret, and the cookie serves.
        body = {"tor": tor, "perpage": PAGE_SIZE, "isbn": "", "mediaInfo": ""}
        document = self.session.json("POST", SEARCH, json=body)
        problem = text(document.get("error") or document.get("message"))
        if problem.startswith("Nothing returned"):
            return [], 0
        rows = document.get("data")
        if problem and not rows:
            raise Unavailable(f"{self.name} says: {for_people(problem)}.", service=self.name)
        if not isinstance(rows, list):
            raise Malformed(f"{self.name} answered something that is no list of torrents.", service=self.name)
        kept = [row for row in rows if isinstance(row, Mapping)]
        return kept, whole(document.get("found")) or whole(document.get("total_found")) or len(kept)

    # -- fetching -------------------------------------------------------------------------------------------------

    def fetch(self, release: OfferedRelease, *, spend_wedge: bool = False) -> Payload:
        """The .torrent of a release, unchanged. `spend_wedge` makes it free for the member, at the cost of a wedge."""
        if not release.guid.isascii() or not release.guid.isdigit():
            raise Rejected(f"This is not a torrent of {self.name}.", service=self.name, code="upstream_not_found")
        parameters = {"tid": release.guid, **({"fl": ""} if spend_wedge else {})}
        answer = self.session.call("GET", "/tor/download.php", params=parameters, max_bytes=10 * MEGABYTE)
        if not looks_like_torrent(answer.body):
            said = for_people(re.sub(r"<[^>]*>", " ", answer.text[:4000]), secrets=(self.session.cookie,), limit=160)
            raise Rejected(
                f"{self.name} did not hand out the torrent. It says: {said or 'nothing'}",
                service=self.name,
                code="download_refused",
            )
        try:
            parse_torrent(answer.body)
        except BadTorrent as error:
            raise Malformed(
                f"{self.name} gave a torrent that is not accepted: {error.message}",
                service=self.name,
                code="bad_torrent",
            ) from error
        return Payload(torrent=answer.body)

    # -- the account ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Whether the session is accepted; raises Rejected with the reason otherwise."""
        self.session.call("GET", "/json/checkCookie.php")

    def account(self) -> MamAccount:
        """The account's figures. The tracker keeps them for a quarter of an hour; ask no oftener."""
        document = self.session.json("GET", "/jsonLoad.php", params={"snatch_summary": ""})
        username = text(document.get("username"))
        if not username:
            raise Rejected(
                f"{self.name} does not say whose session this is; it has probably ended. Create a new one.",
                service=self.name,
                code="credentials_refused",
            )
        unsatisfied = _entry(document, "unsat")
        return MamAccount(
            username=username,
            member_class=text(document.get("classname")),
            ratio=number(document.get("ratio")),
            uploaded_bytes=size(document.get("uploaded_bytes") or document.get("uploaded")),
            downloaded_bytes=size(document.get("downloaded_bytes") or document.get("downloaded")),
            bonus_points=_rounded(number(document.get("seedbonus"))),
            wedges=whole(document.get("wedges")),
            vip_until=_moment(text(document.get("vip_until"))),
            unsatisfied_count=whole(unsatisfied.get("count")),
            unsatisfied_limit=whole(unsatisfied.get("limit")),
            hit_and_run_count=_sum(whole(_entry(document, key).get("count")) for key in ("inactHnr", "seedHnr")),
            is_connectable={"yes": True, "no": False}.get(text(document.get("connectable")).lower()),
        )


def searchable(words: str) -> str:
    """The words alone: punctuation is an operator in the tracker's search."""
    return " ".join(NOT_A_WORD.sub(" ", words).split())


def _entry(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    entry = document.get(key)
    return entry if isinstance(entry, Mapping) else {}


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _rounded(value: float | None) -> int | None:
    return None if value is None else int(value)


def _moment(value: str) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
