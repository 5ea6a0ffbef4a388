"""Copies of a book that are on the shelf when another comes: what they are, and the name that passes to the new one.

An upgrade is filed beside what it replaces, under a numbered name. Once it is committed and the old files are in the
recycle bin it takes the name that is due to it:

    1. the folder is renamed; the journal has named it since the plan      (`wanted_path`)
    2. one transaction writes the new path of copy and journal, and clears `wanted_path`

A crash between the two is found by the journal: the numbered folder is gone, and the wanted one holds our files.
"""

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import transaction

from acquisition.domain.import_checks import commonest_format
from acquisition.domain.upgrades import Comparison, Held, Quality, Verdict
from acquisition.models import Download, ImportRecord, ImportStatus
from acquisition.services.following import follow_rename
from acquisition.services.placing import disk_errors, inside, root_path, sync_folder
from acquisition.services.transitions import note
from library.clients.folders.reader import FolderReader
from library.domain.facts import CopyFacts, FileKind
from library.models import Book, Copy, CopyFile, MatchState

# Verdicts whose rivals are replaced when it is filed: by the profile, or since a person overruled the check.
REPLACING = frozenset({Verdict.UPGRADE, Verdict.SAME, Verdict.NOT_ALLOWED, Verdict.WORSE})


def held_of(book: Book) -> tuple[Held, ...]:
    """What is on the shelf of a book, as it is compared with what comes."""
    copies = list(Copy.objects.present().filter(book=book).select_related("root"))
    paths: dict[int, list[str]] = {copy.pk: [] for copy in copies}
    for pk, path in CopyFile.objects.filter(copy__in=copies, kind=FileKind.AUDIO).values_list("copy_id", "path"):
        paths[pk].append(path)
    return tuple(
        Held(copy.pk, copy.path, _quality(copy, paths[copy.pk]), is_reachable=_is_reachable(copy)) for copy in copies
    )


def _quality(copy: Copy, paths: Sequence[str]) -> Quality:
    seconds = copy.duration_seconds
    return Quality(
        format=commonest_format(paths),
        bitrate_kbps=copy.bitrate_kbps or (round(copy.size_bytes * 8 / seconds / 1000) or None if seconds else None),
        language=copy.language,
        narrators=tuple(copy.narrators),
        is_abridged=copy.is_abridged,
    )


def _is_reachable(copy: Copy) -> bool:
    """Whether its files can be moved from here, and no other book along with them."""
    below = Copy.objects.filter(root=copy.root, path__startswith=f"{copy.path}/")
    return bool(copy.root.path and copy.path) and not below.exists()


def replaced_copies(comparison: Comparison) -> list[Copy]:
    """The copies that an import replaces, as far as they are within our reach."""
    if comparison.verdict not in REPLACING:
        return []
    copies = Copy.objects.present().filter(pk__in=comparison.replaces).select_related("root")
    return [copy for copy in copies if _is_reachable(copy)]


def take_name(record: ImportRecord, *, now: datetime.datetime) -> bool:
    """Give a committed upgrade the name that is due to it, once it is free; safe to repeat. Returns whether it has it.

    Where something else stands under that name by now, it keeps its own.
    """
    if record.status != ImportStatus.COMMITTED or not record.wanted_path:
        return False
    if not all(entry.get("done") for entry in record.replaced):
        return False
    root = root_path(record)
    source, target = inside(root, record.target_path), inside(root, record.wanted_path)
    with disk_errors(root):
        is_there = source.exists()
        if is_there and not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            sync_folder(target.parent)
        elif is_there or not _holds(target, record.files):
            return _keep_name(record, now)
    _write_name(record, root, now)
    return True


def _holds(folder: Path, files: Sequence[dict[str, Any]]) -> bool:
    """Whether these are the files that we placed."""
    paths = [(folder / file["target"], file["size_bytes"]) for file in files]
    return bool(paths) and all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _keep_name(record: ImportRecord, now: datetime.datetime) -> bool:
    words = f"{record.wanted_path} is taken by something else; it stays {record.target_path}."
    with transaction.atomic():
        if ImportRecord.objects.filter(pk=record.pk).exclude(wanted_path="").update(wanted_path="") and record.download:
            note(record.download, words, code="name_taken", now=now)
    record.wanted_path = ""
    return False


def _write_name(record: ImportRecord, root: Path, now: datetime.datetime) -> None:
    """A reading of the library may have seen the folder under its new name before us; then there is one row too many."""
    facts = next((f for f in FolderReader(root).read_only(record.wanted_path) if isinstance(f, CopyFacts)), None)
    with transaction.atomic():
        if record.copy_id and facts and facts.path == record.wanted_path:
            _rename_copy(record, facts, now)
        ImportRecord.objects.filter(pk=record.pk).update(target_path=record.wanted_path, wanted_path="")
        if isinstance(record.download, Download):
            note(record.download, f"It stands as {record.wanted_path} now.", now=now)
    record.target_path, record.wanted_path = record.wanted_path, ""


def _rename_copy(record: ImportRecord, facts: CopyFacts, now: datetime.datetime) -> None:
    """The copy stays the one of this import and of its book, whatever a reading made of it."""
    Copy.objects.filter(pk=record.copy_id or 0).update(match_state=MatchState.CERTAIN)
    follow_rename(copy_id=record.copy_id or 0, root=record.root, facts=facts, book_id=record.book_id, now=now)
