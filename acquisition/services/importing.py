"""Filing what came: checked, placed, committed to the database, and the gap closed by the same act."""

import datetime
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from django.db import transaction
from django.utils import timezone

from acquisition.domain.import_checks import Arrived, Check, Expected, check_arrival, failed
from acquisition.domain.states import DownloadState
from acquisition.models import Download, DownloadBook, ImportRecord, ImportStatus
from acquisition.services.acquiring import give_up_and_fall_back
from acquisition.services.locating import content_files, locate
from acquisition.services.placing import STAGING, FileMove, PlacingError, inside, place, root_path, take_back
from acquisition.services.transitions import block, fail, move, note
from config.errors import ConflictError, ExternalAPIError
from library.clients.audio import decode_check
from library.clients.folders.reader import FolderReader
from library.domain.book_files import group_books
from library.domain.facts import CopyFacts, FileKind, Problem, SeriesPlace
from library.domain.naming import PRESETS, BookName, NamingTemplate, render_file, render_folder, sidecar_metadata
from library.models import Book, Copy, LibraryRoot, MatchState, Recording, RootKind, SeriesEntry
from library.services.gaps import recount_books
from library.services.readers import open_audiobookshelf
from library.services.settings import get_setting
from library.services.shelf import adopt_copy, refresh_ownership
from scheduling.services.context import RunContext

ARCHIVES = frozenset({".zip", ".rar", ".7z", ".tar", ".gz", ".bz2", ".xz", ".r00"})
UNFINISHED = frozenset({".part", ".!qb", ".crdownload", ".tmp", ".aria2"})
CARRIED = frozenset({FileKind.AUDIO, FileKind.EBOOK, FileKind.IMAGE})
S = DownloadState


def import_download(*, download_id: int, run: RunContext) -> dict[str, Any]:
    """Import one download that is complete, or whose import was cut off. Every end is a named state of it."""
    download = Download.objects.select_related("client", "release__indexer").get(pk=download_id)
    if download.status == S.DOWNLOADED:
        move(download, S.IMPORTING, message="Being checked.")
    elif download.status != S.IMPORTING:
        return {"message": "Nothing to import."}
    try:
        copies = [_import_book(link, run) for link in download.download_books.select_related("book")]
    except _Stop as stop:
        return _end(download, stop)
    except PlacingError as error:
        block(download, code=error.code, message=error.message)
        return {"message": error.message, "code": error.code}
    except ExternalAPIError as error:
        move(download, S.DOWNLOADED, message=f"Later: {error.message}", code=error.code)
        return {"message": error.message, "code": error.code}
    if not copies:
        block(download, code="no_book", message="Nobody said which book this is. Choose it, then import.")
        return {"message": "Nobody said which book this is."}
    _announce(copies)
    return {"message": f"On the shelf: {', '.join(copy.title for copy in copies)}", "copies": [c.pk for c in copies]}


@dataclass
class _Stop(Exception):
    """A check stands in the way."""

    checks: Sequence[Check]


def _end(download: Download, stop: _Stop) -> dict[str, Any]:
    """Blocked, or failed with the release at fault and the next best one taken."""
    certain = [check for check in stop.checks if check.is_fault]
    words = " ".join(check.message for check in certain or stop.checks)
    code = (certain or stop.checks)[0].code
    if certain:
        fail(download, code=code, message=words, release_at_fault=True)
        following = give_up_and_fall_back(download=download, now=timezone.now())
        return {"message": words, "code": code, "next": following.pk if following else None}
    block(download, code=code, message=f"{words} Look at it, then import anyway or choose another release.")
    return {"message": words, "code": code}


