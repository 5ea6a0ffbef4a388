"""How an indexer's queries are spread over a day, so that the search never comes as a stampede.

The day is that of UTC, as the counters are. Feeds come first: a feed of 15 minutes finds what is new, whatever the
number of wanted books. What is left is let out hour by hour; a person who asks is bound by the day's budget alone.
"""

import datetime
import math

DEFAULT_BUDGET = 200
HOURS = 24
FEED_EVERY = datetime.timedelta(minutes=15)
FEEDS_A_DAY = 96


def budget_of(daily_budget: int | None) -> int:
    """Queries a day; none given means the default, 0 forbids all."""
    return DEFAULT_BUDGET if daily_budget is None else daily_budget


def feeds_a_day(budget: int) -> int:
    """How many of a day's queries go to the feed: one each 15 minutes, and never more than half of the budget."""
    return min(FEEDS_A_DAY, max(budget // 2, min(budget, 1)))


def feed_interval(budget: int) -> datetime.timedelta:
    """How long a feed is left alone after it was read; a budget of 0 leaves it alone for a day."""
    return datetime.timedelta(days=1) / max(feeds_a_day(budget), 1)


def search_limit(budget: int, *, now: datetime.datetime) -> int:
    """How many queries may have been spent today before the search by itself spends another one.

    By the end of an hour as much of the budget as of the day is let out, less what the feed still needs in that hour.
    """
    let_out = budget * (now.hour + 1) / HOURS
    rest_of_hour = 1 - now.minute / 60
    feeds_to_come = math.ceil(feeds_a_day(budget) / HOURS * rest_of_hour)
    return max(0, math.floor(let_out) - feeds_to_come)


def run_limit(budget: int) -> int:
    """How many queries one run of an hour may spend: twice the hour's share, so that what an outage left over is not
    used up at once."""
    return math.ceil(2 * budget / HOURS)


def cycle(budget: int, wanted: int) -> datetime.timedelta:
    """How long an indexer leaves a book alone after it was asked for it, so that its few queries reach every wanted book
    before any a second time; nothing where they reach all within a day."""
    searches = budget - feeds_a_day(budget)
    if wanted <= searches:
        return datetime.timedelta(0)
    return datetime.timedelta(days=0.9 * wanted / max(searches, 1))
