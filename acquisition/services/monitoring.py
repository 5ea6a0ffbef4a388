"""Following downloads from queue to shelf.

One run at a time (the job's lock) talks to the clients. What takes long, a transfer of the built-in downloader or an
import, gets a run of its own with a lock of its own, so that a run that died is noticed and done again.
"""

import datetime
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from django.utils import timezone

from acquisition.domain.facts import ClientDownload, ClientState
from acquisition.domain.states import DownloadState
from acquisition.models import ClientKind, Download, DownloadClient
from acquisition.services.acquiring import fall_back_all
from acquisition.services.grabbing import hand_over
from acquisition.services.ports import ask, is_paused, open_client
from acquisition.services.removing import clear_given_up
from acquisition.services.removing import remove_seeded as remove_seeded
from acquisition.services.settling import clear_cut_off_imports
from acquisition.services.transferring import transfer as transfer
from acquisition.services.transitions import fail, move, note, note_once, requeue
from acquisition.services.waking import JOB as JOB
from acquisition.services.waking import wake_monitor as wake_monitor
from config.errors import ConflictError, ExternalAPIError
from library.services.settings import get_setting
from scheduling.models import Run
from scheduling.services.context import RunContext

GRACE = datetime.timedelta(minutes=2)
# A client that just started lists its downloads one by one, so one that is not there is only lost after a while.
UNSEEN_AT_MOST = datetime.timedelta(minutes=15)
# Longer than this between two looks, nobody knows what happened; the time does not count as a standstill.
LOOKS_APART = datetime.timedelta(minutes=10)
TRANSFERS_AT_ONCE = 2
UNSEEN = "unseen"
LARGEST_ETA = 2**31 - 1
S = DownloadState
WORKING = frozenset({ClientState.STALLED, ClientState.FETCHING_METADATA, ClientState.DOWNLOADING})


@dataclass
class MonitorResult:
    """What one look did."""

    moved: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)


def monitor_downloads(*, run: RunContext | None = None, now: datetime.datetime | None = None) -> MonitorResult:
    """Hand over what is queued, look at what the clients do, start what is to be transferred and imported."""
    moment = now or timezone.now()
    result = MonitorResult()
    fall_back_all(now=moment)
    clients = list(DownloadClient.objects.all())
    looked_at = {client.pk: client.last_ok_at for client in clients}
    _hand_over_queued(result, moment, run)
    for client in clients:
        client.refresh_from_db()
        _look_at(client, looked_at[client.pk], result, moment)
        if run:
            run.report(message=f"Looked at {client.name}")
    fall_back_all(now=moment)
    clear_given_up(now=moment)
    clear_cut_off_imports(now=moment)
    _start_transfers(moment)
    start_imports()
    return result


def _hand_over_queued(result: MonitorResult, now: datetime.datetime, run: RunContext | None) -> None:
    """The oldest first, as many as there is room for; one whose service is down takes no room from the others."""
    room = get_setting("downloads.max_active") - Download.objects.in_client().count()
    queued = Download.objects.filter(status=S.QUEUED).exclude(next_retry_at__gt=now).order_by("created_at", "pk")
    handed = _handed_over(list(queued[:500]), result, now, run) if room > 0 else iter(())
    for _ in islice(handed, max(room, 0)):
        pass


def _handed_over(
    queued: Sequence[Download], result: MonitorResult, now: datetime.datetime, run: RunContext | None
) -> Iterator[Download]:
    """Yields each download that its client took."""
    for download in queued:
        try:
            after = hand_over(download, now=now)
        except ConflictError as error:
            result.errors.append(error.message)
            continue
        result.moved[after.status] += 1
        if run:
            run.report(message=f"Handed over: {download.title}")
        if after.status == S.GRABBED:
            yield after


def _look_at(
    client: DownloadClient, looked_at: datetime.datetime | None, result: MonitorResult, now: datetime.datetime
) -> None:
    """One client: all of our downloads in it, in one call."""
    ours = list(Download.objects.in_client().filter(client=client))
    if not ours:
        return
    if not client.is_enabled:
        _explain(ours, f"{client.name} is switched off; switch it on, or cancel this.", "client_off", now)
        return
    if is_paused(client, now):
        return
    try:
        seen = ask(client, lambda: _list(client, ours), now=now)
    except ExternalAPIError as error:
        result.errors.append(error.message)
        _explain(ours, error.message, error.code, now)
        return
    blind = max(now - looked_at - LOOKS_APART, datetime.timedelta(0)) if looked_at else datetime.timedelta(0)
    for download in ours:
        try:
            follow(download, seen.get(download.pk), client, now, blind)
        except ConflictError as error:
            note(download, error.message, code=error.code, now=now)
        download.refresh_from_db()
        result.moved[download.status] += 1


def _explain(downloads: Sequence[Download], message: str, code: str, now: datetime.datetime) -> None:
    for download in downloads:
        note_once(download, message, code=code, now=now)


def _list(client: DownloadClient, ours: Sequence[Download]) -> dict[int, ClientDownload]:
    """What the client says of each, by our id. One that it holds under another id (a hybrid torrent) is known by its
    tag."""
    port = open_client(client)
    refs = sorted({download.client_ref for download in ours if download.client_ref})
    rows = {row.ref: row for row in port.list(refs=refs)} if refs else {}
    found = {download.pk: rows[download.client_ref] for download in ours if download.client_ref in rows}
    for download in ours:
        if download.pk not in found and (tagged := port.list(tag=download.tag)):
            found[download.pk] = tagged[0]
    return found


