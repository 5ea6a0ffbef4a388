"""Packed releases: zip, 7z and rar behind one face. What may be unpacked, and where to, is for the service to say.

zip is read by the standard library, 7z by py7zr. rar is read by rarfile: what is only stored comes out by itself, and
what is compressed needs a tool (unar, unrar, 7zz or bsdtar), which is told where none is found.
"""

import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

import py7zr
import py7zr.exceptions
import py7zr.io
import rarfile

CHUNK_BYTES = 1024 * 1024
# An LZMA dictionary is allocated before a byte is unpacked; the largest preset of 7-Zip takes 64 MB, ultra 256.
MAX_DICTIONARY_BYTES = 512 * 1024**2
_PARTS_RAR = re.compile(r"(?P<stem>.+)\.part0*(?P<number>\d+)\.rar$", re.IGNORECASE)
_OLD_RAR = re.compile(r"(?P<stem>.+)\.[r-z]\d\d$", re.IGNORECASE)
_SPLIT = re.compile(r"(?P<stem>.+\.(?:7z|zip))\.(?P<number>\d{3})$", re.IGNORECASE)
_PLAIN = re.compile(r"(?P<stem>.+)\.(?:zip|rar|7z)$", re.IGNORECASE)


class PackageError(Exception):
    """It cannot be unpacked. `code`: archive_broken, archive_locked, archive_incomplete, archive_tool,
    archive_refused."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a package; `size_bytes` is what the package says, and so a bound, not a promise."""

    name: str
    size_bytes: int
    is_link: bool = False
    is_special: bool = False
    is_locked: bool = False


class Sink(Protocol):
    """Where the bytes of an entry go."""

    def write(self, data: bytes, /) -> object: ...


OpenSink = Callable[[Entry], AbstractContextManager[Sink]]


class Package(Protocol):
    """An open package. `entries` are its files, without folders; `extract` writes all of them, each to its sink."""

    @property
    def entries(self) -> Sequence[Entry]: ...

    def extract(self, open_sink: OpenSink) -> None: ...


@dataclass(frozen=True, slots=True)
class Volumes:
    """A package on disk: its volumes in order, the first one first."""

    paths: tuple[Path, ...]

    @property
    def first(self) -> Path:
        return self.paths[0]

    @property
    def stem(self) -> str:
        for pattern in (_PARTS_RAR, _SPLIT, _PLAIN):
            if found := pattern.match(self.first.name):
                return _PLAIN.sub(r"\g<stem>", found["stem"])
        return self.first.stem

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.paths)


def is_package(name: str) -> bool:
    """Whether the name is that of a package, or of a volume of one."""
    return any(pattern.match(name) for pattern in (_PARTS_RAR, _SPLIT, _OLD_RAR, _PLAIN))


def find_packages(paths: Sequence[Path]) -> list[Volumes]:
    """The packages among some files, volumes together. PackageError (archive_incomplete) where a first or middle volume
    is missing."""
    groups: dict[tuple[Path, str], list[tuple[int, Path]]] = {}
    for path in sorted(paths):
        if key := _volume(path.name):
            groups.setdefault((path.parent, key[0]), []).append((key[1], path))
    return [_in_order(sorted(group)) for _, group in sorted(groups.items())]


def _volume(name: str) -> tuple[str, int] | None:
    """(the name of the package, the number of the volume), counted from 1."""
    for pattern, kind in ((_PARTS_RAR, "rar"), (_SPLIT, "split")):
        if found := pattern.match(name):
            return f"{found['stem'].casefold()}|{kind}", int(found["number"])
    if found := _OLD_RAR.match(name):
        letter, number = name[-3].lower(), int(name[-2:])
        return f"{found['stem'].casefold()}|old", (ord(letter) - ord("r")) * 100 + number + 2
    if found := _PLAIN.match(name):
        kind = "old" if name.lower().endswith(".rar") else name[-4:].lower()
        return f"{found['stem'].casefold()}|{kind}", 1
    return None


def _in_order(group: Sequence[tuple[int, Path]]) -> Volumes:
    numbers = [number for number, _ in group]
    lacking = next((number for number in range(1, numbers[-1] + 1) if number not in numbers), None)
    if lacking is not None:
        raise PackageError("archive_incomplete", f"volume {lacking} of {group[0][1].name} is missing")
    return Volumes(tuple(path for _, path in group))


