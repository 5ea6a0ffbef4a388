"""An expanded Audiobookshelf item (`LibraryItemExpanded` of its API, 2.3 to 2.36) as `CopyFacts`.

Nothing here raises for odd content: what cannot be used is left out and, where a person can do something about it,
recorded as a problem of the copy.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from library.clients.json_values import (
    boolean,
    distinct,
    file_path,
    mapping,
    mappings,
    moment_of_ms,
    plain_text,
    real,
    text,
    texts,
    values_of,
    whole,
    year_in,
)
from library.clients.languages import language_code
from library.domain.facts import CopyFacts, FileFacts, FileKind, Problem, SeriesPlace

ASIN = re.compile(r"[A-Z0-9]{10}")
ISBN = re.compile(r"(?:97[89])?\d{9}[\dX]")
FILE_KINDS = {
    "audio": FileKind.AUDIO,
    "ebook": FileKind.EBOOK,
    "image": FileKind.IMAGE,
    "text": FileKind.TEXT,
    "metadata": FileKind.METADATA,
}
DESCRIBED = (
    "title", "subtitle", "authors", "narrators", "series", "asin", "isbn", "publisher", "published_year", "language",
    "description", "genres", "tags", "is_abridged", "is_explicit",
)  # fmt: skip


def copy_of_item(item: Mapping[str, Any]) -> CopyFacts:
    """The copy that an expanded item describes. `fingerprint` is the item's `updatedAt`, in milliseconds.

    Problem codes: `ebook_only` and `no_audio` (no copy of an audiobook: leave it out), `no_title` (the folder's name
    stands in), `asin_invalid`, `isbn_invalid` (left out), `file_unreadable` (Audiobookshelf could not read a file),
    `item_invalid` (Audiobookshelf marks it as broken).
    """
    media = mapping(item.get("media"))
    about = mapping(media.get("metadata"))
    path = file_path(item.get("relPath"))
    problems: list[Problem] = []
    tracks = _tracks(media)
    described: dict[str, Any] = {
        "title": _title(about, path, problems),
        "subtitle": text(about.get("subtitle")),
        "authors": distinct(values_of(about.get("authors"), "name")),
        "narrators": texts(about.get("narrators")),
        "series": _series(about.get("series")),
        "asin": _asin(about.get("asin"), path, problems),
        "isbn": _isbn(about.get("isbn"), path, problems),
        "publisher": text(about.get("publisher")),
        "published_year": year_in(about.get("publishedYear")) or year_in(about.get("publishedDate")),
        "language": language_code(text(about.get("language"))) or text(about.get("language")),
        "description": text(about.get("descriptionPlain")) or plain_text(about.get("description")),
        "genres": texts(about.get("genres")),
        "tags": texts(media.get("tags")),
        # Audiobookshelf keeps false where nobody ever said anything, so only true is a statement.
        "is_abridged": boolean(about.get("abridged")) or None,
        "is_explicit": boolean(about.get("explicit")) or None,
    }
    files = _files(item, media, path, problems)
    _judge(item, media, path, problems)
    return CopyFacts(
        path=path,
        abs_item_id=text(item.get("id")),
        is_single_file=item.get("isFile") is True,
        duration_seconds=real(media.get("duration")) or None,
        size_bytes=whole(item.get("size")) or whole(media.get("size")) or sum(file.size_bytes for file in files),
        codec=_codec(tracks),
        bitrate_kbps=_bitrate(tracks),
        chapter_count=len(mappings(media.get("chapters"))),
        files=files,
        problems=tuple(problems),
        fingerprint=str(whole(item.get("updatedAt")) or 0),
        is_missing=item.get("isMissing") is True,
        added_at=moment_of_ms(item.get("addedAt")),
        sources={name: "abs" for name in DESCRIBED if described[name]},
        **described,
    )


def _title(about: Mapping[str, Any], path: str, problems: list[Problem]) -> str:
    title = text(about.get("title"))
    if title:
        return title
    problems.append(Problem("no_title", "Audiobookshelf has no title for this book; set one there.", path))
    return posixpath.basename(path)


def _series(rows: object) -> tuple[SeriesPlace, ...]:
    """The places, each series once. The order in which Audiobookshelf lists them means nothing."""
    places: dict[str, SeriesPlace] = {}
    for row in mappings(rows):
        name = text(row.get("name"))
        if name and name not in places:
            places[name] = SeriesPlace(name, text(row.get("sequence")))
    return tuple(places.values())


def _asin(value: object, path: str, problems: list[Problem]) -> str:
    written = text(value).upper()
    if not written or ASIN.fullmatch(written):
        return written
    problems.append(
        Problem("asin_invalid", f"The ASIN {written[:40]!r} is not one (10 letters and digits); correct it.", path)
    )
    return ""


def _isbn(value: object, path: str, problems: list[Problem]) -> str:
    written = re.sub(r"[\s-]", "", text(value)).upper()
    if not written or ISBN.fullmatch(written):
        return written
    problems.append(
        Problem("isbn_invalid", f"The ISBN {written[:40]!r} is not one (10 or 13 digits); correct it.", path)
    )
    return ""


def _tracks(media: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The audio files that are played; excluded ones are not."""
    return [file for file in mappings(media.get("audioFiles")) if file.get("exclude") is not True]


