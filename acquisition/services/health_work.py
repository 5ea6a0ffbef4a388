"""Health of the product's own work: settings, database, workers, the scheduler, downloads, reviews, runs, the clock."""

import datetime
from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max, Min
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from acquisition.domain.health import Finding, error, notice, ok, warning
from acquisition.models import Download, DownloadClient, Indexer, ReleaseProfile
from library.models import Copy, LibraryRoot, MatchState
from library.services.settings import KNOWN, get_setting, get_settings
from library.services.states import read_state
from scheduling.domain.jobs import JOBS
from scheduling.models import Run, RunStatus, Trigger

WAITS_TOO_LONG = datetime.timedelta(minutes=5)
BEAT_LAG = datetime.timedelta(minutes=10)
REVIEW_AGE = datetime.timedelta(days=14)
BACKUP_AGE = datetime.timedelta(days=21)
SKEW = datetime.timedelta(minutes=5)


def check_settings(now: datetime.datetime) -> Iterator[Finding]:
    """Stored settings that are valid, and settings that make sense together."""
    faults = [f"{key} {fault}" for key, value in get_settings().items() if (fault := KNOWN[key].check(value))]
    if faults:
        yield error("settings", f"Stored settings are not valid: {'; '.join(faults)}. Change them under Settings.")
    else:
        yield ok("settings", "The settings are valid.")
    if settings.DEBUG:
        yield warning("debug", "UNABRIDGED_DEBUG is on, which shows internals to visitors. Switch it off.")
    if settings.TIME_ZONE == "UTC":
        yield notice("time_zone", "Schedules run by UTC. Set UNABRIDGED_TIME_ZONE if you mean local times.")
    if get_setting("search.is_automatic") and not Indexer.objects.filter(is_enabled=True, is_automatic=True).exists():
        yield error("automatic_search", "Searching by itself is on, but no indexer may be used for it. Add one.")


