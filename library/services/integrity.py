"""The job `integrity_check`: the library's files are there, readable, and as long as they were. It only marks.

A run goes on where the last one ended; a part of the books, another one each time, is decoded at a few places. A root
that is absent, or that seems to have lost a fifth of its books at once, is an outage: it is reported, not marked.
"""

import datetime
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from library.clients.audio.decode import decode_check
from library.clients.audio.probe import probe
from library.domain.facts import FileKind
from library.models import Copy, CopyFile, LibraryRoot
from library.services.states import read_state, write_state
from scheduling.services.context import RunContext
from scheduling.services.runs import tally_failure

STATE = "integrity"
MARK = "integrity"
CHUNK = 200
BATCH = 2000  # so many are settled at once: the most that is looked at again after a kill
MAX_SECONDS = 3600
SAMPLE_PERCENT = 5
DURATION_TOLERANCE = 0.03
OUTAGE_SHARE = 5
MAX_LISTED = 200


@dataclass
class IntegrityResult:
    checked: int = 0
    files: int = 0
    bytes: int = 0
    sampled: int = 0
    damaged: list[dict[str, Any]] = field(default_factory=list)
    damaged_count: int = 0
    healed: int = 0
    refused: list[str] = field(default_factory=list)
    is_complete: bool = False


@dataclass
class _Look:
    """What the check of one root found, before it is believed."""

    root: LibraryRoot
    checked: list[int] = field(default_factory=list)
    problems: dict[int, list[dict[str, str]]] = field(default_factory=dict)
    absent: int = 0


def check_integrity(
    *, run: RunContext, now: datetime.datetime, clock: Callable[[], float] = time.monotonic
) -> Mapping[str, Any]:
    """Params: `root_ids`, `copy_ids`, `max_seconds` (3600), `sample_percent` (5; 100 decodes every book), `restart`."""
    params = run.params
    result = IntegrityResult()
    roots = _present_roots(params.get("root_ids"), result, run)
    kept = read_state(STATE)
    cursor = 0 if params.get("restart") or params.get("copy_ids") else int(kept.get("cursor") or 0)
    copies = Copy.objects.present().filter(root__in=list(roots))
    if params.get("copy_ids") is not None:
        copies = copies.filter(pk__in=params["copy_ids"])
    run.report(total=copies.filter(pk__gt=cursor).count())
    until = clock() + float(params.get("max_seconds") or MAX_SECONDS)
    round_number = int(kept.get("round") or 0)
    looks = {pk: _Look(root) for pk, root in roots.items()}
    percent = params.get("sample_percent")
    percent = SAMPLE_PERCENT if percent is None else int(percent)
    while chunk := list(copies.filter(pk__gt=cursor).order_by("pk")[:CHUNK]):
        for copy, files in _with_files(chunk):
            sample = (copy.pk + round_number * percent) % 100 < percent
            _look_at(copy, files, looks[copy.root_id], result, sample=sample)
            run.advance(message=copy.title)
        cursor = chunk[-1].pk
        if sum(len(look.checked) for look in looks.values()) >= BATCH:
            looks = _settle_all(looks, result, run, now)
            if params.get("copy_ids") is None:
                write_state(STATE, {**read_state(STATE), "cursor": cursor, "round": round_number})
        if clock() > until:
            break
    result.is_complete = not copies.filter(pk__gt=cursor).exists()
    _settle_all(looks, result, run, now)
    _keep(result, now, cursor, round_number, is_whole=params.get("copy_ids") is None)
    return _report(result)


def _present_roots(ids: Sequence[int] | None, result: IntegrityResult, run: RunContext) -> dict[int, LibraryRoot]:
    """Roots whose folder is here and holds something; the others are outages."""
    rows = LibraryRoot.objects.filter(is_enabled=True).exclude(path="")
    rows = rows.filter(pk__in=ids) if ids is not None else rows
    present = {}
    for root in rows:
        folder = Path(root.path)
        if folder.is_dir() and os.access(folder, os.R_OK | os.X_OK) and any(folder.iterdir()):
            present[root.pk] = root
            continue
        if root.copies.present().exists():
            words = f"{root.name}: {root.path} is absent, empty or unreadable. Is its disk mounted? Nothing was marked."
            result.refused.append(words)
            run.warn(words, root=root.pk)
    return present


def _with_files(copies: Sequence[Copy]) -> Iterator[tuple[Copy, list[CopyFile]]]:
    files: dict[int, list[CopyFile]] = defaultdict(list)
    for row in CopyFile.objects.filter(copy__in=copies).order_by("copy_id", "id"):
        files[row.copy_id].append(row)
    for copy in copies:
        yield copy, files[copy.pk]


def _look_at(copy: Copy, files: Sequence[CopyFile], look: _Look, result: IntegrityResult, *, sample: bool) -> None:
    base = Path(look.root.path)
    faults: list[dict[str, str]] = []
    missing = 0
    for row in files:
        fault, size = _file_fault(base / row.path, row)
        result.files += 1
        result.bytes += size
        if fault:
            faults.append(fault)
            missing += fault["code"] == "file_missing"
    if not files and not (base / copy.path).exists():
        faults.append(_problem("file_missing", "It is no longer there. Read the library again.", copy.path))
        missing = 1
    if sample and not faults:
        result.sampled += 1
        faults += _sound_faults(base, copy, [row for row in files if row.kind == FileKind.AUDIO])
    result.checked += 1
    look.checked.append(copy.pk)
    look.absent += bool(faults) and missing >= max(1, len(files))
    if faults:
        look.problems[copy.pk] = faults