@contextmanager
def open_package(volumes: Volumes) -> Iterator[Package]:
    """The package, open. PackageError for what cannot be read as one."""
    with ExitStack() as stack:
        with translated():
            package = _opened(volumes, stack)
        yield package


def _opened(volumes: Volumes, stack: ExitStack) -> Package:
    """By what it begins with, not by its name."""
    with volumes.first.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"Rar!\x1a\x07"):
        return _Rar(volumes)
    joined = stack.enter_context(_Joined(volumes.paths))
    if start.startswith(b"7z\xbc\xaf\x27\x1c"):
        return _SevenZip(stack.enter_context(py7zr.SevenZipFile(cast(IO[bytes], joined))))
    return _Zip(stack.enter_context(zipfile.ZipFile(joined)))


@contextmanager
def translated() -> Iterator[None]:
    """Each library's errors as ours. Those of the disk pass."""
    try:
        yield
    except (rarfile.PasswordRequired, rarfile.RarWrongPassword, py7zr.exceptions.PasswordRequired) as error:
        raise PackageError("archive_locked", "it needs a password") from error
    except rarfile.RarCannotExec as error:
        words = "nothing here can unpack a compressed rar; install unar (or unrar) where this server runs"
        raise PackageError("archive_tool", words) from error
    except rarfile.NeedFirstVolume as error:
        raise PackageError("archive_incomplete", "its first volume is missing") from error
    except (
        rarfile.Error, zipfile.BadZipFile, zlib.error, lzma.LZMAError, py7zr.exceptions.ArchiveError,
        py7zr.exceptions.AbsolutePathError, EOFError, NotImplementedError, ValueError, LookupError, TypeError,
        RuntimeError, MemoryError, ArithmeticError,
    ) as error:  # fmt: skip
        # What the parsers raise for a file that is not what it says: their own errors, and plain ones from their code.
        raise PackageError("archive_broken", "it is damaged, or packed in a way that is not known") from error


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self._infos = [info for info in archive.infolist() if not info.is_dir()]
        self.entries = [_zip_entry(info) for info in self._infos]

    def extract(self, open_sink: OpenSink) -> None:
        for info, entry in zip(self._infos, self.entries, strict=True):
            with open_sink(entry) as sink, translated(), self.archive.open(info) as reader:
                _pour(reader, sink)


def _zip_entry(info: zipfile.ZipInfo) -> Entry:
    mode = info.external_attr >> 16
    return Entry(
        info.orig_filename or info.filename,
        info.file_size,
        is_link=stat.S_ISLNK(mode),
        is_special=bool(stat.S_IFMT(mode)) and not stat.S_ISREG(mode) and not stat.S_ISLNK(mode),
        is_locked=bool(info.flag_bits & 0x1),
    )


class _Rar:
    def __init__(self, volumes: Volumes) -> None:
        self.archive = rarfile.RarFile(str(volumes.first))
        if self.archive.needs_password() and not self.archive.infolist():
            raise PackageError("archive_locked", "it needs a password")
        self._infos = [info for info in self.archive.infolist() if not info.is_dir()]
        self.entries = [_rar_entry(info) for info in self._infos]
        known = {path.name for path in volumes.paths}
        lacking = [Path(name).name for name in self.archive.volumelist() if Path(name).name not in known]
        if lacking or any(map(_is_cut_off, self._infos[-1:])):
            words = f"its volume {lacking[0]} is missing" if lacking else "its last volume is missing"
            raise PackageError("archive_incomplete", words)

    def extract(self, open_sink: OpenSink) -> None:
        for info, entry in zip(self._infos, self.entries, strict=True):
            with open_sink(entry) as sink, translated(), self._reader(info) as reader:
                _pour(reader, sink)

    def _reader(self, info: Any) -> Any:
        try:
            return self.archive.open(info)
        except FileNotFoundError as error:
            raise PackageError("archive_incomplete", "a volume of it is missing") from error


def _is_cut_off(info: Any) -> bool:
    """The last file goes on in a volume that is not there. Of a compressed one only the tool can tell."""
    return bool(info.compress_type == rarfile.RAR_M0 and (info.file_size or 0) > (info.compress_size or 0))