def check_database(now: datetime.datetime) -> Iterator[Finding]:
    """The schema is the one of this version, and its clock is ours."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        yield error("migrations", f"{len(plan)} migrations are not applied. Run `manage.py migrate`.")
    else:
        yield ok("migrations", "The database has the schema of this version.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            theirs = cursor.fetchone()[0]
        if abs(theirs - timezone.now()) > SKEW:
            yield warning("clock", "The database's clock differs from this machine's. Let both keep time by NTP.")


def check_profiles(now: datetime.datetime) -> Iterator[Finding]:
    """Libraries that go by a release profile which is not there."""
    known = set(ReleaseProfile.objects.values_list("name", flat=True))
    for root in LibraryRoot.objects.filter(is_enabled=True).exclude(profile=""):
        if root.profile not in known:
            words = (
                f"{root.name} goes by the release profile {root.profile}, which is not there; the general one is used."
            )
            yield warning("release_profile", f"{words} Choose one under Release profiles.", root.name)


def check_clock(now: datetime.datetime) -> Iterator[Finding]:
    newest = Run.objects.aggregate(at=Max("created_at"))["at"]
    if newest and newest - now > SKEW:
        yield warning(
            "clock",
            f"The clock was set back: the newest run is of {newest:%Y-%m-%d %H:%M} UTC, which is in the future. Let "
            "this machine keep time by NTP.",
        )
    else:
        yield ok("clock", "The clock goes forward.")


def check_workers(now: datetime.datetime) -> Iterator[Finding]:
    """A worker lives when what is queued is taken up."""
    waiting = Run.objects.filter(status=RunStatus.QUEUED).aggregate(at=Min("created_at"))["at"]
    last = Run.objects.aggregate(at=Max("started_at"))["at"]
    if waiting and now - waiting > WAITS_TOO_LONG and (last is None or now - last > WAITS_TOO_LONG):
        minutes = int((now - waiting).total_seconds() // 60)
        yield error(
            "worker",
            f"A job has been waiting for {minutes} minutes and none was begun: no worker is running. Start `manage.py "
            "serve` (or its worker), and look at its log.",
        )
    elif last is None:
        yield notice("worker", "No job has been done yet. Start `manage.py serve`.")
    else:
        yield ok("worker", f"The last job was begun at {last:%Y-%m-%d %H:%M} UTC.")


def check_beat(now: datetime.datetime) -> Iterator[Finding]:
    """The scheduler lives when what is due every minute was started lately."""
    task = PeriodicTask.objects.filter(name="download_monitor").first()
    if task is None:
        yield error("beat", "The schedules are missing. Run `manage.py migrate`.")
        return
    if not task.enabled:
        yield notice(
            "beat", "The job “Watch downloads” is paused; downloads are not followed. Resume it under Schedules."
        )
        return
    runs = Run.objects.filter(trigger=Trigger.SCHEDULE).aggregate(at=Max("created_at"))["at"]
    last = max((moment for moment in (task.last_run_at, runs) if moment), default=None)
    if last is None:
        yield notice("beat", "The scheduler has not started anything yet. Start `manage.py serve`.")
    elif now - last > BEAT_LAG:
        yield error(
            "beat",
            f"The scheduler has started nothing since {last:%Y-%m-%d %H:%M} UTC. Start `manage.py serve`.",
        )
    else:
        yield ok("beat", "The scheduler starts jobs in time.")


def check_downloads(now: datetime.datetime) -> Iterator[Finding]:
    """Downloads that do not get on."""
    blocked = Download.objects.filter(status="blocked")
    count = blocked.count()
    if count:
        yield warning("blocked_downloads", f"{count} imports wait for a person; see Downloads, status blocked.")
    hours = get_setting("downloads.stalled_hours")
    since = now - datetime.timedelta(hours=min(hours, 6))
    stuck = Download.objects.in_client().filter(progressed_at__lt=since).count()
    if stuck:
        yield warning(
            "stuck_downloads",
            f"{stuck} downloads have not moved for hours. After {hours} hours without progress another release is "
            "tried; look at them in the client.",
        )
    late = Download.objects.filter(status="queued", status_at__lt=now - datetime.timedelta(hours=1))
    late_one = late.exclude(next_retry_at__gt=now).exclude(error_message="").first()
    if late_one:
        yield warning(
            "stuck_downloads", f"“{late_one.title}” waits to be handed over: {late_one.error_message}", "queue"
        )
    if not (count or stuck or late_one):
        yield ok("downloads", "No download is stuck.")
    torrent = DownloadClient.objects.filter(is_enabled=True).exclude(kind="http").exists()
    wants_one = Indexer.objects.filter(is_enabled=True).exclude(kind="librivox").exists()
    if wants_one and not torrent:
        yield error("no_client", "Indexers for torrents are set up, but no torrent client is. Add one.")


def check_reviews(now: datetime.datetime) -> Iterator[Finding]:
    waiting = Copy.objects.present().filter(match_state=MatchState.REVIEW)
    old = waiting.filter(matched_at__lt=now - REVIEW_AGE).count()
    if old:
        yield notice(
            "reviews", f"{old} matches have waited for a decision for more than two weeks; see Copies to review."
        )
    else:
        yield ok("reviews", f"{waiting.count()} matches wait for a decision.")


def check_runs(now: datetime.datetime) -> Iterator[Finding]:
    """Jobs whose last run failed; one finding for each."""
    failed = False
    for job in JOBS.values():
        last = Run.objects.filter(job=job.name, status__in=[RunStatus.SUCCEEDED, RunStatus.FAILED]).first()
        if last and last.status == RunStatus.FAILED and job.name != "health_check":
            failed = True
            yield warning("failed_run", f"“{job.title}” failed the last time: {last.message}", job.name)
    if not failed:
        yield ok("failed_run", "The last run of every job went well.")


def check_backups(now: datetime.datetime) -> Iterator[Finding]:
    from acquisition.services.backups import list_backups

    if not LibraryRoot.objects.exists():
        return
    backups = list_backups()
    first = Run.objects.aggregate(at=Min("created_at"))["at"]
    if backups and now - backups[0].created_at <= BACKUP_AGE:
        yield ok("backups", f"The newest backup is of {backups[0].created_at:%Y-%m-%d}.")
    elif backups or (first and now - first > BACKUP_AGE):
        yield warning("backups", "There is no backup of the last three weeks. Start the job “Back up”.")


def check_integrity(now: datetime.datetime) -> Iterator[Finding]:
    """What the last look at the library's files found."""
    damaged = read_state("integrity").get("copies_with_problems")
    if damaged:
        yield warning("damaged_files", f"{damaged} books have missing or damaged files; see Copies with problems.")