def _import_book(link: DownloadBook, run: RunContext) -> Copy:
    """One book of a download, from its files to the committed copy."""
    download, book = link.download, link.book
    record = ImportRecord.objects.filter(
        download=download, book=book, status__in=[ImportStatus.PLACING, ImportStatus.PLACED, ImportStatus.COMMITTED]
    ).first()
    if record and record.status == ImportStatus.COMMITTED and record.copy:
        return record.copy
    if record is None or record.status == ImportStatus.PLACING:
        record = _plan(link, record, run)
    moves = [FileMove(file["source"], file["target"], file["size_bytes"]) for file in record.files]
    run.report(message=f"Filing {book.title}")
    place(
        record,
        moves,
        sidecar=sidecar_metadata(book_name(book)),
        hardlink=get_setting("import.hardlink"),
        alive=run.flush,
    )
    return _commit(record, link)


def _plan(link: DownloadBook, record: ImportRecord | None, run: RunContext) -> ImportRecord:
    """Look at what came, check it, and write the journal of what will be placed where."""
    download, book = link.download, link.book
    content = locate(download)
    facts, others = _read(content, link)
    run.report(message=f"Checking {book.title}")
    arrived = Arrived(
        facts=facts,
        decode_faults=tuple(_decode_faults(content.parent, facts, run)),
        archives=tuple(name for name in others if PurePosixPath(name).suffix.lower() in ARCHIVES),
        unfinished=tuple(name for name in others if PurePosixPath(name).suffix.lower() in UNFINISHED),
        book_count=1 if link.files else len(group_books(facts.path, [f.path for f in facts.audio_files])),
    )
    checks = check_arrival(arrived, _expected(book))
    if standing := failed(checks, download.overrules):
        raise _Stop(standing)
    root = import_root(book)
    target = render_folder(book_name(book, facts), _template(root))
    values = {
        "root": root,
        "source_path": str(content),
        "target_path": target,
        "staging_path": f"{STAGING}/import-{uuid.uuid4().hex[:12]}",
        "files": [vars_of(m) for m in _moves(content.parent, facts, book, _template(root))],
        "checks": [{"code": c.code, "ok": c.ok, "message": c.message} for c in checks],
        "status": ImportStatus.PLACING,
    }
    if record is None:
        return ImportRecord.objects.create(download=download, book=book, **values)
    values.pop("staging_path")
    ImportRecord.objects.filter(pk=record.pk).update(**values)
    record.refresh_from_db()
    return record


def vars_of(move_: FileMove) -> dict[str, Any]:
    return {"source": move_.source, "target": move_.target, "size_bytes": move_.size_bytes}


def _read(content: Path, link: DownloadBook) -> tuple[CopyFacts, list[str]]:
    """The facts of what came, and the names of files that are neither audio nor companions."""
    found: CopyFacts | None = None
    for item in FolderReader(content.parent).read_only(content.name):
        if isinstance(item, Problem):
            continue
        found = (
            item
            if found is None
            else replace(
                found,
                files=(*found.files, *item.files),
                duration_seconds=(found.duration_seconds or 0) + (item.duration_seconds or 0),
            )
        )
    others = [path.name for path in content_files(content)]
    if found is None:
        raise _Stop([Check("audio", False, "There is no audio in it.", is_fault=not _has_packed(others))])
    if wanted := set(link.files):
        files = tuple(file for file in found.files if file.path in wanted or _below(file.path) in wanted)
        found = replace(found, files=files or found.files)
    return found, others


def _has_packed(names: Sequence[str]) -> bool:
    return any(PurePosixPath(name).suffix.lower() in ARCHIVES | UNFINISHED for name in names)


def _below(path: str) -> str:
    return path.partition("/")[2]


def _decode_faults(base: Path, facts: CopyFacts, run: RunContext) -> Iterator[str]:
    """Head, middle and tail of every audio file."""
    for file in facts.audio_files:
        result = decode_check(base / file.path, full=False)
        run.flush()
        if not result.ok:
            yield " ".join(f"{PurePosixPath(file.path).name}: {problem.message}" for problem in result.errors[:2])
    for problem in facts.problems:
        if problem.code in ("truncated", "unreadable_audio"):
            yield f"{PurePosixPath(problem.path or facts.path).name}: {problem.message}"


