"""The tracker account: figures that are never made up, the ratio guard, and what it stops."""

import datetime
from dataclasses import dataclass, field
from typing import Any

import pytest

from acquisition.domain.facts import OfferedRelease, SearchQuery
from acquisition.domain.ratio import GuardState, judge_freeleech, judge_ratio
from acquisition.models import Indexer, Notification
from acquisition.services.health import check_health
from acquisition.services.notifications import change_notifications
from acquisition.services.tracker import check_events, grab_stop_reason, last_account, last_events, read_account
from acquisition.tests.services.ops_world import NOW, do_job, make_indexer
from config.errors import Unavailable

STEP = datetime.timedelta(minutes=15)


@dataclass
class Account:
    username: str = "reader"
    member_class: str = "User"
    ratio: float | None = 2.0
    bonus_points: int | None = 500
    unsatisfied_count: int | None = 3
    unsatisfied_limit: int | None = 50
    vip_until: datetime.datetime | None = None


@dataclass
class Tracker:
    """A tracker in memory; `down` makes it fail."""

    figures: Account = field(default_factory=Account)
    down: bool = False
    free: int = 0
    asked: int = 0

    def account(self) -> Account:
        self.asked += 1
        if self.down:
            raise Unavailable("The tracker is down.", service="tracker")
        return self.figures

    def search(self, query: SearchQuery) -> list[OfferedRelease]:
        return [OfferedRelease(str(n), "x", download_volume_factor=0.0 if n < self.free else 1.0) for n in range(40)]

    def __call__(self, indexer: Indexer) -> "Tracker":
        return self


@pytest.mark.parametrize(
    ("ratios", "stopped", "moves"),
    [
        ([1.0, 1.2], False, 0),
        ([0.99], True, 1),
        ([0.99, 1.02, 1.049], True, 1),
        ([0.99, 1.05], False, 2),
        ([0.99, None, None], True, 1),
        ([None], False, 0),
        ([1.04, 1.0, 0.999, 1.0, 1.05, 1.04], False, 2),
    ],
)
def test_the_guard_does_not_flutter(ratios: list[float | None], stopped: bool, moves: int) -> None:
    state, moved = GuardState(), 0
    for number, ratio in enumerate(ratios):
        state, did = judge_ratio(state, ratio, now=NOW + number * STEP)
        moved += did
    assert (state.is_stopped, moved) == (stopped, moves)
    assert GuardState.from_mapping(state.as_dict()) == state


@pytest.mark.parametrize(
    ("factors", "expected"),
    [([0.0] * 5, (None, None)), ([0.0] * 20, (1.0, True)), ([0.0] * 10 + [1.0] * 10, (0.5, False))],
)
def test_freeleech_needs_enough_to_tell(factors: list[float], expected: tuple[Any, Any]) -> None:
    assert judge_freeleech(factors) == expected


@pytest.mark.django_db
def test_without_an_account_nothing_is_known() -> None:
    report = last_account().as_dict()
    assert (report["status"], report["ratio"], report["as_of"]) == ("not_configured", None, None)
    assert do_job("tracker_account").result["status"] == "not_configured"
    assert do_job("tracker_events").status == "succeeded"
    assert last_events()["is_freeleech"] is None
    assert grab_stop_reason(make_indexer("http://127.0.0.1:9")) == ""


@pytest.fixture
def indexer(db: None) -> Indexer:
    return make_indexer("http://127.0.0.1:9", kind="myanonamouse", name="mam", api_key="cookie-value")


def test_figures_have_their_moment_and_are_asked_for_seldom(indexer: Indexer) -> None:
    tracker = Tracker()
    assert last_account().status == "never_read"
    report = read_account(now=NOW, opener=tracker).as_dict()
    assert (report["status"], report["ratio"], report["as_of"]) == ("ok", 2.0, NOW.isoformat())
    assert report["wedges"] is None
    indexer.refresh_from_db()
    assert indexer.settings["member_class"] == "User"
    read_account(now=NOW + datetime.timedelta(minutes=5), opener=tracker)
    assert tracker.asked == 1
    read_account(now=NOW + datetime.timedelta(minutes=5), force=True, opener=tracker)
    assert tracker.asked == 2


def test_a_failure_keeps_the_old_figures_with_their_moment(indexer: Indexer) -> None:
    tracker = Tracker()
    read_account(now=NOW, opener=tracker)
    tracker.down = True
    with pytest.raises(Unavailable):
        read_account(now=NOW + STEP, opener=tracker)
    report = last_account().as_dict()
    assert (report["status"], report["ratio"], report["as_of"]) == ("failed", 2.0, NOW.isoformat())
    assert "down" in report["last_error"]


def test_the_guard_is_kept_stops_grabs_is_seen_and_told_once(indexer: Indexer) -> None:
    change_notifications(urls=["json://127.0.0.1:9/"], events=["ratio_guard"])
    tracker = Tracker(Account(ratio=0.9))
    for number in range(3):
        read_account(now=NOW + number * STEP, opener=tracker)
    assert "0.90" in grab_stop_reason(indexer)
    assert [f.code for f in check_health(now=NOW, talk="none").findings if f.code == "ratio_guard"] == ["ratio_guard"]
    tracker.figures.ratio = 1.06
    read_account(now=NOW + 3 * STEP, opener=tracker)
    assert grab_stop_reason(indexer) == ""
    assert [row.title for row in Notification.objects.order_by("pk")] == ["Downloads stopped", "Downloads go on"]


def test_too_many_unsatisfied_torrents_stop_grabs(indexer: Indexer) -> None:
    read_account(now=NOW, opener=Tracker(Account(unsatisfied_count=48)))
    assert "48 of 50" in grab_stop_reason(indexer)
    read_account(now=NOW + STEP, opener=Tracker(Account(unsatisfied_count=47)))
    assert grab_stop_reason(indexer) == ""


def test_freeleech_is_seen_among_the_newest(indexer: Indexer) -> None:
    found = check_events(now=NOW, opener=Tracker(free=40))
    assert (found["is_freeleech"], found["free_share"]) == (True, 1.0)
    assert last_events()["as_of"] == NOW.isoformat()
    indexer.refresh_from_db()
    assert indexer.queries_today == 1
