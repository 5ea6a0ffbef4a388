"""The health of services: the ladder, the minimum that a service asks for, the grace after a start, budgets."""

import datetime
from collections.abc import Callable

import pytest

from acquisition.models import Indexer
from acquisition.services.budgets import spend_query
from acquisition.services.ports import ask, is_paused
from acquisition.tests.factories import NOW, make_indexer
from config.errors import ExternalAPIError, Rejected, Unavailable

pytestmark = pytest.mark.django_db
EARLIER = NOW - datetime.timedelta(days=1)


def failing(error: ExternalAPIError) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


def fail(indexer: Indexer, error: ExternalAPIError, *, started_at: datetime.datetime = EARLIER) -> float:
    """Seconds for which it is left alone after this failure."""
    with pytest.raises(ExternalAPIError):
        ask(indexer, failing(error), now=NOW, started_at=started_at)
    indexer.refresh_from_db()
    return (indexer.paused_until - NOW).total_seconds() if indexer.paused_until else 0


def test_each_failure_climbs_a_step_and_each_success_steps_one_down() -> None:
    indexer = make_indexer()
    pauses = [fail(indexer, Unavailable("It is down.")) for _ in range(11)]
    assert pauses == [60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 86_400, 86_400]
    assert (indexer.last_error, is_paused(indexer, NOW)) == ("It is down.", True)
    levels = []
    for _ in range(3):
        assert ask(indexer, lambda: "well", now=NOW) == "well"
        indexer.refresh_from_db()
        levels.append(indexer.failure_level)
    assert levels == [8, 7, 6]
    assert not is_paused(indexer, NOW)


@pytest.mark.parametrize("asked, pause", [(7, 60), (1000, 1000), (10**9, 86_400), (None, 60)])
def test_what_the_service_asks_for_is_a_minimum(asked: float | None, pause: float) -> None:
    assert fail(make_indexer(), Unavailable("Wait.", retry_after=asked)) == pause


def test_in_the_first_minutes_a_failure_stays_on_the_first_step() -> None:
    indexer = make_indexer()
    just_now = NOW - datetime.timedelta(minutes=1)
    assert [fail(indexer, Unavailable("Starting."), started_at=just_now) for _ in range(4)] == [60] * 4
    assert indexer.failure_level == 1
    assert fail(indexer, Unavailable("Wait.", retry_after=900), started_at=just_now) == 900
    assert fail(indexer, Unavailable("Still down.")) == 300


def test_what_a_release_is_to_blame_for_says_nothing_of_the_service() -> None:
    indexer = make_indexer()
    assert fail(indexer, Rejected("Gone.", code="upstream_not_found", http_status=404)) == 0
    assert fail(indexer, Rejected("No torrent.", code="bad_torrent")) == 0
    assert indexer.failure_level == 0


@pytest.mark.parametrize("budget, allowed", [(None, 200), (3, 3), (0, 0)])
def test_the_budget_of_a_day(budget: int | None, allowed: int) -> None:
    indexer = make_indexer(daily_budget=budget)
    assert sum(spend_query(indexer, today=NOW.date()) for _ in range(allowed + 5)) == allowed
    tomorrow = NOW.date() + datetime.timedelta(days=1)
    assert spend_query(indexer, today=tomorrow) is (allowed > 0)
