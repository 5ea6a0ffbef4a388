"""Whether the sound of a file can be decoded from its first second to its last."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from library.clients.audio import av_reader
from library.clients.audio.facts import AudioFacts
from library.clients.audio.probe import probe
from library.domain.facts import Problem

_WINDOW_SECONDS = 10.0
_MAX_ERRORS = 20
_MISSING_SHARE = 0.03
_MISSING_SECONDS = 2.0
_DECODE_SLACK_SECONDS = 1.0
_WINDOW_LIMIT_SECONDS = 120.0
_HARMLESS_PACKETS = 2
_HARMLESS_SHARE = 1000


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """`ok` is true when everything that was tried could be decoded. A stopped check is not ok and has `was_stopped`.

    `warnings` are packets that are no sound where all the sound is there: tags in the middle of joined MP3 files, or
    behind the last frame. One in a thousand may be such, or two of a short file.
    """

    ok: bool
    decoded_seconds: float = 0.0
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    was_stopped: bool = False


class _Tally:
    """What has been decoded so far."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self.should_stop = should_stop
        self.seconds = 0.0
        self.errors: list[Problem] = []
        self.bad_packets: list[Problem] = []
        self.bad_count = 0
        self.packet_count = 0
        self.was_stopped = False

    def add(self, code: str, message: str) -> None:
        if len(self.errors) < _MAX_ERRORS:
            self.errors.append(Problem(code, message))

    def add_bad_packet(self, message: str) -> None:
        self.bad_count += 1
        if len(self.bad_packets) < _MAX_ERRORS:
            self.bad_packets.append(Problem("undecodable", message))

    def result(self) -> DecodeResult:
        is_harmless = self.bad_count <= max(_HARMLESS_PACKETS, self.packet_count // _HARMLESS_SHARE)
        errors = self.errors if is_harmless and not self.errors else [*self.errors, *self.bad_packets]
        warnings = self.bad_packets if is_harmless and not self.errors else []
        return DecodeResult(
            ok=not errors and not self.was_stopped,
            decoded_seconds=round(self.seconds, 3),
            errors=tuple(errors[:_MAX_ERRORS]),
            warnings=tuple(warnings),
            was_stopped=self.was_stopped,
        )


def decode_check(path: Path | str, *, full: bool, should_stop: Callable[[], bool] = lambda: False) -> DecodeResult:
    """Decode the whole file (`full`), or ten seconds at its head, middle and tail.

    Memory is bounded: packets are decoded one by one and thrown away. `should_stop` is asked at every packet.
    Error codes: those of `probe`, and `undecodable`, `missing_sound`. It never raises for what the file holds.
    """
    path = Path(path)
    facts = probe(path)
    if facts.duration_seconds is None:
        return DecodeResult(False, errors=facts.problems)
    tally = _Tally(should_stop)
    for problem in facts.problems:
        tally.add(problem.code, problem.message)
    try:
        with av_reader.open_container(path) as container:
            if not container.streams.audio:
                tally.add("undecodable", "The file holds no sound that can be decoded. Replace it.")
            elif full:
                _decode_all(container, facts, tally)
            else:
                _decode_windows(container, facts.duration_seconds, tally)
    except av_reader.FAULTS as error:
        tally.add("undecodable", f"The file cannot be decoded ({_reason(error)}). Replace it.")
    return tally.result()


def _decode_all(container: Any, facts: AudioFacts, tally: _Tally) -> None:
    _decode(container, tally, until=None)
    expected = facts.duration_seconds or 0.0
    missing = expected - tally.seconds
    if not tally.was_stopped and missing > max(_MISSING_SECONDS, expected * _MISSING_SHARE):
        tally.add("missing_sound", f"{missing:.0f} of {expected:.0f} seconds could not be decoded. Get the file again.")


def _decode_windows(container: Any, duration: float, tally: _Tally) -> None:
    """Head, middle and tail. A seek may land before its target; up to two minutes between are decoded too."""
    if duration <= 3 * _WINDOW_SECONDS:
        _decode_window(container, 0.0, duration, duration, tally)
        return
    for start in (0.0, duration / 2, duration - _WINDOW_SECONDS):
        _decode_window(container, start, start + _WINDOW_SECONDS, duration, tally)
        if tally.was_stopped:
            return


def _decode_window(container: Any, start: float, end: float, duration: float, tally: _Tally) -> None:
    before = tally.seconds
    if start:
        stream = container.streams.audio[0]
        container.seek(int(start / stream.time_base), stream=stream)
    _decode(container, tally, until=end)
    decoded = tally.seconds - before
    wanted = min(end, duration) - start
    if not tally.was_stopped and decoded < wanted / 2 - _DECODE_SLACK_SECONDS / 2:
        tally.add("missing_sound", f"No sound could be decoded at {_clock(start)}. Get the file again.")


def _decode(container: Any, tally: _Tally, *, until: float | None) -> None:
    """Decode packet by packet up to `until` (seconds), going on after packets that cannot be decoded."""
    packets = container.demux(container.streams.audio[0])
    limit = None if until is None else tally.seconds + _WINDOW_LIMIT_SECONDS
    while not tally.was_stopped and (limit is None or tally.seconds < limit):
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av_reader.FAULTS as error:
            tally.add("undecodable", f"The file cannot be read to its end ({_reason(error)}). Get it again.")
            return
        position = _decode_packet(packet, tally)
        if until is not None and position is not None and position >= until:
            return
        tally.was_stopped = tally.should_stop()


def _decode_packet(packet: Any, tally: _Tally) -> float | None:
    """Decode one packet; the position (seconds) that it reaches, where it says one."""
    position = None
    tally.packet_count += 1
    try:
        for frame in packet.decode():
            if frame.sample_rate:
                tally.seconds += frame.samples / frame.sample_rate
            position = frame.time if frame.time is not None else position
    except av_reader.FAULTS as error:
        where = float(packet.pts * packet.time_base) if packet.pts is not None and packet.time_base else None
        at = f" at {_clock(where)}" if where is not None else ""
        tally.add_bad_packet(f"The sound cannot be decoded{at} ({_reason(error)}). Get the file again.")
    return position


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or type(error).__name__).lower()


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
