"""What came with a download, read as the library reads its books, and put beside what was asked for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from acquisition.clients.packages import is_package
from acquisition.domain.hazards import find_programs
from acquisition.domain.import_checks import UNFINISHED as INCOMPLETE
from acquisition.domain.import_checks import UNREADABLE, Arrived, Check, Expected
from acquisition.models import DownloadBook
from acquisition.services.grabbing import offer_of
from acquisition.services.locating import content_files, leads_through_link
from acquisition.services.profiles import profile_for
from acquisition.services.upgrading import held_of
from acquisition.services.wanted_facts import known_runtimes
from library.clients.audio import decode_check
from library.clients.folders.reader import FolderReader
from library.domain.book_files import group_books
from library.domain.facts import CopyFacts, FileFacts, Problem
from library.domain.file_order import Part, find_incompleteness
from library.services.settings import get_setting
from scheduling.services.context import RunContext

ARCHIVES = frozenset({".tar", ".gz", ".bz2", ".xz", ".tgz", ".ace", ".z01", ".zst"})
UNFINISHED = frozenset({".part", ".!qb", ".crdownload", ".tmp", ".aria2", ".partial", ".filepart", ".download"})
# Folders that SABnzbd, NZBGet and Unpackerr unpack into, and rename when they are done.
UNPACKING = re.compile(r"_unpack(?:_|$)|\.unpack|.*_unpackerred$|__incomplete", re.IGNORECASE)


@dataclass
class Stopped(Exception):
    """Checks stand in the way."""

    checks: Sequence[Check]


def look(content: Path, link: DownloadBook, run: RunContext) -> Arrived:
    """What came for one book: its facts, and everything that speaks against filing it.

    For a pack only the files of this book count; `Stopped` when they are not there.
    """
    before = sizes_of(content)
    items, faults = _items(content)
    others = [path.name for path in _came_for(link, content)]
    facts = _facts_of(content, link, items)
    linked = [
        f"{PurePosixPath(file.path).name} is a link, and links are not followed. Put the file itself there."
        for file in facts.files
        if leads_through_link(content.parent / file.path, content.parent)
    ]
    decode_faults = () if linked else tuple(_decode_faults(content.parent, facts, run))
    return Arrived(
        facts=facts,
        decode_faults=decode_faults,
        archives=tuple(name for name in others if is_archive(name)),
        unfinished=tuple(name for name in others if _suffix(name) in UNFINISHED),
        unreadable=(*linked, *faults, *(p.message for p in facts.problems if p.code in UNREADABLE)),
        programs=tuple(find_programs(others)),
        unpacking=tuple(still_written(content, before)),
        book_count=1 if link.files else len(group_books(facts.path, [file.path for file in facts.audio_files])),
    )


def _came_for(link: DownloadBook, content: Path) -> Iterator[Path]:
    """The files that came for a book. Of a pack only its own: Transmission leaves parts of files that nobody wants,
    where a piece of a wanted one reaches into them."""
    wanted = {_below(path) for path in link.files}
    for path in content_files(content):
        name = _below(path.relative_to(content.parent).as_posix())
        bare = name.rpartition(".")[0] if _suffix(name) in UNFINISHED else name
        if not wanted or bare in wanted or name in wanted:
            yield path


def _below(path: str) -> str:
    """A path without the download's own folder, which a client may have renamed."""
    return path.partition("/")[2] or path


def sizes_of(content: Path) -> dict[str, int]:
    """The size of every file below, by its path."""
    sizes = {}
    for path in content_files(content):
        with suppress(OSError):  # why: it went away meanwhile, which is a change like any other
            sizes[str(path)] = path.stat().st_size
    return sizes


def still_written(content: Path, before: Mapping[str, int]) -> Iterator[str]:
    """What another program still unpacks or writes there: its folders by name, and files that changed meanwhile."""
    now = sizes_of(content)
    folders = {folder.name for path in now for folder in Path(path).relative_to(content.parent).parents}
    yield from sorted(name for name in folders if UNPACKING.match(name))
    for path in sorted({*before, *now}):
        if before.get(path) != now.get(path):
            yield Path(path).name


def is_archive(name: str) -> bool:
    """Whether it is packed, in a way that we unpack or in another."""
    return is_package(name) or _suffix(name) in ARCHIVES


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _items(content: Path) -> tuple[list[CopyFacts], list[str]]:
    """The books that a reader sees in it, and in words what could not be read."""
    items: list[CopyFacts] = []
    faults: list[str] = []
    for item in FolderReader(content.parent).read_only(content.name):
        if isinstance(item, CopyFacts):
            items.append(item)
        elif isinstance(item, Problem) and item.code in UNREADABLE:
            faults.append(item.message)
    return items, faults


def _facts_of(content: Path, link: DownloadBook, items: Sequence[CopyFacts]) -> CopyFacts:
    """The facts of all that came, or of the files of one book of a pack."""
    wanted = set(link.files)
    if wanted:
        items = [part for item in items if (part := _part(item, wanted)) is not None]
        if not items:
            words = f"None of the files of “{link.book.title}” is in what came. Choose them by hand, or cancel."
            raise Stopped([Check("pack_files", False, words)])
    if not items:
        return CopyFacts(path=content.name, title=content.name)
    first, rest = items[0], items[1:]
    if not rest:
        return first
    return replace(
        first,
        files=tuple(file for item in items for file in item.files),
        problems=tuple(problem for item in items for problem in item.problems),
        duration_seconds=sum(item.duration_seconds or 0 for item in items),
    )


def _part(item: CopyFacts, wanted: set[str]) -> CopyFacts | None:
    """The part of an item that is of these files, which are named with or without the download's own folder."""
    files = tuple(file for file in item.files if file.path in wanted or file.path.partition("/")[2] in wanted)
    audio = [file for file in item.audio_files if file in files]
    if not audio:
        return None
    if len(audio) == len(item.audio_files):
        return replace(item, files=files)
    names = {file.path for file in files}
    kept = [p for p in item.problems if p.code not in INCOMPLETE and (not p.path or p.path in names)]
    seconds = [file.duration_seconds for file in audio]
    return replace(
        item,
        files=files,
        problems=(*kept, *find_incompleteness([_as_part(file) for file in audio])),
        duration_seconds=sum(s for s in seconds if s) if any(seconds) else None,
        sources={name: source for name, source in item.sources.items() if name not in ("title", "authors")},
    )


def _as_part(file: FileFacts) -> Part:
    return Part(file.path, duration_seconds=file.duration_seconds, bitrate_kbps=file.bitrate_kbps)


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


def expected_of(link: DownloadBook) -> Expected:
    """What was asked for with a book of a download."""
    book, release = link.book, link.download.release
    profile = profile_for(book)
    return Expected(
        title=book.title,
        authors=tuple(book.authors.values_list("name", flat=True)),
        runtimes_seconds=known_runtimes(book),
        languages=tuple(profile.languages),
        tolerance=float(get_setting("import.duration_tolerance")),
        narrators=offer_of(release).narrators if release else (),
        accepts_abridged=profile.accepts_abridged,
        held=held_of(book),
        profile=profile,
    )
