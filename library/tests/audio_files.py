"""Tiny real audio files for tests, made with PyAV and mutagen: no program is needed.

`make_audio` writes what FFmpeg's muxers would write for the same tags (the libraries are the same); equal files are
encoded once in a run. `make_shelf` builds the library that `shared/sample_library` describes.
"""

import functools
import importlib.util
import random
import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import mutagen.mp4
import pytest
from django.conf import settings

SHARED = Path(settings.BASE_DIR).parent / "shared"

# (FFmpeg encoder, container, sample rate, options of the container)
_FORMATS: dict[str, tuple[str, str, int, dict[str, str]]] = {
    ".mp3": ("libmp3lame", "mp3", 22050, {"id3v2_version": "3", "write_xing": "1"}),
    ".m4b": ("aac", "mp4", 22050, {}),
    ".m4a": ("aac", "mp4", 22050, {}),
    ".mp4": ("aac", "mp4", 22050, {}),
    ".aac": ("aac", "adts", 22050, {}),
    ".flac": ("flac", "flac", 22050, {}),
    ".opus": ("libopus", "opus", 24000, {}),
    ".ogg": ("libopus", "ogg", 24000, {}),
    ".wav": ("pcm_s16le", "wav", 8000, {}),
    ".wma": ("wmav2", "asf", 22050, {}),
    ".mka": ("libopus", "matroska", 24000, {}),
    ".webm": ("libopus", "webm", 24000, {}),
}
_CONSTANT_RATE = frozenset({"libmp3lame", "aac", "libopus", "wmav2"})
JPEG = bytes.fromhex(
    "ffd8ffe000104a46494600010100000100010000ffdb004300ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc0000b080001000101011100ffc4001400010000000000"
    "00000000000000000000000affc40014100100000000000000000000000000000000ffda0008010100003f0037ffd9"
)


def make_audio(
    path: Path,
    *,
    tags: Mapping[str, Any] | None = None,
    seconds: float = 2,
    chapters: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    noise: bool = False,
    kbps: int = 32,
) -> Path:
    """One file; its suffix picks the codec. `tags` have FFmpeg's names. Silence, or noise where size must tell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    named = tuple((key, str(value)) for key, value in (tags or {}).items())
    data = _encoded(path.suffix.lower(), named, seconds, tuple(chapters), tuple((options or {}).items()), noise, kbps)
    path.write_bytes(data)
    return path


@functools.cache
def _encoded(
    suffix: str,
    tags: tuple[tuple[str, str], ...],
    seconds: float,
    chapters: tuple[str, ...],
    options: tuple[tuple[str, str], ...],
    noise: bool,
    kbps: int,
) -> bytes:
    codec, container, rate, defaults = _FORMATS[suffix]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"made{suffix}"
        with av.open(str(path), "w", format=container, options={**defaults, **dict(options)}) as output:
            stream = output.add_stream(codec, rate=rate)
            stream.layout = "mono"
            if codec in _CONSTANT_RATE:
                stream.bit_rate = kbps * 1000
            if codec == "libopus":
                stream.codec_context.options = {"compression_level": "0"}
            output.metadata.update(dict(tags))
            if chapters:
                output.set_chapters(_chapters(chapters, seconds))
            _encode(output, stream, rate, seconds, noise)
        return path.read_bytes()


def _chapters(titles: Sequence[str], seconds: float) -> list[Any]:
    step = int(seconds * 1000) // len(titles)
    return [
        {
            "id": i,
            "start": i * step,
            "end": (i + 1) * step,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for i, title in enumerate(titles)
    ]


def _encode(output: Any, stream: Any, rate: int, seconds: float, noise: bool) -> None:
    total, done = int(seconds * rate), 0
    chance = random.Random(1)
    while done < total:
        count = min(16384, total - done)
        frame = av.AudioFrame(format="s16", layout="mono", samples=count)
        for plane in frame.planes:
            data = chance.randbytes(plane.buffer_size) if noise else bytes(plane.buffer_size)
            plane.update(data)
        frame.sample_rate, frame.pts, frame.time_base = rate, done, Fraction(1, rate)
        done += count
        for packet in stream.encode(frame):
            output.mux(packet)
    for packet in stream.encode(None):
        output.mux(packet)


def sample_library() -> ModuleType:
    """The script that describes the sample library; the test fails where it is absent."""
    script = SHARED / "sample_library" / "make_sample_library.py"
    if not script.is_file():
        pytest.fail(f"The sample library's script is not there: {script} is read by this test.")
    spec = importlib.util.spec_from_file_location("make_sample_library", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_shelf(root: Path) -> list[dict[str, Any]]:
    """Build the sample library below `root`; its manifest: relPath, expect (None: no book), why."""
    manifest = []
    for folder, book in sample_library().books():
        base = root if folder == "@root" else root / folder
        base.mkdir(parents=True, exist_ok=True)
        for name, wanted in book["audio"]:
            _make_entry(base / name, wanted)
        if book["cover"]:
            (base / book["cover"]).write_bytes(JPEG)
        for name, text in book["text"].items():
            (base / name).write_text(text, encoding="utf-8")
        for name, data in book["raw"].items():
            (base / name).write_bytes(data)
        path = book["audio"][0][0] if folder == "@root" else folder
        manifest.append({"relPath": path, "expect": book["expect"], "why": book["why"]})
    return manifest


def _make_entry(path: Path, wanted: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if wanted is None:
        path.write_text("notes\n")
    elif isinstance(wanted, bytes):
        path.write_bytes(wanted)
    else:
        make_audio(path, **{key: value for key, value in wanted.items() if key != "embed"})
        if "embed" in wanted:
            embed_cover(path)


def embed_cover(path: Path) -> None:
    """Put a picture into an MP4 file."""
    file = mutagen.mp4.MP4(path)
    file["covr"] = [mutagen.mp4.MP4Cover(JPEG)]
    file.save()
