"""Grabbing: binding a release to its book before any client is called, and handing it over, exactly once."""

import datetime
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import User
from acquisition.clients.registry import trusted_guard
from acquisition.clients.torrent_payload import read_payload
from acquisition.domain.facts import AddOptions, DirectFile, OfferedRelease, Payload
from acquisition.domain.states import DownloadState
from acquisition.models import ClientKind, Decision, Download, DownloadBook, DownloadClient, Release
from acquisition.services.ports import ask, open_client, open_indexer, trusted_hosts
from acquisition.services.transitions import fail, move, note
from config.errors import ConflictError, ExternalAPIError, Malformed, Rejected, UnabridgedError, Unavailable
from config.http import MEGABYTE, Http
from library.models import Book
from library.services.settings import get_setting


def grab(
    *,
    release: Release,
    books: Sequence[Book],
    now: datetime.datetime,
    user: User | None = None,
    overrule: str = "",
    decision: Decision | None = None,
) -> Download:
    """Queue a release for its books. ConflictError when one of them is on its way already: the database decides."""
    try:
        with transaction.atomic():
            download = Download.objects.create(
                title=release.title,
                author=_author_of(books),
                source=release.indexer.name,
                release=release,
                tag=new_tag(),
                infohash=release.infohash,
                size_bytes=release.size_bytes,
                max_retries=get_setting("downloads.max_retries"),
                created_by=user,
                status_at=now,
            )
            DownloadBook.objects.bulk_create([DownloadBook(download=download, book=book) for book in books])
            note(
                download,
                "Queued." if not overrule else f"Queued by hand: {overrule}",
                actor=_actor(user),
                new="queued",
                now=now,
            )
            if decision is not None and overrule:
                Decision.objects.filter(pk=decision.pk).update(overruled_by=user, overruled_reason=overrule[:300])
    except IntegrityError as error:
        raise ConflictError(
            "A download of this book is under way already; cancel it first.",
            context={"books": [book.pk for book in books]},
        ) from error
    return download


def new_tag() -> str:
    """A tag that finds the download again in its client."""
    return f"unabridged-{uuid.uuid4().hex[:16]}"


def _author_of(books: Sequence[Book]) -> str:
    first = books[0].authors.first() if books else None
    return first.name if first else ""


def _actor(user: User | None) -> str:
    return user.get_username() if user else "system"


def hand_over(download: Download, *, now: datetime.datetime) -> Download:
    """Give a queued download to its client. Safe to repeat after a crash: the client adopts what it has already.

    A service that is down leaves it queued; a release that cannot be had is at fault; everything else is a failure.
    """
    try:
        payload = _payload_of(download, now)
        client = _client_for(payload, now)
        infohash = _infohash(payload)
        Download.objects.filter(pk=download.pk).update(client=client, infohash=infohash or download.infohash)
        options = AddOptions(
            tag=download.tag,
            category=client.category,
            save_path="" if client.kind == ClientKind.HTTP else client.save_path,
            name=download.title[:200],
            ratio_limit=_limit(download, client, "seed_ratio"),
            seeding_time_minutes=_limit(download, client, "seed_time_minutes"),
        )
        ref = ask(client, lambda: open_client(client).add(payload, options), now=now)
    except Unavailable as error:
        note(download, error.message, code=error.code, now=now)
        Download.objects.filter(pk=download.pk).update(error_code=error.code, error_message=error.message[:1000])
        return download
    except (Malformed, Rejected) as error:
        return fail(
            download, code=error.code, message=error.message, release_at_fault=_is_release_fault(error), now=now
        )
    except UnabridgedError as error:
        return fail(download, code=error.code, message=error.message, now=now)
    return move(
        download,
        DownloadState.GRABBED,
        message=f"Handed to {client.name}.",
        now=now,
        client_ref=ref,
        grabbed_at=now,
        progressed_at=now,
        error_code="",
        error_message="",
    )


def _is_release_fault(error: ExternalAPIError) -> bool:
    """Credentials and addresses are settings; a file that is gone or is no torrent is the release."""
    return isinstance(error, Malformed) or error.code in {"upstream_not_found", "invalid_torrent", "release_gone"}


def _limit(download: Download, client: DownloadClient, name: str) -> Any:
    """The obligation: what the indexer asks, else what the client's row says."""
    indexer = download.release.indexer if download.release else None
    own = getattr(indexer, name, None) if indexer else None
    return own if own is not None else getattr(client, name)


def _client_for(payload: Payload, now: datetime.datetime) -> DownloadClient:
    clients = DownloadClient.objects.filter(is_enabled=True)
    clients = clients.filter(kind=ClientKind.HTTP) if payload.direct_files else clients.exclude(kind=ClientKind.HTTP)
    usable: DownloadClient | None = clients.filter(Q(paused_until=None) | Q(paused_until__lte=now)).first()
    if usable:
        return usable
    if clients.exists():
        raise Unavailable("No download client answers now; it is handed over as soon as one does.", service="client")
    what = "The built-in downloader is" if payload.direct_files else "No torrent client is"
    raise Unavailable(f"{what} not set up; add one under Download clients.", service="client", code="no_client")


def _payload_of(download: Download, now: datetime.datetime) -> Payload:
    """What the client is given: from the release's indexer, or from what a user sent."""
    if download.release is not None:
        release = download.release
        offer = offer_of(release)
        if offer.direct_files:
            return Payload(direct_files=offer.direct_files)
        return ask(release.indexer, lambda: open_indexer(release.indexer).fetch(offer), now=now)
    sent: Mapping[str, Any] = download.payload
    if sent.get("magnet_link"):
        return Payload(magnet_url=sent["magnet_link"])
    if sent.get("file_url"):
        name = str(sent["file_url"]).split("?")[0].rsplit("/", 1)[-1] or "audiobook"
        return Payload(direct_files=(DirectFile(url=sent["file_url"], name=name),))
    return _fetch_torrent(str(sent.get("torrent_url", "")))


def _fetch_torrent(url: str) -> Payload:
    """A .torrent from an address that a user gave; addresses inside the network are refused unless they are trusted."""
    http = Http("The torrent's address", url, guard=trusted_guard(trusted_hosts()), max_bytes=10 * MEGABYTE)
    if http.guard:
        http.guard.check(url, service=http.service)
    return Payload(torrent=http.get(url).body)


def offer_of(release: Release) -> OfferedRelease:
    """The stored offer as a value."""
    known = {f.name for f in fields(OfferedRelease)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in release.offer.items() if k in known}
    values["published_at"] = release.published_at
    values["direct_files"] = tuple(DirectFile(**file) for file in values.get("direct_files", ()))
    return OfferedRelease(**values)


def _infohash(payload: Payload) -> str:
    """The hash that finds a torrent in its client; empty for direct files. Malformed when it is no torrent."""
    if payload.torrent or payload.magnet_url:
        return read_payload(payload, service="The release").refs[0]
    return ""
