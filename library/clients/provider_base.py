"""What all catalogue providers share: pacing, calls, names of people and kinds of books."""

import html
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from config.errors import Malformed, Rejected, Unavailable
from config.http import MEGABYTE, Answer, Guard, Http
from library.clients.json_values import distinct, text
from library.domain.facts import BookKind, BookQuery, CatalogueBook, CatalogueSeries, Identifier, SeriesPlace

FIND_BOOKS, FIND_SERIES = "find_books", "find_series"
GET_SERIES, FIND_AUTHOR_BOOKS = "get_series", "find_author_books"

ASIN = re.compile(r"B[0-9A-Z]{9}|[0-9]{9}[0-9X]")  # old titles carry their ISBN-10 as ASIN
ISBN = re.compile(r"(?:97[89])?\d{9}[\dX]")
# A person whom a catalogue lists among the authors for another deed: "Jay Rubin - translator".
ROLE = re.compile(
    r"(?i)\s+[-–]\s+(?:translat|transl\b|trans\b|foreword|introduct|intro\b|editor|edited|afterword|adapt|contribut|"
    r"illustrat|preface|notes|narrat|compil|director|producer|essay|commentary|übersetz|herausgeb|vorwort|traduc|tradutt)"
    r"[\w\s/,-]*\.?$"
)
PART = re.compile(r"(?i)\(\s*(?:part\s+)?\d+\s+of\s+\d+\s*\)|\bpart\s+\d+\s+of\s+\d+\b")
RANGE = re.compile(r"^\s*\d+(?:\.\d+)?\s*[-–]\s*\d+(?:\.\d+)?\s*$")
DRAMA = re.compile(r"(?i)\bdramati[sz]ed\b|\bdramati[sz]ation\b|\bfull[- ]cast\b|\bdramatic reading\b|\baudio drama\b")
POSITION = re.compile(r"\d+(?:\.\d+)?(?:\s*[-–]\s*\d+(?:\.\d+)?)?[a-z]?|\.\d+", re.IGNORECASE)


