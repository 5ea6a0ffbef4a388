"""The queries that an indexer is asked in a day: counted by the database, never more than allowed, spread over the day."""

import datetime
from collections import Counter

from django.db.models import F

from acquisition.domain.pacing import budget_of, cycle, feed_interval, run_limit, search_limit
from acquisition.models import Indexer

# A job that is due each 15 minutes starts a little early or late.
SLACK = datetime.timedelta(minutes=1)


def spend_query(indexer: Indexer, *, today: datetime.date, most: int | None = None) -> bool:
    """Take one query out of today's budget, atomically; False when there is none left. A budget of 0 forbids all.

    `most`: how many may have been spent by now, where that is less than the budget.
    """
    rows = Indexer.objects.filter(pk=indexer.pk)
    rows.exclude(budget_date=today).update(budget_date=today, queries_today=0, grabs_today=0)
    budget = budget_of(indexer.daily_budget)
    limit = budget if most is None else min(most, budget)
    return bool(rows.filter(queries_today__lt=limit).update(queries_today=F("queries_today") + 1))


def spend_page(indexer: Indexer) -> bool:
    """Take the next page of an answer out of the same budget as its first."""
    rows = Indexer.objects.filter(pk=indexer.pk, queries_today__lt=budget_of(indexer.daily_budget))
    return bool(rows.update(queries_today=F("queries_today") + 1))


def spend_feed_query(indexer: Indexer, *, now: datetime.datetime) -> bool:
    """Take one query for the feed; False when there is none left today."""
    if not spend_query(indexer, today=now.date()):
        return False
    indexer.feed_read_at = now
    Indexer.objects.filter(pk=indexer.pk).update(feed_read_at=now)
    return True


def is_feed_due(indexer: Indexer, *, now: datetime.datetime) -> bool:
    """Whether its feed was left alone long enough: 15 minutes, or longer where the budget is small."""
    read_at = indexer.feed_read_at
    return read_at is None or read_at > now or now - read_at >= feed_interval(budget_of(indexer.daily_budget)) - SLACK


def count_grab(indexer: Indexer, *, today: datetime.date) -> None:
    """Count a torrent that was fetched."""
    rows = Indexer.objects.filter(pk=indexer.pk)
    rows.exclude(budget_date=today).update(budget_date=today, queries_today=0, grabs_today=0)
    rows.update(grabs_today=F("grabs_today") + 1)


class Pace:
    """What the search by itself may spend in one run: of each indexer the share of the hour that is left, and never
    more than twice an hour's share. `wanted`: how many books it is shared by."""

    def __init__(self, *, now: datetime.datetime, wanted: int) -> None:
        self.now, self.wanted = now, wanted
        self._spent: Counter[int] = Counter()

    def spend(self, indexer: Indexer) -> bool:
        """Take one query; False when the share is used up."""
        budget = budget_of(indexer.daily_budget)
        if self._spent[indexer.pk] >= run_limit(budget):
            return False
        if not spend_query(indexer, today=self.now.date(), most=search_limit(budget, now=self.now)):
            return False
        self._spent[indexer.pk] += 1
        return True

    def rests_until(self, indexer: Indexer, asked_at: datetime.datetime | None) -> datetime.datetime | None:
        """Until when an indexer is not asked again for a book that it was asked for at `asked_at`; None when it may."""
        until = asked_at and asked_at + cycle(budget_of(indexer.daily_budget), self.wanted)
        return until if until and until > self.now else None

    def has_share_left(self) -> bool:
        """Whether any indexer may still be asked: set up for it, not backing off, and with a share left."""
        for indexer in Indexer.objects.usable(now=self.now).filter(is_automatic=True):
            budget = budget_of(indexer.daily_budget)
            spent = indexer.queries_today if indexer.budget_date == self.now.date() else 0
            if spent < search_limit(budget, now=self.now) and self._spent[indexer.pk] < run_limit(budget):
                return True
        return False
