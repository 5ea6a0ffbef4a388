"""Adding to the blocklist by hand."""

import re

from accounts.models import User
from acquisition.domain.torrents import normalise_infohash
from acquisition.models import BlocklistEntry, Indexer, Release
from config.errors import ConflictError, ValidationError
from library.models import Book

V2_HASH = re.compile(r"[0-9a-fA-F]{64}")


def add_to_blocklist(
    *,
    reason: str,
    user: User | None,
    release: Release | None = None,
    book: Book | None = None,
    title: str = "",
    indexer: Indexer | None = None,
    guid: str = "",
    infohash: str = "",
    size_bytes: int | None = None,
) -> BlocklistEntry:
    """Never grab this again: a known release, or whatever matches by infohash, by indexer and guid, or by title and
    size. ConflictError (duplicate_resource) when such an entry is there."""
    if release is not None:
        indexer, guid, title = release.indexer, release.guid, release.title
        infohash, size_bytes = release.infohash, release.size_bytes
    known = normalise_infohash(infohash) or (infohash.lower() if V2_HASH.fullmatch(infohash) else "")
    if infohash and not known:
        raise ValidationError(
            "The infohash is not one.", fields={"infohash": "Must be 40 or 64 hexadecimal digits, or 32 in base32."}
        )
    _check_matches_something(title=title, indexer=indexer, guid=guid, infohash=known, size_bytes=size_bytes)
    values = {"indexer": indexer, "guid": guid, "infohash": known, "title": title, "size_bytes": size_bytes}
    twin = BlocklistEntry.objects.filter(**values).first()
    if twin:
        raise ConflictError(
            "This is on the blocklist already.",
            code="duplicate_resource",
            context={"resource": "blocklist entry", "id": twin.pk},
        )
    return BlocklistEntry.objects.create(**values, book=book, reason=reason, created_by=user)


def _check_matches_something(
    *, title: str, indexer: Indexer | None, guid: str, infohash: str, size_bytes: int | None
) -> None:
    if infohash or (guid and indexer) or (title and size_bytes):
        return
    raise ValidationError(
        "Say what to block: release_id, or infohash, or indexer and guid, or title and size_bytes.",
        fields={"infohash": "Send this, or one of the other ways to name a release."},
        code="missing_field",
    )
