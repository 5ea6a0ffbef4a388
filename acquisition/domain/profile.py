"""The release profile: what is wanted of a release, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """`formats` in order of preference; empty lists mean "any". Bitrates in kbit/s, sizes in MB, age in days."""

    name: str = "default"
    formats: tuple[str, ...] = ("m4b", "mp3", "m4a", "flac", "opus", "ogg", "aac")
    languages: tuple[str, ...] = ("en",)
    narrators: tuple[str, ...] = ()
    accepts_abridged: bool = False
    accepts_dramatised: bool = True
    must_contain: tuple[str, ...] = ()
    must_not_contain: tuple[str, ...] = ()
    minimum_bitrate_kbps: int = 24
    maximum_bitrate_kbps: int = 400
    preferred_bitrate_kbps: int = 64
    minimum_size_mb: int = 1
    maximum_size_mb: int = 20_000
    minimum_seeders: int = 1
    maximum_age_days: int = 0
    upgrades_allowed: bool = False
    upgrade_until_format: str = "m4b"
    prefers_freeleech: bool = True

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Profile":
        """Known keys only; lists become tuples, one text where a list belongs becomes a list of one.

        A value of another kind than the field's is left out: a profile that was written by hand must never make the
        decisions fail, nor match letters of a word.
        """
        known: dict[str, Any] = {}
        for own in fields(cls):
            if own.name in values and (value := _fitting(values[own.name], own.default)) is not None:
                known[own.name] = value
        return cls(**known)


def _fitting(value: Any, default: Any) -> Any:
    """The value as the field's kind, or None."""
    if isinstance(default, tuple):
        listed = [value] if isinstance(value, str) else value
        texts = isinstance(listed, list | tuple) and all(isinstance(text, str) for text in listed)
        return tuple(text for text in listed if text) if texts else None
    if isinstance(default, bool) or isinstance(value, bool):
        return value if isinstance(default, bool) and isinstance(value, bool) else None
    if isinstance(default, int):
        return int(value) if isinstance(value, int | float) and value >= 0 else None
    return value if isinstance(value, str) else None
