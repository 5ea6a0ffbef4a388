"""What the copies of a root would be called by its template: a preview; nothing is touched."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from acquisition.services.filing import book_names, filled, template_of
from acquisition.services.locating import leads_through_link
from acquisition.services.placing import PlacingError
from library.domain.naming import BookName, NamingTemplate, render_file, render_folder
from library.models import Copy, CopyFile, LibraryRoot, MatchState
from library.services.resolving import chunks

NAMED = (MatchState.CERTAIN, MatchState.USER)
Step = dict[str, str]


@dataclass(frozen=True, slots=True)
class PlannedRename:
    """One copy whose names would change. `code` says why it cannot be done: collision, taken, nested, link; empty when
    it can. Paths are relative to the root."""

    copy_id: int
    book_id: int
    title: str
    old_path: str
    new_path: str
    steps: tuple[Step, ...]
    code: str = ""
    reason: str = ""


@dataclass(slots=True)
class RenamePlan:
    """`unnamed`: copies that are left alone since no book is certain for them; `fitting`: those that have their name."""

    root: LibraryRoot
    rows: list[PlannedRename] = field(default_factory=list)
    fitting: int = 0
    unnamed: int = 0


def plan_renames(*, root: LibraryRoot, copy_ids: Iterable[int] | None = None) -> RenamePlan:
    """Every copy of the root, or some, beside what its template calls it. PlacingError without a local path, or with a
    template that cannot work."""
    if not root.path or not Path(root.path).is_dir():
        raise PlacingError(
            f"The folder of {root.name} is not there, or has no local path. Set it, or mount its disk, then look again.",
            code="root_absent",
        )
    template = template_of(root)
    plan = RenamePlan(root)
    copies = list(root.copies.present().exclude(path="").order_by("path").defer("description"))
    wanted = set(copy_ids) if copy_ids is not None else None
    changes = []
    for part in chunks(copies):
        for copy, name, files in _named(part):
            if wanted is not None and copy.pk not in wanted:
                continue
            if name is None or copy.match_state not in NAMED:
                plan.unnamed += 1
                continue
            change = _change(copy, name, files, template)
            plan.fitting += change is None
            changes += [change] if change else []
    plan.rows = _judged(changes, copies, Path(root.path))
    return plan


def _named(copies: Sequence[Copy]) -> Iterable[tuple[Copy, BookName | None, list[str]]]:
    names = book_names(copy.book_id for copy in copies if copy.book_id)
    files: dict[int, list[str]] = {copy.pk: [] for copy in copies}
    rows = CopyFile.objects.filter(copy__in=copies, kind="audio").order_by("pk").values_list("copy_id", "path")
    for copy_id, path in rows:
        files[copy_id].append(path)
    for copy in copies:
        name = names.get(copy.book_id or 0)
        yield copy, filled(name, copy.narrators, copy.is_abridged) if name else None, files[copy.pk]


def _change(copy: Copy, name: BookName, files: Sequence[str], template: NamingTemplate) -> PlannedRename | None:
    folder = render_folder(name, template)
    targets = {
        path: f"{folder}/"
        + render_file(name, suffix=PurePosixPath(path).suffix, part=number, part_count=len(files), template=template)
        for number, path in enumerate(files, start=1)
    }
    steps = _steps(copy, folder, targets)
    if not steps:
        return None
    return PlannedRename(copy.pk, copy.book_id or 0, name.title, copy.path, folder, tuple(steps))


def _steps(copy: Copy, folder: str, targets: dict[str, str]) -> list[Step]:
    """The folder first, then its files where they are then; a file whose name another has still goes by a way round."""
    if copy.is_single_file:
        return [{"old": old, "new": new} for old, new in targets.items() if old != new]
    steps = [{"old": copy.path, "new": folder}] if copy.path != folder else []
    moves = {folder + old.removeprefix(copy.path): new for old, new in targets.items()}
    moves = {old: new for old, new in moves.items() if old != new}
    if {new.casefold() for new in moves.values()} & {old.casefold() for old in moves}:
        aside = {old: f"{folder}/.unabridged-{number}" for number, old in enumerate(moves)}
        steps += [{"old": old, "new": aside[old]} for old in moves]
        return steps + [{"old": aside[old], "new": new} for old, new in moves.items()]
    return steps + [{"old": old, "new": new} for old, new in moves.items()]


def _judged(changes: Sequence[PlannedRename], copies: Sequence[Copy], base: Path) -> list[PlannedRename]:
    """Each with what stands against it."""
    from dataclasses import replace

    ends = Counter(change.new_path.casefold() for change in changes)
    paths = sorted(copy.path for copy in copies)
    holders = {parent for path in paths for parent in map(str, PurePosixPath(path).parents)}
    judged = []
    for change in changes:
        code, reason = _objection(change, ends, holders, base)
        judged.append(replace(change, code=code, reason=reason))
    return judged


def _objection(change: PlannedRename, ends: Counter[str], holders: set[str], base: Path) -> tuple[str, str]:
    old, new = base / change.old_path, base / change.new_path
    if ends[change.new_path.casefold()] > 1:
        return "collision", "Several copies would have this name. Tell them apart, or remove one."
    if leads_through_link(old, base) or leads_through_link(new, base):
        return "link", "It lies behind a link; links are not followed."
    if change.old_path == change.new_path:
        return _objection_to_files(change, base)
    if change.old_path in holders or change.new_path.startswith(f"{change.old_path}/"):
        return "nested", "Other books lie in its folder, or it would lie in itself. Move it by hand."
    if os.path.lexists(new) and not _is_same(old, new):
        return "taken", "Something of this name is there already; nothing is overwritten."
    return "", ""


def _objection_to_files(change: PlannedRename, base: Path) -> tuple[str, str]:
    own = {step["old"] for step in change.steps}
    for step in change.steps:
        target = base / step["new"]
        if step["new"] not in own and os.path.lexists(target) and not _is_same(base / step["old"], target):
            return "taken", f"{target.name} is there already; nothing is overwritten."
    return "", ""


def _is_same(a: Path, b: Path) -> bool:
    """Whether both names are of one thing, as where a disk does not tell case apart."""
    try:
        return a.samefile(b)
    except OSError:
        return False
