"""What a person does with a download: finish it, fail it, try it again, move it along, take it away."""

import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import Role, User
from acquisition.domain.paths_map import to_local
from acquisition.domain.states import DownloadState
from acquisition.models import Download
from acquisition.services import transitions
from acquisition.services.locating import download_folders, mappings_of
from acquisition.services.monitoring import wake_monitor
from acquisition.services.ports import ask, open_client
from acquisition.services.transitions import fail, move, note, requeue
from config.errors import ConflictError, ExternalAPIError, ForbiddenError, UnprocessableError, ValidationError
from library.models import LibraryRoot
from scheduling.models import Run

S = DownloadState
LONGEST_WAIT_DAYS = 30


def name_of(user: User | None) -> str:
    """Who did it, as events name them."""
    return user.get_username() if user else "system"


def change_status(
    *, download: Download, status: str, reason: str, user: User | None, now: datetime.datetime
) -> Download:
    """One step of the state machine, with what belongs to it. ConflictError (illegal_transition) changes nothing."""
    new, actor = S(status), name_of(user)
    words = reason or f"Set to {new.value} by {actor}."
    if new is S.FAILED:
        return mark_failed(download=download, message=words, user=user, now=now)
    if new is S.CANCELLED:
        return cancel_download(download=download, reason=reason, user=user, now=now)
    if new is S.DOWNLOADED:
        return mark_complete(download=download, path="", user=user, now=now, reason=reason)
    if new is S.QUEUED:
        moved = requeue(download, actor=actor, message=words)
    else:
        stamps = {S.GRABBED: "grabbed_at", S.IMPORTED: "imported_at"}
        changes: dict[str, Any] = {stamps[new]: now} if new in stamps else {}
        moved = move(download, new, message=words, actor=actor, now=now, **changes)
    if new in (S.QUEUED, S.IMPORTING):
        wake_monitor()
    return moved


def mark_complete(
    *, download: Download, path: str, user: User | None, now: datetime.datetime, reason: str = ""
) -> Download:
    """It is finished, and lies at `path` (by default where its client says): the import starts.

    A download that was fetched by hand before any client had it is taken too; a blocked one is imported again.
    ForbiddenError for a path outside the folders of the download clients, unless an admin says so.
    """
    actor = name_of(user)
    where = _checked_path(download, path, user) if path else download.content_path
    if not where:
        raise ValidationError(
            "Nobody has said where the files are. Send path, the folder or file as this server sees it.",
            fields={"path": "Send it: the download client has not said where the files are."},
            code="missing_field",
        )
    done: dict[str, Any] = {"content_path": where, "completed_at": now, "progress": 1.0, "speed_bytes": 0}
    words = reason or f"Marked as complete by {actor}."
    with transaction.atomic():
        current = Download.objects.select_for_update(no_key=True).get(pk=download.pk)
        if current.status == S.DOWNLOADED:
            Download.objects.filter(pk=download.pk).update(content_path=where)
            note(download, words, actor=actor, now=now)
        elif current.status == S.BLOCKED:
            move(download, S.IMPORTING, message=words, actor=actor, now=now, content_path=where, error_code="",
                 error_message="")  # fmt: skip
        else:
            if current.status in (S.QUEUED, S.SEARCHING):
                move(download, S.GRABBED, message="Fetched by hand.", actor=actor, now=now, grabbed_at=now)
            move(download, S.DOWNLOADED, message=words, actor=actor, now=now, **done)
    download.refresh_from_db()
    start_import(download)
    return download


def start_import(download: Download) -> Run | None:
    """A run that imports it; None when one is under way."""
    return wake_monitor(params={"import": download.pk}, lock=f"import-{download.pk}")


