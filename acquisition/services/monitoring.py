"""Following downloads from queue to shelf.

One run at a time (the job's lock) talks to the clients. What takes long, a transfer of the built-in downloader or an
import, gets a run of its own with a lock of its own, so that a run that died is noticed and done again.
"""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from acquisition.domain.facts import ClientDownload, ClientState
from acquisition.domain.states import DownloadState
from acquisition.models import ClientKind, Download, DownloadClient
from acquisition.services.grabbing import hand_over
from acquisition.services.ports import ask, open_client
from acquisition.services.transitions import fail, move, note, requeue
from config.errors import ConflictError, ExternalAPIError, Unavailable
from library.services.settings import get_setting
from scheduling.models import Run
from scheduling.services.context import RunCancelled, RunContext
from scheduling.services.runs import request_run

JOB = "download_monitor"
GRACE = datetime.timedelta(minutes=2)
TRANSFERS_AT_ONCE = 2
S = DownloadState


@dataclass
class MonitorResult:
    """What one look did."""

    moved: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


def wake_monitor(*, params: dict[str, Any] | None = None, lock: str = "") -> Run | None:
    """Ask for a look now; None when one is under way already."""
    try:
        return request_run(job=JOB, params=params, lock=lock)
    except ConflictError:
        return None


def monitor_downloads(*, run: RunContext | None = None, now: datetime.datetime | None = None) -> MonitorResult:
    """Hand over what is queued, look at what the clients do, start what is to be transferred and imported."""
    moment = now or timezone.now()
    result = MonitorResult()
    _hand_over_queued(result, moment, run)
    for client in DownloadClient.objects.filter(is_enabled=True):
        _look_at(client, result, moment)
        if run:
            run.report(message=f"Looked at {client.name}")
    _start_transfers()
    _start_imports()
    return result


def _hand_over_queued(result: MonitorResult, now: datetime.datetime, run: RunContext | None) -> None:
    room = get_setting("downloads.max_active") - Download.objects.in_client().count()
    queued = Download.objects.filter(status=S.QUEUED).exclude(next_retry_at__gt=now).order_by("created_at", "pk")
    for download in queued[: max(room, 0)]:
        hand_over(download, now=now)
        result.moved[download.status] += 1
        if run:
            run.report(message=f"Handed over: {download.title}")


def _look_at(client: DownloadClient, result: MonitorResult, now: datetime.datetime) -> None:
    """One client: all of our downloads in it, in one call."""
    ours = {download.client_ref: download for download in Download.objects.in_client().filter(client=client)}
    if not ours or (client.paused_until and client.paused_until > now):
        return
    try:
        seen = {row.ref: row for row in ask(client, lambda: open_client(client).list(refs=sorted(ours)), now=now)}
    except ExternalAPIError as error:
        result.errors.append(error.message)
        return
    for ref, download in ours.items():
        try:
            _follow(download, seen.get(ref), client, now)
        except ConflictError as error:
            note(download, error.message, code=error.code, now=now)
        download.refresh_from_db()
        result.moved[download.status] += 1


def _follow(download: Download, seen: ClientDownload | None, client: DownloadClient, now: datetime.datetime) -> None:
    if seen is None:
        _lost(download, client, now)
        return
    moved_on = seen.progress > download.progress or seen.state != download.client_state
    path = seen.content_path or download.content_path
    Download.objects.filter(pk=download.pk).update(
        progress=seen.progress,
        size_bytes=seen.size_bytes or download.size_bytes,
        downloaded_bytes=seen.downloaded_bytes,
        speed_bytes=seen.speed_bytes,
        eta_seconds=seen.eta_seconds,
        client_state=seen.state,
        content_path=path,
        progressed_at=now if moved_on else download.progressed_at,
    )
    if seen.state is ClientState.COMPLETE:
        if download.status == S.GRABBED:
            move(download, S.DOWNLOADING, message="The transfer has begun.", now=now)
        move(
            download,
            S.DOWNLOADED,
            message="Complete in the client.",
            now=now,
            completed_at=now,
            progress=1,
            speed_bytes=0,
        )
    elif seen.state is ClientState.ERROR:
        fail(download, code="client_error", message=f"{client.name} reports: {seen.message or 'an error'}", now=now)
    elif seen.state in (ClientState.DOWNLOADING, ClientState.STALLED) and download.status == S.GRABBED:
        move(download, S.DOWNLOADING, message="The transfer has begun.", now=now)
    _check_stalled(download, seen, now)


def _check_stalled(download: Download, seen: ClientDownload, now: datetime.datetime) -> None:
    """Without progress for long: the release has no source. Paused and checking downloads are somebody's doing."""
    if seen.state not in (ClientState.STALLED, ClientState.FETCHING_METADATA, ClientState.DOWNLOADING):
        return
    download.refresh_from_db()
    since = download.progressed_at or download.grabbed_at
    hours = get_setting("downloads.stalled_hours")
    if download.status in (S.GRABBED, S.DOWNLOADING) and since and now - since > datetime.timedelta(hours=hours):
        what = "no metadata came" if seen.state is ClientState.FETCHING_METADATA else "nothing came"
        fail(
            download,
            code="stalled",
            message=f"Stalled: {what} for {hours} hours. Another release is tried if there is one.",
            release_at_fault=True,
            now=now,
        )


