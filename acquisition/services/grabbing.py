"""Grabbing: binding a release to its book before any client is called, and handing it over, exactly once."""

import datetime
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar, cast

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.models import User
from acquisition.clients.registry import trusted_guard
from acquisition.domain.account_rules import judge_account
from acquisition.domain.facts import (
    AddOptions,
    ClientDownload,
    ClientState,
    DirectFile,
    DownloadClientPort,
    OfferedRelease,
    Payload,
)
from acquisition.domain.faults import is_release_fault
from acquisition.domain.states import DownloadState
from acquisition.models import (
    BlocklistEntry,
    ClientKind,
    Decision,
    Download,
    DownloadBook,
    DownloadClient,
    Indexer,
    IndexerKind,
    Release,
)
from acquisition.services.budgets import count_grab
from acquisition.services.choosing import choose_files, chosen_files
from acquisition.services.ports import ask, is_paused, open_client, open_indexer, trusted_hosts
from acquisition.services.searching import blocked_releases, is_blocked
from acquisition.services.tracker import WEDGE, account_facts
from acquisition.services.transitions import fail, move, note, note_once
from acquisition.services.vetting import vet
from config.errors import ConflictError, ExternalAPIError, Rejected, Unavailable
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
    files: Mapping[int, Sequence[str]] | None = None,
    is_upgrade: bool = False,
) -> Download:
    """Queue a release for its books. ConflictError when one of them is on its way (conflict) or on the shelf
    (already_owned), or the release is on the blocklist (blocklisted): the database decides, in one transaction.

    `overrule` is a person's reason to take it although it is owned or blocked; what is owned is then replaced at the
    import. `is_upgrade` says that the profile asks for that: then the import compares what came with what is there.
    `files` says which files of a pack are which book (by its id).
    """
    try:
        with transaction.atomic():
            owned = _lock_and_check(release, books, overrule, is_upgrade=is_upgrade)
            download = Download.objects.create(
                title=release.title,
                author=_author_of(books),
                source=release.indexer.name,
                release=release,
                tag=new_tag(),
                infohash=release.infohash,
                size_bytes=release.size_bytes,
                max_retries=get_setting("downloads.max_retries"),
                overrules=_overrules(owned=owned, overrule=overrule),
                created_by=user,
                status_at=now,
            )
            chosen = files or {}
            DownloadBook.objects.bulk_create(
                [DownloadBook(download=download, book=book, files=list(chosen.get(book.pk, ()))) for book in books]
            )
            note(
                download,
                _queued_words(overrule, is_upgrade=owned),
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


UPGRADE = "upgrade"


def _overrules(*, owned: bool, overrule: str) -> list[str]:
    """A person's word replaces what is on the shelf, whatever comes; the profile's wish only lets it be fetched, and
    the import looks whether what came is better indeed."""
    if not owned:
        return []
    return ["owned"] if overrule else [UPGRADE]


def _queued_words(overrule: str, *, is_upgrade: bool) -> str:
    if overrule:
        return f"Queued by hand: {overrule}"
    return "Queued to replace what is on the shelf, which is worse by the profile." if is_upgrade else "Queued."


def _lock_and_check(release: Release, books: Sequence[Book], overrule: str, *, is_upgrade: bool = False) -> bool:
    """Hold the books' rows against an import that is about to own them; whether one of them is owned."""
    rows = list(Book.objects.select_for_update(no_key=True).filter(pk__in=[book.pk for book in books]).order_by("pk"))
    owned = [book for book in rows if book.is_owned]
    if owned and not (overrule or is_upgrade):
        raise ConflictError(
            f"{owned[0].title} is on the shelf already.", code="already_owned", context={"books": [owned[0].pk]}
        )
    offer = offer_of(release)
    if not overrule and is_blocked(release.indexer, offer, blocked_releases([offer])):
        raise ConflictError("This release is on the blocklist.", code="blocklisted", context={"release": release.pk})
    return bool(owned)


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

    A service that is down, refuses us or has no room leaves it queued, with the reason, for a week at the most; a
    release that cannot be had is at fault; what can be tried again is a failure.
    """
    download.refresh_from_db()
    if download.status != DownloadState.QUEUED:
        raise ConflictError(f"A download that is {download.status} is not handed over.", code="illegal_transition")
    if _is_needless(download):
        return move(download, DownloadState.CANCELLED, message="It is on the shelf already.", code="owned", now=now)
    try:
        payload = _payload_of(download, now)
        refs = vet(download, payload)
    except ExternalAPIError as error:
        return _not_handed_over(download, error, now)
    if _is_blocklisted(download, refs):
        words = "Its contents are on the blocklist under another name."
        return fail(download, code="blocklisted", message=words, release_at_fault=True, now=now)
    try:
        client = _client_for(payload, now)
        ref = _add(download, payload, refs, client, now)
    except ExternalAPIError as error:
        return _not_handed_over(download, error, now)
    try:
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
    except ConflictError:
        # Cancelled while it was handed over: what was added is remembered, so that it is taken out again.
        Download.objects.filter(pk=download.pk).update(client_ref=ref, client=client)
        raise


ADOPTED = "adopted"
QUEUED_AT_MOST = datetime.timedelta(days=7)
RESERVE_BYTES = 64 * MEGABYTE


def _is_needless(download: Download) -> bool:
    """Whether all its books came onto the shelf while it waited, and nobody asked for a replacement."""
    books = download.books.all()
    return bool(books) and all(book.is_owned for book in books) and not {"owned", UPGRADE} & set(download.overrules)


def _not_handed_over(download: Download, error: ExternalAPIError, now: datetime.datetime) -> Download:
    """It stays queued where a service is to blame, and ends where that lasts or where the release is."""
    if is_release_fault(error.code, error.http_status):
        return fail(download, code=error.code, message=error.message, release_at_fault=True, now=now)
    if error.code == NOTHING_TO_FETCH:
        return fail(download, code=error.code, message=error.message, is_final=True, now=now)
    if error.code == "torrent_refused":
        return fail(download, code=error.code, message=error.message, now=now)
    waited_since = download.status_at
    if now - waited_since > QUEUED_AT_MOST:
        return fail(download, code=error.code, message=f"Waited for a week: {error.message}", now=now)
    note_once(download, error.message, code=error.code, now=now)
    download.refresh_from_db()
    return download


def _is_blocklisted(download: Download, refs: Sequence[str]) -> bool:
    """The infohash is known for certain only now; the same files may be offered under several names."""
    return not download.created_by_id and BlocklistEntry.objects.filter(infohash__in=refs).exists()


def _add(
    download: Download, payload: Payload, refs: Sequence[str], client: DownloadClient, now: datetime.datetime
) -> str:
    """Add it to its client, and say the client's ref.

    What the client had before from somebody else is noted before our tag is set there: it is never removed by us.
    """
    changes = {"client": client, **({"infohash": refs[0]} if refs else {})}
    Download.objects.filter(pk=download.pk).update(**changes)
    port = open_client(client)
    wanted = chosen_files(download)
    options = _options(download, client, paused=bool(wanted))

    def add() -> str:
        known = port.list(refs=refs) if refs else port.list(tag=download.tag)
        if not known:
            _check_room(download, port, client)
        for row in known:
            # What stands still with a fault is taken out, its files stay, and it is added anew: that is checked afresh.
            if row.state is ClientState.ERROR and download.tag in row.tags:
                port.remove(row.ref, delete_files=False)
        if any(not _is_ours(row) for row in known):
            note(download, f"{client.name} had it already; it is used, and never removed there.", code=ADOPTED, now=now)
        ref = port.add(payload, options)
        if wanted:
            # It was added without being started, so that not a byte of the other files comes.
            choose_files(port, ref, wanted)
            port.start(ref)
        return ref

    return ask(client, add, now=now)


def _is_ours(row: ClientDownload) -> bool:
    """Whether we added it: by the tag of one of our downloads that did not itself adopt it."""
    owners = Download.objects.filter(tag__in=row.tags)
    return owners.exists() and not owners.filter(events__code=ADOPTED).exists()


def _check_room(download: Download, port: DownloadClientPort, client: DownloadClient) -> None:
    """Where the client says how much room it has, a download that cannot fit is not begun."""
    size = download.size_bytes or 0
    free = port.check().free_bytes if size else None
    if free is not None and free < size + RESERVE_BYTES:
        raise Unavailable(
            f"The disk of {client.name} has {free // MEGABYTE} MB free, and {size // MEGABYTE} MB and a reserve are "
            "needed. Make room; it goes on by itself.",
            service=client.name,
            code="client_disk_full",
        )


def _options(download: Download, client: DownloadClient, *, paused: bool) -> AddOptions:
    ratio, minutes = obligation_of(download, client)
    return AddOptions(
        tag=download.tag,
        category=client.category,
        save_path="" if client.kind == ClientKind.HTTP else client.save_path,
        name=download.title[:200],
        ratio_limit=ratio,
        seeding_time_minutes=minutes,
        paused=paused,
    )


def obligation_of(download: Download, client: DownloadClient) -> tuple[float | None, int | None]:
    """What must be seeded: a ratio and minutes, None where nothing is asked.

    The indexer's row comes before the client's; what the release itself demands is a minimum of both.
    """
    release = download.release
    indexer = release.indexer if release else None
    offer = offer_of(release) if release else None
    ratio = _first(indexer.seed_ratio if indexer else None, client.seed_ratio)
    minutes = _first(indexer.seed_time_minutes if indexer else None, client.seed_time_minutes)
    demanded = math.ceil(offer.minimum_seed_seconds / 60) if offer and offer.minimum_seed_seconds else None
    return _most(ratio, offer.minimum_ratio if offer else None), _most(minutes, demanded)


N = TypeVar("N", int, float)


def _first(own: N | None, general: N | None) -> N | None:
    return own if own is not None else general


def _most(a: N | None, b: N | None) -> N | None:
    """The larger one; a negative wish (no limit) is larger than any."""
    given = [value for value in (a, b) if value is not None]
    return next((value for value in given if value < 0), max(given, default=None))


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
        indexer = release.indexer
        if is_paused(indexer, now):
            words = f"{indexer.name} is left alone until {indexer.paused_until:%H:%M}: {indexer.last_error}"
            raise Unavailable(words, service=indexer.name)
        payload = ask(indexer, lambda: _fetch(download, indexer, offer, now), now=now)
        count_grab(indexer, today=now.date())
        return payload
    sent: Mapping[str, Any] = download.payload
    if sent.get("magnet_link"):
        return Payload(magnet_url=sent["magnet_link"])
    if sent.get("file_url"):
        name = str(sent["file_url"]).split("?")[0].rsplit("/", 1)[-1] or "audiobook"
        return Payload(direct_files=(DirectFile(url=sent["file_url"], name=name),))
    if sent.get("torrent_url"):
        return _fetch_torrent(str(sent["torrent_url"]))
    raise Rejected(
        "Its release is no longer known, since its indexer was removed. Search for the book again.",
        code=NOTHING_TO_FETCH,
    )


NOTHING_TO_FETCH = "nothing_to_fetch"


def _fetch(download: Download, indexer: Indexer, offer: OfferedRelease, now: datetime.datetime) -> Payload:
    """From the indexer; made free by a wedge where its rules spend one. That is written down before it is done, so that
    a crash in between costs the day's count and never a second wedge."""
    client = open_indexer(indexer)
    if indexer.kind != IndexerKind.MYANONAMOUSE:
        return client.fetch(offer)
    is_spent = download.events.filter(code=WEDGE).exists()
    account = judge_account(offer, account_facts(indexer, now=now))
    if not (is_spent or account.spend_wedge):
        return client.fetch(offer)
    if not is_spent:
        note(download, f"A freeleech wedge is spent on it: {account.note}.", code=WEDGE, now=now)
    spending: Any = client
    return cast(Payload, spending.fetch(offer, spend_wedge=True))


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
