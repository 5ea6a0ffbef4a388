"""The tracker account as policy: its figures with their moment, the ratio guard, and events such as freeleech.

Figures are never made up: what the tracker did not say is None, and without an account there are none at all. The
tracker keeps its figures for a quarter of an hour, so it is asked no oftener than every ten minutes.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import transaction

from acquisition.domain.account_rules import AccountFacts, WedgeRules, whole_setting
from acquisition.domain.facts import OfferedRelease, SearchQuery
from acquisition.domain.health import Finding, notice, ok, warning
from acquisition.domain.ratio import GuardState, judge_freeleech, judge_ratio
from acquisition.models import DownloadEvent, Indexer, IndexerKind
from acquisition.services.budgets import spend_query
from acquisition.services.notifications import queue_fact
from acquisition.services.ports import ask, open_indexer
from config.errors import ExternalAPIError, UnabridgedError
from library.services.states import read_state, write_state

STATE, EVENTS_STATE = "tracker", "tracker_events"
WEDGE = "wedge"
ASK_EVERY = datetime.timedelta(minutes=10)
FIGURES = (
    "username", "member_class", "ratio", "uploaded_bytes", "downloaded_bytes", "bonus_points", "wedges", "vip_until",
    "unsatisfied_count", "unsatisfied_limit", "hit_and_run_count", "is_connectable",
)  # fmt: skip


class TrackerClient(Protocol):
    """What is needed of a client of a tracker with an account."""

    def account(self) -> Any: ...

    def search(self, query: SearchQuery) -> list[OfferedRelease]: ...


OpenTracker = Callable[[Indexer], TrackerClient]


@dataclass(frozen=True, slots=True)
class AccountReport:
    """`status`: ok, not_configured, never_read, or failed (then `figures` are the last known ones, of `as_of`)."""

    status: str
    indexer: str | None = None
    as_of: str | None = None
    figures: Mapping[str, Any] | None = None
    guard: Mapping[str, Any] | None = None
    last_error: str = ""

    def as_dict(self) -> dict[str, Any]:
        known = self.figures or {}
        return {
            "status": self.status,
            "indexer": self.indexer,
            "as_of": self.as_of,
            **{name: known.get(name) for name in FIGURES},
            "guard": dict(self.guard) if self.guard else None,
            "last_error": self.last_error,
        }


def tracker_indexer() -> Indexer | None:
    """The indexer whose account is watched: the first that is enabled and has one."""
    return Indexer.objects.filter(is_enabled=True, kind=IndexerKind.MYANONAMOUSE).first()


def open_tracker(indexer: Indexer) -> TrackerClient:
    """The client of a tracker, with its newest session cookie."""
    client: Any = open_indexer(indexer)
    if not hasattr(client, "account"):
        raise UnabridgedError(f"{indexer.name} gives no figures of an account.", code="indexer_error")
    return client  # type: ignore[no-any-return]


def read_account(*, now: datetime.datetime, force: bool = False, opener: OpenTracker = open_tracker) -> AccountReport:
    """Ask for the figures unless they are fresh, keep them, and move the ratio guard. Raises what the client raises,
    after noting it; the older figures stay with their moment."""
    indexer = tracker_indexer()
    if indexer is None:
        return AccountReport("not_configured")
    kept = _kept(indexer)
    if not force and kept.get("asked_at") and now - datetime.datetime.fromisoformat(kept["asked_at"]) < ASK_EVERY:
        return last_account()
    if not force and indexer.paused_until and indexer.paused_until > now:
        return last_account()
    try:
        account = ask(indexer, lambda: opener(indexer).account(), now=now)
    except ExternalAPIError as error:
        write_state(STATE, {**kept, "asked_at": now.isoformat(), "last_error": error.message})
        raise
    figures = {name: _plain(getattr(account, name, None)) for name in FIGURES}
    _tell_class(indexer, figures["member_class"])
    guard, moved = judge_ratio(GuardState.from_mapping(kept.get("guard")), figures["ratio"], now=now)
    found = {
        "indexer": indexer.name,
        "asked_at": now.isoformat(),
        "as_of": now.isoformat(),
        "figures": figures,
        "guard": guard.as_dict(),
        "last_error": "",
    }
    # That the guard moved and that it was told are written together.
    with transaction.atomic():
        write_state(STATE, found)
        if moved:
            _tell_guard(indexer, guard, now)
    return last_account()


def _tell_guard(indexer: Indexer, guard: GuardState, now: datetime.datetime) -> None:
    queue_fact(
        event="ratio_guard",
        key=f"ratio_guard:{indexer.pk}:{guard.since}",
        title="Downloads stopped" if guard.is_stopped else "Downloads go on",
        body=f"{indexer.name}: {guard.reason}",
        now=now,
    )


def _tell_class(indexer: Indexer, member_class: str | None) -> None:
    """The class decides which releases are free for the member, so the client of the indexer must know it."""
    if member_class and indexer.settings.get("member_class") != member_class:
        indexer.settings = {**indexer.settings, "member_class": member_class}
        Indexer.objects.filter(pk=indexer.pk).update(settings=indexer.settings)


def _kept(indexer: Indexer) -> dict[str, Any]:
    kept = read_state(STATE)
    return kept if kept.get("indexer", indexer.name) == indexer.name else {}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime.date) else value


def last_account() -> AccountReport:
    """The figures as they were last read; asks nobody."""
    indexer = tracker_indexer()
    if indexer is None:
        return AccountReport("not_configured")
    kept = _kept(indexer)
    if not kept:
        return AccountReport("never_read", indexer.name)
    return AccountReport(
        "failed" if kept.get("last_error") else "ok",
        indexer.name,
        kept.get("as_of"),
        kept.get("figures"),
        kept.get("guard"),
        kept.get("last_error", ""),
    )


def account_facts(indexer: Indexer, *, now: datetime.datetime) -> AccountFacts:
    """What is known of the account of a tracker, as it was last read; asks nobody. Nothing for other indexers."""
    if indexer.kind != IndexerKind.MYANONAMOUSE:
        return AccountFacts()
    kept = _kept(indexer)
    figures = kept.get("figures") or {}
    rules = WedgeRules.from_settings(indexer.settings)
    return AccountFacts(
        refusal=_stop_reason(kept, whole_setting(indexer.settings, "unsatisfied_reserve", 2)),
        member_class=str(figures.get("member_class") or ""),
        wedges=figures.get("wedges"),
        wedges_spent_today=wedges_spent(indexer, day=now.date()) if rules.policy != "never" else 0,
        rules=rules,
    )


def wedges_spent(indexer: Indexer, *, day: datetime.date) -> int:
    """How many wedges we spent on a day (UTC); each is an event of its download."""
    start = datetime.datetime.combine(day, datetime.time(), tzinfo=datetime.UTC)
    events = DownloadEvent.objects.filter(code=WEDGE, at__gte=start, at__lt=start + datetime.timedelta(days=1))
    return events.filter(download__release__indexer=indexer).count()


def grab_stop_reason(indexer: Indexer) -> str:
    """Why nothing may be taken from this tracker now: the guard, or too many torrents that were not seeded enough yet.
    Empty when it may. Asks nobody."""
    if indexer.kind != IndexerKind.MYANONAMOUSE:
        return ""
    return _stop_reason(_kept(indexer), whole_setting(indexer.settings, "unsatisfied_reserve", 2))


def _stop_reason(kept: Mapping[str, Any], reserve: int) -> str:
    guard = GuardState.from_mapping(kept.get("guard"))
    if guard.is_stopped:
        return guard.reason
    figures = kept.get("figures") or {}
    count, limit = figures.get("unsatisfied_count"), figures.get("unsatisfied_limit")
    if count is not None and limit is not None and count >= limit - reserve:
        return (
            f"{count} of {limit} torrents that must still be seeded are in use ({reserve} are kept free). It goes on "
            "as soon as some have been seeded long enough."
        )
    return ""


def check_events(*, now: datetime.datetime, opener: OpenTracker = open_tracker) -> dict[str, Any]:
    """Look for freeleech among the newest uploads, and read the account. Kept under `tracker_events`."""
    indexer = tracker_indexer()
    if indexer is None:
        return {"status": "not_configured", "as_of": None, "is_freeleech": None, "free_share": None}
    account = read_account(now=now, opener=opener)
    if not spend_query(indexer, today=now.date()):
        return {**last_events(), "last_error": f"{indexer.name}: today's budget of queries is used up."}
    newest = ask(indexer, lambda: opener(indexer).search(SearchQuery(limit=50)), now=now)
    share, is_freeleech = judge_freeleech([release.download_volume_factor for release in newest])
    found = {
        "status": "ok",
        "indexer": indexer.name,
        "as_of": now.isoformat(),
        "is_freeleech": is_freeleech,
        "free_share": share,
        "looked_at": len(newest),
        "wedges": (account.figures or {}).get("wedges"),
        "vip_until": (account.figures or {}).get("vip_until"),
        "last_error": "",
    }
    write_state(EVENTS_STATE, found)
    return found


def last_events() -> dict[str, Any]:
    """What the last look for events found; asks nobody."""
    if tracker_indexer() is None:
        return {"status": "not_configured", "as_of": None, "is_freeleech": None, "free_share": None}
    return read_state(EVENTS_STATE) or {"status": "never_read", "as_of": None, "is_freeleech": None, "free_share": None}


def check_tracker(now: datetime.datetime) -> Iterator[Finding]:
    """The tracker's session and the ratio guard, for the health checks; asks nobody."""
    report = last_account()
    name = report.indexer or ""
    if report.status == "failed":
        yield warning("tracker_account", f"The figures of the account could not be read: {report.last_error}", name)
    if report.status == "never_read":
        yield notice("tracker_account", "The figures of the account were not read yet.", name)
    if report.guard and report.guard.get("is_stopped"):
        yield warning("ratio_guard", str(report.guard.get("reason")), name)
    elif report.status == "ok":
        yield ok("tracker_account", f"The account of {name} may download.", name)
