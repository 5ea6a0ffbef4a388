"""Reading the rows of MyAnonamouse's search. Numbers and truths may come as numbers, texts or booleans."""

import datetime
import html
import json
import re
from collections.abc import Mapping
from typing import Any

from acquisition.domain.facts import OfferedRelease

AUDIOBOOKS = 3030
SEED_SECONDS = 72 * 3600
ABRIDGED_FLAG = 32
VIP_CLASSES = {"vip", "elite vip"}
UNITS = {
    "b": 1,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
    "kb": 2**10,
    "mb": 2**20,
    "gb": 2**30,
    "tb": 2**40,
}
PAIR = re.compile(r'"\d+"\s*:\s*"(.*?)"\s*(?=,\s*"\d+"\s*:|\}\s*$)')
PREFERRED_FORMATS = ("m4b", "m4a", "mp3")


def read_release(row: Mapping[str, Any], *, base_url: str, member_class: str = "") -> OfferedRelease | None:
    """A row as a release; None without an id or a title. `member_class` decides what is free for VIPs."""
    number, title = whole(row.get("id")), text(row.get("title") or row.get("name"))
    if number is None or not title:
        return None
    flags = _flags(row)
    media = _object(row.get("mediainfo"))
    kinds = text(row.get("filetype") or row.get("filetypes")).lower().split()
    is_vip = member_class.lower() in VIP_CLASSES
    free = "freeleech" in flags or "personal-freeleech" in flags or ("vip-freeleech" in flags and is_vip)
    return OfferedRelease(
        guid=str(number),
        title=title,
        size_bytes=size(row.get("size")),
        seeders=whole(row.get("seeders")),
        leechers=whole(row.get("leechers")),
        grabs=whole(row.get("times_completed")),
        published_at=_moment(text(row.get("added"))),
        categories=(AUDIOBOOKS,),
        download_url=f"{base_url}/tor/download.php?tid={number}",
        info_url=f"{base_url}/t/{number}",
        authors=names(row.get("author_info")),
        narrators=names(row.get("narrator_info")),
        series=series(row.get("series_info")),
        language=text(row.get("lang_code")),
        format=next((kind for kind in PREFERRED_FORMATS if kind in kinds), kinds[0] if kinds else ""),
        bitrate_kbps=_kbps(_object(media.get("Audio1")).get("BitRate")),
        is_abridged=_abridged(row),
        runtime_seconds=_duration(text(_object(media.get("General")).get("Duration"))),
        download_volume_factor=0.0 if free else 1.0,
        minimum_seed_seconds=SEED_SECONDS,
        tags=flags,
        raw={
            "id": number,
            "category": text(row.get("catname")),
            "tags": text(row.get("tags"))[:500],
            "isbn": text(row.get("isbn")),
            "files": whole(row.get("numfiles")),
        },
    )


def _flags(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What sets the release apart: `freeleech` for all, `personal-freeleech`, `vip` (only VIPs may fetch it),
    `vip-freeleech`, `snatched` (fetched before)."""
    named = (
        ("free", "freeleech"),
        ("personal_freeleech", "personal-freeleech"),
        ("fl_vip", "vip-freeleech"),
        ("vip", "vip"),
        ("my_snatched", "snatched"),
    )
    return tuple(word for key, word in named if truth(row.get(key)))


def _abridged(row: Mapping[str, Any]) -> bool | None:
    """The flag, else what the tags say; None when neither says anything."""
    if (whole(row.get("browseflags")) or 0) & ABRIDGED_FLAG:
        return True
    said = f"{text(row.get('tags'))} {text(row.get('title'))}".lower()
    if "unabridged" in said:
        return False
    return True if re.search(r"\babridged\b", said) else None


def text(value: Any) -> str:
    """A text without entities; a number as text (a book may be called 1984)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return " ".join(html.unescape(str(value)).split())


def whole(value: Any) -> int | None:
    digits = text(value).replace(",", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 17 else None


def truth(value: Any) -> bool:
    return value is True or text(value).lower() in ("1", "yes", "true")


def number(value: Any) -> float | None:
    """A figure that may have thousands separators; None for "∞", "---" and the like."""
    try:
        found = float(text(value).replace(",", ""))
    except ValueError:
        return None
    return found if 0 <= found < float("inf") else None


def size(value: Any) -> int | None:
    """Bytes, which come as a number or as "3.7 GiB"."""
    found = re.fullmatch(r"([0-9][0-9,]{0,19}(?:\.[0-9]{1,6})?)\s*([KMGT]i?B|B)?", text(value), re.IGNORECASE)
    if not found:
        return None
    return round(float(found.group(1).replace(",", "")) * UNITS[(found.group(2) or "b").lower()])


def _object(value: Any) -> Mapping[str, Any]:
    """An object that may be written as a text of JSON; empty when it cannot be read."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}


def names(value: Any) -> tuple[str, ...]:
    """The names of people, from a JSON text like {"8234":"Name"}, whose quotes are sometimes not escaped."""
    found = _object(value)
    listed = [text(one) for one in found.values()] if found else []
    if not found and isinstance(value, str) and value.startswith("{"):
        listed = [text(one) for one in PAIR.findall(value)]
    return tuple(dict.fromkeys(one for one in listed if one))


def series(value: Any) -> str:
    """The first series with its number, from a JSON text like {"67":["Name","2",2.0]}."""
    for entry in _object(value).values():
        parts = [text(part) for part in entry] if isinstance(entry, list) else [text(entry)]
        if parts and parts[0]:
            return f"{parts[0]} #{parts[1]}" if len(parts) > 1 and parts[1] else parts[0]
    return ""


def _kbps(value: Any) -> int | None:
    found = re.match(r"(\d[\d ]*)\s*(k|b)?", text(value), re.IGNORECASE)
    if not found or not found.group(1).strip():
        return None
    rate = int(found.group(1).replace(" ", "")[:12])
    return rate if rate < 4000 else round(rate / 1000)


def _duration(value: str) -> int | None:
    """Seconds of "12h 30m" or "1 h 5 min 3 s"."""
    found = re.findall(r"(\d{1,6})\s*(h|min|mn|m|s)(?![a-z])", value.lower())
    total = sum(int(amount) * {"h": 3600, "s": 1}.get(unit, 60) for amount, unit in found)
    return total or None


def _moment(value: str) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
