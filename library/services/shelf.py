"""Reading a library into rows: idempotent, in bounded batches, previewable; nothing is written to the library.

Identity is the Audiobookshelf item id or the path, never the title. An absent root or an empty answer is an outage and
changes nothing. A copy that was not seen becomes missing after two runs in a row in which its root was healthy; where
a large part of a root is unseen at once, only after seven, since that is more often a fault than a clearance.
"""

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from django.db import DataError, IntegrityError, transaction
from django.db.models import F, QuerySet

from config.errors import ExternalAPIError, Unavailable
from library.domain.facts import CopyFacts, Problem
from library.models import Copy, CopyFile, LibraryRoot, MatchState, ShelfChange
from library.services.copy_rows import KEPT_FIELDS, WRITTEN_FIELDS, facts_digest, file_rows, fill_copy
from library.services.linking import LINK_FIELDS, link_copies, place_copies
from library.services.moves import follow_moves
from library.services.ownership import refresh_ownership

__all__ = ["LibraryReader", "ShelfResult", "Unchanged", "adopt_copy", "read_root", "refresh_ownership"]

BATCH = 250
UNSEEN_RUNS = 2
# More than half of a root, and more than this many copies: probably a disk below the root that is not mounted.
MANY_UNSEEN, MANY_UNSEEN_RUNS = 50, 7
NOT_A_COPY = frozenset({"ebook_only", "no_readable_audio", "no_audio"})
MAX_PREVIEW = 100
SEEN_FIELDS = ("seen_run", "unseen_count", "missing_since")


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
    moved: int = 0
    skipped: int = 0
    problem_count: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)
    preview: list[str] = field(default_factory=list)
    books_created: int = 0
    for_review: int = 0

    def add_problem(self, problem: Problem, path: str = "") -> None:
        self.problem_count += 1
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
    result: ShelfResult = field(default_factory=ShelfResult)
    unread: list[str] = field(default_factory=list)
    seen_keys: set[str] = field(default_factory=set)  # of a preview only, which leaves no marks in the rows

    @property
    def key_name(self) -> str:
        return "abs_item_id" if self.uses_item_ids else "path"

    def key_of(self, copy: Copy | CopyFacts) -> str:
        return copy.abs_item_id if self.uses_item_ids else copy.path


@dataclass
class _Sorted:
    """One batch, told apart. `before` is kept for the journal."""

    created: list[tuple[Copy, CopyFacts]] = field(default_factory=list)
    updated: list[tuple[Copy, CopyFacts, dict[str, Any]]] = field(default_factory=list)
    same: list[Copy] = field(default_factory=list)
    returned: list[Copy] = field(default_factory=list)


def read_root(
    *,
    root: LibraryRoot,
    reader: LibraryReader,
    run_id: int,
    now: datetime.datetime,
    dry_run: bool = False,
    report: Callable[[int, int | None], None] = lambda done, total: None,
) -> ShelfResult:
    """Read one root. Raises what the reader raises on an outage, before or in the middle; what was read until then
    stays, and nothing is taken for gone."""
    reading = _Reading(root, run_id, reader.uses_item_ids, dry_run, now)
    try:
        reader.check()
        _read_all(reading, reader, report)
        if reading.result.seen == 0 and root.copies.present().exists():
            raise Unavailable(
                f"{root.name} answered with no book at all though it had some before; taken for an outage, "
                "nothing changed.",
                service=root.name,
            )
    except ExternalAPIError as error:
        if not dry_run:
            LibraryRoot.objects.filter(pk=root.pk).update(last_error=error.message[:500])
        raise
    if dry_run:
        _preview_unseen(reading)
        return reading.result
    _settle_unseen(reading)
    present = root.copies.present().count()
    LibraryRoot.objects.filter(pk=root.pk).update(
        last_read_at=now, last_healthy_at=now, last_error="", copy_count=present
    )
    return reading.result


def _read_all(reading: _Reading, reader: LibraryReader, report: Callable[[int, int | None], None]) -> None:
    rows = reading.root.copies.present().exclude(**{reading.key_name: ""})
    known = dict(rows.values_list(reading.key_name, "fingerprint").iterator(chunk_size=5000))
    changed: list[CopyFacts] = []
    unchanged: list[str] = []
    for item in reader.read(known, report):
        if isinstance(item, Problem):
            reading.result.add_problem(item)
            reading.unread.append(item.path)
        elif isinstance(item, Unchanged):
            unchanged.append(item.key)
        elif not _is_not_a_book(item, reading.result):
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
    if reading.dry_run:
        reading.seen_keys.update(keys)
        return
    rows = reading.root.copies.filter(**{f"{reading.key_name}__in": keys})
    rows.update(seen_run=reading.run_id, unseen_count=0)


