"""The catalogue providers in force: which are enabled, in what order, with their health, back-off and budget."""

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from django.conf import settings
from django.db.models import F

from config.backoff import paused_until, step_down, step_up
from config.errors import ExternalAPIError
from library.clients.embedded import EmbeddedCatalogue
from library.clients.providers import build_provider
from library.domain.facts import CatalogueProvider
from library.domain.people import person_key
from library.domain.titles import series_key
from library.models import ProviderState

T = TypeVar("T")
EMBEDDED = "embedded"
DEFAULTS = (
    # name, enabled, trust, daily budget
    (EMBEDDED, True, 60, None),
    ("audnexus", False, 80, 5000),
    ("audible", False, 80, 5000),
    ("hardcover", False, 70, 4000),
    ("openlibrary", False, 50, 3000),
    ("google", False, 40, 900),
    ("itunes", False, 40, 2000),
    ("librivox", False, 60, 2000),
)


@dataclass(frozen=True)
class Asked:
    """A provider with the state that is written when it is asked."""

    state: ProviderState
    client: CatalogueProvider

    @property
    def name(self) -> str:
        return self.state.name

    def may_be_asked(self, now: datetime.datetime) -> bool:
        """Not while it is backing off, nor when its budget of the day is spent."""
        state = self.state
        if state.paused_until and state.paused_until > now:
            return False
        spent = state.calls_today if state.calls_date == now.date() else 0
        return state.daily_budget is None or spent < state.daily_budget

    def ask(self, call: Callable[[CatalogueProvider], T], *, now: datetime.datetime) -> T:
        """Call the provider; its health, back-off and budget are kept. Raises what the client raises."""
        try:
            answer = call(self.client)
        except ExternalAPIError as error:
            record_failure(self.state, error, now=now)
            raise
        if self.name != EMBEDDED:
            record_success(self.state, now=now)
        return answer


def ensure_providers() -> None:
    """The rows that are missing, with their defaults."""
    known = set(ProviderState.objects.values_list("name", flat=True))
    ProviderState.objects.bulk_create(
        [
            ProviderState(name=name, is_enabled=enabled, trust=trust, daily_budget=budget)
            for name, enabled, trust, budget in DEFAULTS
            if name not in known
        ],
        ignore_conflicts=True,
    )


def enabled_providers(*, now: datetime.datetime) -> Iterator[Asked]:
    """Those that may be asked now, the most trusted first."""
    ensure_providers()
    for state in ProviderState.objects.filter(is_enabled=True).order_by("-trust", "name"):
        asked = Asked(state, open_provider(state))
        if asked.may_be_asked(now):
            yield asked


def open_provider(state: ProviderState) -> CatalogueProvider:
    """The client of a provider row."""
    if state.name == EMBEDDED:
        return embedded_catalogue()
    urls = {
        "openlibrary": settings.OPEN_LIBRARY_URL,
        "audnexus": settings.AUDNEXUS_URL,
        "librivox": settings.LIBRIVOX_URL,
    }
    values = {**state.settings}
    if state.name in urls:
        values.setdefault("base_url", urls[state.name])
    if state.secret:
        values["token"] = state.secret
    return build_provider(state.name, values)


_EMBEDDED: list[EmbeddedCatalogue] = []


def embedded_catalogue() -> EmbeddedCatalogue:
    """The catalogue that ships with the product; loaded once per process."""
    if not _EMBEDDED:
        _EMBEDDED.append(EmbeddedCatalogue())
    return _EMBEDDED[0]


def knows_series(provider: Asked, name: str) -> bool:
    """False where a look at the names of the embedded catalogue is enough to know that asking it is in vain."""
    if not isinstance(provider.client, EmbeddedCatalogue):
        return True
    return series_key(name) in _embedded_names(provider.client)


@lru_cache(maxsize=4)
def _embedded_names(catalogue: EmbeddedCatalogue) -> frozenset[str]:
    return frozenset(series_key(name) for row in catalogue.iter_series() for name in (row.name, *row.aliases))


@lru_cache(maxsize=4)
def _embedded_authors(catalogue: EmbeddedCatalogue) -> frozenset[str]:
    names = {name for book in catalogue.iter_books() for name in book.authors if book.series}
    return frozenset(key for name in names if (key := person_key(name)))


def known_author_keys(provider: Asked) -> frozenset[str]:
    """The keys of the authors with a series in the embedded catalogue."""
    return _embedded_authors(provider.client) if isinstance(provider.client, EmbeddedCatalogue) else frozenset()


def record_success(state: ProviderState, *, now: datetime.datetime) -> None:
    _count(state, now)
    ProviderState.objects.filter(pk=state.pk).update(
        failure_level=step_down(state.failure_level), paused_until=None, last_ok_at=now
    )
    state.failure_level, state.paused_until = step_down(state.failure_level), None


def record_failure(state: ProviderState, error: ExternalAPIError, *, now: datetime.datetime) -> None:
    _count(state, now)
    level = step_up(state.failure_level)
    until = paused_until(level, now=now, retry_after=error.retry_after)
    ProviderState.objects.filter(pk=state.pk).update(
        failure_level=level, paused_until=until, last_error=error.message[:500], last_error_at=now
    )
    state.failure_level, state.paused_until = level, until


def _count(state: ProviderState, now: datetime.datetime) -> None:
    """Other processes count too: the row is the truth, what this one knows is brought along."""
    rows = ProviderState.objects.filter(pk=state.pk)
    if not rows.filter(calls_date=now.date()).update(calls_today=F("calls_today") + 1):
        rows.update(calls_date=now.date(), calls_today=1)
    state.calls_date, state.calls_today = rows.values_list("calls_date", "calls_today").get()
