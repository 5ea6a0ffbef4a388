"""Taking downloads out of their clients: what is filed once its obligation is met, and what came to nothing.

Only what we added ourselves is ever removed there. A torrent that the client had before stays, with its files.
"""

import datetime

from acquisition.domain.states import ACTIVE, DownloadState
from acquisition.models import ClientKind, Download, DownloadClient, ImportStatus
from acquisition.services.grabbing import ADOPTED, obligation_of
from acquisition.services.ports import ask, is_paused, open_client
from acquisition.services.transitions import note, note_once
from config.errors import ExternalAPIError

S = DownloadState


def remove_seeded(*, now: datetime.datetime) -> int:
    """Remove imported downloads from clients that are told to, once the obligation is met by our own clock."""
    waiting = Download.objects.filter(
        status=S.IMPORTED, removed_from_client_at=None, client__removes_completed=True, client__is_enabled=True
    ).exclude(events__code=ADOPTED)
    removed = 0
    for download in waiting.select_related("client", "release__indexer"):
        if _is_filed(download) and not _is_shared(download) and _obligation_met(download, now):
            removed += _remove(download, now, "its obligation is met")
    return removed


def clear_given_up(*, now: datetime.datetime) -> int:
    """Remove what was cancelled or abandoned before it was complete; its parts are of no use. What is complete stays:
    it may have to be seeded, and a person may want it."""
    waiting = Download.objects.filter(
        status__in=[S.CANCELLED, S.ABANDONED], removed_from_client_at=None, progress__lt=1, client__is_enabled=True
    ).exclude(events__code=ADOPTED)
    removed = 0
    for download in waiting.exclude(client_ref="").select_related("client"):
        if not _is_shared(download):
            removed += _remove(download, now, f"it was {download.status}")
    return removed


def _is_filed(download: Download) -> bool:
    """Whether every book of it stands in the library by an import that was not undone; else these files are all."""
    filed = download.imports.filter(status=ImportStatus.COMMITTED).values_list("book_id", flat=True)
    return bool(filed) and not download.download_books.exclude(book_id__in=list(filed)).exists()


def _is_shared(download: Download) -> bool:
    """Whether another download that is under way uses the same torrent."""
    others = Download.objects.filter(client=download.client, client_ref=download.client_ref).exclude(pk=download.pk)
    return others.filter(status__in=[state.value for state in ACTIVE]).exists()


def _obligation_met(download: Download, now: datetime.datetime) -> bool:
    """Time by our own clock, the ratio as the client says it; without any obligation stated nothing is removed."""
    client = download.client
    if client is None or download.completed_at is None:
        return False
    if client.kind == ClientKind.HTTP:
        return True
    ratio, minutes = obligation_of(download, client)
    if (minutes is None and ratio is None) or (minutes or 0) < 0 or (ratio or 0) < 0:
        return False
    if minutes is not None and now - download.completed_at < datetime.timedelta(minutes=minutes):
        return False
    return ratio is None or _ratio_reached(download, client, ratio, now)


def _ratio_reached(download: Download, client: DownloadClient, ratio: float, now: datetime.datetime) -> bool:
    if is_paused(client, now):
        return False
    try:
        rows = ask(client, lambda: open_client(client).list(refs=[download.client_ref]), now=now)
    except ExternalAPIError:
        return False  # why: the client's own row has the error; a later look asks again
    if not rows:
        Download.objects.filter(pk=download.pk).update(removed_from_client_at=now)
        note(download, f"{client.name} no longer has it.", now=now)
        return False
    return rows[0].ratio is not None and rows[0].ratio >= ratio


def _remove(download: Download, now: datetime.datetime, why: str) -> bool:
    client = download.client
    if client is None or is_paused(client, now):
        return False
    try:
        ask(client, lambda: open_client(client).remove(download.client_ref, delete_files=True), now=now)
    except ExternalAPIError as error:
        note_once(download, f"Could not be removed from {client.name}: {error.message}", code=error.code, now=now)
        return False
    Download.objects.filter(pk=download.pk).update(removed_from_client_at=now)
    note(download, f"Removed from {client.name}; {why}.", code="removed", now=now)
    return True