def _expected(book: Book) -> Expected:
    runtimes = tuple(
        Recording.objects.filter(book=book, runtime_seconds__gt=0).values_list("runtime_seconds", flat=True)
    )
    return Expected(
        title=book.title,
        authors=tuple(book.authors.values_list("name", flat=True)),
        runtimes_seconds=tuple(r for r in runtimes if r),
        languages=tuple(get_setting("gaps.languages")),
        tolerance=float(get_setting("import.duration_tolerance")),
    )


def import_root(book: Book) -> LibraryRoot:
    """Where a book is filed: the root that is marked for it, else the one that holds its series or author."""
    targets = LibraryRoot.objects.filter(is_enabled=True).exclude(path="")
    marked = targets.filter(is_import_target=True).first()
    near = targets.filter(copies__book__book_authors__author__in=book.authors.all()).first()
    root = marked or near or targets.first()
    if root is None:
        raise PlacingError(
            "There is no library root to file into. Add one, or give the Audiobookshelf root its local path.",
            code="no_root",
        )
    return root


def _template(root: LibraryRoot) -> NamingTemplate:
    return PRESETS.get(root.naming_preset, PRESETS["audiobookshelf"])


def book_name(book: Book, facts: CopyFacts | None = None) -> BookName:
    """What the names of a book's folder and files are made of: the catalogue's word, filled from what came."""
    entries = SeriesEntry.objects.filter(book=book).select_related("series").order_by("-is_primary", "pk")
    narrators = tuple(book.narrators.order_by("book_narrators__order").values_list("name", flat=True))
    return BookName(
        title=book.title,
        subtitle=book.subtitle,
        authors=tuple(book.authors.order_by("book_authors__order").values_list("name", flat=True)),
        narrators=narrators or (facts.narrators if facts else ()),
        series=tuple(SeriesPlace(entry.series.name, entry.positions or entry.label) for entry in entries),
        asin=book.asin,
        isbn=book.isbn,
        publisher=book.publisher,
        published_year=book.published_year,
        language=book.language,
        description=book.description,
        genres=tuple(book.genres),
    )


def _moves(base: Path, facts: CopyFacts, book: Book, template: NamingTemplate) -> list[FileMove]:
    """Audio files renamed in playing order; companions keep their names, and never take one twice."""
    audio = facts.audio_files
    name = book_name(book, facts)
    moves, taken = [], {"metadata.json"}
    for number, file in enumerate(audio, start=1):
        suffix = PurePosixPath(file.path).suffix
        target = render_file(name, suffix=suffix, part=number, part_count=len(audio), template=template)
        moves.append(FileMove(str(base / file.path), target, file.size_bytes))
        taken.add(target.casefold())
    for file in facts.files:
        target = PurePosixPath(file.path).name
        if file.kind in CARRIED - {FileKind.AUDIO} and target.casefold() not in taken:
            taken.add(target.casefold())
            moves.append(FileMove(str(base / file.path), target, file.size_bytes))
    return moves


def _commit(record: ImportRecord, link: DownloadBook) -> Copy:
    """The copy, its book, the gap, the figures and the download's state: one transaction."""
    now = timezone.now()
    facts = _read_back(record)
    with transaction.atomic():
        copy = adopt_copy(root=record.root, facts=facts, now=now)
        Copy.objects.filter(pk=copy.pk).update(
            book=link.book,
            match_state=MatchState.CERTAIN,
            match_score=1.0,
            match_reasons=[f"Imported for this book from {link.download.source}."],
            matched_at=now,
        )
        refresh_ownership([link.book_id])
        recount_books([link.book_id], now=now)
        ImportRecord.objects.filter(pk=record.pk).update(status=ImportStatus.COMMITTED, copy=copy, finished_at=now)
        if not _books_left(link.download):
            move(link.download, S.IMPORTED, message=f"Filed as {record.target_path}.", now=now, imported_at=now)
    copy.refresh_from_db()
    return copy


