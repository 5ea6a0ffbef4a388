"""Packs: which files of a torrent are which wanted book, and what the pack is worth. Pure.

A pack is never taken for one book by its name: its file list says what is in it. Each group of files that is plainly
one wanted book is taken for it; what is doubtful, or not wanted, is left out of the download.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from acquisition.domain.identity import WantedBook
from library.domain.book_files import FileGroup, group_books
from library.domain.paths import ParsedPath, parse_path
from library.domain.people import any_same_person
from library.domain.positions import parse_positions
from library.domain.text import fold
from library.domain.works import same_work, series_key

GIGABYTE = 1024**3
PROVES_ITSELF = 3  # words of a title that need no author beside them


class ListedFile(Protocol):
    """A file of a torrent: `path` with forward slashes, from the torrent's folder on."""

    @property
    def path(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def index(self) -> int: ...


@dataclass(frozen=True, slots=True)
class PackPlan:
    """What is taken of a pack. `books` maps the key of a wanted book to its files; `unwanted` are the indexes of all
    other files; `book_count` counts the books in it, wanted or not."""

    books: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    unwanted: tuple[int, ...] = ()
    wanted_bytes: int = 0
    book_count: int = 0

    @property
    def value(self) -> float:
        """Gaps closed per gigabyte."""
        return len(self.books) * GIGABYTE / max(self.wanted_bytes, 1)


def plan_pack(
    files: Sequence[ListedFile], wanted: Mapping[int, WantedBook], *, authors: Sequence[str] = ()
) -> PackPlan:
    """Map the files of a pack to wanted books. `authors` are those of the pack's name, for files that name none."""
    sizes = {file.path: file.size_bytes for file in files}
    groups = group_books("", sizes)
    chosen: dict[int, FileGroup] = {}
    for group in groups:
        matches = [key for key, book in wanted.items() if _is_book(group, groups, book, tuple(authors))]
        if len(matches) != 1:
            continue
        known = chosen.get(matches[0])
        if known is None or _bytes(group, sizes) > _bytes(known, sizes):
            chosen[matches[0]] = group
    books = {key: (*group.files, *_companions(group, groups, files)) for key, group in chosen.items()}
    taken = {path for paths in books.values() for path in paths}
    return PackPlan(
        books=books,
        unwanted=tuple(file.index for file in files if file.path not in taken),
        wanted_bytes=sum(sizes[path] for path in taken),
        book_count=len(groups),
    )


def _bytes(group: FileGroup, sizes: Mapping[str, int]) -> int:
    return sum(sizes[path] for path in group.files)


def _is_book(group: FileGroup, groups: Sequence[FileGroup], book: WantedBook, authors: tuple[str, ...]) -> bool:
    """Title, author and place agree, as far as the files and their folder say them."""
    for said in _readings(group, groups):
        people = said.authors or authors
        if people and book.authors and not any_same_person(people, book.authors):
            continue
        if not people and len(fold(book.title).split()) < PROVES_ITSELF:
            continue
        first = book.authors[0] if book.authors else ""
        if said.title and same_work(said.title, book.title, author=first) and not _clashes(said, book):
            return True
    return False


def _readings(group: FileGroup, groups: Sequence[FileGroup]) -> list[ParsedPath]:
    """What the group's folder says, where it is its own, and what its only file says."""
    folder = _folder_of(group)
    paths = [folder] if folder and _is_own_folder(folder, group, groups) else []
    if len(group.files) == 1:
        paths.append(group.files[0])
    if not paths:
        return [ParsedPath(title=group.name)]
    return [reading for path in paths for reading in _read(path)]


def _read(path: str) -> list[ParsedPath]:
    """The whole path, its last name alone, and its last name as that of a book in a series, where a number may lead.

    The folder above a book is the pack's: its name is an author only where there are more folders.
    """
    name = path.rpartition("/")[2]
    numbered = replace(parse_path(f"Author/Series/{name}"), authors=(), series="")
    readings = [parse_path(name), numbered]
    return [parse_path(path), *readings] if path.count("/") > 1 else readings


def _clashes(said: ParsedPath, book: WantedBook) -> bool:
    """Whether a place is named that the book does not have."""
    positions = parse_positions(said.position) if said.position else None
    if not positions:
        return False
    places = [place for place in book.series if place.position and series_key(place.name) == series_key(said.series)]
    return bool(places) and all(parse_positions(place.position) != positions for place in places)


def _folder_of(group: FileGroup) -> str:
    """The folder that all files of the group share."""
    parts = [path.split("/")[:-1] for path in group.files]
    shared: list[str] = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return "/".join(shared)


def _is_own_folder(folder: str, group: FileGroup, groups: Sequence[FileGroup]) -> bool:
    return not any(path.startswith(f"{folder}/") for other in groups if other is not group for path in other.files)


def _companions(group: FileGroup, groups: Sequence[FileGroup], files: Sequence[ListedFile]) -> list[str]:
    """Covers and ebooks beside the audio, where the folder is the book's own."""
    folder = _folder_of(group)
    if not folder or not _is_own_folder(folder, group, groups):
        return []
    audio = set(group.files)
    return [file.path for file in files if file.path.startswith(f"{folder}/") and file.path not in audio]
