"""Several audio files as one m4b, with a chapter for each part, or with the chapters that the parts have themselves.

Sound that is AAC in one shape in every part is copied as it is; everything else is decoded and encoded once. Two
passes: the first joins the sound and so learns where each part really begins, the second writes the chapters. The
parts are only read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import mutagen.mp4

from library.clients.audio import av_reader
from library.clients.audio.decode import decode_check
from library.clients.audio.facts import AudioFacts, Chapter
from library.clients.audio.probe import probe

MILLISECOND = Fraction(1, 1000)
LEAST_KBPS, MOST_KBPS_PER_CHANNEL = 32, 96
AAC_RATES = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
# What is said of a part and not of the whole.
PART_TAGS = frozenset({"track", "disc", "title", "encoder", "comment", "lyrics", "tlen", "major_brand", "minor_version",
                       "compatible_brands", "creation_time", "itunsmpb"})  # fmt: skip
TOLERANCE_SECONDS, TOLERANCE_SHARE = 2.0, 0.005


class JoinError(Exception):
    """They could not be joined; says why. Nothing is left behind."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of it. `is_copied`: the sound was not encoded anew."""

    duration_seconds: float
    chapter_count: int
    is_copied: bool


def join_parts(parts: Sequence[Path], target: Path, *, title: str, alive: Callable[[float], None]) -> Joined:
    """Write `target` (must not exist) and check it: its length, its chapters, and that it decodes.

    `alive` is told how far it is (0 to 1) and may raise to stop. JoinError says why it was not done.
    """
    facts = [probe(part) for part in parts]
    if unreadable := next((part for part, fact in zip(parts, facts, strict=True) if not fact.is_readable), None):
        raise JoinError(f"{unreadable.name} cannot be read")
    sound = target.with_name(f"{target.stem}.sound.mp4")
    try:
        joiner = _Joiner(parts, facts, alive)
        lengths = joiner.write(sound)
        chapters = _chapters(facts, lengths)
        _add_chapters(sound, target, chapters, _tags(parts[0], title), alive)
        _add_cover(parts, target)
        _check(target, sum(lengths), len(chapters))
    except av_reader.FAULTS as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError):
            raise  # why: the disk's own errors have their own words
        raise JoinError(f"the sound could not be joined ({str(error)[:100]})") from error
    except JoinError:
        target.unlink(missing_ok=True)
        raise
    finally:
        sound.unlink(missing_ok=True)
    return Joined(sum(lengths), len(chapters), joiner.is_copied)


