"""Duration, codec, chapters and damage of real small files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from library.clients.audio import AudioFacts, decode_check, probe
from library.tests.audio_files import embed_cover, make_audio

FORMATS = {
    ".mp3": ("mp3", 22050),
    ".m4b": ("aac", 22050),
    ".m4a": ("aac", 22050),
    ".aac": ("aac", 22050),
    ".flac": ("flac", 22050),
    ".opus": ("opus", None),
    ".ogg": ("opus", None),
    ".wav": ("pcm", 8000),
    ".wma": ("wma", 22050),
    ".mka": ("opus", 48000),
    ".webm": ("opus", 48000),
}


def codes(facts: AudioFacts) -> list[str]:
    return [problem.code for problem in facts.problems]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format(tmp_path: Path, suffix: str) -> None:
    facts = probe(make_audio(tmp_path / f"a{suffix}", seconds=4, noise=True))
    codec, rate = FORMATS[suffix]
    assert facts.duration_seconds == pytest.approx(4, abs=0.2)
    assert facts.codec == codec
    assert facts.channels == 1
    assert rate is None or facts.sample_rate == rate
    assert facts.bitrate_kbps is not None
    assert facts.bitrate_kbps > 5
    assert codes(facts) == []


@pytest.mark.parametrize("suffix", [".m4b", ".mka", ".opus", ".mp3"])
def test_chapters(tmp_path: Path, suffix: str) -> None:
    facts = probe(make_audio(tmp_path / f"a{suffix}", seconds=3, chapters=["One", "Zwei", "Три"]))
    assert [chapter.title for chapter in facts.chapters] == ["One", "Zwei", "Три"]
    assert [round(chapter.start_seconds) for chapter in facts.chapters] == [0, 1, 2]


def test_more_chapters_than_the_short_list_can_hold(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.m4b", seconds=30, chapters=[f"Chapter {n}" for n in range(300)])
    assert len(probe(path).chapters) == 300


def test_cover_is_no_video(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.m4b")
    assert probe(path).has_cover is False
    embed_cover(path)
    facts = probe(path)
    assert facts.has_cover is True
    assert "covr" not in facts.tags


def test_tags_in_quicktime_keys_are_read(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.m4b", tags={"album": "T", "foo": "x"}, options={"movflags": "use_metadata_tags"})
    facts = probe(path)
    assert facts.tag_format == "av"
    assert facts.tags["album"] == ("T",)


def test_mp3_of_varying_bitrate_without_header_has_its_true_duration(tmp_path: Path) -> None:
    bare = {"write_xing": "0", "id3v2_version": "0"}
    slow = make_audio(tmp_path / "1.mp3", seconds=2, options=bare, kbps=32)
    fast = make_audio(tmp_path / "2.mp3", seconds=8, options=bare, kbps=128)
    both = tmp_path / "both.mp3"
    both.write_bytes(slow.read_bytes() + fast.read_bytes())
    assert probe(both).duration_seconds == pytest.approx(10, abs=0.3)


def half(path: Path) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


@pytest.mark.parametrize(
    "suffix, options",
    [(".mp3", {}), (".m4b", {"movflags": "+faststart"}), (".m4b", {}), (".opus", {}), (".wav", {})],
    ids=["mp3", "m4b-index-first", "m4b-index-last", "opus", "wav"],
)
def test_half_a_file_is_truncated(tmp_path: Path, suffix: str, options: dict[str, str]) -> None:
    path = half(make_audio(tmp_path / f"a{suffix}", seconds=6, options=options, noise=True))
    assert codes(probe(path)) == ["truncated"]
    assert decode_check(path, full=False).ok is False


@pytest.mark.parametrize("suffix", [".m4b", ".mp4", ".m4a"])
def test_protected_files_are_recognised(tmp_path: Path, suffix: str) -> None:
    path = make_audio(tmp_path / f"a{suffix}")
    data = bytearray(path.read_bytes())
    data[8:12] = b"aax "
    path.write_bytes(data)
    assert codes(probe(path)) == ["drm_protected"]
    assert codes(probe(path.rename(tmp_path / "b.aax"))) == ["drm_protected"]


@pytest.mark.parametrize(
    "make, code",
    [
        (lambda path: None, "file_unreadable"),
        (lambda path: path.touch(), "empty_file"),
        (lambda path: path.write_bytes(b"not sound at all" * 50), "unreadable_audio"),
        (lambda path: path.mkdir(), "file_unreadable"),
    ],
    ids=["absent", "empty", "rubbish", "folder"],
)
def test_what_is_no_audio_is_a_problem(tmp_path: Path, make: Callable[[Path], object], code: str) -> None:
    path = tmp_path / "a.mp3"
    make(path)
    facts = probe(path)
    assert (codes(facts), facts.is_readable) == ([code], False)
    assert facts.problems[0].message.endswith(".")
    assert decode_check(path, full=True).errors == facts.problems


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(suffix=st.sampled_from(sorted(FORMATS)), data=st.data())
def test_damaged_files_never_raise(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    content = bytearray(make_audio(tmp_path / f"a{suffix}", tags={"title": "T"}, seconds=1).read_bytes())
    for at, byte in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=12)):
        content[at] = byte
    cut = data.draw(st.integers(0, len(content)))
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(content[:cut])
    assert isinstance(probe(path), AudioFacts)
    decode_check(path, full=True)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    suffix=st.sampled_from(sorted(FORMATS)),
    head=st.sampled_from([b"", b"ID3", b"fLaC", b"OggS", b"RIFF", b"\xff\xfb"]),
    rest=st.binary(max_size=300),
)
def test_rubbish_never_raises(tmp_path: Path, suffix: str, head: bytes, rest: bytes) -> None:
    path = tmp_path / f"rubbish{suffix}"
    path.write_bytes(head + rest)
    facts = probe(path)
    assert facts.is_readable or facts.problems
