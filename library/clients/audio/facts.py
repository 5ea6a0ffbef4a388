"""The facts of one audio file, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from library.domain.facts import Problem


@dataclass(frozen=True, slots=True)
class Chapter:
    """One chapter; seconds from the start of its file."""

    start_seconds: float
    end_seconds: float | None
    title: str = ""


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """What one file holds. `tags` is raw: the keys of its own tag format, each with all its values.

    `tag_format` says whose keys they are: mp4, id3, vorbis, asf, ape or av (names as FFmpeg gives them).
    `duration_seconds` is None when the file cannot be read; then `problems` says why.
    """

    duration_seconds: float | None = None
    codec: str = ""
    bitrate_kbps: int | None = None
    channels: int | None = None
    sample_rate: int | None = None
    chapters: tuple[Chapter, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tag_format: str = ""
    has_cover: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def is_readable(self) -> bool:
        return self.duration_seconds is not None
