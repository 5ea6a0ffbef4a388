"""The order of the files of one book, and what they say about whether the book is whole.

Pure rules over names, tags and durations; nothing is opened here. The order is that of Audiobookshelf where it has
one: disc numbers only when every file has one and they form a sequence, then whichever track numbers tell more files
apart, then the natural order of the paths.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from library.domain.facts import Problem

_DISC_IN_NAME = re.compile(r"\b(?:disc|disk|cd) ?(\d{1,3})\b", re.IGNORECASE)
_DISC_FOLDER = re.compile(r"^(?:cd|dis[ck]|disk|part|pt|volume|vol|side)\s*(\d{1,3})$", re.IGNORECASE)
_NUMBER = re.compile(r"(?<!\d)\d{1,4}(?!\d)")
_OF_TOTAL = re.compile(r"(?<!\d)(\d{1,3})\s*(?:of|von|de|/)\s*(\d{1,3})(?!\d)", re.IGNORECASE)
_TOKENS = re.compile(r"(\d+)")
_ROMAN_PART = re.compile(r"\b(chapter|part|book|vol(?:ume)?|act|letter)\s+([ivxlc]+)\b", re.IGNORECASE)
_FRONT = re.compile(
    r"\b(?:prologue|intro(?:duction)?|foreword|preface|opening(?: credits)?|dedication)\b", re.IGNORECASE
)
_BACK = re.compile(r"\b(?:epilogue|afterword|outro|(?:end|closing) credits|appendix)\b", re.IGNORECASE)
_SAMPLE = re.compile(r"\b(?:sample|preview|excerpt|trailer)\b", re.IGNORECASE)
_SAMPLE_MAX_SECONDS = 600
_SAME_LENGTH = 0.05
_SAME_PART = 0.02
_RATE = re.compile(r"_?\d{2,3} ?kb(?:ps)?", re.IGNORECASE)
NaturalKey = tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One audio file of a book. Numbers are those of the tags (None: not said); `path` has forward slashes."""

    path: str
    disc: int | None = None
    track: int | None = None
    track_total: int | None = None
    duration_seconds: float | None = None
    bitrate_kbps: int | None = None
    album: str = ""


def order_parts(parts: Iterable[Part], *, words: Iterable[str] = ()) -> tuple[Part, ...]:
    """The parts in playing order. `words` are texts whose digits are no part numbers: title, series, year, author."""
    listed = sorted(parts, key=lambda part: natural_key(part.path))
    if len(listed) < 2:
        return tuple(listed)
    discs = _discs(listed)
    tracks = _tracks(listed, discs, tuple(words))
    order = sorted(range(len(listed)), key=lambda i: (discs[i], tracks[i], natural_key(listed[i].path)))
    return tuple(listed[i] for i in order)


def _discs(parts: Sequence[Part]) -> list[int]:
    """A disc number for each part, or zeros: all must have one, and together they must be 1, 2, 3, ..."""
    readers: tuple[Callable[[Part], int | None], ...] = (lambda part: part.disc, _disc_from_path)
    for read in readers:
        found = [read(part) for part in parts]
        numbers = [number for number in found if number]
        distinct = set(numbers)
        if parts and len(numbers) == len(parts) and distinct == set(range(1, len(distinct) + 1)):
            return numbers
    return [0] * len(parts)


def _disc_from_path(part: Part) -> int | None:
    path = PurePosixPath(part.path)
    match = _DISC_FOLDER.match(path.parent.name) or _DISC_IN_NAME.search(path.stem)
    return int(match.group(1)) if match else None


def _tracks(parts: Sequence[Part], discs: Sequence[int], words: tuple[str, ...]) -> list[int]:
    """A track number for each part, or zeros where neither tags nor names tell the parts apart."""
    tags = [part.track for part in parts]
    noise = _noise(words)
    names = [_number_without(noise, part.path) for part in parts]
    if _distinct(discs, tags) > _distinct(discs, names):
        return [number if number is not None else 0 for number in tags]
    if parts and _distinct(discs, names) == len(parts):
        return [number if number is not None else 0 for number in names]
    return [0] * len(parts)


