"""Whether two titles name one work, with the reasons; and the keys under which titles and series are compared."""

import re
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz import fuzz
from rapidfuzz.distance import DamerauLevenshtein

from library.domain.numerals import numerals
from library.domain.positions import parse_positions
from library.domain.text import fold, straighten
from library.domain.title_parsing import ParsedTitle, parse_title, without_part
from library.domain.title_words import AND_OTHERS, BUNDLE, DERIVED

_ARTICLES = ("the ", "a ", "an ", "der ", "die ", "das ", "le ", "la ", "les ", "el ", "los ", "las ", "il ")
_SERIES_TAIL = re.compile(
    r"\s+(?:series|saga|trilogy|cycle|novels?|chronicles?|duology|quartet|sequence|tetralogy|quintet|books|"
    r"mysteries|reihe|serie)$"
)
# Old titles go on after a comma: "Little Men, or Life at Plumfield".
_SUBTITLE_AT = re.compile(
    r"\s*:\s+|\s+-\s+|\s*;\s+|(?i:,\s+or,?\s+|,\s+and\s+how\s+)|(?<=\w{4})\.\s+(?=[A-Z])|\?\s*:?\s+(?=An?\s)"
    r"|\.{3}[!?]?\s+|\s*\(|\s+:|:$"
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`same`, how certain (0 to 1), and the reasons as sentences for people."""

    same: bool
    certainty: float
    reasons: tuple[str, ...]


def _without_article(folded: str) -> str:
    for article in _ARTICLES:
        if article == "a " and folded[3:4] == " ":
            continue  # "A.B.C. Murders" begins with a letter, not with an article
        if folded.startswith(article) and len(folded) > len(article):
            return folded[len(article) :]
    return folded


@lru_cache(maxsize=131072)
def title_key(title: str) -> str:
    """A key that spellings of one title share: no series, edition, article, accents; a volume number stays in it."""
    parsed = parse_title(title)
    key = _without_article(fold(parsed.title))
    if parsed.number_in_title:
        key = f"{key} {parsed.position}"
    if parsed.part:
        key = f"{key} part {parsed.part.number}"
    return key or fold(title)


@lru_cache(maxsize=65536)
def series_key(name: str) -> str:
    """A key that spellings of one series share: `The Fox and the Heron Series` is `fox and the heron`."""
    key = _without_article(fold(name))
    while (shorter := _SERIES_TAIL.sub("", key)) != key and shorter:
        key = shorter
    return key


def same_series(a: str, b: str) -> bool:
    return bool(fold(a)) and series_key(a) == series_key(b)


@dataclass(frozen=True, slots=True)
class _Face:
    """A title prepared for comparing."""

    parsed: ParsedTitle
    whole: str
    main: str
    rest: str
    raw: str


@lru_cache(maxsize=131072)
def _face(title: str, author: str) -> _Face:
    parsed = parse_title(title, author=author)
    text = parsed.title
    if parsed.part:
        text = without_part(text)
    if author and straighten(author).casefold() in text.casefold():
        name = re.escape(straighten(author))
        text = re.sub(rf"^{name}'s?\s+(?=\S)|\s+of\s+{name}(?=$|\s*[:(]|\s+-\s)", "", text, flags=re.IGNORECASE)
    pieces = _SUBTITLE_AT.split(text, maxsplit=1)
    main = pieces[0] if fold(pieces[0]) else text
    rest = pieces[1] if len(pieces) > 1 and fold(pieces[0]) else ""
    return _Face(parsed, _comparable(text), _comparable(main), numerals(fold(rest)), straighten(title))


def _comparable(text: str) -> str:
    """Folded, without article, numbers in digits, `and` left out: what two spellings of a title have in common."""
    folded = _without_article(fold(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)))
    return numerals(re.sub(r"(?<=\w) and (?=\w)", " ", folded))


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split() if word.isdigit())


_ROMAN_END = re.compile(r"\b(i{1,3}|iv|v|vi{0,3}|ix|x)$")


def _close(a: str, b: str) -> bool:
    """Whether two folded texts differ by slips of the pen only: same words, each within a letter or two."""
    if a == b or a.replace(" ", "") == b.replace(" ", ""):
        return True
    if min(len(a), len(b)) < 8 or _numbers(a) != _numbers(b):
        return False
    left, right = a.split(), b.split()
    if len(left) != len(right):
        return fuzz.ratio(a, b) >= 97 and abs(len(left) - len(right)) == 1
    differing = [(x, y) for x, y in zip(left, right, strict=True) if x != y]
    if len(differing) > max(1, len(left) // 4):
        return False
    if any(_ROMAN_END.fullmatch(x) or _ROMAN_END.fullmatch(y) for x, y in differing):
        return False
    # "The Fen Book" and "The Fen Books" are two books.
    if any(x.removesuffix("s") == y.removesuffix("s") for x, y in differing):
        return False
    return all(
        DamerauLevenshtein.distance(x, y, score_cutoff=2) <= (1 if min(len(x), len(y)) < 8 else 2)
        and min(len(x), len(y)) >= 4
        for x, y in differing
    )


def _is_volume_of(bare: ParsedTitle, named: ParsedTitle) -> bool:
    """`Herons, Vol. 1` and `Herons, Vol. 1: The Reed Bed`: the number alone, and the number with its title."""
    return bare.number_in_title and _same_place(bare, named)


def _same_place(a: ParsedTitle, b: ParsedTitle) -> bool:
    return bool(a.positions) and a.positions == b.positions and same_series(a.series, b.series) and a.part == b.part


def _volume_reason(a: _Face, b: _Face) -> str:
    """Why the numbers of two titles make them different works, or empty text."""
    first, second = a.parsed, b.parsed
    if first.part != second.part:
        number = [p.part.number if p.part else None for p in (first, second)]
        if None in number or number[0] != number[1]:
            return "One is a part of the other, or another part."
    if _is_volume_of(first, second) or _is_volume_of(second, first):
        return ""
    left = first.positions if first.number_in_title else None
    right = second.positions if second.number_in_title else None
    if left and right:
        return "" if left == right else f"The volumes differ: {left.label} and {right.label}."
    numbered, other = (first, second) if left else (second, first)
    if left or right:
        if other.positions and not other.number_in_title:
            return "" if other.positions == numbered.positions else "The places in the series differ."
        if numbered.position == "1" and re.search(
            r"\b(?:book|band)\.?\s+(?:0*1|i|one|eins)\b", (a if left else b).raw, re.IGNORECASE
        ):
            return ""
        return f"Only one names volume {numbered.position}."
    return ""


def _places_differ(a: ParsedTitle, b: ParsedTitle) -> bool:
    return bool(
        a.positions and b.positions and a.positions != b.positions and a.series and same_series(a.series, b.series)
    )


def _subtitle_judgement(a: _Face, b: _Face) -> Judgement:
    """Equal main titles; what the subtitles say."""
    if not a.rest or not b.rest:
        rest = a.rest or b.rest
        longer = a if a.rest else b
        if DERIVED.search(rest) or DERIVED.search(longer.raw[len(longer.parsed.main_title) :]):
            return Judgement(False, 0.9, (f'"{longer.parsed.title}" is made from the work, not the work.',))
        return Judgement(True, 0.85, ("The titles agree; one leaves out the subtitle.",))
    shorter, longer_rest = sorted((a.rest, b.rest), key=len)
    more = longer_rest.removeprefix(shorter).strip()
    if longer_rest.startswith(shorter + " ") and not (more.isdigit() or _ROMAN_END.fullmatch(more)):
        return Judgement(True, 0.85, ("Title and subtitle agree; one goes on.",))
    if _close(a.rest, b.rest) or (len(shorter) >= 25 and fuzz.ratio(a.rest, b.rest) >= 88):
        if _numbers(a.rest) != _numbers(b.rest):
            return Judgement(False, 0.9, ("The numbers in the subtitles differ.",))
        return Judgement(True, 0.9, ("Title and subtitle agree.",))
    return Judgement(False, 0.85, ("The subtitles name different books.",))


@lru_cache(maxsize=131072)
def judge_works(a: str, b: str, *, author: str = "") -> Judgement:
    """Whether two titles (of one author, where given) name one work, and why. Symmetric."""
    if not fold(a) or not fold(b):
        same = bool(a.strip()) and straighten(a).casefold() == straighten(b).casefold()
        return Judgement(same, 1.0, ("The titles are equal." if same else "A title is empty.",))
    if fold(a) == fold(b):
        return Judgement(True, 1.0, ("The titles are equal.",))
    left, right = _face(a, author), _face(b, author)
    if reason := _volume_reason(left, right):
        return Judgement(False, 0.97, (reason,))
    if _is_volume_of(left.parsed, right.parsed) != _is_volume_of(right.parsed, left.parsed):
        return Judgement(True, 0.85, ("Both name one volume of one series; one leaves out its title.",))
    if _places_differ(left.parsed, right.parsed):
        return Judgement(False, 0.95, ("They have different places in the same series.",))
    if _close(left.whole, right.whole):
        return Judgement(True, 0.97, ("The titles agree.",))
    if bool(AND_OTHERS.search(left.parsed.title)) != bool(AND_OTHERS.search(right.parsed.title)):
        return Judgement(False, 0.9, ("One is a collection with other works.",))
    if bool(BUNDLE.search(left.main)) != bool(BUNDLE.search(right.main)):
        return Judgement(False, 0.9, ("One is a collection or set.",))
    if _close(left.main, right.main):
        return _subtitle_judgement(left, right)
    if _goes_on(left, right):
        return Judgement(True, 0.8, ("One gives the older, longer form of the title.",))
    if _is_subtitle_alone(left, right):
        return Judgement(True, 0.7, ("One gives only the part after the colon.",))
    return Judgement(False, 0.95, ("The titles differ.",))


def _goes_on(a: _Face, b: _Face) -> bool:
    """`Saltmarsh or The Drowned Fields`, `… Written by Herself`: old title pages say the same twice."""
    shorter, longer = sorted((a.whole, b.whole), key=len)
    rest = longer.removeprefix(shorter)
    return rest != longer and re.match(r" (?:or|written by|as told|being) ", rest) is not None


def _is_subtitle_alone(a: _Face, b: _Face) -> bool:
    """`Eastern Reach` is `Tideland: Eastern Reach`: the first half is the series, given or implied."""
    for whole, alone in ((a, b), (b, a)):
        if whole.rest and not alone.rest and len(alone.main.split()) >= 2 and whole.rest == alone.main:
            return not DERIVED.search(whole.parsed.title) and not parse_positions(whole.main)
    return False


def same_work(a: str, b: str, *, author: str = "") -> bool:
    """Whether two titles name one work; volumes, parts, sequels and collections are other works. Symmetric."""
    first, second = sorted((a, b))
    return judge_works(first, second, author=author).same
