"""Texts out of files: decoded, freed of markup and of the damage of wrong encodings."""

import codecs
import html
import re

_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>")
_UNSEEN = re.compile(r"<(script|style)\b[^>]*>.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_BREAK = re.compile(r"<(?:br|/p|/div|/li)\b[^<>]*>", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff]")
_CYRILLIC_SHARE_LETTERS = 4


def clean(text: str) -> str:
    """Without control characters and byte order mark, mended where it was decoded wrongly, and stripped."""
    return _UNWANTED.sub("", mend(text)).strip()


def mend(text: str) -> str:
    """Undo a wrong decoding where it is certain, else give the text back.

    Bytes of UTF-8 read as Latin-1 ("Ã‰mile") form valid UTF-8 again, which real text practically never does. Bytes of
    Windows-1251 read as Latin-1 ("Äîñòîåâñêèé") form words of accented letters only, which no language has.
    """
    if text.isascii():
        return text
    for encoding in ("latin-1", "cp1252"):
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            break
    return _mend_cyrillic(text)


def _mend_cyrillic(text: str) -> str:
    words = _LETTERS.findall(text)
    accented = [word for word in words if not word.isascii()]
    is_whole = all("\xc0" <= letter <= "\xff" or letter in "\xa8\xb8" for word in accented for letter in word)
    if not is_whole or max(map(len, accented), default=0) < _CYRILLIC_SHARE_LETTERS:
        return text
    try:
        return text.encode("latin-1").decode("cp1251")
    except UnicodeError:
        return text


def decode(data: bytes) -> str:
    """The text of a small text file: UTF-8 or UTF-16 by its mark, else UTF-8, else Windows-1252."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return mend(data.decode("cp1252", "replace"))


def plain(text: str) -> str:
    """A description without its markup; scripts and styles vanish with what they hold."""
    if "<" in text:
        text = _BREAK.sub("\n", _UNSEEN.sub("", text))
        text = _MARKUP.sub("", text)
    lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in html.unescape(text).splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
