"""Reading the XML of Torznab and Newznab: capabilities, results and errors.

Indexers are careless writers: control characters, HTML entities, bare ampersands, missing or repeated elements. What
can be read is read; what is dangerous (document types, entities) is refused.
"""

import datetime
import email.utils
import hashlib
import html
import math
import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from acquisition.clients.web import for_people, is_web_page, web_page_error
from acquisition.domain.facts import DirectFile, IndexerCapabilities, OfferedRelease
from acquisition.domain.torrents import BadTorrent, normalise_infohash, parse_magnet
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable
from config.http import host_of

MAX_ITEMS = 1000
MAX_TEXT = 4000
MAX_RAW_FIELDS = 80
DAY_SECONDS = 86_400.0
ILLEGAL_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&#(?:0*(?:[0-8]|1[124-9]|2\\d|3[01])|x0*(?:[0-8bcefBCEF]|1[0-9a-fA-F]));"
)
ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)(?:([A-Za-z][A-Za-z0-9]{1,30});)?")
LIMIT_WORDS = re.compile(
    r"(?i)\b(request|download|grab|query|api|daily|hit)s?\b.{0,20}\blimit|too many requests|rate limit"
)
SECRET_PARAMETERS = re.compile(
    r"(?i)([?&](?:passkey|api_?key|jackett_apikey|torrent_pass|authkey|rsskey|token)=)[^&#\s]+"
)


def parse_document(body: bytes, *, service: str) -> Element:
    """The root of an answer; Malformed for anything that is not XML, or that carries a document type."""
    if is_web_page(body):
        raise web_page_error(service, body)
    for text in (body, None):
        try:
            return fromstring(text if text is not None else _mended(body), forbid_dtd=True)
        except DefusedXmlException as error:
            raise Malformed(
                f"{service} answered XML with a document type, which is not read for safety.", service=service
            ) from error
        except (ParseError, ValueError, LookupError):
            continue
    raise Malformed(f"{service} answered something that is not XML.", service=service)


def _mended(body: bytes) -> str:
    """The text without what XML forbids, for a second attempt at reading it."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    text = re.sub(r"^<\?xml[^>]*\?>", "", text)
    return ENTITY.sub(_entity, ILLEGAL_CHARACTERS.sub("", text))


def _entity(match: re.Match[str]) -> str:
    """A named HTML entity as its character, a bare ampersand escaped."""
    name = match.group(1)
    known = html.unescape(f"&{name};") if name else ""
    if name and known != f"&{name};" and not set(known) & set("<>&"):
        return known
    return "&amp;" + match.group(0)[1:]


def local_name(element: Element) -> str:
    """The name of an element without its namespace, in lower case."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def find_error(root: Element, *, service: str, secrets: tuple[str, ...], wait: float | None) -> ExternalAPIError | None:
    """The error that an answer carries in an `error` element, even under HTTP 200; None when there is none."""
    found = next((element for element in root.iter() if local_name(element) == "error"), None)
    if found is None:
        return None
    digits = found.get("code", "").strip()
    code = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 900
    words = for_people(found.get("description") or found.text or "no reason given", secrets=secrets)
    return error_of_code(code, words, service=service, wait=wait)


def error_of_code(code: int, words: str, *, service: str, wait: float | None) -> ExternalAPIError:
    """Newznab's error codes in our words. `wait` is what a Retry-After header said."""
    if 100 <= code <= 199:
        return Rejected(
            f"{service} refused the credentials (error {code}: {words}). Check its API key in the settings.",
            service=service,
            code="credentials_refused",
        )
    if code in (429, 500, 501) or LIMIT_WORDS.search(words):
        # A used-up allowance counts by the day; without a hint, an hour is a polite distance.
        pause = wait if wait is not None or code == 429 else 3600.0
        return Unavailable(
            f"{service} has reached a limit (error {code}: {words}).",
            service=service,
            code="upstream_limit",
            retry_after=pause,
        )
    if code == 300:
        return Rejected(f"{service} has no such item ({words}).", service=service, code="upstream_not_found")
    if code in (410, 910):
        return Rejected(
            f"{service} is switched off or no longer has this release (error {code}: {words}).",
            service=service,
            code="indexer_disabled",
        )
    if 200 <= code <= 299:
        return Rejected(f"{service} does not accept the request (error {code}: {words}).", service=service)
    return Unavailable(f"{service} failed (error {code}: {words}).", service=service, retry_after=wait)


