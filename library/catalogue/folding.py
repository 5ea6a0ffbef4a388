"""Plain folding of titles and names: what is compared, never what is shown."""

import re
import unicodedata
from functools import lru_cache

_ARTICLES = frozenset(
    {
        "a",
        "an",
        "das",
        "de",
        "der",
        "die",
        "een",
        "ein",
        "eine",
        "el",
        "het",
        "il",
        "la",
        "las",
        "le",
        "les",
        "los",
        "the",
    }
)
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "&": " and "})
_NOT_WORD = re.compile(r"[^\w\s]|_")
_APOSTROPHES = re.compile(r"['’‘`´ʼ]")
_ROMAN = re.compile(r"(?=[ivxlc])(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_COUNTING = (
    ("one", "first", "premier", "eerste", "erster", "een"),
    ("two", "second", "deuxieme", "tweede", "zweiter"),
    ("three", "third", "troisieme", "derde", "dritter"),
    ("four", "fourth", "quatrieme", "vierde", "vierter"),
    ("five", "fifth", "cinquieme", "vijfde", "funfter"),
    ("six", "sixth"),
    ("seven", "seventh"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("ten", "tenth"),
    ("eleven",),
    ("twelve",),
)
_WORDS = {word: number for number, words in enumerate(_COUNTING, start=1) for word in words}
_TITLES = frozenset(
    {"jr", "sr", "sir", "dr", "rev", "mrs", "saint", "st", "fils", "lord", "baron", "baroness", "comtesse"}
)
_NOBLE = frozenset({"lord", "baron", "comtesse", "earl", "duke", "duchess", "count", "countess", "marquis", "viscount"})
_INITIALS = re.compile(r"\b([A-Z])([A-Z])([A-Z]?)\b")


def fold(text: str) -> str:
    """Lower case, no accents, no punctuation, single spaces."""
    compatible = unicodedata.normalize("NFKD", text).lower()
    decomposed = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", compatible).translate(_LETTERS))
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(_NOT_WORD.sub(" ", plain).split())


def strip_article(folded: str) -> str:
    """Drop one leading article, unless it is all there is."""
    head, _, rest = folded.partition(" ")
    return rest if rest and head in _ARTICLES else folded


def fold_title(text: str) -> str:
    return strip_article(fold(text))


def parse_number(token: str) -> int | None:
    """Read `3`, `03`, `III`, `three` or `third`; None for any other word."""
    token = fold(token)
    if token.isascii() and token.isdigit():
        return int(token)
    if token in _WORDS:
        return _WORDS[token]
    if not token or not _ROMAN.fullmatch(token):
        return None
    values = [_ROMAN_VALUES[char] for char in token]
    return sum(-value if value < max(values[at:]) else value for at, value in enumerate(values))


def title_tokens(text: str) -> frozenset[str]:
    """The words of a title without articles; numbers in any spelling become digits."""
    words = (word for word in fold(text).split() if word not in _ARTICLES)
    return frozenset(word if word == "i" else str(parse_number(word) or word) for word in words)


@lru_cache(maxsize=8192)
def fold_name(name: str) -> str:
    """One spelling for a person: `Burroughs, E. R.`, `E.R. Burroughs` and `ER Burroughs` are the same.

    Titles (`Sir`, `Jr.`), names in brackets and a second script (`Confucius 孔子`) are dropped. After a comma stands
    the first name, unless it is a rank: `Alfred, Lord Tennyson`; `Philip Stanhope, 4th Earl of Chesterfield`.
    """
    plain = re.sub(r"\([^)]*\)", " ", name)
    if not plain.isupper():
        plain = _INITIALS.sub(r"\1 \2 \3", plain)
    parts = [words for part in plain.split(",") if (words := fold(part).split()) and not set(words) <= _TITLES]
    if len(parts) == 2:
        head, tail = parts
        ranked = not _NOBLE.isdisjoint(tail)
        parts = ([head] if "of" in tail else [head, tail]) if ranked else [tail, head]
    words = [word for part in parts for word in part if word not in _TITLES]
    return " ".join([word for word in words if word.isascii()] or words) or fold(name)


def names_agree(one: str, other: str) -> bool:
    """Same surname, and first names that do not contradict (`L. Frank Baum`, `Lyman Frank Baum`, `Baum`)."""
    left, right = sorted((fold_name(one).split(), fold_name(other).split()), key=len)
    if not left or not right:
        return False
    if "".join(left) == "".join(right) or [*left, "of"] == right[: len(left) + 1]:
        return True
    return left[-1] == right[-1] and _matches_in_order(left[:-1], right[:-1])


def _matches_in_order(shorter: list[str], longer: list[str]) -> bool:
    """Every first name of the shorter list abbreviates, or is abbreviated by, one of the longer list, in order."""
    rest = iter(longer)
    return all(any(word.startswith(other) or other.startswith(word) for other in rest) for word in shorter)