def _checked_path(download: Download, path: str, user: User | None) -> str:
    """The path when something is there that may be imported; what lies in the library is there already."""
    local = Path(to_local(path, mappings_of(download.client) if download.client else []) or path)
    if not local.is_absolute() or ".." in local.parts:
        raise ValidationError(
            "path must be a whole path, without `..`.", fields={"path": "Must be a whole path, without `..`."}
        )
    try:
        real = local.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise UnprocessableError(
            "Nothing is at this path, or this server may not read it. Is its disk mounted here?",
            context={"field": "path"},
        ) from None
    roots = [Path(root).resolve() for root in LibraryRoot.objects.exclude(path="").values_list("path", flat=True)]
    if any(root == real or root in real.parents or real in root.parents for root in roots):
        raise UnprocessableError(
            "This path belongs to the library itself; reading the library finds it there.", context={"field": "path"}
        )
    folders = download_folders(download)
    if not (user is None or user.has_role(Role.ADMIN) or any(real.is_relative_to(folder) for folder in folders)):
        raise ForbiddenError(
            "This path lies outside the folders of the download clients. Move the files into one of them"
            f" ({', '.join(map(str, folders)) or 'there is none yet'}), or ask an admin to do this.",
            code="access_denied",
        )
    return path


def mark_failed(*, download: Download, message: str, user: User | None, now: datetime.datetime) -> Download:
    """Record a failed attempt in a person's words; the server counts it and plans the retry, or gives up."""
    fail(download, code="download_failed", message=message[:1000], actor=name_of(user), now=now)
    download.refresh_from_db()
    return download


def retry_download(*, download: Download, days: int, user: User | None, now: datetime.datetime) -> Download:
    """Queue it again now, or in `days` days. Only what failed, was given up or was cancelled can be retried."""
    actor = name_of(user)
    if days == 0:
        moved = requeue(download, actor=actor, message=f"Retried by {actor}.")
        wake_monitor()
        return moved
    due = now + datetime.timedelta(days=days)
    words = f"{actor} wants it tried again on {due:%Y-%m-%d}."
    with transaction.atomic():
        postponed = Download.objects.filter(pk=download.pk, status=S.FAILED).update(next_retry_at=due)
        if postponed:
            note(download, words, actor=actor, now=now)
    if postponed:
        download.refresh_from_db()
        return download
    requeued = requeue(download, actor=actor, message=words)
    Download.objects.filter(pk=requeued.pk).update(next_retry_at=due)
    requeued.refresh_from_db()
    return requeued


def cancel_download(*, download: Download, reason: str, user: User | None, now: datetime.datetime) -> Download:
    """Stop it for good: here first, then in its client, whose unfinished files go too."""
    moved = transitions.cancel(download, actor=name_of(user), message=reason or f"Cancelled by {name_of(user)}.")
    try:
        _take_from_client(moved, delete_files=moved.completed_at is None, now=now)
    except ExternalAPIError as error:
        note(moved, f"It could not be stopped in its client: {error.message}", code=error.code, now=now)
    moved.refresh_from_db()
    return moved


def remove_download(
    *, download: Download, delete_files: bool, blocklist: bool, user: User | None, now: datetime.datetime
) -> None:
    """Take it out of its client and forget it; its books may then be grabbed anew, unless `blocklist` forbids this
    release. What was imported stays in the library. A client that is down raises, and nothing is removed."""
    if download.status == S.IMPORTING and Run.objects.unfinished().filter(lock=f"import-{download.pk}").exists():
        raise ConflictError(
            "It is being imported at this moment; wait for the end, or cancel it.", context={"download": download.pk}
        )
    _take_from_client(download, delete_files=delete_files, now=now)
    with transaction.atomic():
        if blocklist:
            transitions.blocklist(download, reason=f"Put here by {name_of(user)} when the download was removed.")
        download.delete()


def _take_from_client(download: Download, *, delete_files: bool, now: datetime.datetime) -> None:
    """Out of the client, if it is there; one that was handed over without an answer is found by its tag."""
    client = download.client
    if client is None or download.removed_from_client_at is not None:
        return
    port = open_client(client)
    wanted: dict[str, Any] = {"refs": [download.client_ref]} if download.client_ref else {"tag": download.tag}
    for row in ask(client, lambda: port.list(**wanted), now=now):
        ask(client, lambda ref=row.ref: port.remove(ref, delete_files=delete_files), now=now)  # type: ignore[misc]
