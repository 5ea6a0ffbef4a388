"""Copies whose folder was renamed or moved: the same files at another path are the same copy."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from django.db.models import QuerySet

from library.models import Copy, CopyFile, LibraryRoot, MatchState, ShelfChange
from library.services.copy_rows import KEPT_FIELDS, WRITTEN_FIELDS
from library.services.linking import LINK_FIELDS
from library.services.ownership import refresh_ownership, remove_orphans
from library.services.resolving import chunks

Signature = tuple[tuple[str, int, int], ...]


def follow_moves(root: LibraryRoot, *, run_id: int, unseen: QuerySet[Copy]) -> int:
    """Copies made by this run that are an unseen one at a new path take its place; returns how many.

    The older row stays, with its history and with what a person decided of it. Only where the audio files have equal
    names, sizes and times of change, and only one unseen and one new copy have them.
    """
    created = root.copies.filter(changes__run_id=run_id, changes__kind=ShelfChange.Kind.CREATED)
    if not created.exists():
        return 0
    old = _by_signature(unseen.values_list("pk", flat=True))
    new = _by_signature(created.values_list("pk", flat=True)) if old else {}
    pairs = {old[key][0]: new[key][0] for key in old.keys() & new.keys() if len(old[key]) == 1 and len(new[key]) == 1}
    rows = Copy.objects.in_bulk([*pairs.keys(), *pairs.values()])
    for old_id, new_id in pairs.items():
        _take_place(rows[old_id], rows[new_id], run_id)
    return len(pairs)


def _by_signature(copy_ids: Iterable[int]) -> dict[Signature, list[int]]:
    files: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for part in chunks(copy_ids):
        rows = CopyFile.objects.filter(copy_id__in=part, kind="audio")
        for copy_id, path, size, changed in rows.values_list("copy_id", "path", "size_bytes", "mtime_ns"):
            files[copy_id].append((PurePosixPath(path).name, size, changed))
    found: dict[Signature, list[int]] = defaultdict(list)
    for copy_id, listed in files.items():
        found[tuple(sorted(listed))].append(copy_id)
    return found


def _take_place(old: Copy, new: Copy, run_id: int) -> None:
    before = {name: getattr(old, name) for name in KEPT_FIELDS}
    books = [pk for pk in (old.book_id, new.book_id) if pk]
    added_at = old.added_at
    keeps_book = old.match_state == MatchState.USER
    for name in (*WRITTEN_FIELDS, "seen_run", *(() if keeps_book else LINK_FIELDS)):
        setattr(old, name, getattr(new, name))
    old.added_at, old.unseen_count = added_at, 0
    CopyFile.objects.filter(copy=old).delete()
    CopyFile.objects.filter(copy=new).update(copy=old)
    new.delete()
    old.save()
    ShelfChange.objects.create(run_id=run_id, copy=old, kind=ShelfChange.Kind.UPDATED, before=before)
    refresh_ownership(books)
    remove_orphans(books, with_gaps=True)
