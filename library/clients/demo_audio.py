"""Small real audiobooks for the demonstration shelf: a soft tone, tagged as a book, a kilobyte a second."""

import array
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from library.domain.facts import SeriesPlace
from library.domain.naming import BookName, render_file

MAX_SECONDS = 90
_RATE = 8000
_BITS_PER_SECOND = 8000
_LOUDNESS = 900  # of 32767: hardly audible
_LOWEST_TONE = 220


def make_demo_book(
    folder: Path,
    *,
    title: str,
    author: str,
    narrator: str = "",
    series: str = "",
    position: str = "",
    seconds: int = 30,
    parts: int = 1,
) -> tuple[Path, ...]:
    """Write `parts` MP3 files of together `seconds` into `folder` (made if absent); their paths in playing order.

    A book stays below 100 kB, and equal arguments give equal sound. Raises ValueError for a length outside 1 to 90
    seconds or fewer seconds than parts.
    """
    if not 1 <= parts <= seconds <= MAX_SECONDS:
        raise ValueError(f"A demonstration book has 1 to {MAX_SECONDS} seconds, and a second or more for each part.")
    folder.mkdir(parents=True, exist_ok=True)
    tags = {
        "album": title,
        "artist": author,
        "album_artist": author,
        "composer": narrator,
        "series": series,
        "series-part": position,
        "genre": "Audiobook",
    }
    book = BookName(title, authors=(author,), series=(SeriesPlace(series, position),) if series else ())
    paths = []
    for part in range(1, parts + 1):
        path = folder / render_file(book, suffix=".mp3", part=part, part_count=parts)
        length = seconds // parts + (part <= seconds % parts)
        numbered = {"track": f"{part}/{parts}", "title": f"Part {part}" if parts > 1 else title}
        _write_tone(path, tags | numbered, seconds=length, hertz=_LOWEST_TONE + 20 * part)
        paths.append(path)
    return tuple(paths)


def _write_tone(path: Path, tags: dict[str, str], *, seconds: int, hertz: int) -> None:
    with av.open(str(path), "w", format="mp3", options={"id3v2_version": "3"}) as output:
        stream: Any = output.add_stream("libmp3lame", rate=_RATE)
        stream.layout = "mono"
        stream.bit_rate = _BITS_PER_SECOND
        output.metadata.update({name: value for name, value in tags.items() if value})
        second = _one_second(hertz)
        for number in range(seconds):
            frame = av.AudioFrame(format="s16", layout="mono", samples=_RATE)
            frame.planes[0].update(second.ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.pts, frame.time_base = _RATE, number * _RATE, Fraction(1, _RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _one_second(hertz: int) -> bytes:
    """A sine of a whole number of waves, so that seconds join without a click."""
    step = 2 * math.pi * hertz / _RATE
    return array.array("h", (round(_LOUDNESS * math.sin(step * sample)) for sample in range(_RATE))).tobytes()
