"""Duration, codec, chapters and raw tags of one audio file."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import mutagen
import mutagen.aiff
import mutagen.asf
import mutagen.flac
import mutagen.id3
import mutagen.mp3
import mutagen.mp4
import mutagen.wave

from library.clients.audio import av_reader, wholeness
from library.clients.audio.facts import AudioFacts, Chapter
from library.domain.facts import Problem

_NERO_CHAPTER_LIMIT = 255  # the Nero list counts its chapters in one byte
_PROTECTED_SUFFIXES = frozenset({".aax", ".aaxc", ".aa"})
_BINARY_KEYS = ("APIC", "PIC", "covr", "metadata_block_picture", "coverart", "WM/Picture", "PRIV", "GEOB", "MCDI")
_MAX_VALUE_CHARACTERS = 100_000
_CODECS = {"mp4a.40.42": "xhe-aac", "mp4a.40": "aac", "ac-3": "ac3", "alac": "alac", "ec-3": "eac3"}

# mutagen raises its own error for files that break a format's rules, and lets plain ones through for bytes that its
# parsers did not expect.
_FAULTS = (
    mutagen.MutagenError,
    OSError,
    ValueError,
    ArithmeticError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    EOFError,
    RecursionError,
)

_CUT_CHECKS: dict[str, Callable[[Path], bool]] = {
    ".mp3": wholeness.is_mp3_cut,
    ".ogg": wholeness.is_ogg_cut,
    ".oga": wholeness.is_ogg_cut,
    ".opus": wholeness.is_ogg_cut,
    ".wav": wholeness.is_wav_cut,
    ".aif": wholeness.is_wav_cut,
    ".aiff": wholeness.is_wav_cut,
}
_MP4_SUFFIXES = frozenset({".m4b", ".m4a", ".mp4", ".aax", ".aaxc"})


def probe(path: Path | str) -> AudioFacts:
    """Read one file. It never raises for what the file holds, or for a file that cannot be opened.

    Problem codes: `empty_file`, `unreadable_audio`, `file_unreadable`, `drm_protected`, `truncated`.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        return _failed("file_unreadable", f"The file cannot be read ({error.strerror}). Check its permissions.")
    if size == 0:
        return _failed("empty_file", "The file is empty. Replace it, or delete it.")
    try:
        return _probe(path)
    except OSError as error:
        return _failed("file_unreadable", f"The file cannot be read ({error.strerror}). Check the disk.")


def _failed(code: str, message: str) -> AudioFacts:
    return AudioFacts(problems=(Problem(code, message),))


def _probe(path: Path) -> AudioFacts:
    if path.suffix.lower() in _PROTECTED_SUFFIXES or _has_protected_brand(path):
        return _failed("drm_protected", "The file is protected by its shop and cannot be played. Convert it first.")
    facts = _with_mutagen(path) or _with_av(path)
    if facts is None:
        _read_a_byte(path)
    is_cut = _is_cut(path)
    if facts is None and is_cut:
        return _failed("truncated", "The file is cut short and cannot be played. Get it again.")
    if facts is None:
        return _failed("unreadable_audio", "The file holds no sound that can be read. Replace it, or delete it.")
    if is_cut:
        problem = Problem(
            "truncated", "The file is shorter than its own header says: part of it is missing. Get it again."
        )
        return _replace(facts, problems=(*facts.problems, problem))
    return facts


def _read_a_byte(path: Path) -> None:
    """Raise the OSError that a parser may have taken for bad content."""
    with path.open("rb") as file:
        file.read(1)


def _has_protected_brand(path: Path) -> bool:
    return path.suffix.lower() in _MP4_SUFFIXES and wholeness.mp4_brand(path).strip().lower() in {"aax", "aaxc"}


def _is_cut(path: Path) -> bool:
    suffix = path.suffix.lower()
    check = wholeness.is_mp4_cut if suffix in _MP4_SUFFIXES else _CUT_CHECKS.get(suffix)
    return check(path) if check else False


def _replace(facts: AudioFacts, **changes: Any) -> AudioFacts:
    values = {name: getattr(facts, name) for name in AudioFacts.__slots__}
    return AudioFacts(**{**values, **changes})


