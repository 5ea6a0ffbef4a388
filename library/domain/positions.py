"""Positions in a series as sets: `2`, `2.5`, `1-3`, `1,5`, part 2 of book 1, or none."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from library.domain.text import clean

Span = tuple[Decimal, Decimal]
MAX_POSITION = Decimal(9999)
MAX_RANGE = 400

_UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_ORDINALS = [
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth",
    "nineteenth",
]  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
NUMBER_WORDS: dict[str, int] = {word: n for n, word in enumerate(_UNITS)} | {
    word: n for n, word in enumerate(_ORDINALS)
}
NUMBER_WORDS |= _TENS | {"twentieth": 20, "thirtieth": 30}
NUMBER_WORDS |= {f"{t}-{_UNITS[u]}": n + u for t, n in _TENS.items() for u in range(1, 10)}
NUMBER_WORDS |= {
    "eins": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9, "zehn": 10,
    "un": 1, "deux": 2, "trois": 3, "quatre": 4, "cinq": 5, "uno": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5,
}  # fmt: skip
_ROMAN = re.compile(r"^(?=[ivxl])(x{0,3}l?x{0,3})(ix|iv|v?i{0,3})$")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50}

_WORD_PATTERN = "|".join(sorted((re.escape(w) for w in NUMBER_WORDS), key=len, reverse=True))
NUMBER = rf"(?:\d{{1,4}}(?:\.\d{{1,3}})?½?|½|(?:{_WORD_PATTERN})|[ivxl]{{1,7}})"
LABEL = (
    r"(?:books?|bks?|bk|volumes?|vols?|vol|novels?|novella|band|buch|teil|folge|tome|tomo|livre|libro|libros|"
    r"livro|deel|"
    r"boek|bok|numbers?|nos?|no|nr|episodes?|ep|installments?|parte|partie|том|книга|część|tom)"
)
_PART = re.compile(
    rf"(?:\b(?:parts?|pt|part|teil)\.?\s*|(?<=\d)p)({NUMBER})(?:\s*(?:of|/|von|de)\s*(\d{{1,3}}))?", re.I
)
_LABELS = re.compile(rf"(?:\b{LABEL}\b\.?|#|№)\s*", re.IGNORECASE)
_OF_TOTAL = re.compile(r"\s*(?:\bof\b|\bvon\b|(?<=\d)/)\s*\d{1,4}\s*$", re.IGNORECASE)
_ITEM = re.compile(rf"^({NUMBER})(?:\s*(?:-|to|through|bis|à)\s*({NUMBER}))?$", re.IGNORECASE)
_LETTERED = re.compile(r"^(\d{1,3})\s*([a-d])$", re.IGNORECASE)
_SPLIT = re.compile(r"\s*(?:,|;|&|\+|\band\b|\bund\b)\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, order=True)
class PartOf:
    """One part of a book that was split: part `number` of `total` (0 when unknown) of the book at `position`."""

    position: Decimal
    number: int
    total: int = 0

    @property
    def label(self) -> str:
        return f"{_plain(self.position)}p{self.number}" + (f"/{self.total}" if self.total else "")


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()


def _merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted spans without overlap; neighbouring whole numbers join (1, 2 and 3 are 1-3)."""
    merged: list[Span] = []
    for low, high in sorted(spans):
        if merged:
            last_low, last_high = merged[-1]
            whole = all(_is_whole(n) for n in (last_low, last_high, low, high))
            overlaps = low <= last_high and (
                whole or not (_is_whole(last_low) and _is_whole(last_high)) or low == last_low
            )
            if overlaps or (whole and low == last_high + 1):
                merged[-1] = (last_low, max(last_high, high))
                continue
        merged.append((low, high))
    return tuple(merged)


