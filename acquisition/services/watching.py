"""What happened since a moment: the events of downloads and the progress of runs, for a live view.

A place in the stream is `EVENT.MILLISECONDS`: the last event of a download that was told, and when runs were last
looked at. Runs tell their state, not their history: after a break one hears how each stands now.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Max, Q

from acquisition.models import DownloadEvent
from config.http import redact
from scheduling.models import UNFINISHED, Run

MOST_AT_ONCE = 200
# Clocks of several processes, and rows that are committed a little after their time stamp.
OVERLAP = datetime.timedelta(seconds=2)
# A longer absence is not told run by run.
LONGEST_BREAK = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come."""

    event_id: int
    at: datetime.datetime

    def text(self) -> str:
        return f"{self.event_id}.{int(self.at.timestamp() * 1000)}"


def read_place(text: str, *, now: datetime.datetime) -> Place | None:
    """The place that a reader names; None when it is none."""
    number, _, moment = text.partition(".")
    if not (number.isascii() and number.isdigit() and moment.isascii() and moment.isdigit()):
        return None
    if len(number) > 18 or len(moment) > 14:
        return None
    at = datetime.datetime.fromtimestamp(int(moment) / 1000, tz=datetime.UTC)
    return Place(int(number), min(max(at, now - LONGEST_BREAK), now))


def current_place(*, now: datetime.datetime) -> Place:
    """Here and now: nothing of the past is told."""
    return Place(DownloadEvent.objects.aggregate(last=Max("pk"))["last"] or 0, now)


@dataclass
class Watch:
    """Looks again and again from one place on."""

    place: Place
    _told: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def look(self, *, now: datetime.datetime) -> Iterator[tuple[str, dict[str, Any], Place]]:
        """What is new: the kind (`download` or `run`), its facts, and the place behind it."""
        since = self.place.at
        for event in _events(self.place.event_id):
            self.place = Place(event.pk, since)
            yield "download", _download_facts(event), self.place
        for run in _runs(since - OVERLAP):
            state = (run.status, run.processed, run.failed, run.total, run.message)
            if self._told.get(run.pk) != state:
                self._told[run.pk] = state
                yield "run", _run_facts(run), self.place
        self.place = Place(self.place.event_id, now)


def _events(after: int) -> Any:
    rows = DownloadEvent.objects.filter(pk__gt=after).select_related("download").order_by("pk")
    return rows[:MOST_AT_ONCE]


def _runs(since: datetime.datetime) -> Any:
    return Run.objects.filter(Q(status__in=UNFINISHED) | Q(finished_at__gte=since)).order_by("pk")[:MOST_AT_ONCE]


def _download_facts(event: DownloadEvent) -> dict[str, Any]:
    return {
        "download_id": event.download_id,
        "title": event.download.title,
        "status": event.download.status,
        "progress": event.download.progress,
        "old_status": event.old_status,
        "new_status": event.new_status,
        "code": event.code,
        "message": redact(event.message),
        "actor": event.actor,
        "at": event.at,
    }


def _run_facts(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.pk,
        "task": run.job,
        "status": run.status,
        "progress": run.progress,
        "processed": run.processed,
        "succeeded": run.succeeded,
        "failed": run.failed,
        "total": run.total,
        "message": redact(run.message),
    }
