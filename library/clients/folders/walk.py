"""Finding the books in a library folder: which files belong together.

The rule is Audiobookshelf's (2.36): a media file in the root is a book by itself; otherwise the first folder on the
path that holds a media file directly is the book, and everything below joins it; a folder whose media lie in `CD 1`,
`Disc 2`, ... is the book above these. Nothing is opened or written here, only listed.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from library.domain.facts import FileKind, Problem
from library.domain.folder_grammar import is_disc_folder

AUDIO_SUFFIXES = frozenset(
    [
        ".m4b",
        ".mp3",
        ".m4a",
        ".flac",
        ".opus",
        ".ogg",
        ".oga",
        ".mp4",
        ".aac",
        ".wma",
        ".aiff",
        ".aif",
        ".wav",
        ".webm",
        ".webma",
        ".mka",
        ".awb",
        ".caf",
        ".mpg",
        ".mpeg",
    ]
)
EBOOK_SUFFIXES = frozenset([".epub", ".pdf", ".mobi", ".azw3", ".cbr", ".cbz"])
_KINDS = {
    **dict.fromkeys(AUDIO_SUFFIXES, FileKind.AUDIO),
    **dict.fromkeys(EBOOK_SUFFIXES, FileKind.EBOOK),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp"), FileKind.IMAGE),
    **dict.fromkeys((".txt", ".nfo"), FileKind.TEXT),
    **dict.fromkeys((".opf", ".abs", ".xml", ".json"), FileKind.METADATA),
}
_IGNORED_FOLDERS = frozenset(
    {"@eadir", "#recycle", "@recycle", "lost+found", "__macosx", "$recycle.bin", "system volume information"}
)
_IGNORED_SUFFIXES = frozenset({".part", ".partial", ".!qb", ".!ut", ".tmp", ".crdownload", ".aria2"})
_IGNORE_MARK = ".ignore"
_MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class FoundFile:
    """`path` is relative to the root, with forward slashes, always valid text; `os_path` opens the file."""

    path: str
    os_path: str
    kind: FileKind
    size_bytes: int
    mtime_ns: int


@dataclass(slots=True)
class FoundItem:
    """The files of one book, in the order of their paths."""

    path: str
    is_single_file: bool = False
    files: list[FoundFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class _Folder:
    os_path: str
    path: str
    depth: int = 0


@dataclass(slots=True)
class _Listing:
    """`is_ignored` when a `.ignore` file stands in the folder."""

    files: list[os.DirEntry[str]] = field(default_factory=list)
    folders: list[_Folder] = field(default_factory=list)
    is_ignored: bool = False


def kind_of(name: str) -> FileKind:
    return _KINDS.get(os.path.splitext(name)[1].lower(), FileKind.OTHER)  # noqa: PTH122 (hot path)


def is_ignored_name(name: str) -> bool:
    """Hidden files and folders, and the system folders of disks and NAS boxes."""
    return name.startswith(".") or name.lower() in _IGNORED_FOLDERS


def is_unfinished(name: str) -> bool:
    """Files still on their way."""
    return os.path.splitext(name)[1].lower() in _IGNORED_SUFFIXES  # noqa: PTH122 (hot path)


def safe_text(name: str) -> str:
    """A file name as valid text: bytes that are not UTF-8 become `\\xNN`."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return name


