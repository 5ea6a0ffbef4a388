"""The job `housekeeping`: what is old and nobody needs goes, a piece at a time; answers to “why not yet?” stay."""

import datetime
from collections.abc import Mapping
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import Exists, Max, OuterRef, QuerySet

from accounts.services.lockout import prune_failures
from accounts.services.tokens import prune_tokens
from acquisition.models import Decision, Notification, NotificationStatus, Release
from acquisition.services.recycling import empty_recycle_bin
from acquisition.services.storage import measure_storage
from library.models import GapAnalysis
from library.services.settings import get_setting
from scheduling.models import Run, RunStatus
from scheduling.services.context import RunContext

PIECE = 1000
STALE_RELEASE = datetime.timedelta(days=60)


def keep_house(*, run: RunContext, now: datetime.datetime) -> Mapping[str, Any]:
    """Prune. The newest run of each job, and decisions that no newer ones replaced, are kept whatever their age."""
    before = now - datetime.timedelta(days=get_setting("history.days"))
    counts = {
        "runs": _delete(_old_runs(before), run),
        "decisions": _delete(_old_decisions(before), run),
        "releases": _delete(_stale_releases(now), run),
        "gap_analyses": _delete(_old_analyses(before), run),
        "notifications": _delete(_old_notifications(before), run),
        "sessions": _delete(Session.objects.filter(expire_date__lt=now), run),
        "tokens": prune_tokens(now=now),
        "login_failures": prune_failures(now=now),
        "recycled": empty_recycle_bin(now=now),
    }
    measure_storage(now=now)
    done = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    return {"message": f"Removed: {done}." if done else "Nothing is old enough to be removed.", **counts}


def _delete(rows: QuerySet[Any], run: RunContext) -> int:
    """In pieces, so that no transaction is long; a cancelled run stops between two."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:PIECE]):
        rows.model._default_manager.filter(pk__in=ids).delete()
        total += len(ids)
        run.advance(count=len(ids), message=f"Removing {rows.model._meta.verbose_name_plural}")
    return total


def _old_runs(before: datetime.datetime) -> QuerySet[Run]:
    newest = Run.objects.order_by("job").values("job").annotate(last=Max("pk")).values_list("last", flat=True)
    ended = [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED]
    return Run.objects.filter(status__in=ended, created_at__lt=before).exclude(pk__in=list(newest))


def _old_decisions(before: datetime.datetime) -> QuerySet[Decision]:
    """Those that a newer search of the same book has replaced."""
    newer = Decision.objects.filter(book=OuterRef("book"), created_at__gte=before)
    return Decision.objects.filter(created_at__lt=before, overruled_by=None).filter(Exists(newer))


def _stale_releases(now: datetime.datetime) -> QuerySet[Release]:
    return Release.objects.filter(last_seen_at__lt=now - STALE_RELEASE, downloads=None, decisions=None)


def _old_analyses(before: datetime.datetime) -> QuerySet[GapAnalysis]:
    last = GapAnalysis.objects.order_by("-pk").values_list("pk", flat=True).first()
    return GapAnalysis.objects.filter(created_at__lt=before).exclude(pk=last or 0)


def _old_notifications(before: datetime.datetime) -> QuerySet[Notification]:
    ended = [NotificationStatus.SENT, NotificationStatus.FAILED]
    return Notification.objects.filter(status__in=ended, created_at__lt=before)
