"""Reading containers with PyAV: what mutagen cannot read, or reads only in part."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error

from library.clients.audio.facts import Chapter

_OPEN_SECONDS = 60.0
_DRM_TAGS = frozenset({"aavd", "aaxc", "drms", "enca"})

# What PyAV raises for a file that is not what it says: its own errors (which are OSErrors or ValueErrors too), and
# plain ones from Python code around the libraries (a stream without a time base, text that is not text).
FAULTS = (av.error.FFmpegError, OSError, ValueError, ArithmeticError, RuntimeError, LookupError, TypeError)


@dataclass(frozen=True, slots=True)
class Container:
    """What FFmpeg's libraries say of a file. Tag names are in lower case."""

    duration_seconds: float | None
    codec: str
    bitrate_kbps: int | None
    channels: int | None
    sample_rate: int | None
    chapters: tuple[Chapter, ...]
    tags: dict[str, tuple[str, ...]]
    has_cover: bool
    is_protected: bool


@contextlib.contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """An open container; tags that are not UTF-8 are replaced, not refused."""
    with av.open(str(path), metadata_errors="replace", timeout=_OPEN_SECONDS) as container:
        yield container


def read_container(path: Path) -> Container | None:
    """The facts of the file, or None where there is no sound in it that can be recognised."""
    try:
        with open_container(path) as container:
            if not container.streams.audio:
                return None
            return _described(container)
    except FAULTS:
        return None


def _described(container: Any) -> Container:
    stream = container.streams.audio[0]
    context = stream.codec_context
    tags = {**_tags(stream.metadata), **_tags(container.metadata)}
    return Container(
        duration_seconds=_duration(container, stream),
        codec=context.name if context else "",
        bitrate_kbps=_kbps(context, container),
        channels=context.channels if context else None,
        sample_rate=context.sample_rate if context else None,
        chapters=_chapters(container),
        tags=tags,
        has_cover=bool(container.streams.video),
        is_protected=_is_protected(context),
    )


def _is_protected(context: Any) -> bool:
    tag = getattr(context, "codec_tag", "") if context else ""
    return str(tag).lower() in _DRM_TAGS


def _duration(container: Any, stream: Any) -> float | None:
    if container.duration:
        return float(container.duration) / av.time_base
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None


def _kbps(context: Any, container: Any) -> int | None:
    bits = (context.bit_rate if context else 0) or container.bit_rate
    return round(bits / 1000) if bits else None


def _tags(metadata: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {key.lower(): (value,) for key, value in metadata.items()}


def _chapters(container: Any) -> tuple[Chapter, ...]:
    return tuple(
        Chapter(
            start_seconds=float(chapter["start"] * chapter["time_base"]),
            end_seconds=float(chapter["end"] * chapter["time_base"]),
            title=chapter["metadata"].get("title", ""),
        )
        for chapter in container.chapters()
    )


def count_duration(path: Path) -> float | None:
    """Seconds of sound, from adding up its packets (the whole file is read, nothing is decoded); None if unreadable."""
    total = 0
    try:
        with open_container(path) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            for packet in container.demux(stream):
                total += packet.duration or 0
            return float(total * stream.time_base) if stream.time_base else None
    except FAULTS:
        return None