def parse_capabilities(root: Element, *, service: str) -> IndexerCapabilities:
    """The caps document. Parameters that are not listed count as `q` alone; a function may be marked unavailable."""
    if local_name(root) != "caps":
        raise Malformed(f"{service} answered something that is not a list of capabilities.", service=service)
    by_name: dict[str, Element] = {}
    for element in root.iter():
        by_name.setdefault(local_name(element), element)
    limits = by_name.get("limits")
    page = _whole(limits.get("max") or limits.get("default")) if limits is not None else None
    server = by_name.get("server")
    return IndexerCapabilities(
        server=for_people(server.get("title", "") if server is not None else ""),
        search_params=_parameters(by_name.get("search"), absent=("q",)),
        book_params=_parameters(by_name.get("book-search"), absent=()),
        categories=_categories(root),
        page_size=min(max(page or 100, 1), MAX_ITEMS),
    )


def _parameters(element: Element | None, *, absent: tuple[str, ...]) -> tuple[str, ...]:
    if element is None:
        return absent
    if element.get("available", "yes").lower() in ("no", "false", "0"):
        return ()
    listed = (name.strip().lower() for name in element.get("supportedParams", "q").split(","))
    return tuple(dict.fromkeys(name for name in listed if name)) or ("q",)


def _categories(root: Element) -> dict[int, str]:
    found: dict[int, str] = {}
    for element in root.iter():
        number = _whole(element.get("id")) if local_name(element) in ("category", "subcat") else None
        if number is not None and len(found) < MAX_ITEMS:
            found[number] = for_people(element.get("name", ""))
    return found


@dataclass
class Item:
    """One `item` as texts: `fields` by element name, `attributes` by their lower-case name, in order."""

    fields: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)
    categories: list[str] = field(default_factory=list)
    enclosure: dict[str, str] = field(default_factory=dict)

    def first(self, *names: str) -> str:
        """The first attribute that is there and not empty."""
        return next((value for name in names for value in self.attributes.get(name, ()) if value), "")


def read_item(element: Element) -> Item:
    """The texts of an item; attributes of either namespace."""
    item = Item()
    for child in element:
        name = local_name(child)
        if name == "attr":
            values = item.attributes.setdefault(child.get("name", "").strip().lower(), [])
            values.append(child.get("value", "").strip()[:MAX_TEXT])
        elif name == "enclosure":
            item.enclosure = item.enclosure or {key.lower(): value.strip() for key, value in child.attrib.items()}
        elif name == "category":
            item.categories.append((child.text or "").strip())
        elif name:
            item.fields.setdefault(name, (child.text or "").strip()[:MAX_TEXT])
    return item


