"""The release profile: what is wanted of a release, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """`formats` in order of preference; empty lists mean "any". Bitrates in kbit/s, sizes in MB, age in days.

    `narrators` are preferred; `only_narrators` refuses others. `delay_hours`: how long a release is left alone for a
    better one to appear. With `upgrades_allowed` a book on the shelf is replaced by a better format, until it is
    `upgrade_until_format` or better.
    """

    name: str = "default"
    formats: tuple[str, ...] = ("m4b", "mp3", "m4a", "flac", "opus", "ogg", "aac")
    languages: tuple[str, ...] = ("en",)
    narrators: tuple[str, ...] = ()
    accepts_abridged: bool = False
    accepts_dramatised: bool = True
    only_dramatised: bool = False
    only_narrators: bool = False
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
    delay_hours: int = 0

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


@dataclass(frozen=True, slots=True)
class ChosenProfile:
    """The profile in force for a book, and who decided what differs from the general one: {field: "the series Oz"}."""

    profile: Profile
    sources: Mapping[str, str] = field(default_factory=dict)

    def source_of(self, name: str) -> str:
        return self.sources.get(name, "default")


def choose_profile(default: Profile, layers: Sequence[tuple[str, Mapping[str, Any]]]) -> ChosenProfile:
    """The general profile under what the layers (named, the last one wins) say differently."""
    values = {own.name: getattr(default, own.name) for own in fields(Profile)}
    sources: dict[str, str] = {}
    for source, given in layers:
        for name, value in from_preference(given).items():
            if name in values and (fitting := _fitting(value, getattr(default, name))) is not None:
                values[name], sources[name] = fitting, source
    return ChosenProfile(Profile.from_mapping(values), sources)


def from_preference(given: Mapping[str, Any]) -> dict[str, Any]:
    """A preference for recordings in the words of a profile: whom the gap analysis does not accept is not fetched."""
    values = {name: value for name, value in given.items() if value not in (None, "")}
    dramatised = values.pop("dramatised", None)
    if dramatised in ("any", "never", "only"):
        values = {"accepts_dramatised": dramatised != "never", "only_dramatised": dramatised == "only", **values}
    if values.get("narrators"):
        values = {"only_narrators": True, **values}
    return values


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
