"""Whether the sound decodes, all of it or at three places."""

from pathlib import Path

import pytest

from library.clients.audio import decode_check
from library.tests.audio_files import make_audio


@pytest.mark.parametrize("suffix", [".mp3", ".m4b", ".flac", ".opus", ".wav", ".wma", ".mka", ".aac"])
def test_whole_file_decodes(tmp_path: Path, suffix: str) -> None:
    path = make_audio(tmp_path / f"a{suffix}", seconds=6)
    result = decode_check(path, full=True)
    assert result.errors == ()
    assert result.ok
    assert result.decoded_seconds == pytest.approx(6, abs=0.3)


@pytest.mark.parametrize("suffix", [".m4b", ".mp3", ".opus", ".flac", ".wav", ".mka", ".wma"])
def test_quick_check_decodes_head_middle_and_tail_only(tmp_path: Path, suffix: str) -> None:
    path = make_audio(tmp_path / f"a{suffix}", seconds=90)
    result = decode_check(path, full=False)
    assert result.errors == ()
    assert result.ok
    assert 25 < result.decoded_seconds < 45


def test_quick_check_stays_short_where_a_file_cannot_be_sought(tmp_path: Path) -> None:
    result = decode_check(make_audio(tmp_path / "a.aac", seconds=600), full=False)
    assert result.ok
    assert result.decoded_seconds < 400


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".m4b"])
@pytest.mark.parametrize("full", [True, False])
def test_file_without_its_second_half_fails(tmp_path: Path, suffix: str, full: bool) -> None:
    path = make_audio(
        tmp_path / f"a{suffix}", seconds=60, noise=True, options={".m4b": {"movflags": "+faststart"}}.get(suffix)
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    result = decode_check(path, full=full)
    assert not result.ok
    assert {error.code for error in result.errors} & {"truncated", "missing_sound", "undecodable"}


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".m4b"])
def test_damage_in_the_middle_is_found_by_the_full_check(tmp_path: Path, suffix: str) -> None:
    path = make_audio(tmp_path / f"a{suffix}", seconds=60, noise=True)
    data = bytearray(path.read_bytes())
    third = len(data) // 3
    data[third : third + third // 2] = bytes(third // 2)
    path.write_bytes(data)
    result = decode_check(path, full=True)
    assert not result.ok
    assert all(error.message.endswith(".") for error in result.errors)
    assert len(result.errors) <= 20


def test_check_can_be_stopped(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.mp3", seconds=60)
    asked = iter([False] * 5)
    result = decode_check(path, full=True, should_stop=lambda: next(asked, True))
    assert (result.ok, result.was_stopped, result.errors) == (False, True, ())
    assert result.decoded_seconds < 2


def test_tags_behind_the_sound_or_between_joined_files_are_no_damage(tmp_path: Path) -> None:
    sound = make_audio(tmp_path / "a.mp3", seconds=10, noise=True, tags={"title": "One"}).read_bytes()
    path = tmp_path / "joined.mp3"
    bare = make_audio(tmp_path / "b.mp3", seconds=10, noise=True, options={"write_xing": "0"}).read_bytes()
    path.write_bytes(bare + bare)
    assert decode_check(path, full=True).ok
    path.write_bytes(sound + b"LYRICSBEGIN" + b"IND0000200" + b"x" * 300 + b"LYRICS200")
    result = decode_check(path, full=True)
    assert (result.ok, result.errors) == (True, ())
    assert [warning.code for warning in result.warnings] == ["undecodable"]
    assert decode_check(path, full=False).ok