def _codec(tracks: Iterable[Mapping[str, Any]]) -> str:
    """The codec of most tracks."""
    counted = Counter(filter(None, (text(track.get("codec")).lower() for track in tracks)))
    return counted.most_common(1)[0][0] if counted else ""


def _bitrate(tracks: Iterable[Mapping[str, Any]]) -> int | None:
    """The bitrate over all tracks in kbit/s, long tracks weighing more."""
    rates = [(real(track.get("bitRate")) or 0, real(track.get("duration")) or 0) for track in tracks]
    rates = [(rate, duration) for rate, duration in rates if rate > 0 and duration > 0]
    if not rates:
        return None
    return round(sum(rate * duration for rate, duration in rates) / sum(duration for _, duration in rates) / 1000)


def _files(
    item: Mapping[str, Any], media: Mapping[str, Any], path: str, problems: list[Problem]
) -> tuple[FileFacts, ...]:
    audio = {text(file.get("ino")): file for file in mappings(media.get("audioFiles"))}
    place = {ino: whole(file.get("index")) or 0 for ino, file in audio.items()}
    # The server lists files in the order of the disk; readers want the tracks in the order of playing.
    rows = sorted(mappings(item.get("libraryFiles")), key=lambda row: place.get(text(row.get("ino")), len(place) + 1))
    files = []
    for row in rows:
        kind = FILE_KINDS.get(text(row.get("fileType")), FileKind.OTHER)
        known = audio.get(text(row.get("ino"))) if kind is FileKind.AUDIO else None
        file = _file(row, kind, known or {}, path if item.get("isFile") is not True else posixpath.dirname(path))
        files.append(file)
        if kind is FileKind.AUDIO and (known is None or known.get("error")):
            problems.append(
                Problem(
                    "file_unreadable", "Audiobookshelf could not read this audio file; replace or remove it.", file.path
                )
            )
    return tuple(files)


def _file(row: Mapping[str, Any], kind: FileKind, audio: Mapping[str, Any], folder: str) -> FileFacts:
    about = mapping(row.get("metadata"))
    name = file_path(about.get("relPath")) or file_path(about.get("filename"))
    rate = real(audio.get("bitRate"))
    return FileFacts(
        path=posixpath.join(folder, name),
        kind=kind,
        size_bytes=whole(about.get("size")) or 0,
        mtime_ns=(whole(about.get("mtimeMs")) or 0) * 1_000_000,
        duration_seconds=real(audio.get("duration")),
        codec=text(audio.get("codec")).lower(),
        bitrate_kbps=round(rate / 1000) if rate else None,
        chapter_count=len(mappings(audio.get("chapters"))),
    )


def _judge(item: Mapping[str, Any], media: Mapping[str, Any], path: str, problems: list[Problem]) -> None:
    if item.get("isInvalid") is True:
        problems.append(Problem("item_invalid", "Audiobookshelf marks this item as broken; look at it there.", path))
    if whole(media.get("numTracks")) or _tracks(media):
        return
    if media.get("ebookFile") or media.get("ebookFormat"):
        problems.append(Problem("ebook_only", "This item is an ebook without sound; it is not an audiobook.", path))
    else:
        problems.append(
            Problem("no_audio", "This item has no audio that Audiobookshelf can play; check its files.", path)
        )
