"""Facts of a reader to rows of copies and files, fitted to what the database can hold."""

import datetime
import hashlib
import json
import math
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from library.domain.facts import CopyFacts
from library.models import Copy, CopyFile, MatchState

PLAIN_FIELDS = (
    "subtitle", "asin", "isbn", "publisher", "published_year", "language", "description", "is_abridged", "is_explicit",
    "duration_seconds", "size_bytes", "codec", "bitrate_kbps", "chapter_count", "is_single_file", "abs_item_id",
    "fingerprint",
)  # fmt: skip
WRITTEN_FIELDS = (
    *PLAIN_FIELDS, "path", "title", "authors", "narrators", "series", "genres", "tags", "file_count", "sources",
    "problems", "facts_digest", "added_at",
)  # fmt: skip
# What a reading may change of a copy and a revert brings back.
KEPT_FIELDS = ("path", "title", "authors", "narrators", "series", "genres", "tags", *PLAIN_FIELDS)
SMALL, WHOLE, LARGE = 32_767, 2**31 - 1, 2**63 - 1
# No database keeps these: NUL (PostgreSQL refuses it) and halves of surrogate pairs.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def facts_digest(facts: CopyFacts) -> str:
    """A hash of everything that was read, without the fingerprint: equal means nothing to write."""
    plain = asdict(facts)
    plain.pop("fingerprint")
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


def storable(value: Any) -> Any:
    """The value without characters that a database cannot keep, through lists and mappings."""
    if isinstance(value, str):
        return UNSTORABLE.sub("", value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(item) for item in value]
    return value


def _number(value: int | None, most: int) -> int | None:
    return value if value is not None and 0 <= value <= most else None


def fill_copy(copy: Copy, facts: CopyFacts, *, digest: str, now: datetime.datetime) -> None:
    """Write what was read over a row. A number that cannot be is left out; texts are cut to what their field holds."""

    def text(value: str, most: int) -> str:
        return str(storable(value))[:most]

    copy.path = text(facts.path, len(facts.path))
    copy.abs_item_id, copy.is_single_file = text(facts.abs_item_id, 60), facts.is_single_file
    copy.title = text(facts.title, 500) or text(facts.path.rsplit("/", 1)[-1], 500)
    copy.subtitle, copy.publisher = text(facts.subtitle, 500), text(facts.publisher, 300)
    copy.isbn, copy.asin, copy.language = text(facts.isbn, 20), text(facts.asin, 10), text(facts.language, 20)
    copy.codec, copy.fingerprint = text(facts.codec, 40), text(facts.fingerprint, 200)
    copy.description = text(facts.description, len(facts.description))
    copy.authors, copy.narrators = storable(facts.authors), storable(facts.narrators)
    copy.series = [{"name": storable(place.name), "position": storable(place.position)} for place in facts.series]
    copy.genres, copy.tags = storable(facts.genres), storable(facts.tags)
    copy.is_abridged, copy.is_explicit = facts.is_abridged, facts.is_explicit
    copy.published_year = _number(facts.published_year, SMALL)
    seconds = facts.duration_seconds
    copy.duration_seconds = seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None
    copy.size_bytes = _number(facts.size_bytes, LARGE) or 0
    copy.bitrate_kbps = _number(facts.bitrate_kbps, WHOLE)
    copy.chapter_count = _number(facts.chapter_count, WHOLE) or 0
    copy.file_count = len(facts.audio_files)
    copy.sources = storable(dict(facts.sources))
    copy.problems = [storable(asdict(problem)) for problem in facts.problems]
    copy.facts_digest = digest
    copy.added_at = facts.added_at or copy.added_at or now
    if copy.match_state in (MatchState.NONE, MatchState.REVIEW):
        copy.match_state = MatchState.PENDING


def file_rows(copy: Copy, facts: CopyFacts) -> Iterable[CopyFile]:
    """The files of a copy, not saved yet."""
    for file in facts.files:
        yield CopyFile(
            copy=copy,
            path=storable(file.path),
            kind=file.kind,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            duration_seconds=file.duration_seconds,
            codec=file.codec[:40],
            bitrate_kbps=_number(file.bitrate_kbps, WHOLE),
        )