def _with_av(path: Path) -> AudioFacts | None:
    container = av_reader.read_container(path)
    if container is None or not container.duration_seconds:
        return None
    if container.is_protected:
        return _failed("drm_protected", "The file is protected by its shop and cannot be played. Convert it first.")
    return AudioFacts(
        duration_seconds=container.duration_seconds,
        codec=container.codec,
        bitrate_kbps=container.bitrate_kbps,
        channels=container.channels,
        sample_rate=container.sample_rate,
        chapters=container.chapters,
        tags=container.tags,
        tag_format="av",
        has_cover=container.has_cover,
    )


def _with_mutagen(path: Path) -> AudioFacts | None:
    """None when mutagen does not know the file, cannot parse it, or finds no duration."""
    try:
        file = mutagen.File(path)
        if file is None or not getattr(file.info, "length", 0):
            return None
        facts = _from_mutagen(path, file)
    except _FAULTS:
        return None
    return _completed(path, file, facts)


def _from_mutagen(path: Path, file: Any) -> AudioFacts:
    info = file.info
    return AudioFacts(
        duration_seconds=float(info.length),
        codec=_codec(file),
        bitrate_kbps=_kbps(info, path),
        channels=getattr(info, "channels", None) or None,
        sample_rate=getattr(info, "sample_rate", None) or None,
        chapters=_chapters(file),
        tags=_raw_tags(file.tags),
        tag_format=_tag_format(file),
        has_cover=_has_cover(file),
    )


def _completed(path: Path, file: Any, facts: AudioFacts) -> AudioFacts:
    """Ask PyAV for what mutagen is known to get wrong."""
    if isinstance(file, mutagen.mp4.MP4):
        return _completed_mp4(path, facts)
    if isinstance(file, mutagen.mp3.MP3) and _length_is_a_guess(path, file.info):
        return _replace(facts, duration_seconds=av_reader.count_duration(path) or facts.duration_seconds)
    if isinstance(file, mutagen.wave.WAVE) and not facts.tags:
        container = av_reader.read_container(path)
        return _replace(facts, tags=container.tags, tag_format="av") if container else facts
    return facts


def _completed_mp4(path: Path, facts: AudioFacts) -> AudioFacts:
    """QuickTime chapters and `mdta` tags, which mutagen does not read."""
    has_strange_tags = bool(facts.tags) and all(key.startswith("\x00") for key in facts.tags)
    is_unsure = not facts.chapters or len(facts.chapters) >= _NERO_CHAPTER_LIMIT
    if not (has_strange_tags or is_unsure):
        return facts
    container = av_reader.read_container(path)
    if container is None:
        return facts
    if container.is_protected:
        return _failed("drm_protected", "The file is protected by its shop and cannot be played. Convert it first.")
    chapters = container.chapters if len(container.chapters) > len(facts.chapters) else facts.chapters
    if has_strange_tags or (not facts.tags and container.tags):
        return _replace(facts, chapters=chapters, tags=container.tags, tag_format="av")
    return _replace(facts, chapters=chapters)


def _length_is_a_guess(path: Path, info: Any) -> bool:
    """An MP3 without Xing or VBRI header: its length is size / first bitrate, right only if that is constant."""
    is_unknown = info.bitrate_mode == mutagen.mp3.BitrateMode.UNKNOWN
    return is_unknown and wholeness.varies_in_bitrate(path)


def _codec(file: Any) -> str:
    """The codec's name as FFmpeg has it: mp3, aac, alac, flac, opus, vorbis, pcm, ..."""
    name = type(file).__name__.lower()
    if isinstance(file, mutagen.mp4.MP4):
        codec = str(getattr(file.info, "codec", ""))
        return next((known for prefix, known in _CODECS.items() if codec.startswith(prefix)), codec)
    names = {"oggopus": "opus", "oggvorbis": "vorbis", "oggflac": "flac", "wave": "pcm", "aiff": "pcm", "asf": "wma"}
    return names.get(name, name)


def _kbps(info: Any, path: Path) -> int | None:
    """The stated bitrate, or size over duration."""
    bits = getattr(info, "bitrate", 0) or path.stat().st_size * 8 / info.length
    return round(bits / 1000) or None


