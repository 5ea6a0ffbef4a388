"""Renaming what is on the shelf by its template: journalled step by step, undone as a run, finished after a crash.

    planned -> moving -> done -> undoing -> undone
               moving -> reverting -> failed       (a step was refused: the steps before it are taken back)

A step is one rename on the disk; `position` counts the finished ones, so that of a crash only one step is in doubt,
and that one tells by what is there. Nothing is overwritten, nothing outside of the root is touched.
"""

import datetime
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from acquisition.models import Rename, RenameStatus
from acquisition.services.following import follow_rename
from acquisition.services.placing import PlacingError, disk_errors, inside, tidy
from acquisition.services.rename_plan import PlannedRename, plan_renames
from acquisition.services.waking import wake_monitor
from config.errors import ConflictError, NotFoundError
from library.clients.folders.reader import FolderReader
from library.domain.facts import CopyFacts
from library.models import LibraryRoot
from scheduling.models import Run
from scheduling.services.context import RunContext

R = RenameStatus
UNDER_WAY = (R.MOVING, R.REVERTING, R.UNDOING)


def start_renaming(*, root: LibraryRoot, copy_ids: Iterable[int] | None = None) -> Run:
    """A run that renames every copy of a root that can be, or some. ConflictError while one is under way."""
    params: dict[str, Any] = {"rename": root.pk}
    if copy_ids is not None:
        params["copies"] = sorted(copy_ids)
    return _start(params, root)


def start_undoing(*, run: Run) -> Run:
    """A run that takes all renames of a run back. NotFoundError when it has none that are done."""
    first = Rename.objects.filter(run=run, status=R.DONE).select_related("root").first()
    if first is None:
        raise NotFoundError(f"Run {run.pk} has renamed nothing that could be taken back.")
    return _start({"undo_renames": run.pk}, first.root)


def _start(params: dict[str, Any], root: LibraryRoot) -> Run:
    run = wake_monitor(params=params, lock=f"rename-{root.pk}")
    if run is None:
        raise ConflictError(f"{root.name} is being renamed; wait for the end of that run.", code="already_running")
    return run


def rename_library(*, root_id: int, copy_ids: list[int] | None, run: RunContext) -> dict[str, Any]:
    """Rename; what cannot be is said in the log. Safe to repeat: what was begun is finished first."""
    root = LibraryRoot.objects.get(pk=root_id)
    finish_renames(root=root)
    plan = plan_renames(root=root, copy_ids=copy_ids)
    ready = [row for row in plan.rows if not row.code]
    for row in plan.rows:
        if row.code:
            run.warn(f"{row.old_path} keeps its name. {row.reason}", code=row.code)
    run.report(total=len(ready))
    failed = 0
    for row in ready:
        record = _write_journal(row, root, run.run)
        _forward(record)
        failed += record.status != R.DONE
        if record.error_message:
            run.warn(f"{row.old_path} keeps its name. {record.error_message}", code=record.error_code)
        run.advance(ok=record.status == R.DONE, message=f"Renaming {row.title}")
    words = (
        f"{len(ready) - failed} renamed, {plan.fitting} have their name, {len(plan.rows) - len(ready) + failed} kept."
    )
    return {"message": words, "renamed": len(ready) - failed, "kept": len(plan.rows) - len(ready) + failed}


def undo_renames(*, run_id: int, run: RunContext) -> dict[str, Any]:
    """Take the renames of a run back, the last first."""
    rows = list(Rename.objects.filter(run_id=run_id, status__in=[R.DONE, R.UNDOING]).order_by("-pk"))
    run.report(total=len(rows))
    undone = 0
    for record in rows:
        begun = Rename.objects.filter(pk=record.pk, status=R.DONE).update(status=R.UNDOING)
        record.status = R.UNDOING
        _backward(record, R.UNDONE, in_doubt=not begun)
        undone += record.status == R.UNDONE
        if record.status != R.UNDONE:
            run.warn(f"{record.new_path} cannot go back. {record.error_message}", code=record.error_code)
        run.advance(ok=record.status == R.UNDONE, message=f"Taking back {record.old_path}")
    return {"message": f"{undone} of {len(rows)} renames taken back.", "undone": undone}


