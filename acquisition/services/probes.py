"""Talking to one outside service now: whether it answers, which version, how fast, and what does not work."""

import datetime
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from acquisition.domain.facts import ClientHealth, SearchQuery
from acquisition.models import DownloadClient, Indexer, IndexerKind
from acquisition.services.budgets import spend_query
from acquisition.services.ports import ask, open_client, open_indexer
from config.errors import ExternalAPIError, UnabridgedError
from library.domain.facts import BookQuery
from library.models import Audiobookshelf, ProviderState
from library.services.providers import EMBEDDED, open_provider, record_failure, record_success
from library.services.readers import open_audiobookshelf, record_contact
from library.services.states import read_state, write_state

# A book that every catalogue of audiobooks has.
KNOWN_BOOK = BookQuery(title="The Wonderful Wizard of Oz", author="L. Frank Baum")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried, with the outcome in words."""

    name: str
    is_ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of it. `latency_ms` is that of the first answer; `error` is a sentence that says what to do."""

    is_ok: bool
    as_of: datetime.datetime
    version: str = ""
    latency_ms: int | None = None
    error: str = ""
    error_code: str = ""
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    health: ClientHealth | None = None
    is_serious: bool = True


@dataclass
class _Trial:
    now: datetime.datetime
    steps: list[Step] = field(default_factory=list)
    latency_ms: int | None = None

    def run(self, name: str, call: Callable[[], Any], say: Callable[[Any], str]) -> Any:
        """One step; its failure ends the trial."""
        started = time.monotonic()
        try:
            answer = call()
        except UnabridgedError as error:
            self.steps.append(Step(name, False, error.message))
            raise
        if self.latency_ms is None:
            self.latency_ms = max(1, round((time.monotonic() - started) * 1000))
        self.steps.append(Step(name, True, say(answer)))
        return answer

    def good(self, **values: Any) -> Probe:
        return Probe(True, self.now, latency_ms=self.latency_ms, steps=tuple(self.steps), **values)

    def bad(self, error: UnabridgedError) -> Probe:
        return Probe(False, self.now, error=error.message, error_code=error.code, steps=tuple(self.steps))


def probe_client(row: DownloadClient, *, now: datetime.datetime) -> Probe:
    """Also asks a client that is backing off, since it is the user's own: an answer ends its rest at once, and another
    failure does not make the rest longer."""
    trial = _Trial(now)
    rests = bool(row.paused_until and row.paused_until > now)

    def call(question: Callable[[], Any]) -> Any:
        return question() if rests else ask(row, question, now=now)

    try:
        health: ClientHealth = trial.run(
            "connection", lambda: call(lambda: open_client(row).check()), lambda h: f"Version {h.version}."
        )
        trial.run(
            "list",
            lambda: call(lambda: open_client(row).list(tag="unabridged-probe")),
            lambda rows: "Downloads can be listed.",
        )
    except UnabridgedError as error:
        return _remember(row.name, trial.bad(error))
    well: dict[str, Any] = {"version": health.version[:60], "last_error": "", "last_ok_at": now}
    if rests:
        well |= {"paused_until": None, "failure_level": 0}
    DownloadClient.objects.filter(pk=row.pk).update(**well)
    return _remember(row.name, trial.good(version=health.version, warnings=tuple(health.warnings), health=health))


def probe_indexer(row: Indexer, *, now: datetime.datetime, search: bool = False) -> Probe:
    """`search`: also ask for the newest releases, at the cost of one query of today's budget."""
    trial = _Trial(now)
    try:
        caps = trial.run(
            "capabilities",
            lambda: ask(row, lambda: open_indexer(row).capabilities(), now=now),
            lambda c: f"It is {c.server or row.name} and searches by {', '.join((*c.search_params, *c.book_params))}.",
        )
        if row.kind == IndexerKind.MYANONAMOUSE:
            client = open_indexer(row)
            check = getattr(client, "check", None)
            if check is not None:
                trial.run("session", lambda: ask(row, check, now=now), lambda _: "The session is accepted.")
        if search and spend_query(row, today=now.date()):
            trial.run(
                "search",
                lambda: ask(row, lambda: open_indexer(row).search(SearchQuery(limit=20)), now=now),
                lambda found: f"{len(found)} of the newest releases were read." if found else "It offers nothing new.",
            )
    except UnabridgedError as error:
        return _remember(row.name, trial.bad(error))
    Indexer.objects.filter(pk=row.pk).update(version=caps.server[:60], last_error="")
    return _remember(row.name, trial.good(version=caps.server))


def probe_provider(row: ProviderState, *, now: datetime.datetime) -> Probe:
    trial = _Trial(now)
    try:
        client = open_provider(row)
        found = trial.run("search", lambda: client.find_books(KNOWN_BOOK), lambda books: f"{len(books)} records found.")
    except ExternalAPIError as error:
        record_failure(row, error, now=now)
        return _remember(row.name, trial.bad(error))
    except UnabridgedError as error:
        return _remember(row.name, trial.bad(error))
    if row.name != EMBEDDED:
        record_success(row, now=now)
    ProviderState.objects.filter(pk=row.pk).update(last_error="")
    words = () if found else (f"{row.name} answers, but does not know “{KNOWN_BOOK.title}”. Check its region.",)
    return _remember(row.name, replace(trial.good(warnings=words), is_serious=False))


def probe_audiobookshelf(row: Audiobookshelf, *, now: datetime.datetime) -> Probe:
    trial = _Trial(now)
    client = open_audiobookshelf(row)
    try:
        health = trial.run(
            "connection",
            client.check,
            lambda h: f"Version {h.version}, {len(h.libraries)} libraries, user {h.user.name}.",
        )
    except ExternalAPIError as error:
        record_contact(row, error)
        return _remember(row.name, trial.bad(error))
    finally:
        client.close()
    record_contact(row, None)
    Audiobookshelf.objects.filter(pk=row.pk).update(version=health.version[:40])
    return _remember(row.name, trial.good(version=health.version, warnings=tuple(health.warnings)))


def _remember(name: str, probe: Probe) -> Probe:
    """Keep how the last talk went, so that lists can show it without asking again."""
    kept = read_state("probes")
    kept[name] = {
        "is_ok": probe.is_ok,
        "latency_ms": probe.latency_ms,
        "as_of": probe.as_of.isoformat(),
        "error": probe.error,
        "warnings": list(probe.warnings),
    }
    write_state("probes", kept)
    return probe
