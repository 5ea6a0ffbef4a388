"""Reading a library into rows: idempotent, in bounded batches, previewable, revertible; nothing is written to it.

Identity is the Audiobookshelf item id or the path, never the title. An absent root or an empty answer is an outage and
changes nothing. A copy that was not seen becomes missing after two runs in a row in which its root was healthy.
"""

import datetime
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from config.errors import Unavailable
from library.domain.facts import CopyFacts, Problem
from library.models import Book, Copy, CopyFile, LibraryRoot, MatchState, ShelfChange
from library.services.linking import link_copies

BATCH = 250
UNSEEN_RUNS = 2
NOT_A_COPY = frozenset({"ebook_only", "no_readable_audio", "no_audio"})
MAX_PREVIEW = 100
PLAIN_FIELDS = (
    "subtitle", "asin", "isbn", "publisher", "published_year", "language", "description", "is_abridged", "is_explicit",
    "duration_seconds", "size_bytes", "codec", "bitrate_kbps", "chapter_count", "is_single_file", "abs_item_id",
    "fingerprint",
)  # fmt: skip
WRITTEN_FIELDS = (
    *PLAIN_FIELDS, "path", "title", "authors", "narrators", "series", "genres", "tags", "file_count", "sources",
    "problems", "facts_digest", "added_at", "match_state",
)  # fmt: skip
KEPT_FIELDS = ("title", "authors", "narrators", "series", *PLAIN_FIELDS)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A copy that is still there and was not read again; `key` is its item id or path."""

    key: str


class LibraryReader(Protocol):
    """A source of copies. `check` raises Unavailable when its root cannot be read now."""

    uses_item_ids: bool

    def check(self) -> None: ...

    def read(
        self, known: Mapping[str, str], report: Callable[[int, int | None], None]
    ) -> Iterator[CopyFacts | Unchanged | Problem]:
        """`known`: {item id or path: fingerprint}; `report(done, total)` follows."""
        ...


@dataclass
class ShelfResult:
    """What a reading found. `preview` lists the first hundred changes in words."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    unseen: int = 0
    became_missing: int = 0
    returned: int = 0
    skipped: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    preview: list[str] = field(default_factory=list)
    books_created: int = 0
    for_review: int = 0

    def add_problem(self, problem: Problem, path: str = "") -> None:
        if len(self.problems) < MAX_PREVIEW:
            where = problem.path or path
            self.problems.append({"code": problem.code, "message": problem.message, "path": where})

    def note(self, line: str) -> None:
        if len(self.preview) < MAX_PREVIEW:
            self.preview.append(line)


@dataclass
class _Reading:
    root: LibraryRoot
    run_id: int
    uses_item_ids: bool
    dry_run: bool
    now: datetime.datetime
    result: ShelfResult
    unread: list[str] = field(default_factory=list)

    def key_of(self, copy: Copy | CopyFacts) -> str:
        return copy.abs_item_id if self.uses_item_ids else copy.path


def read_root(
    *,
    root: LibraryRoot,
    reader: LibraryReader,
    run_id: int,
    now: datetime.datetime,
    dry_run: bool = False,
    report: Callable[[int, int | None], None] = lambda done, total: None,
) -> ShelfResult:
    """Read one root. Raises Unavailable on an outage, before or in the middle; what was read until then stays."""
    reading = _Reading(root, run_id, reader.uses_item_ids, dry_run, now, ShelfResult())
    try:
        reader.check()
        _read_all(reading, reader, report)
    except Unavailable as error:
        if not dry_run:
            LibraryRoot.objects.filter(pk=root.pk).update(last_error=error.message[:500])
        raise
    if reading.result.seen == 0 and root.copies.present().exists():
        message = (
            f"{root.name} answered with no book at all though it had some before; taken for an outage, nothing changed."
        )
        LibraryRoot.objects.filter(pk=root.pk).update(last_error=message)
        raise Unavailable(message, service=root.name)
    _settle_unseen(reading)
    if not dry_run:
        present = root.copies.present().count()
        LibraryRoot.objects.filter(pk=root.pk).update(
            last_read_at=now, last_healthy_at=now, last_error="", copy_count=present
        )
    return reading.result