def _books_left(download: Download) -> bool:
    done = download.imports.filter(status=ImportStatus.COMMITTED).values_list("book_id", flat=True)
    return download.download_books.exclude(book_id__in=done).exists()


def _read_back(record: ImportRecord) -> CopyFacts:
    """The placed folder as the library reader sees it."""
    root = root_path(record)
    inside(root, record.target_path)
    for item in FolderReader(root).read_only(record.target_path):
        if isinstance(item, CopyFacts):
            return item
    raise PlacingError(
        f"{record.target_path} cannot be read back after placing. Look at the folder.", code="unreadable"
    )


def _announce(copies: Sequence[Copy]) -> None:
    """Ask Audiobookshelf to look; a server that is down finds the book at its next scan anyway."""
    for copy in copies:
        root = copy.root
        if root.kind != RootKind.AUDIOBOOKSHELF or root.server is None:
            continue
        client = open_audiobookshelf(root.server)
        try:
            client.scan(root.abs_library_id)
        except ExternalAPIError as error:
            for record in copy.imports.all():
                if record.download:
                    note(record.download, f"Audiobookshelf was not told: {error.message}", code=error.code)
        finally:
            client.close()


def confirm_imports(*, now: datetime.datetime) -> int:
    """Look whether Audiobookshelf has seen what was filed into its libraries; gives the copies their item ids."""
    confirmed = 0
    waiting = ImportRecord.objects.filter(
        status=ImportStatus.COMMITTED, confirmed_at=None, root__kind=RootKind.AUDIOBOOKSHELF, copy__isnull=False
    ).select_related("root__server", "copy")
    for record in waiting[:20]:
        if record.root.server is None or record.copy is None:
            continue
        client = open_audiobookshelf(record.root.server)
        with suppress(ExternalAPIError):
            item = client.find_item_by_path(record.root.abs_library_id, record.target_path, newest=400)
            if item:
                Copy.objects.filter(pk=record.copy.pk, abs_item_id="").update(abs_item_id=item.abs_item_id)
                ImportRecord.objects.filter(pk=record.pk).update(confirmed_at=now)
                confirmed += 1
        client.close()
    return confirmed


def overrule_and_import(*, download: Download, codes: Sequence[str], reason: str, actor: str) -> Download:
    """A person's word against checks: recorded, then the import goes on."""
    if download.status != S.BLOCKED:
        raise ConflictError("Only a blocked import can be overruled.", code="illegal_transition")
    note(download, f"{actor} overrules {', '.join(codes)}: {reason}", code="overruled", actor=actor)
    Download.objects.filter(pk=download.pk).update(overrules=sorted({*download.overrules, *codes}))
    return move(download, S.IMPORTING, message="Import anyway.", actor=actor, error_code="", error_message="")


def undo_import(*, record: ImportRecord, actor: str, now: datetime.datetime) -> ImportRecord:
    """Take an import back: its files leave the library (what seeds stays), its gap opens again."""
    if record.status != ImportStatus.COMMITTED:
        raise ConflictError("Only a finished import can be undone.", code="illegal_transition")
    removed = take_back(record)
    with transaction.atomic():
        ImportRecord.objects.filter(pk=record.pk).update(status=ImportStatus.UNDONE, finished_at=now, copy=None)
        if record.copy_id:
            Copy.objects.filter(pk=record.copy_id).delete()
        if record.book_id:
            refresh_ownership([record.book_id])
            recount_books([record.book_id], now=now)
    if record.download:
        note(
            record.download,
            f"{actor} undid the import; {removed} files were removed.",
            code="undone",
            actor=actor,
            now=now,
        )
    record.refresh_from_db()
    return record