@dataclass(frozen=True)
class ItemReader:
    """Turns items into releases. `secret` (the API key) is replaced by a mark wherever it appears."""

    service: str
    secret: str = field(default="", repr=False)
    kind: str = "torznab"
    own_host: str = ""

    MARK: ClassVar[str] = "{api_key}"

    def clean(self, text: str) -> str:
        """The text with the API key replaced by the mark."""
        if len(self.secret) < 4:
            return text
        return text.replace(quote(self.secret, safe=""), self.MARK).replace(self.secret, self.MARK)

    def link(self, url: str) -> str:
        """A download URL. The client fills in the mark again for its own host; other hosts would never get the key."""
        try:
            return self.clean(url) if host_of(url) == self.own_host else url
        except ValueError:
            return url

    def shown(self, text: str) -> str:
        """The text as people may see it: without the API key and without the common secrets of trackers."""
        return SECRET_PARAMETERS.sub(r"\1***", self.clean(text))

    def releases(self, root: Element) -> list[OfferedRelease]:
        """The releases of a page; an item without a title or without a way to get it is left out."""
        items = (element for element in root.iter() if local_name(element) == "item")
        found = (self.release(read_item(element)) for element, _ in zip(items, range(MAX_ITEMS), strict=False))
        return [release for release in found if release]

    def release(self, item: Item) -> OfferedRelease | None:
        title = " ".join(html.unescape(item.fields.get("title", "")).split())[:1000]
        kind = item.enclosure.get("type", "").partition(";")[0].strip().lower()
        magnet, download = self._ways(item)
        size = _whole(item.first("size")) or _whole(item.fields.get("size")) or _whole(item.enclosure.get("length"))
        direct = self._direct(kind, item, title, size)
        if not title or not (magnet or download or direct):
            return None
        infohash = normalise_infohash(item.first("infohash")) or _hash_of(magnet)
        seeders = _whole(item.first("seeders"))
        is_usenet = self.kind == "newznab" or kind == "application/x-nzb"
        return OfferedRelease(
            guid=self._guid(item, infohash, title, size),
            title=title,
            protocol="http" if direct else "usenet" if is_usenet else "torrent",
            size_bytes=size or None,
            seeders=seeders,
            leechers=_leechers(item, seeders),
            grabs=_whole(item.first("grabs") or item.fields.get("grabs")),
            published_at=_moment(item.fields.get("pubdate") or item.first("usenetdate")),
            categories=_numbers([*item.attributes.get("category", ()), *item.categories]),
            download_url="" if direct or magnet else download,
            magnet_url="" if direct else magnet,
            infohash=infohash,
            info_url=self._info_url(item),
            authors=_names(item.first("author")),
            narrators=_names(item.first("narrator", "narrators")),
            series=item.first("series"),
            language=item.first("language"),
            direct_files=direct,
            download_volume_factor=_factor(item.first("downloadvolumefactor")),
            upload_volume_factor=_factor(item.first("uploadvolumefactor")),
            minimum_ratio=_ratio(item.first("minimumratio")),
            minimum_seed_seconds=_whole(item.first("minimumseedtime")),
            tags=tuple(dict.fromkeys(value.lower() for value in item.attributes.get("tag", ()) if value)),
            raw=self._raw(item),
        )

    def _ways(self, item: Item) -> tuple[str, str]:
        """The magnet link and the download URL that an item offers, each empty when there is none."""
        candidates = [item.first("magneturl"), item.enclosure.get("url", ""), item.fields.get("link", "")]
        magnet = next((link for link in candidates if link[:7].lower() == "magnet:" and _hash_of(link)), "")
        url = next((link for link in candidates if link[:8].lower().startswith(("http://", "https://"))), "")
        return magnet, self.link(url)

    def _direct(self, kind: str, item: Item, title: str, size: int | None) -> tuple[DirectFile, ...]:
        """An enclosure that is the audio itself, so that a plain web feed can serve as a source."""
        url = item.enclosure.get("url", "")
        if not kind.startswith("audio/") or not url.lower().startswith(("http://", "https://")):
            return ()
        try:
            name = PurePosixPath(unquote(urlsplit(url).path)).name or title
        except ValueError:
            return ()
        return (DirectFile(url=self.link(url), name=name, size_bytes=size or None),)

    def _guid(self, item: Item, infohash: str, title: str, size: int | None) -> str:
        guid = self.shown(item.fields.get("guid") or item.first("guid"))
        return guid or infohash or self._info_url(item) or _digest(f"{title}\n{size}")

    def _info_url(self, item: Item) -> str:
        for name in ("comments", "guid"):
            url = item.fields.get(name, "")
            if url.lower().startswith(("http://", "https://")):
                return self.shown(url).removesuffix("#comments")
        return ""

    def _raw(self, item: Item) -> dict[str, str]:
        """What people may want to see of the item; links are left out, since they hold keys."""
        hidden = {"link", "magneturl", "guid", "comments"}
        pairs = [(key, value) for key, value in item.fields.items() if key not in hidden]
        pairs += [(key, ", ".join(values)) for key, values in item.attributes.items() if key not in hidden]
        return {self.shown(key)[:100]: self.shown(value)[:1000] for key, value in pairs[:MAX_RAW_FIELDS]}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]


def _hash_of(magnet: str) -> str:
    if not magnet:
        return ""
    try:
        return parse_magnet(magnet).ref
    except BadTorrent:
        return ""


def _whole(text: str | None) -> int | None:
    """A count or a size; None for what is missing, negative or absurd."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 17 else None


def _ratio(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _factor(text: str) -> float:
    value = _ratio(text)
    return 1.0 if value is None else value


def _leechers(item: Item, seeders: int | None) -> int | None:
    """`leechers` where it is sent; else `peers`, which counts the seeders too."""
    leechers, peers = _whole(item.first("leechers")), _whole(item.first("peers"))
    if leechers is not None or peers is None:
        return leechers
    return max(0, peers - (seeders or 0))


def _numbers(texts: list[str]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(number for text in texts if (number := _whole(text)) is not None))


def _names(text: str) -> tuple[str, ...]:
    plain = " ".join(html.unescape(text).split())
    parts = (part.strip() for part in re.split(r"[,;&]| and ", plain))
    return tuple(dict.fromkeys(part for part in parts if part))


def _moment(text: str | None) -> datetime.datetime | None:
    """A date of RFC 822 or ISO 8601 as an aware datetime in UTC; None when it is neither."""
    if not text:
        return None
    for read in (email.utils.parsedate_to_datetime, datetime.datetime.fromisoformat):
        try:
            moment = read(text)
            aware = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
            return aware.astimezone(datetime.UTC)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None