def _read_all(reading: _Reading, reader: LibraryReader, report: Callable[[int, int | None], None]) -> None:
    field_name = "abs_item_id" if reading.uses_item_ids else "path"
    known = dict(reading.root.copies.present().values_list(field_name, "fingerprint").iterator(chunk_size=5000))
    changed: list[CopyFacts] = []
    unchanged: list[str] = []
    for item in reader.read(known, report):
        if isinstance(item, Problem):
            reading.result.add_problem(item)
            reading.unread.append(item.path)
        elif isinstance(item, Unchanged):
            unchanged.append(item.key)
        else:
            changed.append(item)
        if len(changed) >= BATCH:
            _store(reading, changed)
            changed = []
        if len(unchanged) >= 4 * BATCH:
            _mark_seen(reading, unchanged)
            unchanged = []
    _store(reading, changed)
    _mark_seen(reading, unchanged)


def _mark_seen(reading: _Reading, keys: list[str]) -> None:
    reading.result.seen += len(keys)
    reading.result.unchanged += len(keys)
    if not reading.dry_run:
        name = "abs_item_id__in" if reading.uses_item_ids else "path__in"
        reading.root.copies.filter(**{name: keys}).update(seen_run=reading.run_id, unseen_count=0)


def facts_digest(facts: CopyFacts) -> str:
    """A hash of everything that was read, without the fingerprint: equal means nothing to write."""
    plain = asdict(facts)
    plain.pop("fingerprint")
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


def _store(reading: _Reading, batch: list[CopyFacts]) -> None:
    """Write one batch in one transaction: rows, files, journal, links."""
    wanted = [facts for facts in batch if not _is_not_a_book(facts, reading.result)]
    if not wanted:
        return
    unique = {reading.key_of(facts): facts for facts in wanted}
    name = "abs_item_id__in" if reading.uses_item_ids else "path__in"
    with transaction.atomic():
        existing = {reading.key_of(copy): copy for copy in reading.root.copies.filter(**{name: list(unique)})}
        if reading.uses_item_ids:
            existing |= _filed_by_us(reading, unique, existing)
        reading.result.seen += len(unique)
        created, updated, returned = _sort_out(reading, unique, existing)
        if reading.dry_run:
            return
        _write(reading, created, updated, returned)


def _filed_by_us(reading: _Reading, unique: Mapping[str, CopyFacts], existing: Mapping[str, Copy]) -> dict[str, Copy]:
    """Copies that were imported into an Audiobookshelf library before it gave them an id: known by their path."""
    by_path = {facts.path: key for key, facts in unique.items() if key not in existing}
    waiting = reading.root.copies.filter(abs_item_id="", path__in=list(by_path))
    return {by_path[copy.path]: copy for copy in waiting}


def _is_not_a_book(facts: CopyFacts, result: ShelfResult) -> bool:
    for problem in facts.problems:
        result.add_problem(problem, facts.path)
    if facts.is_missing or any(problem.code in NOT_A_COPY for problem in facts.problems) or not facts.audio_files:
        result.skipped += 1
        return True
    return False


Change = tuple[Copy, CopyFacts, dict[str, Any]]


