"""Embedded tags -> fields of a book.

Two readings of the same tags. `from_tags` sees what Audiobookshelf sees, under the names that FFmpeg gives, so that
both read a shelf alike. `hidden_in_tags` sees what FFmpeg does not show (`©mvn`, `CDEK`, `©nrt`, NARRATOR, ...); the
reader uses that only where nothing else says anything.
"""

from collections.abc import Mapping

from library.clients.audio import AudioFacts
from library.clients.folders.said import Said, split_list, year_in
from library.clients.folders.text import clean, plain
from library.domain.facts import SeriesPlace
from library.domain.folder_grammar import split_series_label
from library.domain.name_lists import parse_names

Names = Mapping[str, str]

_MP4 = {
    "\xa9nam": "title", "\xa9art": "artist", "aart": "album_artist", "\xa9alb": "album", "\xa9wrt": "composer",
    "\xa9day": "date", "\xa9grp": "grouping", "\xa9gen": "genre", "\xa9cmt": "comment", "desc": "description",
    "ldes": "synopsis", "cprt": "copyright", "tvsh": "show", "tven": "episode_id", "tves": "episode_sort",
    "trkn": "track", "disk": "disc", "\xa9st3": "subtitle",
}  # fmt: skip
_ID3 = {
    "tit1": "grouping", "tit2": "title", "tit3": "tit3", "talb": "album", "tpe1": "artist", "tpe2": "album_artist",
    "tcom": "composer", "tpub": "publisher", "tcon": "genre", "tlan": "language", "trck": "track", "tpos": "disc",
    "tdrl": "date", "tdrc": "date", "tdor": "original_date",
}  # fmt: skip
_VORBIS = {
    "albumartist": "album_artist", "tracknumber": "track", "discnumber": "disc", "description": "comment",
}  # fmt: skip
_ASF = {
    "title": "title", "author": "artist", "description": "comment", "wm/albumtitle": "album",
    "wm/albumartist": "album_artist", "wm/composer": "composer", "wm/year": "date", "wm/genre": "genre",
    "wm/publisher": "publisher", "wm/language": "language", "wm/tracknumber": "track", "wm/partofset": "disc",
}  # fmt: skip


def visible_names(audio: AudioFacts) -> dict[str, str]:
    """The tags by the names that FFmpeg gives them, in lower case; of several values only the first where FFmpeg shows
    only that, all joined with `;` for Vorbis comments."""
    names: dict[str, str] = {}
    for key, values in audio.tags.items():
        name = _visible_name(audio.tag_format, key)
        if name and (name not in names or key.upper() == "TDRL"):
            text = clean(";".join(values) if audio.tag_format == "vorbis" else values[0])
            if text:
                names[name] = text
    return names


def _visible_name(tag_format: str, key: str) -> str:
    lowered = key.lower()
    if tag_format == "mp4":
        return lowered.rsplit(":", 1)[-1] if lowered.startswith("----:") else _MP4.get(lowered, "")
    if tag_format == "id3":
        return _id3_name(lowered)
    if tag_format == "asf":
        return _ASF.get(lowered, lowered)
    return _VORBIS.get(lowered, lowered) if tag_format == "vorbis" else lowered


def _id3_name(key: str) -> str:
    frame, _, description = key.partition(":")
    if frame == "txxx":
        return description
    if frame == "comm":
        return description.partition(":")[0] or "comment"
    return _ID3.get(frame, "")