def follow(
    download: Download,
    seen: ClientDownload | None,
    client: DownloadClient,
    now: datetime.datetime,
    blind: datetime.timedelta = datetime.timedelta(0),
) -> None:
    """Bring one download up to date with what its client says. `blind`: how long nobody looked before."""
    if seen is None:
        _miss(download, client, now)
        return
    since = _progressed_at(download, seen, now, blind)
    Download.objects.filter(pk=download.pk).update(
        client_ref=seen.ref[:100],
        progress=min(max(seen.progress, 0.0), 1.0),
        size_bytes=seen.size_bytes or download.size_bytes,
        downloaded_bytes=seen.downloaded_bytes,
        speed_bytes=seen.speed_bytes,
        eta_seconds=min(seen.eta_seconds, LARGEST_ETA) if seen.eta_seconds is not None else None,
        client_state=seen.state,
        content_path=(seen.content_path or download.content_path)[:2000],
        progressed_at=since,
    )
    if not (download.next_retry_at and download.next_retry_at > now):
        Download.objects.filter(pk=download.pk).update(error_code="", error_message="")
    if seen.state is ClientState.COMPLETE:
        _complete(download, seen, now)
    elif seen.state is ClientState.ERROR:
        fail(download, code="client_error", message=f"{client.name} reports: {seen.message or 'an error'}", now=now)
    elif seen.state in (ClientState.DOWNLOADING, ClientState.STALLED) and download.status == S.GRABBED:
        move(download, S.DOWNLOADING, message="The transfer has begun.", now=now)
    if seen.state in WORKING:
        _check_stalled(download, seen, client, since, now)


def _progressed_at(
    download: Download, seen: ClientDownload, now: datetime.datetime, blind: datetime.timedelta
) -> datetime.datetime:
    """Since when nothing came. Only bytes are progress; a client that wavers between two states makes none. While it
    waits, checks or moves files, and while nobody looked, the clock stands still."""
    came = seen.progress > download.progress or (seen.downloaded_bytes or 0) > (download.downloaded_bytes or 0)
    has_metadata = (
        download.client_state == ClientState.FETCHING_METADATA and seen.state is not ClientState.FETCHING_METADATA
    )
    returned = download.client_state == UNSEEN
    since = download.progressed_at or download.grabbed_at
    if came or has_metadata or returned or since is None or seen.state not in WORKING:
        return now
    return min(since + blind, now)


def _complete(download: Download, seen: ClientDownload, now: datetime.datetime) -> None:
    if not (seen.content_path or download.content_path):
        return  # why: for a moment after completion qBittorrent names no path; the next look has it
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


def _check_stalled(
    download: Download,
    seen: ClientDownload,
    client: DownloadClient,
    since: datetime.datetime,
    now: datetime.datetime,
) -> None:
    """Without progress for long: the release has no source. For plain files it is the server's fault, not the
    release's."""
    hours = get_setting("downloads.stalled_hours")
    download.refresh_from_db()
    if download.status not in (S.GRABBED, S.DOWNLOADING) or now - since <= datetime.timedelta(hours=hours):
        return
    what = "no metadata came" if seen.state is ClientState.FETCHING_METADATA else "nothing came"
    is_direct = client.kind == ClientKind.HTTP
    following = "It is tried again later." if is_direct else "Another release is tried if there is one."
    fail(
        download,
        code="stalled",
        message=f"Stalled: {what} for {hours} hours. {following}",
        release_at_fault=not is_direct,
        now=now,
    )


def _miss(download: Download, client: DownloadClient, now: datetime.datetime) -> None:
    """The client does not know it (any more). Just after adding, or after its start, that is only slowness."""
    if download.grabbed_at and now - download.grabbed_at < GRACE:
        return
    if download.client_state != UNSEEN:
        Download.objects.filter(pk=download.pk).update(client_state=UNSEEN, progressed_at=now, speed_bytes=0)
        note_once(download, f"{client.name} does not list it at the moment.", code="client_unseen", now=now)
        return
    if download.progressed_at and now - download.progressed_at < UNSEEN_AT_MOST:
        return
    fail(
        download,
        code="client_forgot",
        message=f"{client.name} no longer has this download; somebody removed it there. It is tried again later.",
        now=now,
    )


def _start_transfers(now: datetime.datetime) -> None:
    """The built-in downloader works in runs of its own, a few at a time."""
    running = Run.objects.unfinished().filter(job=JOB, lock__startswith="transfer-").count()
    waiting = Download.objects.in_client().filter(client__kind=ClientKind.HTTP, client__is_enabled=True)
    for download in waiting.exclude(next_retry_at__gt=now).order_by("grabbed_at", "pk"):
        if running >= TRANSFERS_AT_ONCE:
            break
        if wake_monitor(params={"transfer": download.pk}, lock=f"transfer-{download.pk}"):
            running += 1


def start_imports() -> None:
    """Every download that is complete, or whose import was cut off (its run is gone, so nobody works on it)."""
    ready = Download.objects.filter(status__in=[S.DOWNLOADED, S.IMPORTING]).values_list("pk", flat=True)
    for pk in ready.order_by("completed_at", "pk"):
        wake_monitor(params={"import": pk}, lock=f"import-{pk}")


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
