"""Downloads that a person asks for: from a release that was found, or from a link of their own."""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction

from accounts.models import User
from acquisition.clients.registry import trusted_guard
from acquisition.domain.torrents import BadTorrent, parse_magnet
from acquisition.models import Decision, Download, DownloadBook, Indexer, Release
from acquisition.services.grabbing import grab, new_tag
from acquisition.services.monitoring import wake_monitor
from acquisition.services.ports import trusted_hosts
from acquisition.services.transitions import note
from config.errors import ConflictError, Rejected, UnprocessableError, ValidationError
from library.models import Book
from library.services.settings import get_setting

MANUAL = "manual"
WAYS = ("magnet_link", "torrent_url", "file_url")


@dataclass(frozen=True, slots=True)
class Link:
    """The one way to get a download: its kind (one of WAYS), its address, and the infohash if that says it."""

    kind: str
    address: str
    infohash: str = ""


def add_download(
    *,
    title: str,
    source: str,
    now: datetime.datetime,
    author: str = "",
    book: Book | None = None,
    release: Release | None = None,
    magnet_link: str = "",
    torrent_url: str = "",
    file_url: str = "",
    user: User | None = None,
) -> Download:
    """Queue a download by exactly one way. ConflictError while one of the same book or torrent is under way;
    UnprocessableError when the link can lead to nothing; ValidationError for an unknown source or no single way."""
    sent = dict(zip(WAYS, (magnet_link, torrent_url, file_url), strict=True))
    ways = [name for name, value in sent.items() if value] + (["release_id"] if release else [])
    if len(ways) != 1:
        raise _one_way(ways)
    if release is not None:
        download = _from_release(release, book, title=title, author=author, source=source, user=user, now=now)
    else:
        link = read_link(ways[0], sent[ways[0]])
        download = _from_link(link, book, title=title, author=author, source=source, user=user, now=now)
    wake_monitor()
    return download


def _one_way(ways: Sequence[str]) -> ValidationError:
    every = (*WAYS, "release_id")
    if ways:
        return ValidationError(
            f"Send one of {', '.join(every)}, not several.", fields=dict.fromkeys(ways, "Only one way may be sent.")
        )
    return ValidationError(
        f"Say where it comes from: one of {', '.join(every)}.",
        fields={"magnet_link": "Send this, or torrent_url, file_url or release_id."},
        code="missing_field",
    )


def read_link(kind: str, address: str) -> Link:
    """The link when it can be fetched at all; UnprocessableError says why not."""
    if kind == "magnet_link":
        try:
            return Link(kind, address, parse_magnet(address).ref)
        except BadTorrent as error:
            raise UnprocessableError(f"{error} Copy the whole link.", context={"field": kind}) from error
    _check_address(kind, address)
    return Link(kind, address)


def _check_address(kind: str, address: str) -> None:
    """HTTP(S) with a host that is not inside the network. Names are looked up when the file is fetched, and again
    refused there if they lead inside; here nothing is asked of the network."""
    try:
        parts = urlsplit(address)
        has_host, has_user = bool(parts.hostname) and parts.port != 0, "@" in parts.netloc
    except ValueError:
        has_host = has_user = False
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not has_host or any(c.isspace() or ord(c) < 32 for c in address):
        raise ValidationError(
            f"{kind} must be a whole address that begins with http:// or https://.",
            fields={kind: "Must be an address that begins with http:// or https://."},
        )
    if has_user:
        raise ValidationError(
            f"{kind} must not hold a user name or password.", fields={kind: "Must not hold a user name or password."}
        )
    guard = replace(trusted_guard(trusted_hosts()), resolve=_known_without_asking)
    try:
        guard.check(address, service="Your request")
    except Rejected as error:
        raise UnprocessableError(error.message, context={"field": kind}) from error


def _known_without_asking(host: str, port: int) -> list[str]:
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        return ["127.0.0.1"] if host == "localhost" or host.endswith(".localhost") else []


def _from_release(
    release: Release,
    book: Book | None,
    *,
    title: str,
    author: str,
    source: str,
    user: User | None,
    now: datetime.datetime,
) -> Download:
    if source not in (MANUAL, release.indexer.name):
        raise ValidationError(
            f"The release is offered by {release.indexer.name}, not by {source}.",
            fields={"source": f"Must be {release.indexer.name} or {MANUAL}."},
        )
    decision = Decision.objects.filter(release=release, **({"book": book} if book else {})).first()
    wanted = book or (decision.book if decision else None)
    _refuse_same_torrent(release.infohash)
    with transaction.atomic():
        books = [wanted] if wanted else []
        download = grab(release=release, books=books, now=now, user=user, overrule=_why(decision), decision=decision)
        download.title = title or download.title
        download.author = author or download.author
        download.save(update_fields=["title", "author", "updated_at"])
    return download


def _why(decision: Decision | None) -> str:
    return "chosen by a person" if decision is not None and not decision.is_accepted else ""


def _from_link(
    link: Link,
    book: Book | None,
    *,
    title: str,
    author: str,
    source: str,
    user: User | None,
    now: datetime.datetime,
) -> Download:
    if source != MANUAL and not Indexer.objects.filter(name=source).exists():
        raise ValidationError(
            f"No indexer is named {source}.", fields={"source": f"Must be the name of an indexer, or {MANUAL}."}
        )
    _refuse_same_torrent(link.infohash)
    first = book.authors.first() if book and not author else None
    try:
        with transaction.atomic():
            download = Download.objects.create(
                title=title,
                author=author or (first.name if first else ""),
                source=source,
                tag=new_tag(),
                infohash=link.infohash,
                payload={link.kind: link.address},
                max_retries=get_setting("downloads.max_retries"),
                created_by=user,
                status_at=now,
            )
            if book:
                DownloadBook.objects.create(download=download, book=book)
            note(download, "Queued by hand.", actor=user.username if user else "system", new="queued", now=now)
    except IntegrityError as error:
        raise ConflictError(
            "A download of this book is under way already; cancel it first.",
            context={"resource": "book", "id": book.pk if book else None},
        ) from error
    return download


def _refuse_same_torrent(infohash: str) -> None:
    """One torrent twice in a client is one torrent: the second download would follow the first one's files."""
    twin = Download.objects.active().filter(infohash=infohash).first() if infohash else None
    if twin:
        raise ConflictError(
            f"This torrent is under way already as download {twin.pk}; cancel that one first.",
            code="duplicate_resource",
            context={"resource": "download", "id": twin.pk},
        )
