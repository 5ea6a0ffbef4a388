"""Turn the raw LibriVox listing into clean recordings, deterministically.

A raw line holds: title, authors, language (an English name), runtime (`h:mm:ss` or `m:ss`), readers (a number),
first_reader, genres, librivox_slug, archive_id. A clean recording holds: id, title, authors, language, work (a key that
all recordings of one work share) and, only where they say something: runtime (seconds), readers, reader, genre, slug,
version, dramatised, abridged, doubtful_length, collection, volume.
"""

import html
import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from library.catalogue.folding import fold, fold_name, parse_number, strip_article

Recording = dict[str, Any]

# ISO 639-1 where a code exists; otherwise the three-letter code, so that nothing passes for another language.
LANGUAGES = {
    "Ancient Greek": "grc",
    "Arabic": "ar",
    "Bisaya/Cebuano": "ceb",
    "Bulgarian": "bg",
    "Chinese": "zh",
    "Church Slavonic": "cu",
    "Danish": "da",
    "Dholuo/Luo": "luo",
    "Dutch": "nl",
    "English": "en",
    "Esperanto": "eo",
    "Finnish": "fi",
    "French": "fr",
    "German": "de",
    "Greek": "el",
    "Hebrew": "he",
    "Hungarian": "hu",
    "Italian": "it",
    "Japanese": "ja",
    "Javanese": "jv",
    "Korean": "ko",
    "Latin": "la",
    "Latvian": "lv",
    "Middle English": "enm",
    "Multilingual": "mul",
    "Old English": "ang",
    "Polish": "pl",
    "Portuguese": "pt",
    "Russian": "ru",
    "Spanish": "es",
    "Swedish": "sv",
    "Tagalog": "tl",
    "Tamil": "ta",
    "Telugu": "te",
    "Ukrainian": "uk",
    "Urdu": "ur",
}

# Slips of the listing, by archive id or by name.
AUTHORS_BY_ID = {
    "annesevern_1501_librivox": ["May Sinclair"],
    "short_ghost_and_horror_collection_026_1504_librivox": ["Various"],
    "shortworksonsports01_1510_librivox": ["Various"],
}
AUTHOR_NAMES = {
    "Douglas, Sr. Fairbanks": "Douglas Fairbanks, Sr.",
    "Gaius (Sallust) Sallustius Crispus": "Gaius Sallustius Crispus (Sallust)",
    "John Wood Campbell. Jr.": "John Wood Campbell, Jr.",
    "John, Jr. Fox": "John Fox, Jr.",
    "Publius (Ovid) Ovidius Naso": "Publius Ovidius Naso (Ovid)",
    "Samuel R. Delaney": "Samuel R. Delany",
}
TITLES_BY_ID = {
    "motherwestwindhow_1411_librivox": "Mother West Wind 'How' Stories",
    "newspaper_articles_twain_1011_librivox": "Newspaper Articles by Mark Twain",
    "short_story_047_1102_librivox": "Short Story Collection Vol. 047",
}
# Not the identifier of a recording: it would have us download something else.
WRONG_IDS = frozenset({"publicdomain"})

DOUBTFUL_SHARE = 0.6
DOUBTFUL_SECONDS = 3600  # short pieces are read at very different speeds

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]+")
_SLUG_ARTICLE = re.compile(r"(the|an|a|das|der|die|de|een|ein|eine|het|le|la|les|el|los|las|il)-(?=.)")
_TRAILING_ARTICLE = re.compile(r"^(?P<rest>[^:;(]+?),\s+(?P<article>The|A|An|La|Le|Il)(?=$|\s*[:;(])")
_MARKS = r"(?:(?:version|v)\s*0?\d+|dramatic (?:reading|version)|drama|abridged|solo(?: version)?(?: \d+)?|[\s,–-]+)+"
_MARKS_IN_BRACKETS = re.compile(rf"\s*[-,–]?\s*\({_MARKS}(?:\)|$)", re.I)
_MARKS_AT_END = re.compile(r"[\s,–-]+(?:version\s*0?\d+|v\d|abridged|dramatic reading)\s*$", re.I)
_VERSION = re.compile(r"\bv(?:ersion)?[\s-]*0?(\d+)\b", re.I)
_SLUG_VERSION = re.compile(r"-(?:version-?0?(\d+)\b|(?:ver|v)-?(\d)(?=-by|$))")
_DRAMATISED = re.compile(r"dramatic[\s-](?:reading|version)|\(drama\)", re.I)
_ABRIDGED = re.compile(r"\babridged\b|\bcondensed by the author\b", re.I)
_COLLECTION = re.compile(
    r"\bcollection\b|\bshort works\b|\bsammlung\b|\bcollected\b|\bselected stories\b|\banthology\b", re.I
)
_VOLUME_WORD = (
    r"vol(?:ume|umen)?s?|v|tom[eo]?|band|teil|deel|part[es]?|books?|livre|libro|buch|del|cantos?|issue|chapter"
)
_VOLUME = re.compile(rf"\b(?:{_VOLUME_WORD})\b\.?\s+(?P<first>\w+)(?:(?:\s?[-–]|\s(?:&|and)\s)(?P<last>\w+))?", re.I)
_BARE_NUMBER = re.compile(r"\b(\d{2,3})\b$")
_TRANSLATION = re.compile(r"\s*\([^)]*\b(?:translation|translated|edition)\b[^)]*\)|,?\s*translated by .*$", re.I)
_ADAPTATIONS = frozenset(
    {"adapted", "children", "condensed", "edition", "folks", "play", "retold", "selections", "syllable"}
)
_ALTERNATE = re.compile(r"[;:,]\s+or\b.*$|\s+\(or\b.*$", re.I)