def finish_renames(*, root: LibraryRoot | None = None) -> int:
    """Go on with what a crash cut off, where no run works on it. Returns how many were finished."""
    rows = Rename.objects.filter(status__in=UNDER_WAY).select_related("root").order_by("pk")
    count = 0
    for record in rows.filter(root=root) if root else rows:
        busy = Run.objects.unfinished().filter(lock=f"rename-{record.root_id}").exists()
        if busy and root is None:
            continue
        if record.status == R.MOVING:
            _forward(record, in_doubt=True)
        else:
            _backward(record, R.UNDONE if record.status == R.UNDOING else R.FAILED, in_doubt=True)
        count += 1
    return count


def _write_journal(row: PlannedRename, root: LibraryRoot, run: Run) -> Rename:
    return Rename.objects.create(
        run=run, root=root, copy_id=row.copy_id, old_path=row.old_path, new_path=row.new_path, steps=list(row.steps),
        status=R.MOVING,
    )  # fmt: skip


def _forward(record: Rename, *, in_doubt: bool = False) -> None:
    """`in_doubt`: after a crash the step at `position` may have been done."""
    base = Path(record.root.path)
    try:
        while record.position < len(record.steps):
            step = record.steps[record.position]
            _rename(base, step["old"], step["new"], in_doubt=in_doubt)
            _set_position(record, record.position + 1)
            in_doubt = False
        _settle(record, record.new_path, R.DONE)
    except PlacingError as error:
        _note(record, error, R.REVERTING)
        _backward(record, R.FAILED)
        return
    _tidy_up(base, record.old_path)
    _tidy_up(base, record.new_path)


def _backward(record: Rename, end: RenameStatus, *, in_doubt: bool = False) -> None:
    """Where a step cannot be taken back either (the disk is away), it stays under way and is tried again."""
    base = Path(record.root.path)
    try:
        while record.position:
            step = record.steps[record.position - 1]
            _rename(base, step["new"], step["old"], in_doubt=in_doubt)
            _set_position(record, record.position - 1)
            in_doubt = False
        _settle(record, record.old_path, end)
    except PlacingError as error:
        _note(record, error, None)
        return
    _tidy_up(base, record.new_path)


def _rename(base: Path, old: str, new: str, *, in_doubt: bool) -> None:
    """One step. One in doubt is done already when the old name is gone and the new one is there."""
    inside(base, old)
    inside(base, new)
    source, target = base / old, base / new
    with disk_errors(base):
        if not os.path.lexists(source):
            if in_doubt and os.path.lexists(target):
                return
            raise PlacingError(f"{old} is not there any more. Read the library, then look again.", code="source_gone")
        if os.path.lexists(target) and not source.samefile(target):
            raise PlacingError(f"{new} is there already; nothing is overwritten.", code="target_exists")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)


def _set_position(record: Rename, position: int) -> None:
    record.position = position
    Rename.objects.filter(pk=record.pk).update(position=position)


def _note(record: Rename, error: PlacingError, status: RenameStatus | None) -> None:
    record.error_code, record.error_message = error.code[:60], error.message[:1000]
    record.status = status or record.status
    Rename.objects.filter(pk=record.pk).update(
        status=record.status, error_code=record.error_code, error_message=record.error_message
    )


def _settle(record: Rename, path: str, end: RenameStatus) -> None:
    """The copy's row at its path, and the end of the journal row: one transaction."""
    now = timezone.now()
    facts = next(
        (
            f
            for f in FolderReader(Path(record.root.path)).read_only(path)
            if isinstance(f, CopyFacts) and f.path == path
        ),
        None,
    )
    with transaction.atomic():
        if facts is not None and record.copy is not None:
            follow_rename(copy_id=record.copy.pk, root=record.root, facts=facts, book_id=record.copy.book_id, now=now)
        _finish(record, end, now)


def _finish(record: Rename, end: RenameStatus, now: datetime.datetime) -> None:
    record.status, record.finished_at = end, now
    Rename.objects.filter(pk=record.pk).update(status=end, finished_at=now)


def _tidy_up(base: Path, path: str) -> None:
    """Folders that are empty now, from the innermost up; never the root."""
    place = base / path
    if place.is_dir():
        for below in sorted((p for p in place.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
            tidy(below)
    while place != base and base in place.parents:
        if place.is_dir() and not place.is_symlink():
            tidy(place)
        place = place.parent