def _rar_entry(info: Any) -> Entry:
    return Entry(
        info.filename,
        int(info.file_size or 0),
        is_link=bool(info.is_symlink() or info.file_redir),
        is_special=not (info.is_file() or info.is_symlink()),
        is_locked=bool(info.needs_password()),
    )


class _SevenZip:
    def __init__(self, archive: py7zr.SevenZipFile) -> None:
        self.archive = archive
        _check_dictionaries(archive)
        files = [file for file in archive.files if not file.is_directory]
        self.entries = [
            Entry(
                file.filename,
                int(file.uncompressed or 0),
                is_link=bool(file.is_symlink or file.is_junction),
                is_special=bool(file.is_socket),
                is_locked=bool(archive.password_protected),
            )
            for file in files
        ]

    def extract(self, open_sink: OpenSink) -> None:
        factory = _Factory({entry.name: entry for entry in self.entries}, open_sink)
        try:
            with translated():
                self.archive.extractall(factory=factory)
        finally:
            factory.close()


def _check_dictionaries(archive: py7zr.SevenZipFile) -> None:
    streams = archive.header.main_streams
    for folder in streams.unpackinfo.folders if streams else ():
        for coder in folder.coders:
            if _dictionary_bytes(coder["method"], coder["properties"] or b"") > MAX_DICTIONARY_BYTES:
                raise PackageError("archive_refused", "unpacking it would take more than 512 MB of memory")


def _dictionary_bytes(method: bytes, properties: bytes) -> int:
    if method == b"\x21" and properties:  # LZMA2: an exponent, half steps
        return (2 | (properties[0] & 1)) << (properties[0] // 2 + 11)
    if method == b"\x03\x01\x01" and len(properties) >= 5:  # LZMA
        return int.from_bytes(properties[1:5], "little")
    return 0


class _Factory(py7zr.io.WriterFactory):
    """py7zr asks for a writer by an entry's name; a name that it made itself belongs to no entry."""

    def __init__(self, entries: dict[str, Entry], open_sink: OpenSink) -> None:
        self.entries, self.open_sink = entries, open_sink
        self.current: _Writer | None = None

    def create(self, filename: str) -> "_Writer":
        self.close()
        entry = self.entries.get(filename)
        if entry is None:
            raise PackageError("archive_refused", "a name in it cannot be kept")
        self.current = _Writer(self.open_sink(entry))
        return self.current

    def close(self) -> None:
        if self.current is not None:
            self.current.close()
            self.current = None


class _Writer(py7zr.io.Py7zIO):
    def __init__(self, manager: AbstractContextManager[Sink]) -> None:
        self.manager: AbstractContextManager[Sink] | None = manager
        self.sink = manager.__enter__()
        self.written = 0

    def write(self, s: bytes | bytearray) -> int:
        self.sink.write(bytes(s))
        self.written += len(s)
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def flush(self) -> None:
        return None

    def size(self) -> int:
        return self.written

    def close(self) -> None:
        if self.manager is not None:
            self.manager.__exit__(None, None, None)
            self.manager = None


def _pour(reader: Any, sink: Sink) -> None:
    while chunk := reader.read(CHUNK_BYTES):
        sink.write(chunk)


class _Joined(io.RawIOBase):
    """Files one behind the other as one that can be read and sought: the volumes of a split zip or 7z."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.files: list[BinaryIO] = [path.open("rb") for path in paths]
        self.sizes = [path.stat().st_size for path in paths]
        self.place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: sum(self.sizes)}[whence]
        if base + offset < 0:
            raise ValueError("before the start")
        self.place = base + offset
        return self.place

    def read(self, size: int | None = -1) -> bytes:
        wanted = sum(self.sizes) - self.place if size is None or size < 0 else size
        pieces = []
        while wanted > 0 and (piece := self._read_some(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _read_some(self, wanted: int) -> bytes:
        start = 0
        for file, size in zip(self.files, self.sizes, strict=True):
            if self.place < start + size:
                file.seek(self.place - start)
                piece = file.read(min(wanted, start + size - self.place))
                self.place += len(piece)
                return piece
            start += size
        return b""

    def close(self) -> None:
        for file in self.files:
            file.close()
        super().close()