@dataclass(frozen=True, slots=True)
class Positions:
    """A set of positions. A span with whole ends holds its whole numbers (an omnibus 1-3 has no 2.5 in it); a span
    with a fraction at an end holds everything between. `parts` are parts of books, which cover nothing alone.
    """

    spans: tuple[Span, ...] = ()
    parts: tuple[PartOf, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spans or self.parts)

    @property
    def first(self) -> Decimal | None:
        if self.spans:
            return self.spans[0][0]
        return self.parts[0].position if self.parts else None

    @property
    def last(self) -> Decimal | None:
        if self.spans:
            return self.spans[-1][1]
        return self.parts[-1].position if self.parts else None

    @property
    def label(self) -> str:
        """Canonical text that `parse_positions` reads back: `1-3,5`, `1p2`, `1p2/3`."""
        spans = [_plain(low) if low == high else f"{_plain(low)}-{_plain(high)}" for low, high in self.spans]
        return ",".join([*spans, *(part.label for part in self.parts)])

    @property
    def is_single(self) -> bool:
        return len(self.spans) == 1 and self.spans[0][0] == self.spans[0][1] and not self.parts

    @property
    def is_range(self) -> bool:
        return bool(self.spans) and not self.is_single

    def whole_numbers(self) -> tuple[int, ...]:
        """The whole positions held, ascending."""
        return tuple(
            n
            for low, high in self.spans
            for n in range(int(low.to_integral_value(rounding="ROUND_CEILING")), int(high) + 1)
        )

    def holds(self, number: Decimal) -> bool:
        for low, high in self.spans:
            if low <= number <= high and (_is_whole(number) or not (_is_whole(low) and _is_whole(high))):
                return True
        return False

    def covers(self, other: "Positions") -> bool:
        """Whether every position and part of `other` is here. Nothing covers, and is covered by, an empty set."""
        if not self or not other:
            return False
        spans = all(
            any(a <= low and high <= b and (low != high or self.holds(low)) for a, b in self.spans)
            for low, high in other.spans
        )
        return spans and all(self.holds(part.position) or part in self.parts for part in other.parts)

    def union(self, other: "Positions") -> "Positions":
        """Both sets; parts that together make a whole book become its position."""
        parts = sorted({*self.parts, *other.parts})
        spans = [*self.spans, *other.spans]
        for position in {part.position for part in parts}:
            mine = [part for part in parts if part.position == position]
            total = max(part.total for part in mine)
            if total and {part.number for part in mine} >= set(range(1, total + 1)):
                spans.append((position, position))
        held = Positions(_merge(spans))
        return Positions(held.spans, tuple(part for part in parts if not held.holds(part.position)))

    __or__ = union


NO_POSITION = Positions()


def single(number: int | Decimal) -> Positions:
    return Positions(((Decimal(number), Decimal(number)),))


def _roman(text: str) -> int | None:
    if not _ROMAN.match(text):
        return None
    total = 0
    for here, after in zip(text, [*text[1:], ""], strict=True):
        value = _ROMAN_VALUES[here]
        total += -value if after and _ROMAN_VALUES[after] > value else value
    return total or None


def parse_number(text: str) -> Decimal | None:
    """A number in digits, words (to fifty-nine) or Roman numerals; None for anything else."""
    text = text.strip().casefold()
    if re.fullmatch(r"\d{1,4}(?:\.\d{1,3})?", text):
        return Decimal(text).normalize() + 0
    if re.fullmatch(r"(\d{0,4})½", text):
        return Decimal(text[:-1] or "0") + Decimal("0.5")
    if (word := NUMBER_WORDS.get(text.replace(" ", "-"))) is not None:
        return Decimal(word)
    roman = _roman(text)
    return None if roman is None else Decimal(roman)


def _spans_of(text: str) -> list[Span] | None:
    spans: list[Span] = []
    for item in _SPLIT.split(text):
        item = item.strip(" .()[]")
        if not item:
            continue
        match = _ITEM.match(item)
        low = parse_number(match[1]) if match else None
        if match is None or low is None:
            return None
        high = parse_number(match[2]) if match[2] else low
        if high is None or high < low or high - low > MAX_RANGE:
            return None
        spans.append((low, high))
    return spans


@lru_cache(maxsize=16384)
def parse_positions(text: str) -> Positions:
    """The positions that a text means; none where it does not say (`Novella`, `Prequel`, a title).

    Reads `2`, `02`, `2.5`, `2½`, `#2`, `1-3`, `1,2`, `1 & 2`, `Books 1-3`, `Book Two`, `Vol. IV`, `Book 01 of 10`,
    `1p2`, `Book 1, Part 2 of 3`.
    """
    text = re.sub(r"[‐-―−]", "-", clean(text)[:80]).casefold().strip(" .,;:()[]")
    if not text:
        return NO_POSITION
    if lettered := _LETTERED.match(text):
        return Positions(parts=(PartOf(Decimal(lettered[1]), ord(lettered[2].lower()) - 96),))
    part = _PART.search(text)
    number = parse_number(part[1]) if part else None
    if part and number is not None and _is_whole(number):
        text = (text[: part.start()] + " " + text[part.end() :]).strip(" ,;:()[]-")
    bare = _OF_TOTAL.sub("", _LABELS.sub(" ", text)).strip(" .,;:()[]")
    spans = _spans_of(bare)
    if not spans:
        return NO_POSITION
    if part and number is not None and len(spans) == 1 and spans[0][0] == spans[0][1]:
        return Positions(parts=(PartOf(spans[0][0], int(number), int(part[2] or 0)),))
    return Positions(_merge(spans))
