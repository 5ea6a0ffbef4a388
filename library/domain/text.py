"""Cleaning text for people, and folding it for comparison.

`clean` keeps what a person would want to read; `fold` keeps what tells two texts apart. Both are total (any string, no
exception) and idempotent.
"""

import html
import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

_SPACES = re.compile(r"\s+")
_AMP_CHAIN = re.compile(r"&(?:amp;){2,}")
_APOSTROPHES = re.compile("['’‘`´ʼʹ＇′]")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_KEPT_FORMAT = {"\u200c", "\u200d"}  # joiners carry meaning in Persian, Indic scripts and emoji
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "’": "'", "‘": "'", "`": "'", "´": "'"})
_LOOKALIKES = str.maketrans({"꞉": ":", "：": ":", "⁄": "/", "∕": "/", "＂": '"', "？": "?", "＊": "*", "｜": "|"})

# Windows-1252 with its five holes passed through: what text looks like after UTF-8 was read as Western European.
_BYTE_OF = {
    (bytes([b]).decode("cp1252") if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(b)): b for b in range(0x80, 0x100)
}
_CONT = "[" + "".join(re.escape(c) for c, b in _BYTE_OF.items() if 0x80 <= b <= 0xBF) + "]"
# Two-byte sequences only for the leads that Western text hardly ever shows before such a character; Cyrillic and Greek
# only in runs, since one "Ð" may be meant.
_MOJIBAKE = re.compile(f"[ÂÃÅ]{_CONT}|(?:[ÐÑÎÏ]{_CONT}){{2,}}|[âãäåæçèé]{_CONT}{{2}}|ð{_CONT}{{3}}")


def _unmojibake(match: re.Match[str]) -> str:
    raw = bytes(_BYTE_OF[c] for c in match.group())
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return match.group()


def _drop_invisible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    kept = []
    for char in text:
        category = unicodedata.category(char)
        if char.isspace():
            kept.append(" ")
        elif category[0] != "C" or char in _KEPT_FORMAT:
            kept.append(char)
    return "".join(kept)


def _clean_once(text: str) -> str:
    if "&" in text:
        text = html.unescape(_AMP_CHAIN.sub("&amp;", text))
    if not text.isascii():
        text = _MOJIBAKE.sub(_unmojibake, text)
        text = unicodedata.normalize("NFC", text.translate(_LOOKALIKES))
    return _SPACES.sub(" ", _drop_invisible(text)).strip()


@lru_cache(maxsize=65536)
def clean(text: str) -> str:
    """Text fit to show: entities and mojibake undone, control and direction characters gone, NFC, single spaces.

    Repeats until nothing changes, so that `clean(clean(x)) == clean(x)` also where one repair uncovers another.
    """
    while True:
        cleaned = _clean_once(text)
        if cleaned == text:
            return cleaned
        text = cleaned


def straighten(text: str) -> str:
    """Cleaned text with plain quotation marks and hyphens: what patterns are written against."""
    return re.sub(r"[‐‑‒–—―−]", "-", clean(text).translate(_QUOTES))


@lru_cache(maxsize=131072)
def fold(text: str) -> str:
    """Lower-case ASCII words with single spaces: `Émile's Décision & Co.` becomes `emiles decision and co`.

    Other scripts are transliterated, apostrophes vanish, `&` and `+` become words, every other mark becomes a space.
    """
    text = clean(text).replace("&", " and ").replace("+", " plus ")
    text = _APOSTROPHES.sub("", text)
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        bare = "".join(c for c in decomposed if not unicodedata.combining(c))
        text = _APOSTROPHES.sub("", anyascii(bare)).replace("&", " and ").replace("+", " plus ")
    return _NOT_WORD.sub(" ", text.casefold()).strip()


def compact(text: str) -> str:
    """`fold` without spaces: equal for `J. R. R.` and `J.R.R.`, `芥川 龍之介` and `芥川龍之介`."""
    return fold(text).replace(" ", "")


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ø": "oe", "å": "aa"})


def fold_german(text: str) -> str:
    """`fold` with umlauts written out (`Müller` becomes `mueller`), the other spelling that is met."""
    return fold(clean(text).translate(_UMLAUTS))


def words(text: str) -> tuple[str, ...]:
    """The folded words of a text, in order."""
    return tuple(fold(text).split())


def word_set(text: str) -> frozenset[str]:
    """The words of a text as a set: how lists of known words are written in this package."""
    return frozenset(text.split())


def is_latin(text: str) -> bool:
    """Whether the letters of a text are mostly Latin; true for text without letters."""
    letters = [c for c in text if c.isalpha()]
    latin = sum(1 for c in letters if ord(c) < 0x250 or 0x1E00 <= ord(c) <= 0x1EFF)
    return latin * 2 >= len(letters)