def from_tags(audio: AudioFacts) -> Said:
    """What Audiobookshelf reads from the tags of a book's first file."""
    names = visible_names(audio)
    year = year_in(_first(names, "date", "tyer", "tye"))
    narrators = parse_names(_first(names, "composer", "tcom", "tcm"))
    return Said(
        title=_first(names, "album", "talb", "tal", "title", "tit2", "tt2"),
        subtitle=_first(names, "subtitle", "tit3", "tt3"),
        authors=parse_names(_first(names, "artist", "tpe1", "tp1", "albumartist", "album_artist", "tpe2")),
        narrators=narrators or None,
        series=_series(names) or None,
        asin=_first(names, "asin", "audible_asin").upper(),
        isbn=_first(names, "isbn"),
        publisher=_first(names, "publisher", "tpub", "tpb"),
        published_year=year,
        language=_first(names, "language", "lang"),
        description=plain(_first(names, "description", "desc", "comment", "comm", "com")),
        genres=split_list(_first(names, "genre", "tcon", "tco")),
    )


def _first(names: Names, *wanted: str) -> str:
    return next((names[name] for name in wanted if names.get(name)), "")


def _series(names: Names) -> tuple[SeriesPlace, ...]:
    """From series and series-part (lists with `;` where both are equally long), else from grouping."""
    series = _first(names, "series", "show")
    if not series:
        return series_from_labels(_first(names, "grouping", "grp1"))
    part = _first(names, "series-part", "episode_id", "part")
    all_series = [name.strip() for name in series.split(";")]
    all_parts = [text.strip() for text in part.split(";")]
    if len(all_series) == len(all_parts):
        return tuple(SeriesPlace(name, text) for name, text in zip(all_series, all_parts, strict=True) if name)
    return (SeriesPlace(series, part),)


def series_from_labels(text: str) -> tuple[SeriesPlace, ...]:
    """`Oz #1; Other #2.5` as places in series."""
    labels = (split_series_label(label) for label in text.split(";") if label.strip())
    return tuple(SeriesPlace(name, position) for name, position in labels if name)


def hidden_in_tags(audio: AudioFacts) -> Said:
    """What the tags hold beyond what Audiobookshelf sees, by whoever wrote them: Audible, Libation, OpenAudible,
    Mp3tag, beets, tone."""
    hidden = {_bare(key): clean(values[0]) for key, values in audio.tags.items() if values}
    series = _first(hidden, "series", "\xa9mvn", "mvnm", "movementname", "snrm")
    position = _first(hidden, "series-part", "seriespart", "seriesposition", "\xa9mvi", "mvin", "movement", "srsq")
    narrators = parse_names(_first(hidden, "narrator", "\xa9nrt", "performer"))
    asin = _first(hidden, "cdek", "asin", "audible_asin").upper()
    return Said(
        narrators=narrators or None,
        series=(SeriesPlace(series, position.partition("/")[0].strip()),) if series else None,
        asin=asin if len(asin) == 10 and asin.isalnum() else "",
        isbn=_first(hidden, "isbn"),
        publisher=_first(hidden, "publisher", "\xa9pub", "organization", "label", "wm/publisher"),
        published_year=year_in(_first(hidden, "year", "originalyear", "tdor", "wm/year")),
        description=plain(_first(hidden, "ldes", "synopsis", "description")),
        subtitle=_first(hidden, "wm/subtitle"),
    )


def _bare(key: str) -> str:
    """The name of a tag without its carrier: `----:com.apple.iTunes:SERIES` and `TXXX:SERIES` are `series`."""
    lowered = key.lower()
    return lowered.rsplit(":", 1)[-1] if lowered.startswith(("----:", "txxx:")) else lowered.partition(":")[0]


def part_numbers(names: Names) -> tuple[int | None, int | None, int | None]:
    """(disc, track, track total) from `n` or `n/total` tags."""
    disc, _ = _numbered(_first(names, "discnumber", "disc", "disk", "tpos", "tpa"))
    track, total = _numbered(_first(names, "track", "trck", "trk"))
    said_total, _ = _numbered(_first(names, "tracktotal", "totaltracks"))
    return disc, track, total or said_total


def _numbered(text: str) -> tuple[int | None, int | None]:
    number, _, total = text.partition("/")
    return _whole(number), _whole(total)


def _whole(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 and int(text) else None
