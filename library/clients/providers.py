"""Which catalogue providers there are, and how one is made from settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config.errors import ValidationError
from library.clients.abs_search import AudiobookshelfSearch
from library.clients.audible import DOMAINS, Audible
from library.clients.audnexus import REGIONS, Audnexus
from library.clients.google_books import GoogleBooks
from library.clients.hardcover import Hardcover
from library.clients.itunes import Itunes
from library.clients.librivox import LibriVox
from library.clients.openlibrary import OpenLibrary
from library.clients.provider_base import Provider
from library.domain.facts import CatalogueProvider


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider that can be built. `required` and `optional` name settings beside `base_url` and `min_interval`;
    those in `secret` must never be shown."""

    name: str
    title: str
    gives: str
    build: Callable[..., Provider]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    @property
    def capabilities(self) -> frozenset[str]:
        return getattr(self.build, "capabilities", frozenset())


KNOWN_PROVIDERS: Mapping[str, ProviderInfo] = {
    info.name: info
    for info in (
        ProviderInfo(
            "audnexus",
            "Audnexus",
            "Audiobooks by ASIN or title, with narrators, runtime and up to two series; needs no key.",
            Audnexus,
            optional=("region",),
            regions=REGIONS,
        ),
        ProviderInfo(
            "audible",
            "Audible catalogue",
            "Audiobooks with all their series, whole series and what an author has; unofficial, needs no key.",
            Audible,
            optional=("region",),
            regions=tuple(DOMAINS),
        ),
        ProviderInfo(
            "openlibrary",
            "Open Library",
            "Works and their year by title, author or ISBN, and what an author wrote; no recordings, needs no key.",
            OpenLibrary,
        ),
        ProviderInfo(
            "google",
            "Google Books",
            "Works by title, author or ISBN, with descriptions; no recordings; a free key is advised.",
            GoogleBooks,
            optional=("api_key", "country"),
            secret=("api_key",),
        ),
        ProviderInfo(
            "hardcover",
            "Hardcover",
            "Books with series and positions, whole series and what an author wrote; needs a free token.",
            Hardcover,
            required=("token",),
            secret=("token",),
        ),
        ProviderInfo(
            "itunes",
            "iTunes",
            "Audiobooks by title or author, abridged or not; no narrators or runtime, needs no key, slow.",
            Itunes,
            optional=("region",),
        ),
        ProviderInfo(
            "librivox",
            "LibriVox",
            "Public-domain recordings with readers and runtime; no series, needs no key.",
            LibriVox,
        ),
        ProviderInfo(
            "audiobookshelf",
            "Audiobookshelf search",
            "What your Audiobookshelf finds in the catalogues it is connected to; needs its address and an API key.",
            AudiobookshelfSearch,
            required=("base_url",),
            optional=("token", "username", "password", "source"),
            secret=("token", "password"),
        ),
    )
}


def build_provider(name: str, settings: Mapping[str, Any] | None = None, **options: Any) -> CatalogueProvider:
    """The provider of that name. `settings` may hold `base_url`, `min_interval` (seconds between calls) and what its
    `ProviderInfo` names; empty values count as absent. `options` (clock, sleep, timeout) go on as they are.

    Raises ValidationError, naming the setting, for an unknown provider, an unknown setting or one that is lacking.
    """
    info = KNOWN_PROVIDERS.get(name)
    if info is None:
        known = ", ".join(KNOWN_PROVIDERS)
        raise ValidationError(f"There is no provider {name!r}. Choose one of: {known}.", fields={"name": "Unknown."})
    given = {key: value for key, value in (settings or {}).items() if value not in ("", None)}
    allowed = {"base_url", "min_interval", *info.required, *info.optional}
    wrong = {key: f"{info.title} has no such setting." for key in given if key not in allowed}
    wrong |= {key: f"{info.title} needs this." for key in info.required if key not in given}
    wrong |= {key: "Text is needed." for key in given if key != "min_interval" and not isinstance(given[key], str)}
    if "base_url" in given and not str(given["base_url"]).startswith(("http://", "https://")):
        wrong["base_url"] = "An address that begins with http:// or https:// is needed."
    if "min_interval" in given and not _is_interval(given["min_interval"]):
        wrong["min_interval"] = "A number of seconds, 0 or more, is needed."
    if info.regions and given.get("region", info.regions[0]) not in info.regions:
        wrong["region"] = f"Choose one of: {', '.join(info.regions)}."
    if wrong:
        raise ValidationError(f"The settings of {info.title} are not right.", fields=wrong)
    return info.build(**given, **options)


def _is_interval(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