def _distinct(discs: Sequence[int], numbers: Sequence[int | None]) -> int:
    """How many parts the numbers tell apart; none when a part has no number."""
    if any(number is None for number in numbers):
        return 0
    return len(set(zip(discs, numbers, strict=True)))


def number_in_name(path: str, *, words: Iterable[str] = ()) -> int | None:
    """The part number in a file's name: its first group of one to four digits, once title, series and year are gone."""
    return _number_without(_noise(words), path)


def _noise(words: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern of the words, longest first."""
    longest_first = sorted(filter(None, words), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None


def _number_without(noise: re.Pattern[str] | None, path: str) -> int | None:
    stem = PurePosixPath(path).stem
    stem = _DISC_IN_NAME.sub(" ", noise.sub(" ", stem) if noise else stem)
    match = _NUMBER.search(stem)
    return int(match.group()) if match else None


def natural_key(path: str) -> NaturalKey:
    """A sort key in which 2 comes before 10, a prologue before chapter 1, and an epilogue last in its folder."""
    key: list[tuple[int, int, str]] = []
    *folders, name = path.split("/")
    for folder in folders:
        key.extend(_tokens(folder))
        key.append((0, 0, ""))
    bare_name = PurePosixPath(name).stem
    has_number = _NUMBER.search(bare_name) is not None
    front, back = _FRONT.search(bare_name), _BACK.search(bare_name)
    rank = 1 if has_number or not (front or back) else (0 if front else 2)
    key.append((rank, 0, ""))
    key.extend(_tokens(_ROMAN_PART.sub(_as_number, bare_name)))
    key.append((3, 0, name))
    return tuple(key)


def _tokens(text: str) -> list[tuple[int, int, str]]:
    pieces = (piece for piece in _TOKENS.split(text.casefold()) if piece)
    return [(1, int(piece), "") if piece.isdecimal() else (2, 0, piece) for piece in pieces]


def _as_number(match: re.Match[str]) -> str:
    return f"{match.group(1)} {roman_number(match.group(2))}"


def roman_number(text: str) -> int:
    """The value of a roman numeral of the letters i, v, x, l and c, in either case."""
    values = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
    total = 0
    numerals = [values[letter] for letter in text.lower()]
    for here, following in zip(numerals, [*numerals[1:], 0], strict=True):
        total += -here if here < following else here
    return total


def is_sample(path: str, *, duration_seconds: float | None = None) -> bool:
    """True for a shop's or uploader's sample: its name says so, and it does not last over ten minutes."""
    said = _SAMPLE.search(PurePosixPath(path).stem.replace("_", " ")) is not None
    return said and (duration_seconds is None or duration_seconds <= _SAMPLE_MAX_SECONDS)


def find_incompleteness(parts: Sequence[Part], *, words: Iterable[str] = ()) -> tuple[Problem, ...]:
    """Evidence that files are missing or there twice. Codes: `missing_parts`, `wrong_part_count`, `duplicate_parts`,
    `duplicate_encodings`. Nothing found proves nothing: durations and decoding are other evidence."""
    if len(parts) < 2:
        return _lone_part(parts)
    encodings = find_duplicate_encodings(parts)
    if encodings:
        names = " and ".join(encodings)
        return (
            Problem("duplicate_encodings", f"The book is there in more than one encoding ({names}). Keep one of them."),
        )
    return tuple(_numbering_problems(parts, tuple(words)))


def _lone_part(parts: Sequence[Part]) -> tuple[Problem, ...]:
    for part in parts:
        total = _said_total(part)
        if total and total > 1:
            return (_wrong_count(total, 1, part.path),)
    return ()


def _numbering_problems(parts: Sequence[Part], words: tuple[str, ...]) -> Iterable[Problem]:
    discs = _discs(parts)
    numbers = _tracks(parts, discs, words)
    if any(numbers):
        yield from _gaps(parts, discs, numbers)
    totals = Counter(total for total in map(_said_total, parts) if total)
    per_disc = len(set(discs)) > 1
    if not per_disc and len(totals) == 1:
        (total,) = totals
        if total != len(parts) and totals[total] * 2 > len(parts):
            yield _wrong_count(total, len(parts), parts[0].path)


def _gaps(parts: Sequence[Part], discs: Sequence[int], numbers: Sequence[int]) -> Iterable[Problem]:
    by_disc: dict[int, list[int]] = defaultdict(list)
    for disc, number in zip(discs, numbers, strict=True):
        by_disc[disc].append(number)
    running = _runs_on(by_disc)
    for disc, found in sorted(by_disc.items()):
        where = f" of disc {disc}" if disc else ""
        twice = sorted(number for number, count in Counter(found).items() if count > 1)
        if twice:
            yield Problem("duplicate_parts", f"Part {_listed(twice)}{where} is there more than once.", parts[0].path)
        starts_late = (running and disc != min(by_disc)) or min(found) > len(found) + 1
        first = min(found) if starts_late else min(1, *found)
        absent = sorted(set(range(first, max(found) + 1)) - set(found))
        if absent and len(absent) <= len(found):
            word = "parts are" if len(absent) > 1 else "part is"
            text = f"{len(absent)} {word} missing{where}: {_listed(absent)}. Look whether the copy is whole."
            yield Problem("missing_parts", text, parts[0].path)


def _runs_on(by_disc: dict[int, list[int]]) -> bool:
    """True when numbers go on from disc to disc instead of starting again at 1."""
    return len(by_disc) > 1 and len({number for found in by_disc.values() for number in found}) == sum(
        len(found) for found in by_disc.values()
    )


def _said_total(part: Part) -> int | None:
    """How many parts there should be: from the tag `3/12`, or `3 of 12` in the name."""
    if part.track_total:
        return part.track_total
    match = _OF_TOTAL.search(PurePosixPath(part.path).stem)
    if match and int(match.group(1)) <= int(match.group(2)):
        return int(match.group(2))
    return None


def _wrong_count(total: int, found: int, path: str) -> Problem:
    return Problem("wrong_part_count", f"The files say that there are {total} parts, but {found} are here.", path)


def find_duplicate_encodings(parts: Sequence[Part]) -> tuple[str, ...]:
    """Names of the encodings (`m4b`, `mp3 64 kbps`) when the same sound is there more than once; empty when it is not.

    Two file types that last equally long (within 5 %) are the same book twice; so are two bitrates of one file type
    whose files agree one by one in number and length.
    """
    by_type = _grouped(parts, _extension)
    lengths = [sum(part.duration_seconds or 0.0 for part in group) for group in by_type.values()]
    if len(by_type) > 1:
        return tuple(sorted(by_type)) if _all_near(lengths, _SAME_LENGTH) else ()
    by_rate = _grouped(parts, _extension_and_bitrate)
    if len(by_rate) == 2 and _same_one_by_one(*by_rate.values()):
        return tuple(sorted(by_rate))
    return ()


def _grouped(parts: Sequence[Part], key: Callable[[Part], str]) -> dict[str, list[Part]]:
    groups: dict[str, list[Part]] = defaultdict(list)
    for part in sorted(parts, key=lambda part: natural_key(part.path)):
        groups[key(part)].append(part)
    return groups


def _all_near(lengths: Sequence[float], tolerance: float) -> bool:
    return min(lengths) > 0 and min(lengths) >= max(lengths) * (1 - tolerance)


def _same_one_by_one(first: Sequence[Part], second: Sequence[Part]) -> bool:
    if len(first) != len(second):
        return False
    return all(
        _all_near([one.duration_seconds or 0.0, other.duration_seconds or 0.0], _SAME_PART)
        and number_in_name(_RATE.sub("", one.path)) == number_in_name(_RATE.sub("", other.path))
        for one, other in zip(first, second, strict=True)
    )


def _extension(part: Part) -> str:
    return PurePosixPath(part.path).suffix.lower().lstrip(".")


def _extension_and_bitrate(part: Part) -> str:
    steps = round((part.bitrate_kbps or 0) / 16) * 16
    return f"{_extension(part)} {steps} kbps"


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return shown + (", ..." if len(numbers) > 10 else "")