class _Joiner:
    """The first pass: all sound into one stream."""

    def __init__(self, parts: Sequence[Path], facts: Sequence[AudioFacts], alive: Callable[[float], None]) -> None:
        self.parts, self.facts, self.alive = parts, facts, alive
        self.total = sum(fact.duration_seconds or 0.0 for fact in facts) or 1.0
        self.is_copied = _are_alike(parts)

    def write(self, target: Path) -> list[float]:
        """Seconds of each part, as they really are."""
        with av.open(str(target), "w", format="ipod") as output:
            return self._copy(output) if self.is_copied else self._encode(output)

    def _copy(self, output: Any) -> list[float]:
        lengths: list[float] = []
        out, place = None, 0
        for part in self.parts:
            with av_reader.open_container(part) as container:
                stream = container.streams.audio[0]
                out = out or output.add_stream_from_template(stream)
                begun = place
                for packet in container.demux(stream):
                    if packet.dts is None or not packet.size:
                        continue
                    packet.pts = packet.dts = place
                    place += packet.duration or 0
                    packet.stream = out
                    output.mux(packet)
                    self._tell(float(place * stream.time_base))
                lengths.append(float((place - begun) * stream.time_base))
        return lengths

    def _encode(self, output: Any) -> list[float]:
        first = self.facts[0]
        rate = first.sample_rate if first.sample_rate in AAC_RATES else 44100
        layout = "mono" if first.channels == 1 else "stereo"
        out = output.add_stream("aac", rate=rate)
        out.layout = layout
        out.bit_rate = self._kbps(1 if layout == "mono" else 2) * 1000
        lengths, place = [], 0
        for part in self.parts:
            begun = place
            for frame in _resampled(part, rate, layout):
                frame.pts, frame.time_base = place, Fraction(1, rate)
                place += frame.samples
                output.mux(out.encode(frame))
                self._tell(place / rate)
            lengths.append((place - begun) / rate)
        output.mux(out.encode(None))
        return lengths

    def _kbps(self, channels: int) -> int:
        """The bitrate of the parts; more would only fill the disk."""
        said = [fact.bitrate_kbps for fact in self.facts if fact.bitrate_kbps]
        usual = sorted(said)[len(said) // 2] if said else 64
        return max(LEAST_KBPS, min(usual, MOST_KBPS_PER_CHANNEL * channels))

    def _tell(self, seconds: float) -> None:
        self.alive(min(seconds / self.total, 1.0) * 0.95)


def _resampled(part: Path, rate: int, layout: str) -> Any:
    """Its sound in one shape. A packet that does not decode stops it: half a book is worse than its parts."""
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    with av_reader.open_container(part) as container:
        for frame in container.decode(container.streams.audio[0]):
            frame.pts = None
            yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _are_alike(parts: Sequence[Path]) -> bool:
    """Whether every part is AAC with the same header, so that its packets can follow each other as they are."""
    shapes = set()
    for part in parts:
        with av_reader.open_container(part) as container:
            context = container.streams.audio[0].codec_context
            shapes.add((context.name, context.sample_rate, context.layout.name, bytes(context.extradata or b"")))
    (shape, *others) = shapes
    return not others and shape[0] == "aac" and bool(shape[3])


def _chapters(facts: Sequence[AudioFacts], lengths: Sequence[float]) -> list[Chapter]:
    """A part's own chapters where it has several; else the part is one."""
    titles = [_title(fact) for fact in facts]
    are_telling = len(set(titles)) == len(titles) and all(titles)
    chapters, start = [], 0.0
    for number, (fact, length) in enumerate(zip(facts, lengths, strict=True)):
        own = [chapter for chapter in fact.chapters if chapter.start_seconds < length]
        if len(own) > 1:
            ends = [chapter.start_seconds for chapter in own[1:]] + [length]
            chapters += [
                replace(chapter, start_seconds=start + chapter.start_seconds, end_seconds=start + end)
                for chapter, end in zip(own, ends, strict=True)
            ]
        else:
            title = titles[number] if are_telling else f"Part {number + 1}"
            chapters.append(Chapter(start, start + length, title))
        start += length
    return chapters


def _title(fact: AudioFacts) -> str:
    for key in ("title", "TIT2", "\xa9nam", "TITLE"):
        if values := fact.tags.get(key):
            return values[0].strip()
    return ""


def _tags(part: Path, title: str) -> dict[str, str]:
    """What the first part says of the book, in FFmpeg's names."""
    with av_reader.open_container(part) as container:
        said = {key.lower(): value for key, value in container.metadata.items()}
    kept = {key: value for key, value in said.items() if key not in PART_TAGS}
    return {**kept, "title": title, "media_type": "2"}


def _add_chapters(
    sound: Path, target: Path, chapters: Sequence[Chapter], tags: dict[str, str], alive: Callable[[float], None]
) -> None:
    """The second pass: packets as they are, with chapters, tags and the index in front, where players want it."""
    with (
        av.open(str(sound)) as source,
        av.open(str(target), "w", format="ipod", options={"movflags": "+faststart"}) as output,
    ):
        stream = source.streams.audio[0]
        out = output.add_stream_from_template(stream)
        output.metadata.update(tags)
        output.set_chapters([_chapter(number, chapter) for number, chapter in enumerate(chapters)])
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = out
                output.mux(packet)
                alive(0.97)


def _chapter(number: int, chapter: Chapter) -> Any:
    return {
        "id": number,
        "start": round(chapter.start_seconds * 1000),
        "end": round((chapter.end_seconds or chapter.start_seconds) * 1000),
        "time_base": MILLISECOND,
        "metadata": {"title": chapter.title},
    }


def _add_cover(parts: Sequence[Path], target: Path) -> None:
    """The first picture that a part carries."""
    for part in parts[:3]:
        with av_reader.open_container(part) as container:
            if not container.streams.video:
                continue
            packet = next(container.demux(container.streams.video[0]), None)
            data = bytes(packet) if packet is not None else b""
        if data.startswith((b"\xff\xd8", b"\x89PNG")):
            form = mutagen.mp4.MP4Cover.FORMAT_PNG if data.startswith(b"\x89") else mutagen.mp4.MP4Cover.FORMAT_JPEG
            file = mutagen.mp4.MP4(target)
            file["covr"] = [mutagen.mp4.MP4Cover(data, imageformat=form)]
            file.save()
            return


def _check(target: Path, seconds: float, chapter_count: int) -> None:
    facts = probe(target)
    off = abs((facts.duration_seconds or 0.0) - seconds)
    if off > max(TOLERANCE_SECONDS, TOLERANCE_SHARE * seconds):
        raise JoinError(f"the joined file is {off:.0f} seconds off")
    if len(facts.chapters) != chapter_count:
        raise JoinError(f"the joined file has {len(facts.chapters)} chapters and should have {chapter_count}")
    result = decode_check(target, full=False)
    if not result.ok:
        raise JoinError(f"the joined file does not decode: {result.errors[0].message}")
