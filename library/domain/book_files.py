"""How many books some files are: discs, parts, chapters and tracks are one; titled files side by side are several."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from library.domain.path_words import DISC_FOLDER, MEDIA_EXTENSIONS
from library.domain.text import compact, fold, word_set

AUDIO_EXTENSIONS = MEDIA_EXTENSIONS - {"epub", "pdf", "mobi", "azw3", "azw", "cbr", "cbz"}
_COUNTERS = re.compile(
    r"\b(?:cd|dis[ck]|part|pt|track|trk|chapter|chap|ch|file|section|sec|side|kapitel|teil|chapitre|capitulo|"
    r"titel|tape|act|scene|stave)"
    r"\s*\d{1,4}(?:\s*(?:of|von)\s*\d{1,4})?\b|\b\d{1,4}\s*(?:of|von)\s*\d{1,4}\b|\bpt\d+\b|\b[sd]\d+(?:e\d+)?\b",
)
_EDGE_NUMBERS = re.compile(r"^\d{1,4}(?:\s+\d{1,3})?\b|\b\d{1,4}$")
_WORDS_OF_PARTS = word_set(
    """
    prologue epilogue introduction intro outro credits opening closing ending preface foreword afterword dedication
    chapter part track disc appendix acknowledgements acknowledgments conclusion interlude end start begin
    """
)
_BOOK_NUMBER = re.compile(r"\b(?:book|vol|volume|band)\s*(\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The files of one book, in the order given; `name` is what they share (folded), for display and tests."""

    name: str
    files: tuple[str, ...]


def is_audio(name: str) -> bool:
    return name.rpartition(".")[2].casefold() in AUDIO_EXTENSIONS


def _stem(file: str) -> str:
    name = re.split(r"[/\\]", file)[-1]
    return name.rpartition(".")[0] or name


def _folder_of(file: str) -> str:
    """The folder a file belongs to; discs and parts belong to the folder above them."""
    parts = re.split(r"[/\\]", file)[:-1]
    while parts and DISC_FOLDER.match(parts[-1].strip()):
        parts = parts[:-1]
    return "/".join(parts)


def _book_name(stem: str, folder: str) -> str:
    """A file's name without disc, part, chapter and track numbers; empty if nothing tells it from its neighbours."""
    folded = fold(stem)
    book = _BOOK_NUMBER.search(folded)
    name = _EDGE_NUMBERS.sub(" ", _COUNTERS.sub(" ", folded)).strip()
    name = _EDGE_NUMBERS.sub(" ", name).strip()
    own = fold(re.split(r"[/\\]", folder)[-1]) if folder else ""
    if own and own in name:
        name = name.replace(own, " ").strip()
    name = " ".join(word for word in name.split() if word not in _WORDS_OF_PARTS)
    return f"{name} #{book[1]}" if book and name else name


def _numbers_run(stems: Sequence[str]) -> bool:
    """Whether the files count up: each has a number at the same place, and no two have the same."""
    found = [re.findall(r"\d+", stem) for stem in stems]
    if not all(found):
        return False
    shortest = min(len(numbers) for numbers in found)
    for index in range(shortest):
        values = sorted(int(numbers[index][:9]) for numbers in found)
        if len(set(values)) == len(values) and values[-1] - values[0] <= 2 * len(values) and values[0] <= 2:
            return True
    return False


def _group_folder(folder: str, files: list[str]) -> list[FileGroup]:
    stems = [_stem(file) for file in files]
    name = re.split(r"[/\\]", folder)[-1] if folder else ""
    names = [_book_name(stem, folder) for stem in stems]
    if len(files) == 1 or len(set(names)) == 1:
        return [FileGroup(fold(name) or names[0], tuple(files))]
    containers = {file.rpartition(".")[2].casefold() for file in files}
    numbered_books = [bool(_BOOK_NUMBER.search(fold(stem))) for stem in stems]
    if containers != {"m4b"} and not all(numbered_books) and _numbers_run(stems):
        return [FileGroup(fold(name), tuple(files))]  # 01 - The Beginning, 02 - The Road: chapters with titles
    if (
        containers == {"m4b"}
        and _numbers_run(stems)
        and all(re.search(r"\b(?:chapter|part|disc|track)\b", fold(s)) for s in stems)
    ):
        return [FileGroup(fold(name), tuple(files))]
    groups: dict[str, list[str]] = {}
    for file, key in zip(files, names, strict=True):
        groups.setdefault(compact(key) or fold(name), []).append(file)
    return [FileGroup(key, tuple(members)) for key, members in groups.items()]


def group_books(folder: str, files: Iterable[str]) -> list[FileGroup]:
    """The books among the audio files at or below `folder`, each with its files. Files that are not audio are left out.

    Disc and part folders belong to the book above; several titled files in one folder are several books, unless they
    count up as the chapters of one.
    """
    by_folder: dict[str, list[str]] = {}
    for file in files:
        if is_audio(file):
            by_folder.setdefault(_folder_of(file), []).append(file)
    groups: list[FileGroup] = []
    for where in sorted(by_folder):
        groups.extend(_group_folder(where or folder, sorted(by_folder[where])))
    return groups