def _is_not_a_book(facts: CopyFacts, result: ShelfResult) -> bool:
    for problem in facts.problems:
        result.add_problem(problem, facts.path)
    if facts.is_missing or any(problem.code in NOT_A_COPY for problem in facts.problems) or not facts.audio_files:
        result.skipped += 1
        return True
    return False


def _store(reading: _Reading, batch: Sequence[CopyFacts]) -> None:
    """Write one batch. Where the database refuses it, each book is tried alone: one bad book never stops an import."""
    unique = {reading.key_of(facts): facts for facts in batch}
    if not unique:
        return
    try:
        _store_together(reading, unique)
    except (DataError, IntegrityError, ValueError, OverflowError) as error:
        if len(unique) > 1:
            for facts in unique.values():
                _store(reading, [facts])
            return
        path = batch[0].path
        problem = Problem("not_stored", f"This book cannot be kept ({_first_line(error)}). Look at its names.", path)
        reading.result.add_problem(problem)
        reading.unread.append(path)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _store_together(reading: _Reading, unique: Mapping[str, CopyFacts]) -> None:
    """Rows, files, journal and links in one transaction; the figures are counted once it holds."""
    with transaction.atomic():
        existing = _existing(reading, unique)
        batch = _sort_out(reading, unique, existing)
        linked = None if reading.dry_run else _write(reading, batch)
    result = reading.result
    result.seen += len(unique)
    result.created += len(batch.created)
    result.updated += len(batch.updated)
    result.unchanged += len(batch.same)
    result.returned += len(batch.returned)
    for line, copies in (
        ("new", [facts.path for _, facts in batch.created]),
        ("changed", [facts.path for _, facts, _ in batch.updated]),
        ("back again", [copy.path for copy in batch.returned]),
    ):
        for path in copies:
            result.note(f"{line}: {path}")
    if linked:
        result.books_created += linked.books_created
        result.for_review += linked.for_review
    else:
        reading.seen_keys.update(unique)


def _existing(reading: _Reading, unique: Mapping[str, CopyFacts]) -> dict[str, Copy]:
    """Rows by key. An Audiobookshelf item that is not known by its id is known by its path: we filed it ourselves
    before it was scanned, or the server was set up anew and gave every item another id."""
    rows = reading.root.copies.filter(**{f"{reading.key_name}__in": list(unique)})
    existing = {reading.key_of(copy): copy for copy in rows}
    if reading.uses_item_ids:
        by_path = {facts.path: key for key, facts in unique.items() if key not in existing}
        taken = {copy.pk for copy in existing.values()}
        for copy in reading.root.copies.filter(path__in=list(by_path)).order_by("missing_since", "pk"):
            if copy.pk not in taken and copy.seen_run != reading.run_id:
                existing.setdefault(by_path[copy.path], copy)
    return existing


def _sort_out(reading: _Reading, unique: Mapping[str, CopyFacts], existing: Mapping[str, Copy]) -> _Sorted:
    batch = _Sorted()
    for key, facts in unique.items():
        digest = facts_digest(facts)
        copy = existing.get(key)
        if copy is None:
            copy = Copy(root=reading.root, match_state=MatchState.PENDING)
            batch.created.append((copy, facts))
        elif copy.facts_digest != digest:
            batch.updated.append((copy, facts, {name: getattr(copy, name) for name in KEPT_FIELDS}))
        else:
            batch.same.append(copy)
        if copy.pk and copy.missing_since:
            batch.returned.append(copy)
        if reading.dry_run:
            continue
        if copy.pk and copy.facts_digest == digest:
            copy.fingerprint = facts.fingerprint
        else:
            fill_copy(copy, facts, digest=digest, now=reading.now)
        copy.seen_run, copy.unseen_count, copy.missing_since = reading.run_id, 0, None
    return batch


def _write(reading: _Reading, batch: _Sorted) -> Any:
    created = [copy for copy, _ in batch.created]
    updated = [copy for copy, _, _ in batch.updated]
    renamed = {
        copy.pk
        for copy, _, before in batch.updated
        if (before["title"], before["authors"]) != (copy.title, copy.authors)
    }
    touched = [*created, *updated, *(copy for copy in batch.returned if copy not in updated)]
    linked = link_copies(touched, now=reading.now, renamed=renamed)
    Copy.objects.bulk_create(created, batch_size=BATCH)
    for copy in updated:
        copy.updated_at = reading.now
    fields = [*WRITTEN_FIELDS, *LINK_FIELDS, *SEEN_FIELDS, "updated_at"]
    Copy.objects.bulk_update(updated, fields, batch_size=BATCH)
    Copy.objects.bulk_update(batch.same, [*SEEN_FIELDS, "fingerprint"], batch_size=BATCH)
    Copy.objects.bulk_update([copy for copy in batch.returned if copy not in updated], LINK_FIELDS, batch_size=BATCH)
    CopyFile.objects.filter(copy__in=updated).delete()
    changed = [*batch.created, *((copy, facts) for copy, facts, _ in batch.updated)]
    CopyFile.objects.bulk_create([row for copy, facts in changed for row in file_rows(copy, facts)], batch_size=2000)
    _keep_journal(reading, batch)
    place_copies(touched, linked, now=reading.now, renewed=updated)
    return linked