def _sort_out(
    reading: _Reading, unique: Mapping[str, CopyFacts], existing: Mapping[str, Copy]
) -> tuple[list[Change], list[Change], list[Copy]]:
    created: list[Change] = []
    updated: list[Change] = []
    returned: list[Copy] = []
    for key, facts in unique.items():
        digest = facts_digest(facts)
        copy = existing.get(key)
        if copy is None:
            copy = Copy(root=reading.root, match_state=MatchState.PENDING)
            created.append((copy, facts, {}))
            reading.result.created += 1
            reading.result.note(f"new: {facts.path}")
        elif copy.facts_digest != digest:
            before = {name: getattr(copy, name) for name in KEPT_FIELDS}
            updated.append((copy, facts, before))
            reading.result.updated += 1
            reading.result.note(f"changed: {facts.path}")
        else:
            reading.result.unchanged += 1
            copy.fingerprint = facts.fingerprint
        if copy.pk and copy.missing_since:
            returned.append(copy)
            reading.result.returned += 1
            reading.result.note(f"back again: {facts.path}")
        if not reading.dry_run:
            _fill(copy, facts, digest, reading)
    if not reading.dry_run:
        same = [copy for key, copy in existing.items() if copy.facts_digest == facts_digest(unique[key])]
        Copy.objects.bulk_update(same, ["fingerprint", "seen_run", "unseen_count", "missing_since"], batch_size=BATCH)
    return created, updated, returned


def _fill(copy: Copy, facts: CopyFacts, digest: str, reading: _Reading) -> None:
    for name in PLAIN_FIELDS:
        setattr(copy, name, getattr(facts, name))
    copy.path = facts.path
    copy.title = facts.title[:500] or facts.path.rsplit("/", 1)[-1][:500]
    copy.subtitle, copy.publisher = facts.subtitle[:500], facts.publisher[:300]
    copy.isbn, copy.asin, copy.language = facts.isbn[:20], facts.asin[:10], facts.language[:20]
    copy.codec = facts.codec[:40]
    copy.authors, copy.narrators = list(facts.authors), list(facts.narrators)
    copy.series = [{"name": place.name, "position": place.position} for place in facts.series]
    copy.genres, copy.tags = list(facts.genres), list(facts.tags)
    copy.file_count = len(facts.audio_files)
    copy.sources = dict(facts.sources)
    copy.problems = [asdict(problem) for problem in facts.problems]
    copy.facts_digest = digest
    copy.added_at = facts.added_at or copy.added_at or reading.now
    copy.seen_run, copy.unseen_count, copy.missing_since = reading.run_id, 0, None
    if copy.match_state in (MatchState.NONE, MatchState.REVIEW):
        copy.match_state = MatchState.PENDING


def _write(reading: _Reading, created: list[Change], updated: list[Change], returned: list[Copy]) -> None:
    Copy.objects.bulk_create([copy for copy, _, _ in created], batch_size=BATCH)
    Copy.objects.bulk_update(
        [copy for copy, _, _ in updated],
        [*WRITTEN_FIELDS, "seen_run", "unseen_count", "missing_since"],
        batch_size=BATCH,
    )
    touched = [*created, *updated]
    CopyFile.objects.filter(copy__in=[copy for copy, _, _ in updated]).delete()
    CopyFile.objects.bulk_create(
        [
            CopyFile(
                copy=copy, path=file.path, kind=file.kind, size_bytes=file.size_bytes, mtime_ns=file.mtime_ns,
                duration_seconds=file.duration_seconds, codec=file.codec[:40], bitrate_kbps=file.bitrate_kbps,
            )
            for copy, facts, _ in touched
            for file in facts.files
        ],
        batch_size=2000,
    )  # fmt: skip
    if reading.run_id:
        kinds = ShelfChange.Kind
        journal = [ShelfChange(run_id=reading.run_id, copy=c, kind=kinds.CREATED) for c, _, _ in created]
        journal += [ShelfChange(run_id=reading.run_id, copy=c, kind=kinds.UPDATED, before=b) for c, _, b in updated]
        journal += [ShelfChange(run_id=reading.run_id, copy=c, kind=kinds.RETURNED) for c in returned]
        ShelfChange.objects.bulk_create(journal, batch_size=2000)
    linked = link_copies([copy for copy, _, _ in touched] + returned, now=reading.now)
    reading.result.books_created += linked.books_created
    reading.result.for_review += linked.for_review