def _tag_format(file: Any) -> str:
    if isinstance(file, mutagen.mp4.MP4):
        return "mp4"
    if isinstance(file, mutagen.asf.ASF):
        return "asf"
    if isinstance(file.tags, mutagen.id3.ID3):
        return "id3"
    is_ape = type(file.tags).__name__ == "APEv2"
    return "ape" if is_ape else "vorbis"


def _has_cover(file: Any) -> bool:
    if getattr(file, "pictures", None):
        return True
    return any(str(key).startswith(_BINARY_KEYS[:6]) for key in (file.tags or {}).keys())  # noqa: SIM118


def _chapters(file: Any) -> tuple[Chapter, ...]:
    if isinstance(file, mutagen.mp4.MP4):
        return _nero_chapters(file)
    if isinstance(file.tags, mutagen.id3.ID3):
        return _id3_chapters(file.tags)
    return _vorbis_chapters(_raw_tags(file.tags))


def _nero_chapters(file: Any) -> tuple[Chapter, ...]:
    found = list(file.chapters or ())
    ends = [chapter.start for chapter in found[1:]] + [file.info.length]
    return tuple(Chapter(one.start, end, one.title) for one, end in zip(found, ends, strict=False))


def _id3_chapters(tags: Any) -> tuple[Chapter, ...]:
    frames = sorted(tags.getall("CHAP"), key=lambda frame: frame.start_time)
    return tuple(
        Chapter(frame.start_time / 1000, frame.end_time / 1000, _first_text(frame.sub_frames.getall("TIT2")))
        for frame in frames
    )


def _first_text(frames: Iterable[Any]) -> str:
    return next((str(frame.text[0]) for frame in frames if frame.text), "")


def _vorbis_chapters(tags: Mapping[str, tuple[str, ...]]) -> tuple[Chapter, ...]:
    """`CHAPTER001=00:01:02.500` with `CHAPTER001NAME=...`."""
    starts = []
    for key, values in tags.items():
        number = key[7:] if key.startswith("chapter") else ""
        seconds = _clock(values[0]) if number.isdigit() and values else None
        if seconds is not None:
            starts.append((seconds, "".join(tags.get(f"{key}name", ("",))[:1])))
    starts.sort()
    ends = [start for start, _ in starts[1:]] + [None]
    return tuple(Chapter(start, end, title) for (start, title), end in zip(starts, ends, strict=False))


def _clock(text: str) -> float | None:
    """`01:02:03.5` in seconds, or None."""
    seconds = 0.0
    for part in text.strip().split(":"):
        try:
            seconds = seconds * 60 + float(part)
        except ValueError:
            return None
    return seconds


def _raw_tags(tags: Any) -> dict[str, tuple[str, ...]]:
    """Keys of the format (Vorbis keys in lower case) with their values as text; pictures and binary data left out."""
    found: dict[str, tuple[str, ...]] = {}
    if tags is None:
        return found
    for key, value in tags.items():
        if str(key).startswith(_BINARY_KEYS):
            continue
        texts = tuple(text[:_MAX_VALUE_CHARACTERS] for text in _texts(value))
        if texts:
            found[str(key)] = texts
    return found


def _texts(value: Any) -> list[str]:
    if hasattr(value, "text"):
        value = value.text
    elif hasattr(value, "url"):
        value = value.url
    items = value if isinstance(value, list) else [value]
    return [text for item in items if (text := _text(item))]


def _text(item: Any) -> str:
    if isinstance(item, bool):
        return "1" if item else "0"
    if isinstance(item, bytes):
        return item.decode("utf-8", "replace")
    if isinstance(item, tuple):
        return "/".join(str(part) for part in item if part)
    if isinstance(item, int | float | str):
        return str(item)
    if isinstance(item, mutagen.id3.ID3TimeStamp):
        return str(item.text)
    if isinstance(item, mutagen.asf.ASFUnicodeAttribute | mutagen.asf.ASFDWordAttribute | mutagen.asf.ASFWordAttribute):
        return str(item)
    return ""