class Walk:
    """One pass over a root. Iterating gives FoundItem, and Problem for folders that could not be looked into.

    Memory grows with the deepest path and the widest folder, not with the library.
    """

    def __init__(self, root: str, *, count_ebooks: bool = True) -> None:
        self._root = os.fspath(root)
        self._media = {FileKind.AUDIO, FileKind.EBOOK} if count_ebooks else {FileKind.AUDIO}

    def __iter__(self) -> Iterator[FoundItem | Problem]:
        problems: list[Problem] = []
        listing = self._list(_Folder(self._root, ""), problems.append)
        yield from problems
        for entry in listing.files:
            if kind_of(entry.name) in self._media:
                yield self._single(entry)
        for folder in listing.folders:
            yield from self._visit(folder)

    def only(self, path: str) -> Iterator[FoundItem | Problem]:
        """The books at or below one path relative to the root; a file is a book by itself; none where nothing is."""
        place = os.path.join(self._root, path)  # noqa: PTH118
        if os.path.isdir(place):  # noqa: PTH112
            yield from self._visit(_Folder(place, path, path.count("/") + 1))
            return
        if not os.path.lexists(place):
            return
        with os.scandir(os.path.dirname(place)) as entries:  # noqa: PTH120
            for entry in entries:
                if entry.path == place:
                    item = self._single(entry)
                    yield FoundItem(path, True, [replace(file, path=path) for file in item.files], item.problems)

    def _single(self, entry: os.DirEntry[str]) -> FoundItem:
        item = FoundItem(path=safe_text(entry.name), is_single_file=True)
        self._add(item, entry, item.path)
        return item

    def _visit(self, folder: _Folder) -> Iterator[FoundItem | Problem]:
        problems: list[Problem] = []
        listing = self._list(folder, problems.append)
        if self._is_book(listing):
            item = FoundItem(path=folder.path, problems=problems)
            self._gather(item, folder, listing)
            yield item
            return
        yield from problems
        for below in listing.folders:
            yield from self._visit(below)

    def _is_book(self, listing: _Listing) -> bool:
        if self._has_media(listing):
            return True
        discs = (below for below in listing.folders if is_disc_folder(os.path.basename(below.os_path)))  # noqa: PTH119
        return any(self._has_media(self._list(disc, lambda problem: None)) for disc in discs)

    def _has_media(self, listing: _Listing) -> bool:
        return any(kind_of(entry.name) in self._media for entry in listing.files)

    def _gather(self, item: FoundItem, folder: _Folder, listing: _Listing) -> None:
        """Put all files of the folder and of those below into the item."""
        swallowed = 0
        pending = [(folder, listing)]
        while pending:
            folder, listing = pending.pop()
            for entry in listing.files:
                self._add(item, entry, f"{folder.path}/{safe_text(entry.name)}")
            is_disc = is_disc_folder(os.path.basename(folder.os_path))  # noqa: PTH119
            swallowed += folder.path != item.path and not is_disc and self._has_media(listing)
            pending.extend((below, self._list(below, item.problems.append)) for below in reversed(listing.folders))
        if swallowed:
            item.problems.append(_nested(item.path, swallowed))

    def _add(self, item: FoundItem, entry: os.DirEntry[str], path: str) -> None:
        try:
            status = entry.stat()
        except OSError as error:
            item.problems.append(_unreadable_file(path, error))
            return
        if path.endswith(safe_text(entry.name)) and safe_text(entry.name) != entry.name:
            item.problems.append(_bad_name(path))
        kind = kind_of(entry.name)
        item.files.append(FoundFile(path, entry.path, kind, status.st_size, status.st_mtime_ns))

    def _list(self, folder: _Folder, report: Callable[[Problem], None]) -> _Listing:
        """What stands in one folder, sorted by name; an empty listing where it cannot be read."""
        try:
            with os.scandir(folder.os_path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            report(_unreadable_folder(folder.path, error))
            return _Listing()
        if folder.path and any(entry.name == _IGNORE_MARK for entry in found):
            return _Listing(is_ignored=True)
        listing = _Listing()
        for entry in found:
            if not is_ignored_name(entry.name):
                self._sort_in(listing, folder, entry, report)
        return listing

    def _sort_in(
        self, listing: _Listing, folder: _Folder, entry: os.DirEntry[str], report: Callable[[Problem], None]
    ) -> None:
        path = f"{folder.path}/{safe_text(entry.name)}" if folder.path else safe_text(entry.name)
        try:
            is_folder = entry.is_dir()
            is_file = not is_folder and entry.is_file()
        except OSError as error:
            report(_unreadable_file(path, error))
            return
        if is_file and not is_unfinished(entry.name):
            listing.files.append(entry)
        elif is_folder and folder.depth >= _MAX_DEPTH:
            report(Problem("folder_too_deep", f"Folders deeper than {_MAX_DEPTH} levels are not read.", path))
        elif is_folder and self._may_enter(folder, entry):
            if safe_text(entry.name) != entry.name:
                report(_bad_name(path))
            listing.folders.append(_Folder(entry.path, path, folder.depth + 1))

    def _may_enter(self, folder: _Folder, entry: os.DirEntry[str]) -> bool:
        """False for a link back to a folder above it (a loop)."""
        if not entry.is_symlink():
            return True
        try:
            target = os.stat(entry.path)  # noqa: PTH116 (names may not be UTF-8)
            return not any(os.path.samestat(target, os.stat(above)) for above in self._above(folder.os_path))  # noqa: PTH116
        except OSError:
            return False

    def _above(self, os_path: str) -> Iterator[str]:
        """The folder and all those above it, up to the root."""
        while len(os_path) >= len(self._root):
            yield os_path
            parent = os.path.dirname(os_path)  # noqa: PTH120
            if parent == os_path:
                return
            os_path = parent


def _unreadable_folder(path: str, error: OSError) -> Problem:
    reason = error.strerror or type(error).__name__
    return Problem("folder_unreadable", f"The folder cannot be read ({reason}). Check its permissions.", path)


def _unreadable_file(path: str, error: OSError) -> Problem:
    reason = error.strerror or type(error).__name__
    return Problem("file_unreadable", f"The file cannot be read ({reason}). Check its permissions.", path)


def _bad_name(path: str) -> Problem:
    return Problem("name_not_utf8", "The name is not valid UTF-8. Rename it so that other programs can open it.", path)


def _nested(path: str, count: int) -> Problem:
    folders = "1 folder below holds" if count == 1 else f"{count} folders below hold"
    text = f"{folders} audio too and became part of this book. If these are other books, move the loose files away."
    return Problem("nested_books", text, path)
