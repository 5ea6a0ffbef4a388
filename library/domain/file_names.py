"""Any text as one safe component of a path.

The rules are those of Audiobookshelf's sanitiser (NFC, the first colon becomes ` - `, characters that Windows forbids
vanish, white space is collapsed), and beyond it: no leading dot (hidden files are not read), no control, line or
direction characters, Windows' reserved names marked, and at most 255 bytes in UTF-8, the limit of ext4, APFS and NTFS.
"""

import re
import unicodedata

MAX_BYTES = 255
_FORBIDDEN = re.compile(r'[/?<>\\:*|"]')
_DIRECTION_MARKS = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_RESERVED = re.compile(r"^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)
_BAD_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def safe_component(text: str, *, max_bytes: int = MAX_BYTES) -> str:
    """`text` as the name of one file or folder; empty when nothing of it can stay. Safe text comes back unchanged."""
    text = text.replace(":", " - ", 1)
    text = "".join(" " if unicodedata.category(character) in _BAD_CATEGORIES else character for character in text)
    text = unicodedata.normalize("NFC", _FORBIDDEN.sub("", _DIRECTION_MARKS.sub("", text)))
    text = _trim(" ".join(text.split()))
    text = _RESERVED.sub(lambda match: match.group() + "_", text)
    return _trim(cut_bytes(text, max_bytes))


def _trim(text: str) -> str:
    """Without leading dots, and without dots and spaces at the end, which Windows drops."""
    return text.lstrip(". ").rstrip(". ")


def cut_bytes(text: str, max_bytes: int) -> str:
    """The longest start of `text` of at most `max_bytes` in UTF-8 that parts no character from its accents."""
    if len(text.encode("utf-8", "surrogatepass")) <= max_bytes:
        return text
    kept = text.encode("utf-8", "surrogatepass")[:max_bytes].decode("utf-8", "ignore")
    while kept and unicodedata.combining(text[len(kept)]):
        kept = kept[:-1]
    return kept


def byte_length(text: str) -> int:
    return len(text.encode("utf-8"))
