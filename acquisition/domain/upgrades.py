"""What came beside what is on the shelf: better, as good, or worse, by the release profile. Pure.

Lexicographic, as releases are ranked: whole before abridged, a preferred narrator, the format in the profile's order,
then the bitrate up to the preferred one (more than that gains nothing). What is unknown counts for nobody.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from acquisition.domain.profile import Profile
from library.domain.languages import language_code, language_name
from library.domain.people import any_same_person

LOSSLESS = frozenset({"flac", "wav", "alac"})
# Smaller differences of bitrate are the encoder's, in octaves (a third: 64 and 80 kbit/s are as good as each other).
BITRATE_MARGIN = 0.33


@dataclass(frozen=True, slots=True)
class Quality:
    """What can be compared of a recording. `format` is a suffix without its dot; empty or None where unknown."""

    format: str = ""
    bitrate_kbps: int | None = None
    language: str = ""
    narrators: tuple[str, ...] = ()
    is_abridged: bool | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A copy on the shelf. `is_reachable`: its files can be moved to the recycle bin from here."""

    key: int
    path: str
    quality: Quality
    is_reachable: bool = True


class Verdict(StrEnum):
    NEW = "new"
    BESIDE = "beside"
    UPGRADE = "upgrade"
    OUT_OF_REACH = "out_of_reach"
    NOT_ALLOWED = "not_allowed"
    SAME = "same"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`replaces` are the keys of the copies that go to the bin if it is filed, by right or by a person's word."""

    verdict: Verdict
    reason: str
    replaces: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Difference:
    """One respect in which two differ: `sign` is 1 where what came is better. `is_wish`: the held one is not what was
    wished for, so that the profile's limits of upgrading do not matter."""

    sign: int
    words: str
    is_wish: bool = False


def compare(came: Quality, held: Sequence[Held], profile: Profile) -> Comparison:
    """What to do with what came. A copy in another language is another thing, and is neither replaced nor in the way."""
    rivals = [copy for copy in held if not _speaks_otherwise(copy.quality, came)]
    if not rivals:
        return _without_rivals(held)
    found = [(copy, _difference(came, copy.quality, profile)) for copy in rivals]
    keys = tuple(copy.key for copy in rivals)
    worse = next(((copy, d) for copy, d in found if d and d.sign < 0), None)
    if worse:
        return Comparison(Verdict.WORSE, f"{worse[1].words}; on the shelf is {worse[0].path}.", keys)
    same = next((copy for copy, d in found if d is None), None)
    if same:
        return Comparison(Verdict.SAME, f"{same.path} is as good.", keys)
    return _better([(copy, d) for copy, d in found if d], keys, profile)


def _without_rivals(held: Sequence[Held]) -> Comparison:
    if not held:
        return Comparison(Verdict.NEW, "It is not on the shelf yet.")
    language = language_name(language_code(held[0].quality.language) or "")
    return Comparison(Verdict.BESIDE, f"On the shelf in {language} only; it is filed beside that.")


def _better(found: Sequence[tuple[Held, _Difference]], keys: tuple[int, ...], profile: Profile) -> Comparison:
    copy, difference = found[0]
    if not profile.upgrades_allowed:
        if all(d.is_wish for _, d in found):
            words = f"{difference.words}; it is filed beside {copy.path}, since the profile allows no upgrades."
            return Comparison(Verdict.BESIDE, words)
        words = f"{difference.words}, but the profile allows no upgrades; on the shelf is {copy.path}."
        return Comparison(Verdict.NOT_ALLOWED, words, keys)
    until = profile.upgrade_until_format
    if any(not d.is_wish and _reaches(c.quality, until, profile) for c, d in found):
        words = f"{copy.path} is {copy.quality.format} already, and the profile upgrades until {until}."
        return Comparison(Verdict.NOT_ALLOWED, words, keys)
    away = next((c for c, _ in found if not c.is_reachable), None)
    if away:
        return Comparison(Verdict.OUT_OF_REACH, f"{difference.words}, but {away.path} cannot be moved from here.", keys)
    return Comparison(Verdict.UPGRADE, f"{difference.words}; it replaces {copy.path}.", keys)


def _speaks_otherwise(a: Quality, b: Quality) -> bool:
    one, other = language_code(a.language), language_code(b.language)
    return bool(one and other and one != other)


def _reaches(quality: Quality, until: str, profile: Profile) -> bool:
    formats = profile.formats
    if quality.format not in formats or until not in formats:
        return quality.format == until
    return formats.index(quality.format) <= formats.index(until)


def _difference(came: Quality, held: Quality, profile: Profile) -> _Difference | None:
    """The first respect in which they differ; None when they are as good as each other."""
    return next(_differences(came, held, profile), None)


def _differences(came: Quality, held: Quality, profile: Profile) -> Iterator[_Difference]:
    if came.is_abridged is not None and held.is_abridged is not None and came.is_abridged != held.is_abridged:
        is_wish = not profile.accepts_abridged
        if came.is_abridged:
            yield _Difference(-1, "It is abridged, and what you have is whole")
        else:
            yield _Difference(1, "It is whole, and what you have is abridged", is_wish)
    mine, theirs = _is_preferred(came, profile), _is_preferred(held, profile)
    if mine is not None and theirs is not None and mine != theirs:
        names = ", ".join((came if mine else held).narrators[:2])
        if mine:
            yield _Difference(1, f"{names} reads it, whom you prefer", True)
        else:
            yield _Difference(-1, f"You prefer {names}, who reads what you have")
    yield from _differences_of_sound(came, held, profile)


def _differences_of_sound(came: Quality, held: Quality, profile: Profile) -> Iterator[_Difference]:
    mine, theirs = _format_rank(came.format, profile), _format_rank(held.format, profile)
    if mine is not None and theirs is not None and mine != theirs:
        words = f"It is {came.format}, and what you have is {held.format}"
        yield _Difference(1 if mine > theirs else -1, words)
    octaves = _octaves(came, held, profile)
    if abs(octaves) > BITRATE_MARGIN:
        words = f"It has {came.bitrate_kbps} kbit/s, and what you have has {held.bitrate_kbps}"
        yield _Difference(1 if octaves > 0 else -1, words)


def _is_preferred(quality: Quality, profile: Profile) -> bool | None:
    if not profile.narrators or not quality.narrators:
        return None
    return any_same_person(quality.narrators, profile.narrators)


def _format_rank(name: str, profile: Profile) -> int | None:
    """Higher is better; a format that is not in the profile is the worst."""
    if not name or not profile.formats:
        return None
    return len(profile.formats) - profile.formats.index(name) if name in profile.formats else 0


def _octaves(came: Quality, held: Quality, profile: Profile) -> float:
    if not came.bitrate_kbps or not held.bitrate_kbps or LOSSLESS & {came.format, held.format}:
        return 0.0
    most = profile.preferred_bitrate_kbps or 10**6
    return math.log2(min(came.bitrate_kbps, most) / min(held.bitrate_kbps, most))
