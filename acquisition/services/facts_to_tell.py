"""Which new facts people want to hear of: read from the tables of events, each row once, from the last mark on.

The first look only notes where things stand, so that switching notifications on tells no old news.
"""

import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from acquisition.models import DownloadEvent
from acquisition.services.notifications import queue_fact
from library.models import Book, Gap
from library.services.states import read_state, write_state

STATE = "told"
EVENT_OF_STATUS = {"grabbed": "grabbed", "imported": "imported", "failed": "failed", "blocked": "blocked"}
TITLES = {"grabbed": "Grabbed", "imported": "Imported", "failed": "Failed", "blocked": "Needs you"}
MAX_NAMED = 10
LOOK_BACK = 100


def collect_facts(*, now: datetime.datetime) -> int:
    """Queue what is new since the last look; returns how many messages. Rows and the mark move in one transaction."""
    with transaction.atomic():
        mark = read_state(STATE)
        if not mark:
            write_state(STATE, _here(now))
            return 0
        count = _events(mark, now) + _gaps(mark, now) + _released(mark, now)
        write_state(STATE, mark)
    return count


def _here(now: datetime.datetime) -> dict[str, Any]:
    last = DownloadEvent.objects.aggregate(last=Max("pk"))["last"] or 0
    return {
        "event": last,
        "first_event": last,
        "gap": Gap.objects.aggregate(last=Max("pk"))["last"] or 0,
        "released": now.date().isoformat(),
    }


def _events(mark: dict[str, Any], now: datetime.datetime) -> int:
    # A row may be committed after one with a higher number: the last ones are looked at again, and told once by key.
    first = max(mark.get("first_event", mark["event"]), mark["event"] - LOOK_BACK)
    rows = DownloadEvent.objects.filter(pk__gt=first).select_related("download").order_by("pk")[: 500 + LOOK_BACK]
    count = 0
    for row in rows:
        mark["event"] = max(row.pk, mark["event"])
        event = EVENT_OF_STATUS.get(row.new_status)
        if event:
            title = f"{TITLES[event]}: {row.download.title}"
            count += queue_fact(event=event, key=f"{event}:{row.pk}", title=title, body=row.message or title, now=now)
    return count


def _gaps(mark: dict[str, Any], now: datetime.datetime) -> int:
    """New gaps that count, as one message for all of a look."""
    last = Gap.objects.aggregate(last=Max("pk"))["last"] or 0
    fresh = Gap.objects.open().filter(pk__gt=mark["gap"], pk__lte=last, counts=True).exclude(reason="upcoming")
    rows = list(fresh.select_related("book", "series").order_by("pk"))
    key, mark["gap"] = f"gap_found:{mark['gap']}-{last}", last
    if not rows:
        return 0
    names = [f"{gap.book.title}" + (f" ({gap.series.name} {gap.position})" if gap.series else "") for gap in rows]
    more = f"\n… and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    title = "1 book is missing" if len(names) == 1 else f"{len(names)} books are missing"
    body = "\n".join(names[:MAX_NAMED]) + more
    return queue_fact(event="gap_found", key=key, title=title, body=body, now=now)


def _released(mark: dict[str, Any], now: datetime.datetime) -> int:
    """Wanted books whose day has come since the last look."""
    since, today = datetime.date.fromisoformat(mark["released"]), now.date()
    mark["released"] = today.isoformat()
    if since >= today:
        return 0
    books = Book.objects.active().filter(release_date__gt=since, release_date__lte=today, is_owned=False)
    wanted = books.filter(gaps__closed_at=None, gaps__isnull=False).exclude(gaps__reason="not_followed").distinct()
    count = 0
    for book in wanted.order_by("pk")[:100]:
        key = f"released:{book.pk}:{book.release_date}"
        body = f"{book.title} came out on {book.release_date}."
        count += queue_fact(event="released", key=key, title=f"Out now: {book.title}", body=body, now=now)
    return count