def _keep_journal(reading: _Reading, batch: _Sorted) -> None:
    if not reading.run_id:
        return
    kinds = ShelfChange.Kind
    run_id = reading.run_id
    journal = [ShelfChange(run_id=run_id, copy=copy, kind=kinds.CREATED) for copy, _ in batch.created]
    journal += [ShelfChange(run_id=run_id, copy=c, kind=kinds.UPDATED, before=old) for c, _, old in batch.updated]
    journal += [ShelfChange(run_id=run_id, copy=copy, kind=kinds.RETURNED) for copy in batch.returned]
    ShelfChange.objects.bulk_create(journal, batch_size=2000)


def adopt_copy(*, root: LibraryRoot, facts: CopyFacts, now: datetime.datetime) -> Copy:
    """The row of a copy that was just filed; made, or brought up to date when it is there already."""
    copy = root.copies.filter(path=facts.path).first() or Copy(root=root)
    item_id = copy.abs_item_id
    fill_copy(copy, facts, digest=facts_digest(facts), now=now)
    copy.abs_item_id = copy.abs_item_id or item_id
    copy.unseen_count, copy.missing_since = 0, None
    copy.save()
    copy.copy_files.all().delete()
    CopyFile.objects.bulk_create(file_rows(copy, facts))
    return copy


def _unseen(reading: _Reading) -> QuerySet[Copy]:
    """What this run did not see, without what lies below a folder that could not be read: that need not be gone."""
    unseen = reading.root.copies.present()
    if not reading.dry_run:
        unseen = unseen.exclude(seen_run=reading.run_id)
    for folder in reading.unread:
        unseen = unseen.exclude(path=folder).exclude(path__startswith=f"{folder}/")
    return unseen


def _preview_unseen(reading: _Reading) -> None:
    for key, path in _unseen(reading).values_list(reading.key_name, "path").iterator(chunk_size=5000):
        if key and key not in reading.seen_keys:
            reading.result.unseen += 1
            reading.result.note(f"not there: {path}")


def _settle_unseen(reading: _Reading) -> None:
    with transaction.atomic():
        if not reading.uses_item_ids:
            reading.result.moved = follow_moves(reading.root, run_id=reading.run_id, unseen=_unseen(reading))
        unseen = _unseen(reading).exclude(pk__in=_waiting(reading))
        reading.result.unseen = unseen.update(unseen_count=F("unseen_count") + 1)
        rows = reading.root.copies.present().filter(unseen_count__gte=_patience(reading))
        gone = list(rows.values_list("pk", "book_id", "path"))
        if not gone:
            return
        ids = [pk for pk, _, _ in gone]
        for start in range(0, len(ids), 500):
            Copy.objects.filter(pk__in=ids[start : start + 500]).update(missing_since=reading.now)
        if reading.run_id:
            ShelfChange.objects.bulk_create(
                [ShelfChange(run_id=reading.run_id, copy_id=pk, kind=ShelfChange.Kind.MISSING) for pk in ids],
                batch_size=2000,
            )
        refresh_ownership([book_id for _, book_id, _ in gone if book_id])
        reading.result.became_missing = len(ids)
        for _, _, path in gone:
            reading.result.note(f"missing: {path}")


def _patience(reading: _Reading) -> int:
    """In how many runs in a row a copy must be unseen before it counts as gone."""
    unseen = reading.result.unseen
    is_many = unseen > MANY_UNSEEN and 2 * unseen > reading.root.copies.present().count()
    if is_many:
        problem = Problem(
            "many_unseen",
            f"{unseen} books of {reading.root.name} were not seen at once. Look whether all its disks are mounted. "
            f"They count as missing after {MANY_UNSEEN_RUNS} such runs.",
        )
        reading.result.add_problem(problem)
    return MANY_UNSEEN_RUNS if is_many else UNSEEN_RUNS


def _waiting(reading: _Reading) -> list[int]:
    """Copies that we filed into an Audiobookshelf library and that it has not scanned yet: their files tell."""
    if not reading.uses_item_ids or not reading.root.path:
        return []
    base = Path(reading.root.path)
    rows = reading.root.copies.present().filter(abs_item_id="").values_list("pk", "path")
    return [pk for pk, path in rows if (base / path).exists()]
