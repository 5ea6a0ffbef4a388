"""Sound for the demonstration: real MP3 files of a soft tone, as long as the catalogue says, a kilobyte a second."""

import io
import math
from array import array
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
from mutagen.id3 import ID3, TALB, TCOM, TDRC, TIT2, TPE1, TPE2, TRCK, TXXX

RATE = 8000
BITS_PER_SECOND = 8000
FRAME_BYTES, FRAME_SECONDS = 72, 0.072  # MPEG 2.5, layer III, 8 kHz, 8 kbit/s: constant
BLOCK_SECONDS = 9
LOUDNESS = 900  # of 32767: hardly audible


@lru_cache(maxsize=1)
def _block() -> bytes:
    """Frames of some seconds. Each block begins with an empty bit reservoir, so blocks can be joined."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3", options={"write_xing": "0", "id3v2_version": "0"}) as output:
        stream: Any = output.add_stream("libmp3lame", rate=RATE)
        stream.layout, stream.bit_rate = "mono", BITS_PER_SECOND
        step = 2 * math.pi * 220 / RATE
        second = array("h", (round(LOUDNESS * math.sin(step * n)) for n in range(RATE))).tobytes()
        for number in range(BLOCK_SECONDS):
            frame = av.AudioFrame(format="s16", layout="mono", samples=RATE)
            frame.planes[0].update(second.ljust(frame.planes[0].buffer_size, b"\0"))
            frame.sample_rate, frame.pts, frame.time_base = RATE, number * RATE, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    frames = buffer.getvalue()
    start = frames.index(b"\xff\xe3")
    whole = (len(frames) - start) // FRAME_BYTES * FRAME_BYTES
    return frames[start : start + whole]


def write_tone(path: Path, *, seconds: float, tags: Mapping[str, str]) -> None:
    """An MP3 of the given length. Tags: title, album, artist, narrator, year, track, series, series-part, language."""
    frames = _block()
    count = max(1, round(seconds / FRAME_SECONDS))
    blocks, rest = divmod(count * FRAME_BYTES, len(frames))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for _ in range(blocks):
            file.write(frames)
        file.write(frames[:rest])
    kinds = {"title": TIT2, "album": TALB, "artist": TPE1, "narrator": TCOM, "year": TDRC, "track": TRCK}
    id3 = ID3()
    for name, value in tags.items():
        if value and name in kinds:
            id3.add(kinds[name](encoding=3, text=[value]))
        elif value:
            id3.add(TXXX(encoding=3, desc=name.upper(), text=[value]))
    if tags.get("artist"):
        id3.add(TPE2(encoding=3, text=[tags["artist"]]))
    id3.save(path, v2_version=4)