def read_raw(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def clean_recordings(rows: Iterable[Mapping[str, Any]]) -> list[Recording]:
    """Every row that names audio, sorted by id. Of two rows with one archive id the one with a runtime is kept."""
    kept: dict[str, Recording] = {}
    for row in rows:
        recording = clean_row(row)
        if (
            not recording["id"]
            or recording["id"] in WRONG_IDS
            or ("runtime" not in recording and recording["id"] in kept)
        ):
            continue
        if recording["id"] not in kept or "runtime" not in kept[recording["id"]]:
            kept[recording["id"]] = recording
    recordings = [kept[key] for key in sorted(kept)]
    _add_work_keys(recordings)
    _doubt_lengths(recordings)
    return recordings


def clean_row(row: Mapping[str, Any]) -> Recording:
    archive_id = (row["archive_id"] or "").strip()
    raw_slug = (row["librivox_slug"] or "").strip()
    slug = raw_slug if _SLUG.fullmatch(raw_slug) else ""
    raw_title = TITLES_BY_ID.get(archive_id, _tidy(row["title"]))
    marks = f"{raw_title} {slug.replace('-', ' ')}"
    recording: Recording = {
        "id": archive_id,
        "title": clean_title(raw_title, slug),
        "authors": AUTHORS_BY_ID.get(archive_id) or [_clean_author(name) for name in row["authors"]],
        "language": LANGUAGES[row["language"]],
    }
    version = _VERSION.search(raw_title) or _SLUG_VERSION.search(slug)
    optional = {
        "runtime": parse_runtime(row["runtime"] or ""),
        "readers": row["readers"],
        "reader": _tidy(row["first_reader"] or ""),
        "genre": _tidy(row["genres"] or "").lstrip("*"),
        "slug": slug,
        "version": int(version[version.lastindex or 1]) if version else None,
        "dramatised": bool(_DRAMATISED.search(marks)),
        "abridged": bool(_ABRIDGED.search(raw_title)),
        "collection": bool(_COLLECTION.search(raw_title)),
        "volume": parse_volume(recording["title"]),
    }
    return recording | {key: value for key, value in optional.items() if value}


def clean_title(title: str, slug: str = "") -> str:
    """The title without marks of the recording (`(version 2)`, `(Dramatic Reading)`), with its article in front.

    The listing drops many leading articles; LibriVox's own slug still has them.
    """
    title = _MARKS_AT_END.sub("", _MARKS_IN_BRACKETS.sub("", title)).rstrip(" ,-–`")
    title = _TRAILING_ARTICLE.sub(lambda found: f"{found['article']} {found['rest']}", title)
    article = _SLUG_ARTICLE.match(slug)
    title_as_slug = fold(title).replace(" ", "-")
    if article and title_as_slug and slug[article.end() :].startswith(title_as_slug):
        title = f"{article[1].capitalize()} {title[:1].upper()}{title[1:]}"
    return title


def parse_runtime(text: str) -> int | None:
    """Seconds from `h:mm:ss` or `m:ss` (some listings write a full stop)."""
    parts = text.strip().replace(".", ":").split(":")
    if len(parts) not in (2, 3) or not all(part.isdigit() for part in parts):
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return seconds


def parse_volume(title: str) -> str:
    """The number of a volume, part or book in a title: `2`, `1-2`, or empty."""
    found = _VOLUME.search(title)
    if not found:
        bare = _BARE_NUMBER.search(title)
        return str(int(bare[1])) if bare and int(bare[1]) < 200 else ""
    first, last = parse_number(found["first"]), parse_number(found["last"] or "")
    if first is None:
        return ""
    return f"{first}-{last}" if last is not None and last > first else str(first)


def _tidy(text: str) -> str:
    return " ".join(html.unescape(text).split())


def _clean_author(name: str) -> str:
    name = _tidy(name)
    return AUTHOR_NAMES.get(name, name)


def _add_work_keys(recordings: list[Recording]) -> None:
    """`author/title` without marks, article or alternative title; a subtitle goes only where the bare title exists."""
    by_author: dict[str, list[Recording]] = defaultdict(list)
    for recording in recordings:
        by_author[fold_name(recording["authors"][0]) if recording["authors"] else ""].append(recording)
    for author, own in by_author.items():
        titles = {strip_article(fold(_plain(recording["title"]))) for recording in own}
        for recording in own:
            recording["work"] = f"{author}/{_work_title(recording['title'], titles)}".replace(" ", "-")


def _doubt_lengths(recordings: list[Recording]) -> None:
    """Mark readings far shorter than the others of their work: abridged without saying so, in part, or a slip.

    Only where at least three readings in one language allow a judgement.
    """
    readings: dict[tuple[str, str], list[Recording]] = defaultdict(list)
    for recording in recordings:
        if "runtime" in recording and "abridged" not in recording:
            readings[recording["work"], recording["language"]].append(recording)
    for group in readings.values():
        usual = statistics.median(recording["runtime"] for recording in group)
        for recording in group:
            if len(group) >= 3 and recording["runtime"] < DOUBTFUL_SHARE * usual and usual >= DOUBTFUL_SECONDS:
                recording["doubtful_length"] = True


def _plain(title: str) -> str:
    return _ALTERNATE.sub("", _TRANSLATION.sub("", title)).strip()


def _work_title(title: str, titles: set[str]) -> str:
    plain = _plain(title)
    head = strip_article(fold(re.split(r"[:;(–—]| - |, (?=A )", plain)[0]))
    tail = fold(plain)[len(head) :].split()
    tail_has_number = any(parse_number(word) is not None for word in tail)
    another_text = not _ADAPTATIONS.isdisjoint(tail)
    return head if head in titles and not tail_has_number and not another_text else strip_article(fold(plain))