class Pace:
    """At least `seconds` between two calls."""

    def __init__(self, seconds: float, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._next = float("-inf")

    def wait(self) -> None:
        early = self._next - self._clock()
        if early > 0:
            self._sleep(early)
        self._next = self._clock() + self.seconds


class Provider:
    """Base of the providers, with the empty answers of those that cannot give something.

    `base_url` replaces the public address (self-hosted, or a test). `min_interval` is in seconds between calls.
    """

    name: str = ""
    service: ClassVar[str]
    default_base_url: ClassVar[str]
    default_interval: ClassVar[float] = 1.0
    has_key: ClassVar[bool] = False
    capabilities: frozenset[str] = frozenset()

    def __init__(
        self,
        base_url: str = "",
        *,
        min_interval: float | None = None,
        timeout: tuple[float, float] = (5.0, 10.0),
        deadline_seconds: float = 30.0,
        retry_wait: float = 1.0,
        headers: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = (base_url or self.default_base_url).rstrip("/")
        self.pace = Pace(self.default_interval if min_interval is None else min_interval, clock=clock, sleep=sleep)
        self._sleep = sleep
        self._retry_wait = retry_wait
        self.http = Http(
            self.service,
            self.base_url,
            headers={"Accept": "application/json", **(headers or {})},
            timeout=timeout,
            deadline_seconds=deadline_seconds,
            max_bytes=8 * MEGABYTE,
            guard=Guard(),
            max_redirects=3,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r})"

    def close(self) -> None:
        self.http.close()

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        return []

    def find_series(self, name: str, *, author: str = "") -> list[CatalogueSeries]:
        return []

    def get_series(self, provider_id: str, *, region: str = "") -> CatalogueSeries | None:
        return None

    def find_author_books(self, author: str) -> Iterable[CatalogueBook]:
        return []

    def _call(self, method: str, path: str, *, accept: Iterable[int] = (200,), **options: Any) -> Answer:
        """A paced call; a fault of the server (5xx without a word on when to come back) is tried once more."""
        try:
            return self._call_once(method, path, accept, options)
        except Unavailable as error:
            if (error.http_status or 0) < 500 or error.retry_after:
                raise
        self._sleep(self._retry_wait)
        return self._call_once(method, path, accept, options)

    def _call_once(self, method: str, path: str, accept: Iterable[int], options: Mapping[str, Any]) -> Answer:
        self.pace.wait()
        try:
            return self.http.request(method, path, accept=accept, **options)
        except Rejected as error:
            if self.has_key or error.http_status not in (401, 403):
                raise
            # There are no credentials that could be wrong: such services turn away addresses that ask too much.
            raise Rejected(
                f"{self.service} turns this server away ({error.http_status}). Wait some hours, ask it less often "
                "(a longer interval in the settings), or use another catalogue.",
                service=self.service,
                code="turned_away",
                http_status=error.http_status,
            ) from error

    def _get_object(
        self, path: str, params: Mapping[str, Any] | None = None, *, absent: Iterable[int] = (404,)
    ) -> Mapping[str, Any]:
        """The JSON object at a path; an empty one for a status in `absent`."""
        answer = self._call("GET", path, params=params, accept=(200, *absent))
        return {} if answer.status != 200 else self._object(answer)

    def _object(self, answer: Answer) -> Mapping[str, Any]:
        shape = answer.json()
        if not isinstance(shape, Mapping):
            raise self._malformed()
        return shape

    def _rows(self, shape: Mapping[str, Any], key: str, *, may_lack: bool = False) -> list[Mapping[str, Any]]:
        """The objects of the list under `key`; Malformed when there is no such list (unless it `may_lack`)."""
        rows = shape.get(key)
        if rows is None and may_lack:
            return []
        if not isinstance(rows, list):
            raise self._malformed()
        return [row for row in rows if isinstance(row, Mapping)]

    def _malformed(self) -> Malformed:
        return Malformed(
            f"{self.service} answered JSON of another shape than its protocol says. Check the address; if it is right, "
            "the service has changed.",
            service=self.service,
        )

    def _wait(self, seconds: float | None, *, status: int) -> Unavailable:
        return Unavailable(
            f"{self.service} asks us to wait.", service=self.service, http_status=status, retry_after=seconds
        )


def identifiers_of(query: BookQuery, scheme: str) -> list[Identifier]:
    """The identifiers of one scheme, their values in capitals without spaces and hyphens, each once."""
    found = (
        Identifier(one.scheme, re.sub(r"[\s-]", "", one.value).upper(), one.region)
        for one in query.identifiers
        if one.scheme == scheme and one.value.strip()
    )
    return list(dict.fromkeys(found))


def plain(value: object) -> str:
    """A line of text with HTML entities resolved."""
    return " ".join(html.unescape(text(value)).split())


def writers(names: Iterable[str]) -> tuple[str, ...]:
    """The authors among credited people. Translators, editors and the like are left out, unless nobody else is there:
    then they stand, without their role."""
    credited = [plain(name) for name in names]
    authors = distinct(name for name in credited if not ROLE.search(name))
    return authors or distinct(ROLE.sub("", name) for name in credited)


def asin_identifiers(value: object, region: str) -> tuple[Identifier, ...]:
    asin = text(value).upper()
    return (Identifier("asin", asin, region),) if ASIN.fullmatch(asin) else ()


def isbn_identifiers(values: Iterable[object]) -> tuple[Identifier, ...]:
    written = (re.sub(r"[\s-]", "", text(value)).upper() for value in values)
    return tuple(Identifier("isbn", isbn) for isbn in dict.fromkeys(written) if ISBN.fullmatch(isbn))


def position_text(value: object) -> str:
    """`Book 1` -> `1`, `1-3` -> `1-3`, `0.5` -> `0.5`, `2.0` -> `2`; text without a number stays as it is."""
    written = plain(value)
    found = POSITION.search(written)
    if not found:
        return written
    return re.sub(r"(\d)\.0+(?!\d)", r"\1", re.sub(r"\s*[-–]\s*", "-", found[0]))


def places(pairs: Iterable[tuple[object, object]]) -> tuple[SeriesPlace, ...]:
    """Series places from (name, position) pairs, each series once, those without a name left out."""
    found: dict[str, SeriesPlace] = {}
    for name, position in pairs:
        if (written := plain(name)) and written not in found:
            found[written] = SeriesPlace(written, position_text(position))
    return tuple(found.values())


def kind_of(title: str, series: Iterable[SeriesPlace]) -> BookKind | None:
    """A part by its title, an omnibus by its position; None when nothing says so."""
    if PART.search(title):
        return BookKind.PART
    positions = [place.position for place in series if place.position]
    return BookKind.OMNIBUS if positions and all(RANGE.match(position) for position in positions) else None


def dramatised(*words: str) -> bool | None:
    """True when a title or subtitle says so; never False, since silence says nothing."""
    return True if any(DRAMA.search(word) for word in words) else None


def minutes(value: float | None) -> int | None:
    """Seconds of a number of minutes; nothing for the 0 of books that are not out yet."""
    return round(value * 60) if value and value > 0 else None


def name_words(name: str) -> list[str]:
    """The words of a name without accents, case and punctuation."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", name) if not unicodedata.combining(one))
    return re.findall(r"\w+", bare.casefold())


def name_key(name: str) -> str:
    """A name to compare by, which does not care for spaces between initials either."""
    return "".join(name_words(name))


def person_key(name: str) -> str:
    """As `name_key`, with `Last, First` the same as `First Last`."""
    last, comma, first = name.partition(",")
    return name_key(f"{first} {last}" if comma and first.strip() else name)
