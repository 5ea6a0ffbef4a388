"""The job `library_import`: every root is read; what changed is linked and recounted."""

from typing import Any

from django.utils import timezone

from config.errors import ExternalAPIError, NotFoundError, UnabridgedError
from library.models import Copy, LibraryRoot
from library.services.catalogue import refresh_catalogue
from library.services.gaps import analyze_gaps
from library.services.readers import open_reader
from library.services.shelf import ShelfResult, read_root
from scheduling.services.context import RunContext


def import_library(*, run: RunContext, root_ids: list[int] | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Read the given roots, or all that are enabled. One root that fails does not stop the others."""
    roots = LibraryRoot.objects.filter(is_enabled=True).order_by("pk")
    if root_ids is not None:
        roots = LibraryRoot.objects.filter(pk__in=root_ids).order_by("pk")
    found = list(roots)
    if not found:
        raise NotFoundError(
            "There is no library to read. Add a folder or an Audiobookshelf server under Library roots, or with "
            "`manage.py import_library PATH`."
        )
    results: dict[str, ShelfResult] = {}
    faults: list[str] = []
    for root in found:
        try:
            results[root.name] = _read_one(root, run, dry_run)
        except ExternalAPIError as error:
            faults.append(f"{root.name}: {error.message}")
            run.log(faults[-1], level="error")
            run.advance(ok=False, count=0)
    if faults and not results:
        raise UnabridgedError(
            " ".join(faults), code="audiobookshelf_error" if found[0].server_id else "root_unavailable"
        )
    if not dry_run:
        _follow_up(run)
    return {
        "message": _summary(results, faults, dry_run),
        "roots": {n: _plain(r) for n, r in results.items()},
        "errors": faults,
    }


def _read_one(root: LibraryRoot, run: RunContext, dry_run: bool) -> ShelfResult:
    base = run.processed

    def report(done: int, total: int | None) -> None:
        run.processed = run.succeeded = base + done
        run.report(total=base + total if total else None, message=f"Reading {root.name}")

    result = read_root(
        root=root, reader=open_reader(root), run_id=run.run.pk, now=timezone.now(), dry_run=dry_run, report=report
    )
    run.processed = run.succeeded = base + result.seen
    run.failed += result.problem_count
    for problem in result.problems:
        run.log(f"{problem['path']}: {problem['message']}", level="warning", context=problem)
    return result


def _follow_up(run: RunContext) -> None:
    """Ask the local catalogue, which costs nothing, and recount; the other providers are asked by their own job."""
    run.report(message="Looking up series")
    now = timezone.now()
    refresh_catalogue(now=now, local_only=True)
    run.report(message="Counting gaps")
    analyze_gaps(now=now)
    run.check()


def _plain(result: ShelfResult) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(result)


def _summary(results: dict[str, ShelfResult], faults: list[str], dry_run: bool) -> str:
    seen = sum(result.seen for result in results.values())
    words = [
        f"{seen} books read",
        f"{sum(r.created for r in results.values())} new",
        f"{sum(r.updated for r in results.values())} changed",
    ]
    if back := sum(r.returned for r in results.values()):
        words.append(f"{back} back again")
    if lost := sum(r.became_missing for r in results.values()):
        words.append(f"{lost} missing")
    if review := Copy.objects.filter(match_state="review").count():
        words.append(f"{review} to review")
    if moved := sum(r.moved for r in results.values()):
        words.append(f"{moved} moved")
    if faults:
        words.append(f"{len(faults)} {'library' if len(faults) == 1 else 'libraries'} could not be read")
    return ("Preview: " if dry_run else "") + ", ".join(words) + "."
