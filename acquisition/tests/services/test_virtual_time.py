"""A week of virtual time: budgets, pace, growing intervals, and what is new found within the promised time.

The figures of a month with a thousand books are measured by `benchmarks/month.py` and published in docs/reliability.md.
"""

import datetime
from functools import lru_cache

import pytest

from acquisition.domain.pacing import feed_interval, feeds_a_day, search_limit
from acquisition.services.searching import INTERVALS_HOURS
from acquisition.tests.virtual_time import DAY, HOUR, START, Plan, World

BUDGETS = {"large": 96, "middle": 48, "small": 24, "ailing": 48, "none": 0}
OUTAGE = (0.5, 1.25)


@lru_cache(maxsize=1)
def lived() -> World:
    """The days are lived once, for all tests of this file; what came of them is kept in memory."""
    plans = [Plan(name, budget, outages=(OUTAGE,) if name == "ailing" else ()) for name, budget in BUDGETS.items()]
    days = World(plans, books=40, days=3, releases=8, old_releases=3)
    days.prepare()
    days.run()
    days.waits = days.waited()
    return days


@pytest.fixture
def world(db: None) -> World:
    return lived()


def test_no_indexer_is_asked_more_than_its_budget_on_any_day(world: World) -> None:
    assert all(queries <= BUDGETS[name] for name, _, queries, _ in world.spent())
    most = {name: max(queries for n, _, queries, _ in world.spent() if n == name) for name in BUDGETS}
    assert most["none"] == 0
    assert most["large"] > 48, "the search uses what the feeds leave"
    assert most["small"] > 12


def test_queries_are_spread_over_the_day(world: World) -> None:
    """No hour gets more than its share, what the hours before left over, and the feeds."""
    for name, fake in world.indexers.items():
        if name == "ailing":
            continue  # after an outage its feeds are read again, and what was left over is used
        for day in range(world.days):
            for hour in range(24):
                until = START + day * DAY + (hour + 1) * HOUR
                spent = sum(START + day * DAY <= at < until for at, _ in fake.calls)
                assert spent <= BUDGETS[name] * (hour + 1) / 24 + 1, (name, day, hour)


def test_even_an_indexer_with_few_queries_reaches_every_book(world: World) -> None:
    """None is asked twice for one book while another book was never asked for."""
    for name in ("middle", "small"):
        titles = [title for _, title in world.indexers[name].calls if title]
        assert len(set(titles)) >= min(len(titles), world.books - len(world.waits)) * 0.9, name


def test_every_book_is_searched_before_any_is_searched_again(world: World) -> None:
    first = {pk: visits[0][0] for pk, visits in world.visits.items()}
    assert len(first.keys() | world.waits.keys()) == world.books
    again = min(visits[1][0] for visits in world.visits.values() if len(visits) > 1)
    assert max(first.values()) <= again


def test_the_interval_of_each_book_grows(world: World) -> None:
    rounds = [gaps for gaps in world.rounds().values() if len(gaps) > 1]
    assert rounds, "some plans were gone through more than twice"
    for gaps in world.rounds().values():
        for number, gap in enumerate(gaps):
            assert gap >= INTERVALS_HOURS[number] * HOUR - datetime.timedelta(minutes=1)


def test_what_is_new_is_taken_within_the_promised_time(world: World) -> None:
    """A look at the feed of every 15 minutes, or as often as half of a small budget allows."""
    for pk, (at, name) in world.appeared.items():
        if at < START or world.was_down(pk):
            continue
        assert world.waits[pk] <= feed_interval(BUDGETS[name]) + datetime.timedelta(minutes=15), (name, at)


def test_an_outage_is_not_hammered_and_what_came_in_it_is_found_after(world: World) -> None:
    ailing = world.indexers["ailing"]
    assert 3 <= len(ailing.refused) <= 12, "the ladder, not the schedule, decides when it is asked"
    after = [at for at, _ in ailing.calls if at >= START + OUTAGE[1] * DAY]
    assert after
    assert after[0] - (START + OUTAGE[1] * DAY) <= datetime.timedelta(hours=12)
    late = [pk for pk, (at, name) in world.appeared.items() if at >= START and name == "ailing"]
    assert late
    assert all(pk in world.waits for pk in late)


@pytest.mark.parametrize("budget", [0, 1, 7, 24, 50, 96, 200, 1000, 100_000])
def test_the_shares_of_a_day_never_exceed_it(budget: int) -> None:
    minutes = [START + datetime.timedelta(minutes=m) for m in range(0, 24 * 60, 10)]
    limits = [search_limit(budget, now=at) for at in minutes]
    assert limits == sorted(limits)
    assert 0 <= limits[0] <= max(budget // 24, 0)
    assert limits[-1] <= budget
    assert feeds_a_day(budget) + limits[0] <= max(budget, 0)
