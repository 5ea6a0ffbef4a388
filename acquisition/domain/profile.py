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
        """Known keys only; lists become tuples."""
        names = {f.name for f in fields(cls)}
        known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in names}
        return cls(**known)
