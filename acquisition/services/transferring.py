"""Transfers of the built-in downloader: done in a run of their own, stopped and gone on with at any time."""

import datetime
from itertools import islice
from typing import Any, Protocol, cast

from django.utils import timezone

from acquisition.domain.facts import ClientDownload, ClientState
from acquisition.domain.faults import is_release_fault, retry_ladder
from acquisition.domain.states import DownloadState
from acquisition.models import Download
from acquisition.services.acquiring import give_up_and_fall_back
from acquisition.services.ports import open_client
from acquisition.services.transitions import fail, move, note
from acquisition.services.waking import wake_monitor
from config.errors import ExternalAPIError, Unavailable
from scheduling.services.context import RunCancelled, RunContext

S = DownloadState
NOT_NOW = "transfer_broke_off"
LONGEST = datetime.timedelta(days=1)


class _Runs(Protocol):
    def run(self, ref: str, *, progress: Any, should_stop: Any) -> ClientDownload: ...


def transfer(*, download_id: int, run: RunContext) -> dict[str, Any]:
    """Do the transfer of one direct download; the client's own lock keeps two workers apart."""
    download = Download.objects.select_related("client").get(pk=download_id)
    if download.status not in (S.GRABBED, S.DOWNLOADING) or download.client is None:
        return {"message": "Nothing to do."}
    if download.status == S.GRABBED:
        move(download, S.DOWNLOADING, message="The transfer has begun.")
    run.report(total=100, message=download.title)
    try:
        seen = _run(download, run)
    except ExternalAPIError as error:
        _end(download, error, timezone.now())
        raise
    if seen.state is not ClientState.COMPLETE:
        return {"message": f"Stopped: {download.title}"}
    _finish(download, seen)
    return {"message": f"Fetched: {download.title}"}


def _run(download: Download, run: RunContext) -> ClientDownload:
    rows = Download.objects.filter(pk=download.pk)

    def progress(done: int, total: int | None) -> None:
        run.processed = round(100 * done / total) if total else 0
        share = min(done / total, 0.999) if total else 0
        rows.update(downloaded_bytes=done, progress=share, progressed_at=timezone.now())
        run.flush()

    def should_stop() -> bool:
        try:
            run.check()
        except RunCancelled:
            return True
        return not Download.objects.in_client().filter(pk=download.pk).exists()

    if download.client is None:
        raise Unavailable("Its client is gone.", service="client")
    client = cast(_Runs, open_client(download.client))
    return client.run(download.client_ref, progress=progress, should_stop=should_stop)


def _finish(download: Download, seen: ClientDownload) -> None:
    from acquisition.services.monitoring import follow, start_imports

    if download.client is None:
        return
    follow(Download.objects.get(pk=download.pk), seen, download.client, timezone.now())
    start_imports()


def _end(download: Download, error: ExternalAPIError, now: datetime.datetime) -> None:
    """An outage waits, longer each time that nothing came; a file that cannot be had is the release's fault."""
    current = Download.objects.get(pk=download.pk)
    if current.status not in (S.GRABBED, S.DOWNLOADING):
        return
    if isinstance(error, Unavailable):
        wait_for_source(current, error, now)
        return
    fail(
        current,
        code=error.code,
        message=error.message,
        release_at_fault=is_release_fault(error.code, error.http_status),
        now=now,
    )
    if give_up_and_fall_back(download=current, now=now):
        wake_monitor()


def wait_for_source(download: Download, error: Unavailable, now: datetime.datetime) -> None:
    """Not before: the ladder's next step since the last progress; what the server asked for is a minimum."""
    since = download.progressed_at or download.grabbed_at or now
    tries = download.events.filter(code=NOT_NOW, at__gte=since).count()
    seconds = max(next(islice(retry_ladder(), tries, None)), error.retry_after or 0)
    until = now + min(datetime.timedelta(seconds=seconds), LONGEST)
    note(download, f"{error.message} It goes on at {until:%H:%M}.", code=NOT_NOW, now=now)
    Download.objects.filter(pk=download.pk).update(
        error_code=error.code[:60], error_message=error.message[:1000], next_retry_at=until
    )
