"""What an import would do: what came, how it is checked, what is filed where, and what it replaces. Nothing is filed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils import timezone

from acquisition.clients.packages import is_package
from acquisition.domain.import_checks import Arrived, Check, check_arrival, compared, failed
from acquisition.domain.upgrades import Verdict
from acquisition.models import Download, DownloadBook, ImportStatus
from acquisition.services.arriving import expected_of, is_archive, look
from acquisition.services.filing import book_name, free_folder, import_root, moves_of, template_of
from acquisition.services.joining import join_where_wanted
from acquisition.services.locating import content_files, locate
from acquisition.services.placing import STAGING, FileMove
from acquisition.services.recycling import plan_replacement
from acquisition.services.unpacking import unpack
from acquisition.services.upgrading import replaced_copies
from library.clients.folders.reader import FolderReader
from library.domain.facts import CopyFacts
from library.domain.naming import render_folder
from library.models import Copy, LibraryRoot
from scheduling.services.context import RunContext

MOST_SHOWN_FILES = 500


@dataclass(frozen=True, slots=True)
class Plan:
    """`standing` are the checks in the way; `folder` is relative to the root, and `wanted` is the name that an upgrade
    takes once what it replaces is gone (empty: it has it from the start)."""

    root: LibraryRoot
    content: Path
    arrived: Arrived
    checks: Sequence[Check]
    standing: Sequence[Check]
    folder: str
    wanted: str
    replaces: Sequence[Copy]


def make_plan(link: DownloadBook, run: RunContext) -> Plan:
    """Look at what came for one book of a download, and decide. `Stopped` where there is nothing to look at."""
    download, book = link.download, link.book
    root = import_root(book)
    content = _content(download, root, run)
    run.report(message=f"Checking {book.title}")
    arrived = look(content, link, run)
    expected = expected_of(link)
    checks = check_arrival(arrived, expected)
    comparison = compared(arrived, expected)
    replaces = replaced_copies(comparison)
    name = render_folder(book_name(book, arrived.facts), template_of(root))
    folder = name if comparison.verdict is Verdict.NEW else free_folder(root, name)
    return Plan(
        root=root,
        content=content,
        arrived=arrived,
        checks=checks,
        standing=failed(checks, download.overrules),
        folder=folder,
        wanted=name if replaces and folder != name else "",
        replaces=replaces,
    )


def _content(download: Download, root: LibraryRoot, run: RunContext) -> Path:
    """What came; what came packed is unpacked first."""
    content = locate(download)
    files = list(content_files(content))
    packed = [path for path in files if is_package(path.name)]
    others = [path for path in files if is_archive(path.name) and path not in packed]
    if not packed or others or any(item.audio_files for item in _quick(content)):
        return content
    return unpack(packed, Path(root.path), download.pk, alive=run.flush)


def _quick(content: Path) -> list[CopyFacts]:
    return [item for item in FolderReader(content.parent).read_only(content.name) if isinstance(item, CopyFacts)]


def journal_of(plan: Plan, link: DownloadBook, run: RunContext) -> dict[str, Any]:
    """The fields of the journal row. Parts are joined here, where the library wants that."""
    base, facts, words = plan.content.parent, plan.arrived.facts, ""
    if plan.root.merges_parts:
        parts = join_where_wanted(facts, base, link, Path(plan.root.path), run)
        base, facts, words = parts.base, parts.facts, parts.note
    checks = [*plan.checks, *([Check("joined", True, words)] if words else [])]
    return {
        "root": plan.root,
        "source_path": str(plan.content)[:2000],
        "target_path": plan.folder,
        "wanted_path": plan.wanted,
        "staging_path": f"{STAGING}/import-{uuid.uuid4().hex[:12]}",
        "files": [_as_json(m) for m in moves_of(base, facts, link.book, template_of(plan.root))],
        "checks": [_check_json(check) for check in checks],
        "replaced": plan_replacement(plan.replaces),
        "status": ImportStatus.PLACING,
    }


def preview_of(plan: Plan, link: DownloadBook) -> dict[str, Any]:
    """The plan in words and names, for people."""
    moves = moves_of(plan.content.parent, plan.arrived.facts, link.book, template_of(plan.root))
    overruled = set(link.download.overrules)
    return {
        "as_of": timezone.now().isoformat(),
        "book": {"id": link.book_id, "title": link.book.title},
        "root": plan.root.name,
        "folder": plan.wanted or plan.folder,
        "checks": [{**_check_json(check), "overruled": check.code in overruled} for check in plan.checks],
        "files": [
            {"source": _shown(move.source, plan.content), "target": move.target, "size_bytes": move.size_bytes}
            for move in moves[:MOST_SHOWN_FILES]
        ],
        "file_count": len(moves),
        "joins_parts": plan.root.merges_parts and len(plan.arrived.facts.audio_files) > 1,
        "replaces": [copy.path for copy in plan.replaces],
    }


def _shown(source: str, content: Path) -> str:
    path = Path(source)
    return str(path.relative_to(content.parent)) if content.parent in path.parents else path.name


def _check_json(check: Check) -> dict[str, Any]:
    return {"code": check.code, "ok": check.ok, "message": check.message}


def _as_json(move: FileMove) -> dict[str, Any]:
    return {"source": move.source, "target": move.target, "size_bytes": move.size_bytes}