def _file_rows(copy: Copy, facts: CopyFacts) -> list[CopyFile]:
    return [
        CopyFile(
            copy=copy,
            path=file.path,
            kind=file.kind,
            size_bytes=file.size_bytes,
            mtime_ns=file.mtime_ns,
            duration_seconds=file.duration_seconds,
            codec=file.codec[:40],
            bitrate_kbps=file.bitrate_kbps,
        )
        for file in facts.files
    ]


def adopt_copy(*, root: LibraryRoot, facts: CopyFacts, now: datetime.datetime) -> Copy:
    """The row of a copy that was just filed; made, or brought up to date when it is there already."""
    reading = _Reading(root, 0, False, False, now, ShelfResult())
    copy = root.copies.filter(path=facts.path).first() or Copy(root=root)
    _fill(copy, facts, facts_digest(facts), reading)
    copy.save()
    copy.copy_files.all().delete()
    CopyFile.objects.bulk_create(_file_rows(copy, facts))
    return copy


def _settle_unseen(reading: _Reading) -> None:
    if reading.dry_run:
        return
    unseen = reading.root.copies.present().exclude(seen_run=reading.run_id)
    for folder in reading.unread:
        # What lies below a folder that could not be read was not seen, and is not gone.
        unseen = unseen.exclude(path=folder).exclude(path__startswith=f"{folder}/")
    with transaction.atomic():
        reading.result.unseen = unseen.update(unseen_count=F("unseen_count") + 1)
        gone = list(
            reading.root.copies.present().filter(unseen_count__gte=UNSEEN_RUNS).values_list("pk", "book_id", "path")
        )
        if not gone:
            return
        ids = [pk for pk, _, _ in gone]
        Copy.objects.filter(pk__in=ids).update(missing_since=reading.now)
        if reading.run_id:
            ShelfChange.objects.bulk_create(
                [ShelfChange(run_id=reading.run_id, copy_id=pk, kind=ShelfChange.Kind.MISSING) for pk in ids],
                batch_size=2000,
            )
        refresh_ownership([book_id for _, book_id, _ in gone if book_id])
        reading.result.became_missing = len(ids)
        for _, _, path in gone:
            reading.result.note(f"missing: {path}")


def refresh_ownership(book_ids: Iterable[int]) -> None:
    """Set `is_owned` of the books by whether a present copy stands for them."""
    ids = list(book_ids)
    for start in range(0, len(ids), 500):
        Book.objects.filter(pk__in=ids[start : start + 500]).update(
            is_owned=Exists(Copy.objects.present().filter(book=OuterRef("pk")))
        )


def revert_reading(run_id: int) -> dict[str, int]:
    """Undo what one reading changed in the database: what it added goes, what it changed or lost comes back."""
    counts = {"removed": 0, "restored": 0}
    with transaction.atomic():
        changes = list(ShelfChange.objects.filter(run_id=run_id).select_related("copy").order_by("-id"))
        books = {change.copy.book_id for change in changes if change.copy.book_id}
        for change in changes:
            copy = change.copy
            if change.kind == ShelfChange.Kind.CREATED:
                copy.delete()
                counts["removed"] += 1
                continue
            for name, value in change.before.items():
                setattr(copy, name, value)
            copy.missing_since = timezone.now() if change.kind == ShelfChange.Kind.RETURNED else None
            copy.facts_digest = copy.fingerprint = ""
            copy.save()
            counts["restored"] += 1
        refresh_ownership(books)
        _remove_orphans(books)
    return counts


def _remove_orphans(book_ids: Iterable[int]) -> None:
    """Books that only a copy spoke for, and that nothing else refers to, go with it."""
    Book.objects.filter(
        pk__in=list(book_ids), import_source="library", copies=None, catalogue_records=None, corrections=None, gaps=None
    ).delete()
