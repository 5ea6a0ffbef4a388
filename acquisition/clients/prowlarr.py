"""Prowlarr's own API (version 1), to learn which indexers it has. Searching goes through its Torznab addresses.

Source: Prowlarr's API controllers. The key goes in a header, so that no address holds it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from acquisition.clients.web import checked_url, for_people, trusting
from acquisition.domain.facts import IndexerCapabilities
from config.errors import Malformed
from config.http import Guard, Http

AUDIO = range(3000, 4000)


@dataclass(frozen=True, slots=True)
class ProwlarrIndexer:
    """An indexer that Prowlarr has. `torznab_url` needs Prowlarr's API key; `seed_ratio` and `seed_minutes` are what
    Prowlarr was told that the tracker wants; `queries_a_day` is the limit that it was given; `disabled_until` is its own
    back-off (ISO 8601), empty when there is none.
    """

    id: int
    name: str
    is_enabled: bool
    protocol: str
    privacy: str
    priority: int
    categories: tuple[int, ...]
    torznab_url: str
    capabilities: IndexerCapabilities
    seed_ratio: float | None = None
    seed_minutes: int | None = None
    disabled_until: str = ""
    queries_a_day: int | None = None

    @property
    def has_audio(self) -> bool:
        """Whether it lists any audio category; one without categories may have anything."""
        return not self.categories or any(category in AUDIO for category in self.categories)


@dataclass(frozen=True, slots=True)
class ProwlarrHealth:
    version: str
    name: str


@dataclass
class ProwlarrClient:
    """A Prowlarr server."""

    url: str = field(repr=False)
    api_key: str = field(repr=False)
    name: str = "Prowlarr"
    guard: Guard | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(checked_url(self.url.strip(), service=self.name))
        path = parts.path.rstrip("/").removesuffix("/api/v1").removesuffix("/api")
        self.url = urlunsplit((parts.scheme, parts.netloc, path, "", ""))
        self._http = Http(
            self.name, self.url, headers={"X-Api-Key": self.api_key}, guard=trusting(self.guard, self.url)
        )

    def check(self) -> ProwlarrHealth:
        """Version and name, when address and key are right."""
        status = self._http.get("/api/v1/system/status").json()
        if not isinstance(status, Mapping) or status.get("appName") != "Prowlarr":
            raise Malformed(f"{self.name} is not Prowlarr. Check the address.", service=self.name)
        return ProwlarrHealth(
            for_people(str(status.get("version", ""))), for_people(str(status.get("instanceName", "")))
        )

    def indexers(self) -> list[ProwlarrIndexer]:
        """All indexers, with the back-off that Prowlarr keeps for them."""
        rows = self._list("/api/v1/indexer")
        waiting = {
            row.get("indexerId"): str(row.get("disabledTill") or "") for row in self._list("/api/v1/indexerstatus")
        }
        return [self._indexer(row, waiting.get(row["id"], "")) for row in rows if isinstance(row.get("id"), int)]

    def _list(self, path: str) -> list[Mapping[str, Any]]:
        rows = self._http.get(path).json()
        if not isinstance(rows, list):
            raise Malformed(f"{self.name} answered something that is not a list.", service=self.name)
        return [row for row in rows if isinstance(row, Mapping)]

    def _indexer(self, row: Mapping[str, Any], disabled_until: str) -> ProwlarrIndexer:
        known = row.get("capabilities")
        known = known if isinstance(known, Mapping) else {}
        categories = dict(_categories(known.get("categories")))
        fields = {one.get("name"): one.get("value") for one in row.get("fields") or () if isinstance(one, Mapping)}
        name, priority = for_people(str(row.get("name", ""))), row.get("priority")
        return ProwlarrIndexer(
            id=row["id"],
            name=name,
            is_enabled=row.get("enable") is True and row.get("supportsSearch") is not False,
            protocol=str(row.get("protocol", "unknown")),
            privacy=str(row.get("privacy", "")),
            priority=priority if isinstance(priority, int) else 25,
            categories=tuple(categories),
            torznab_url=f"{self.url}/{row['id']}/api",
            capabilities=IndexerCapabilities(
                server=name,
                search_params=_names(known.get("searchParams")) or ("q",),
                book_params=_names(known.get("bookSearchParams")),
                categories=categories,
                page_size=_whole(known.get("limitsMax")) or 100,
            ),
            seed_ratio=_number(fields.get("torrentBaseSettings.seedRatio")),
            seed_minutes=_whole(fields.get("torrentBaseSettings.seedTime")),
            disabled_until=disabled_until,
            queries_a_day=_daily(fields),
        )


def _daily(fields: Mapping[Any, Any]) -> int | None:
    """The limit of queries, a day (unit 0) or an hour (unit 1); None when there is none."""
    limit = _whole(fields.get("baseSettings.queryLimit"))
    return limit * 24 if limit and fields.get("baseSettings.limitsUnit") == 1 else limit


def _categories(rows: Any) -> list[tuple[int, str]]:
    """Ids and names of the tree of categories, parents first."""
    found: list[tuple[int, str]] = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and isinstance(row.get("id"), int):
            found.append((row["id"], for_people(str(row.get("name", "")))))
            found += [pair for pair in _categories(row.get("subCategories")) if len(found) < 2000]
    return found


def _names(values: Any) -> tuple[str, ...]:
    return tuple(str(value).lower() for value in values) if isinstance(values, list) else ()


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value >= 0 else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and 0 < value < 2**31 else None