def _lost(download: Download, client: DownloadClient, now: datetime.datetime) -> None:
    """The client does not know it (any more). Just after adding, that is only slowness."""
    if download.grabbed_at and now - download.grabbed_at < GRACE:
        return
    fail(
        download,
        code="client_forgot",
        message=f"{client.name} no longer has this download; somebody removed it there. It is tried again later.",
        now=now,
    )


def _start_transfers() -> None:
    """The built-in downloader works in runs of its own, a few at a time."""
    running = Run.objects.unfinished().filter(job=JOB, lock__startswith="transfer-").count()
    waiting = Download.objects.in_client().filter(client__kind=ClientKind.HTTP).order_by("grabbed_at", "pk")
    for download in waiting:
        if running >= TRANSFERS_AT_ONCE:
            break
        if wake_monitor(params={"transfer": download.pk}, lock=f"transfer-{download.pk}"):
            running += 1


def _start_imports() -> None:
    """Every download that is complete, or whose import was cut off (its run is gone, so nobody works on it)."""
    ready = Download.objects.filter(status__in=[S.DOWNLOADED, S.IMPORTING]).values_list("pk", flat=True)
    for pk in ready.order_by("completed_at", "pk"):
        wake_monitor(params={"import": pk}, lock=f"import-{pk}")


def transfer(*, download_id: int, run: RunContext) -> dict[str, Any]:
    """Do the transfer of one direct download; the client's own lock keeps two workers apart."""
    download = Download.objects.select_related("client").get(pk=download_id)
    if download.status not in (S.GRABBED, S.DOWNLOADING) or download.client is None:
        return {"message": "Nothing to do."}
    client = open_client(download.client)
    if download.status == S.GRABBED:
        move(download, S.DOWNLOADING, message="The transfer has begun.")
    run.report(total=100, message=download.title)

    def progress(done: int, total: int | None) -> None:
        run.processed = round(100 * done / total) if total else 0
        Download.objects.filter(pk=download_id).update(
            downloaded_bytes=done, progress=min(done / total, 1) if total else 0, progressed_at=timezone.now()
        )
        run.flush()

    def should_stop() -> bool:
        try:
            run.check()
        except RunCancelled:
            return True
        return not Download.objects.in_client().filter(pk=download_id).exists()

    try:
        seen = client.run(download.client_ref, progress=progress, should_stop=should_stop)  # type: ignore[attr-defined]
    except Unavailable as error:
        note(download, error.message, code=error.code)
        Download.objects.filter(pk=download_id).update(error_code=error.code, error_message=error.message[:1000])
        raise
    except ExternalAPIError as error:
        fail(download, code=error.code, message=error.message, release_at_fault=True)
        raise
    _follow(Download.objects.get(pk=download_id), seen, download.client, timezone.now())
    _start_imports()
    return {"message": f"Fetched: {download.title}"}


def sweep_retries(*, now: datetime.datetime) -> int:
    """Queue again the failed downloads whose time has come."""
    count = 0
    for download in Download.objects.retry_due(now=now):
        try:
            requeue(download, message=f"Attempt {download.attempts + 1}.")
            count += 1
        except ConflictError as error:
            note(download, error.message, code=error.code)
    if count:
        wake_monitor()
    return count


def remove_seeded(*, now: datetime.datetime) -> int:
    """Remove imported downloads from clients that are told to, once the obligation is met by our own clock."""
    removed = 0
    waiting = Download.objects.filter(
        status=S.IMPORTED, removed_from_client_at=None, client__removes_completed=True, client__is_enabled=True
    ).select_related("client", "release__indexer")
    for download in waiting:
        if _obligation_met(download, now) and _remove(download, now):
            removed += 1
    return removed


def _obligation_met(download: Download, now: datetime.datetime) -> bool:
    if download.client is None or download.completed_at is None:
        return False
    if download.client.kind == ClientKind.HTTP:
        return True
    indexer = download.release.indexer if download.release else None
    minutes = (indexer.seed_time_minutes if indexer else None) or download.client.seed_time_minutes
    ratio = (indexer.seed_ratio if indexer else None) or download.client.seed_ratio
    if minutes is None and ratio is None:
        return False
    if minutes is not None and now - download.completed_at < datetime.timedelta(minutes=minutes):
        return False
    if ratio is None:
        return True
    rows: Sequence[ClientDownload] = open_client(download.client).list(refs=[download.client_ref])
    return bool(rows) and rows[0].ratio is not None and rows[0].ratio >= ratio


def _remove(download: Download, now: datetime.datetime) -> bool:
    client = download.client
    if client is None:
        return False
    try:
        ask(client, lambda: open_client(client).remove(download.client_ref, delete_files=True), now=now)
    except ExternalAPIError as error:
        note(download, f"Could not be removed from {client.name}: {error.message}", code=error.code, now=now)
        return False
    Download.objects.filter(pk=download.pk).update(removed_from_client_at=now)
    note(download, f"Removed from {client.name}; its obligation is met.", now=now)
    return True