def _file_fault(path: Path, row: CopyFile) -> tuple[dict[str, str] | None, int]:
    """What is wrong with one file, by a look at it and a byte of it."""
    try:
        size = path.stat().st_size
        if row.kind == FileKind.AUDIO:
            with path.open("rb") as file:
                file.read(1)
    except FileNotFoundError:
        return _problem("file_missing", "The file is gone. Put it back, or read the library again.", row.path), 0
    except OSError as error:
        words = f"The file cannot be read ({error.strerror}). Check its rights and the disk."
        return _problem("file_unreadable", words, row.path), 0
    if size != row.size_bytes and row.kind == FileKind.AUDIO:
        words = f"The file has {size} bytes, where {row.size_bytes} were read. Read the library again; if nobody "
        return _problem("file_size_changed", f"{words}changed it, it may be damaged.", row.path), size
    return None, size


def _sound_faults(base: Path, copy: Copy, files: Sequence[CopyFile]) -> list[dict[str, str]]:
    """The length of all, and a quick decode of the longest file."""
    found, total = [], 0.0
    for row in files:
        facts = probe(base / row.path)
        total += facts.duration_seconds or 0.0
        if facts.duration_seconds is None:
            found += [_problem(one.code, one.message, row.path) for one in facts.problems[:1]]
    expected = copy.duration_seconds
    if not found and files and expected and abs(total - expected) > DURATION_TOLERANCE * expected:
        words = f"It plays {total:.0f} seconds, where {expected:.0f} were read. Read the library again."
        found.append(_problem("duration_differs", words, copy.path))
    if not found and files:
        longest = max(files, key=lambda row: row.size_bytes)
        decoded = decode_check(base / longest.path, full=False)
        found += [_problem(one.code, one.message, longest.path) for one in decoded.errors[:1]]
    return found


def _problem(code: str, message: str, path: str) -> dict[str, str]:
    return {"code": code, "message": message, "path": path, "check": MARK}


def _settle_all(
    looks: Mapping[int, _Look], result: IntegrityResult, run: RunContext, now: datetime.datetime
) -> dict[int, _Look]:
    """Believe or refuse what was found so far; returns new, empty looks."""
    for look in looks.values():
        _settle(look, result, run, now)
    return {pk: _Look(look.root) for pk, look in looks.items()}


def _settle(look: _Look, result: IntegrityResult, run: RunContext, now: datetime.datetime) -> None:
    """Mark what was found and take away older marks of books that are well; unless it looks like an outage."""
    if look.absent > max(3, len(look.checked) // OUTAGE_SHARE):
        words = (
            f"{look.root.name}: {look.absent} of {len(look.checked)} books are gone at once; that is taken for a disk "
            "that is not mounted. Nothing was marked."
        )
        result.refused.append(words)
        run.warn(words, root=look.root.pk)
        return
    for start in range(0, len(look.checked), CHUNK):
        for copy in Copy.objects.filter(pk__in=look.checked[start : start + CHUNK]).only("pk", "title", "problems"):
            _mark(copy, look.problems.get(copy.pk, []), result, run, now)


def _mark(
    copy: Copy, faults: list[dict[str, str]], result: IntegrityResult, run: RunContext, now: datetime.datetime
) -> None:
    old = [one for one in copy.problems if isinstance(one, dict)]
    others = [one for one in old if one.get("check") != MARK]
    mine = [one for one in old if one.get("check") == MARK]
    if faults:
        result.damaged_count += 1
        if len(result.damaged) < MAX_LISTED:
            result.damaged.append({"copy": copy.pk, "title": copy.title, "problems": faults[:5]})
            run.warn(f"{copy.title}: {faults[0]['message']}", copy=copy.pk, path=faults[0]["path"])
        tally_failure(job="integrity_check", item_type="copy", item_id=copy.pk, error=faults[0]["message"], now=now)
    elif mine:
        result.healed += 1
    if mine != faults:
        Copy.objects.filter(pk=copy.pk).update(problems=[*others, *faults])


def _keep(result: IntegrityResult, now: datetime.datetime, cursor: int, round_number: int, *, is_whole: bool) -> None:
    damaged = sum(
        any(isinstance(one, dict) and one.get("check") == MARK for one in problems)
        for problems in Copy.objects.present().exclude(problems=[]).values_list("problems", flat=True)
    )
    kept = read_state(STATE)
    if is_whole:
        kept |= {
            "cursor": 0 if result.is_complete else cursor,
            "round": round_number + 1 if result.is_complete else round_number,
        }
    write_state(STATE, {**kept, "as_of": now.isoformat(), "copies_with_problems": damaged, "checked": result.checked})


def _report(result: IntegrityResult) -> Mapping[str, Any]:
    words = f"{result.checked} books checked, {result.sampled} of them decoded; {result.damaged_count} with problems"
    if result.healed:
        words += f", {result.healed} well again"
    if not result.is_complete:
        words += "; the next run goes on with the rest"
    return {
        "message": f"{words}.",
        "checked": result.checked,
        "files": result.files,
        "bytes": result.bytes,
        "sampled": result.sampled,
        "damaged_count": result.damaged_count,
        "damaged": result.damaged,
        "healed": result.healed,
        "refused": result.refused,
        "is_complete": result.is_complete,
    }
