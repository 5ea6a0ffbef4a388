"""Reading a library of folders: one stream of books, nothing written, unchanged books not opened again."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import Unavailable
from library.clients.audio import AudioFacts, probe
from library.clients.folders import sidecars
from library.clients.folders.said import PRECEDENCE, Said, fill_empty, lay_over
from library.clients.folders.tags import from_tags, hidden_in_tags, part_numbers, visible_names
from library.clients.folders.walk import FoundFile, FoundItem, Walk, is_ignored_name
from library.domain.facts import CopyFacts, FileFacts, FileKind, Problem, SeriesPlace
from library.domain.file_order import Part, find_incompleteness, order_parts
from library.domain.folder_grammar import FolderFacts, parse_file_name, parse_path

NOT_A_COPY = frozenset({"ebook_only", "no_readable_audio"})
"""Problem codes of a folder that holds no audiobook: the caller leaves such facts out."""

_FAULTS_OF_THE_DISK = frozenset({"file_unreadable", "folder_unreadable"})
_READING_VERSION = b"1"  # raise it when books must be read again because the reading has changed


@dataclass(frozen=True, slots=True)
class SeenCopy:
    """A copy that is there, unchanged since its fingerprint was taken."""

    path: str


@dataclass(frozen=True, slots=True)
class RootHealth:
    """Whether the root can be trusted. `code`: ok, absent, not_a_folder, unreadable, empty, not_mounted.

    Anything but ok is an outage, never a deletion. `is_mount` is worth keeping: pass it as `was_mount` next time.
    """

    code: str
    message: str = ""
    is_mount: bool = False

    @property
    def is_ok(self) -> bool:
        return self.code == "ok"


@dataclass(frozen=True, slots=True)
class _ReadFile:
    found: FoundFile
    audio: AudioFacts
    part: Part


class FolderReader:
    """A library folder in Audiobookshelf's grammar.

    `precedence` names the sources from weak to strong (see `PRECEDENCE`); a source left out is not read. `known` maps
    the path of a copy to the fingerprint that was kept of it. `with_subtitle` parts title folders at ` - `;
    `count_ebooks` lets an ebook make a folder a book (both as in Audiobookshelf's library settings).
    """

    def __init__(
        self,
        root: Path | str,
        *,
        precedence: Sequence[str] = PRECEDENCE,
        known: Mapping[str, str] | None = None,
        with_subtitle: bool = False,
        count_ebooks: bool = True,
    ) -> None:
        unknown = sorted(set(precedence) - set(PRECEDENCE))
        if unknown:
            raise ValueError(f"Unknown sources {', '.join(unknown)}; possible are {', '.join(PRECEDENCE)}.")
        self.root = Path(root)
        self._precedence = tuple(precedence)
        self._known = known or {}
        self._with_subtitle = with_subtitle
        self._count_ebooks = count_ebooks

    def check(self, *, was_mount: bool = False) -> RootHealth:
        """Look whether the root is there. `was_mount`: it was a mount point when it was last read."""
        try:
            is_mount = self.root.is_mount()
            with os.scandir(self.root) as entries:
                is_empty = all(is_ignored_name(entry.name) for entry in entries)
        except FileNotFoundError:
            return RootHealth("absent", f"The folder {self.root} does not exist. Is its disk mounted?")
        except NotADirectoryError:
            return RootHealth("not_a_folder", f"{self.root} is not a folder. Correct the path.")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return RootHealth("unreadable", f"The folder {self.root} cannot be read ({reason}). Check its permissions.")
        if was_mount and not is_mount:
            return RootHealth("not_mounted", f"{self.root} was a mounted disk and is not mounted now. Mount it again.")
        if is_empty:
            return RootHealth("empty", f"The folder {self.root} is empty. Is its disk mounted?", is_mount)
        return RootHealth("ok", is_mount=is_mount)

    def read(self, on_progress: Callable[[int, str], None] | None = None) -> Iterator[CopyFacts | SeenCopy | Problem]:
        """All books below the root, one by one: `CopyFacts` read afresh, `SeenCopy` where nothing changed, and a
        `Problem` for each folder or book that could not be read (what lies below its path was not seen, but need not
        be gone). A book of which a part could not be read has no fingerprint, so that it is tried again.

        `on_progress` gets the number of books so far and the path of the last. Raises Unavailable when the root is
        absent, unreadable or empty, also when that happens on the way.
        """
        self._require_root()
        count = 0
        for found in Walk(str(self.root), count_ebooks=self._count_ebooks):
            if isinstance(found, Problem):
                yield found
                continue
            yield self._seen_or_read(found)
            count += 1
            if on_progress:
                on_progress(count, found.path)
        self._require_root()

    def read_only(self, path: str) -> Iterator[CopyFacts | Problem]:
        """The books at or below one path, read afresh; the rest of the root is not looked at."""
        for found in Walk(str(self.root), count_ebooks=self._count_ebooks).only(path):
            yield found if isinstance(found, Problem) else self._read_item(found, self._fingerprint(found))

    def _require_root(self) -> None:
        health = self.check()
        if not health.is_ok:
            raise Unavailable(health.message, service="folders")

    def _seen_or_read(self, item: FoundItem) -> CopyFacts | SeenCopy | Problem:
        fingerprint = self._fingerprint(item)
        if self._known.get(item.path) == fingerprint:
            return SeenCopy(item.path)
        facts = self._read_item(item, fingerprint)
        codes = {problem.code for problem in facts.problems}
        if codes.isdisjoint(_FAULTS_OF_THE_DISK):
            return facts
        if "no_readable_audio" in codes:
            text = "The files of this book cannot be read now. Check the disk and its permissions."
            return Problem("book_unreadable", text, item.path)
        return dataclasses.replace(facts, fingerprint="")

    def _fingerprint(self, item: FoundItem) -> str:
        """A digest of name, size and time of change of every file, and of how they are read."""
        digest = hashlib.blake2b(_READING_VERSION, digest_size=16)
        digest.update(repr((self._precedence, self._with_subtitle)).encode())
        for file in item.files:
            digest.update(f"{file.path}\0{file.size_bytes}\0{file.mtime_ns}\n".encode())
        return digest.hexdigest()

    def _read_item(self, item: FoundItem, fingerprint: str) -> CopyFacts:
        folder = self._folder_facts(item)
        probed = [_read_file(file) for file in item.files if file.kind is FileKind.AUDIO]
        audio = _in_order(probed, folder)
        problems = [*item.problems, *_audio_problems(probed), *_book_problems(item, probed, audio, folder)]
        layers = self._layers(item, folder, audio)
        values, sources = lay_over(layers)
        for _, said in layers:
            problems.extend(said.problems)
        if audio:
            _fill_from_hidden(values, sources, audio[0].audio)
        values.setdefault("title", "")
        values["title"] = values["title"] or _fallback_title(item)
        values["narrators"] = values.get("narrators") or ()
        values["series"] = values.get("series") or ()
        values["chapter_count"] = values.get("chapter_count") or _chapter_count(audio)
        return CopyFacts(
            path=item.path,
            is_single_file=item.is_single_file,
            fingerprint=fingerprint,
            files=_file_facts(item, probed, audio),
            size_bytes=sum(file.size_bytes for file in item.files),
            problems=tuple(problems),
            sources=sources,
            **_sound(audio),
            **values,
        )

    def _folder_facts(self, item: FoundItem) -> FolderFacts:
        if item.is_single_file:
            return parse_file_name(item.path)
        return parse_path(item.path, with_subtitle=self._with_subtitle)

    def _layers(self, item: FoundItem, folder: FolderFacts, audio: Sequence[_ReadFile]) -> list[tuple[str, Said]]:
        """(source, what it says) for each source of the precedence that is there."""
        layers: list[tuple[str, Said]] = []
        for source in self._precedence:
            if source == "folder":
                layers.append((source, _from_folder(folder)))
            elif source == "tags":
                layers.extend((source, from_tags(file.audio)) for file in audio[:1])
            else:
                layers.extend((source, said) for said in _from_sidecars(source, item))
        return layers


def _from_folder(folder: FolderFacts) -> Said:
    return Said(
        title=folder.title,
        subtitle=folder.subtitle,
        authors=folder.authors,
        narrators=folder.narrators or None,
        series=(SeriesPlace(folder.series, folder.position),) if folder.series else None,
        asin=folder.asin,
        published_year=folder.year,
    )


_SIDECARS: dict[str, tuple[tuple[Callable[[str], bool], Callable[[bytes], Said]], ...]] = {
    "nfo": ((lambda name: name.lower().endswith(".nfo"), sidecars.from_nfo),),
    "txt": (
        (lambda name: name == "desc.txt", sidecars.from_description_text),
        (lambda name: name == "reader.txt", sidecars.from_reader_text),
    ),
    "opf": ((lambda name: name.lower().endswith(".opf"), sidecars.from_opf),),
    "metadata.json": ((lambda name: name == "metadata.json", sidecars.from_metadata_json),),
}


def _from_sidecars(source: str, item: FoundItem) -> Iterator[Said]:
    """What the files of this source say; of several that fit, the one nearest to the book's folder is read."""
    if item.is_single_file:
        return
    by_depth = sorted(item.files, key=lambda file: file.path.count("/"))
    for fits, parse in _SIDECARS[source]:
        file = next((file for file in by_depth if fits(file.path.rpartition("/")[2])), None)
        if file:
            yield _located(_parse_file(file, parse), file.path)


def _parse_file(file: FoundFile, parse: Callable[[bytes], Said]) -> Said:
    if file.size_bytes > sidecars.MAX_BYTES:
        return Said(
            problems=(Problem("sidecar_unreadable", "The file is too large to describe a book and was left out."),)
        )
    try:
        data = Path(file.os_path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        text = f"The file cannot be read ({reason}). Check its permissions."
        return Said(problems=(Problem("file_unreadable", text),))
    return parse(data)


def _located(said: Said, path: str) -> Said:
    problems = tuple(Problem(problem.code, problem.message, path) for problem in said.problems)
    values = {name: getattr(said, name) for name in Said.__slots__}
    return Said(**{**values, "problems": problems}) if problems else said


def _read_file(found: FoundFile) -> _ReadFile:
    audio = probe(found.os_path)
    disc, track, total = part_numbers(visible_names(audio))
    part = Part(
        path=found.path,
        disc=disc,
        track=track,
        track_total=total,
        duration_seconds=audio.duration_seconds,
        bitrate_kbps=audio.bitrate_kbps,
    )
    return _ReadFile(found, audio, part)


def _in_order(probed: Sequence[_ReadFile], folder: FolderFacts) -> list[_ReadFile]:
    """The readable files in playing order."""
    readable = {file.found.path: file for file in probed if file.audio.is_readable}
    parts = order_parts((file.part for file in readable.values()), words=_words(folder))
    return [readable[part.path] for part in parts]


def _words(folder: FolderFacts) -> tuple[str, ...]:
    """Texts whose digits are no part numbers. A title such as "1984" is one; a lone digit would take part numbers."""
    year = str(folder.year) if folder.year else ""
    return tuple(word for word in (folder.title, folder.series, year, *folder.authors) if len(word) > 2)


def _audio_problems(probed: Sequence[_ReadFile]) -> Iterator[Problem]:
    for file in probed:
        for problem in file.audio.problems:
            yield Problem(problem.code, problem.message, file.found.path)


def _book_problems(
    item: FoundItem, probed: Sequence[_ReadFile], audio: Sequence[_ReadFile], folder: FolderFacts
) -> Iterator[Problem]:
    if audio:
        yield from find_incompleteness([file.part for file in audio], words=_words(folder))
    elif probed:
        yield Problem("no_readable_audio", "None of the audio files can be read. Replace them.", item.path)
    else:
        yield Problem("ebook_only", "There is an ebook here, and no audio.", item.path)


def _fill_from_hidden(values: dict[str, Any], sources: dict[str, str], audio: AudioFacts) -> None:
    """Empty fields from tags that Audiobookshelf does not see; also the missing number of a series of the same name."""
    hidden = hidden_in_tags(audio)
    fill_empty(values, sources, hidden, source="tags")
    if len(values.get("series") or ()) != 1 or not hidden.series:
        return
    (place,), (other,) = values["series"], hidden.series
    if not place.position and other.position and place.name.casefold() == other.name.casefold():
        values["series"] = (SeriesPlace(place.name, other.position),)


def _fallback_title(item: FoundItem) -> str:
    """The folder's name, where it is but a number and nothing else names the book."""
    return item.path.rpartition("/")[2]


def _chapter_count(audio: Sequence[_ReadFile]) -> int:
    """Embedded chapters; without any, one for each of several files, as players show them."""
    embedded = sum(len(file.audio.chapters) for file in audio)
    return embedded or (len(audio) if len(audio) > 1 else 0)


def _sound(audio: Sequence[_ReadFile]) -> dict[str, Any]:
    """Duration, codec of the first file, and the mean bitrate weighted by duration."""
    if not audio:
        return {}
    duration = sum(file.audio.duration_seconds or 0.0 for file in audio)
    bits = sum((file.audio.bitrate_kbps or 0) * (file.audio.duration_seconds or 0.0) for file in audio)
    return {
        "duration_seconds": duration,
        "codec": audio[0].audio.codec,
        "bitrate_kbps": round(bits / duration) or None if duration else None,
    }


def _file_facts(item: FoundItem, probed: Sequence[_ReadFile], audio: Sequence[_ReadFile]) -> tuple[FileFacts, ...]:
    """Audio first, in playing order, then the rest. Audio that cannot be read is no part of the book: kind OTHER."""
    in_order = [_audio_file(file) for file in audio]
    readable = {file.path for file in in_order}
    broken = {file.found.path for file in probed} - readable
    rest = (
        FileFacts(file.path, FileKind.OTHER if file.path in broken else file.kind, file.size_bytes, file.mtime_ns)
        for file in item.files
        if file.path not in readable
    )
    return (*in_order, *rest)


def _audio_file(file: _ReadFile) -> FileFacts:
    return FileFacts(
        path=file.found.path,
        kind=FileKind.AUDIO,
        size_bytes=file.found.size_bytes,
        mtime_ns=file.found.mtime_ns,
        duration_seconds=file.audio.duration_seconds,
        codec=file.audio.codec,
        bitrate_kbps=file.audio.bitrate_kbps,
        chapter_count=len(file.audio.chapters),
    )
