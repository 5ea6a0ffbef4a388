"""What is checked of a download before it is filed. Pure: facts in, checks out, each with a sentence.

A check that fails blocks the import until a person has looked, except where the release is certainly at fault: then
the download fails, the release is put on the blocklist, and the next best one is taken.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from acquisition.domain.hazards import programs_sentence
from acquisition.domain.profile import Profile
from acquisition.domain.upgrades import Comparison, Held, Quality, Verdict, compare
from library.domain.facts import CopyFacts, FileFacts, FileKind
from library.domain.languages import language_code, language_name
from library.domain.people import any_same_person
from library.domain.works import same_work

SHORTEST_BOOK_SECONDS = 60
SLACK_SECONDS = 180
SAMPLE_SHARE = 0.1  # of the shortest recording that is known
DEFAULT = Profile()
STATED = ("tags", "metadata.json", "opf", "nfo")
UNFINISHED = ("missing_parts", "wrong_part_count", "duplicate_parts", "duplicate_encodings")
UNREADABLE = frozenset({"file_unreadable", "folder_unreadable", "book_unreadable"})
# What no person can overrule: there is nothing that could be filed, or not yet.
NEVER_OVERRULED = frozenset({"readable", "finished", "audio"})
# Names that stand for nobody in particular, and so contradict nobody.
_ANYBODY = frozenset({"librivox volunteers", "various", "various readers", "various narrators", "full cast"})


@dataclass(frozen=True, slots=True)
class Check:
    """`is_fault`: the release is at fault, whatever a person might say."""

    code: str
    ok: bool
    message: str
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What was asked for. Runtimes in seconds, one per known recording; `narrators` as the release promised them;
    `held` is what stands on the shelf of the book already, and `profile` says what may replace it."""

    title: str
    authors: tuple[str, ...]
    runtimes_seconds: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    tolerance: float = 0.03
    narrators: tuple[str, ...] = ()
    accepts_abridged: bool = True
    held: tuple[Held, ...] = ()
    profile: Profile = DEFAULT


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came: the facts as the reader gives them, faults of decoding, unfinished, packed or unreadable files, and
    programs among them."""

    facts: CopyFacts
    decode_faults: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    unpacking: tuple[str, ...] = ()
    book_count: int = 1

    @property
    def is_whole(self) -> bool:
        """Whether all that came lies open before us: only then can a fault be the release's."""
        return not (self.archives or self.unfinished or self.unreadable or self.unpacking)

    @property
    def quality(self) -> Quality:
        """As it is compared with what is on the shelf."""
        facts = self.facts
        return Quality(
            format=commonest_format(file.path for file in facts.audio_files),
            bitrate_kbps=facts.bitrate_kbps or bitrate_of(facts.files, facts.duration_seconds),
            language=facts.language,
            narrators=facts.narrators,
            is_abridged=facts.is_abridged,
        )


def commonest_format(paths: Iterable[str]) -> str:
    """The suffix of most of these audio files, without its dot; empty for none."""
    counts = Counter(PurePosixPath(path).suffix.lower().lstrip(".") for path in paths)
    return counts.most_common(1)[0][0] if counts else ""


def bitrate_of(files: Iterable[FileFacts], seconds: float | None) -> int | None:
    """kbit/s from sizes and duration, where no file says it."""
    size = sum(file.size_bytes for file in files if file.kind is FileKind.AUDIO)
    return round(size * 8 / seconds / 1000) or None if seconds else None


def check_arrival(arrived: Arrived, expected: Expected) -> list[Check]:
    """All checks, in the order in which a person would make them."""
    return [
        _readable(arrived),
        _finished(arrived),
        _harmless(arrived),
        _not_unpacking(arrived),
        *_beside_the_shelf(arrived, expected),
        _audio(arrived),
        _one_book(arrived),
        _parts(arrived),
        _decodes(arrived),
        _no_sample(arrived, expected),
        _duration(arrived, expected),
        _same_book(arrived, expected),
        _language(arrived, expected),
        _narrator(arrived, expected),
        _abridged(arrived, expected),
    ]


def _readable(arrived: Arrived) -> Check:
    names = " ".join(arrived.unreadable[:3])
    return Check("readable", not names, names or "All files can be read.")


def compared(arrived: Arrived, expected: Expected) -> Comparison:
    """What came beside what is on the shelf."""
    return compare(arrived.quality, expected.held, expected.profile)


# How each verdict stands to the checks `owned` and `downgrade`: what a person can do about it.
_IN_THE_WAY = {
    Verdict.SAME: "Nothing is overwritten. Import anyway to replace it; the old files go to the recycle bin.",
    Verdict.NOT_ALLOWED: "Import anyway to replace it; the old files go to the recycle bin.",
    Verdict.OUT_OF_REACH: "Give its library a local path, or import anyway to have it beside.",
}


def _beside_the_shelf(arrived: Arrived, expected: Expected) -> list[Check]:
    """Whether it is there already, and whether what came is worse: two questions, so that a person who wants it
    replaced is still told that it would be by something worse."""
    comparison = compared(arrived, expected)
    verdict, reason = comparison.verdict, comparison.reason
    if verdict is Verdict.WORSE:
        words = f"{reason} Import anyway to replace it all the same; the old files go to the recycle bin."
        return [Check("owned", True, "It is on the shelf, see below."), Check("downgrade", False, words)]
    if verdict in _IN_THE_WAY:
        words = f"It is on the shelf already: {reason} {_IN_THE_WAY[verdict]}"
        return [Check("owned", False, words), Check("downgrade", True, "It is not worse than what you have.")]
    return [Check("owned", True, reason), Check("downgrade", True, "It is not worse than what you have.")]


def _not_unpacking(arrived: Arrived) -> Check:
    if not arrived.unpacking:
        return Check("unpacking", True, "Nobody is still writing to it.")
    names = ", ".join(arrived.unpacking[:3])
    words = f"Something still unpacks or writes there: {names}. It is looked at again until that is done."
    return Check("unpacking", False, words)


def _finished(arrived: Arrived) -> Check:
    names = ", ".join(arrived.unfinished[:3])
    return Check(
        "finished",
        not arrived.unfinished,
        f"Files are still on their way: {names}." if names else "All files are finished.",
    )


def _harmless(arrived: Arrived) -> Check:
    """Whoever puts a program beside a book means no good: certainly the release's fault."""
    programs = list(arrived.programs)
    return Check(
        "harmless",
        not programs,
        programs_sentence(programs) if programs else "It holds no programs.",
        is_fault=bool(programs),
    )


def _audio(arrived: Arrived) -> Check:
    if arrived.facts.audio_files:
        return Check("audio", True, f"{len(arrived.facts.audio_files)} audio files.")
    if arrived.archives:
        names = ", ".join(arrived.archives[:3])
        return Check("audio", False, f"It came packed ({names}). Unpack it in its folder, then import again.")
    return Check("audio", False, "There is no audio in it.", is_fault=arrived.is_whole)


def _one_book(arrived: Arrived) -> Check:
    if arrived.book_count <= 1:
        return Check("one_book", True, "The files are one book.")
    return Check("one_book", False, f"It holds {arrived.book_count} books. Import by hand what you want of it.")


def _parts(arrived: Arrived) -> Check:
    faults = [problem.message for problem in arrived.facts.problems if problem.code in UNFINISHED]
    return Check("parts", not faults, " ".join(faults) or "No part is missing.")


def _decodes(arrived: Arrived) -> Check:
    if not arrived.decode_faults:
        return Check("decodes", True, "The sound can be decoded.")
    return Check("decodes", False, " ".join(arrived.decode_faults[:3]), is_fault=arrived.is_whole)


def _no_sample(arrived: Arrived, expected: Expected) -> Check:
    """Far too short for every recording that is known is certainly not the book."""
    seconds = arrived.facts.duration_seconds or 0
    shortest = min(expected.runtimes_seconds, default=0)
    if 0 < seconds < SAMPLE_SHARE * shortest:
        words = f"Only {_clock(seconds)} of sound, and the book is {_clock(shortest)} long: a sample, not the book."
        return Check("sample", False, words, is_fault=arrived.is_whole)
    if arrived.facts.audio_files and seconds < SHORTEST_BOOK_SECONDS:
        return Check("sample", False, f"Only {seconds:.0f} seconds of sound: a sample, or cut off.")
    return Check("sample", True, "Long enough to be a book.")


def _duration(arrived: Arrived, expected: Expected) -> Check:
    """Against the nearest known recording. Shops add a few seconds of their own, so long books get some slack."""
    seconds = arrived.facts.duration_seconds
    if not expected.runtimes_seconds:
        return Check("duration", True, "No runtime is known to compare with.")
    if not seconds:
        return Check("duration", False, "Its duration cannot be told.")
    nearest = min(expected.runtimes_seconds, key=lambda runtime: abs(runtime - seconds))
    allowed = max(expected.tolerance * nearest, min(SLACK_SECONDS, 0.1 * nearest))
    if abs(seconds - nearest) <= allowed:
        return Check("duration", True, f"{_clock(seconds)}, as the catalogue says.")
    words = f"{_clock(seconds)} long, and the catalogue says {_clock(nearest)}"
    if seconds > 1.8 * nearest:
        return Check("duration", False, f"{words}: is it there twice, or another book?")
    return Check("duration", False, f"{words}: abridged, incomplete, or another recording?")


def _same_book(arrived: Arrived, expected: Expected) -> Check:
    """Only what the files themselves state counts, not the folder's name; two contradictions are certain."""
    facts = arrived.facts
    said_title = facts.title if facts.sources.get("title") in STATED else ""
    said_authors = facts.authors if facts.sources.get("authors") in STATED else ()
    author = expected.authors[0] if expected.authors else ""
    title_differs = bool(said_title) and not same_work(said_title, expected.title, author=author)
    author_differs = bool(said_authors and expected.authors) and not any_same_person(said_authors, expected.authors)
    if title_differs and author_differs:
        words = f"Its tags say “{said_title}” by {', '.join(said_authors)}, and “{expected.title}” was wanted."
        return Check("same_book", False, words, is_fault=True)
    if title_differs:
        return Check("same_book", False, f"Its tags say “{said_title}”, and “{expected.title}” was wanted.")
    return Check("same_book", True, "The tags do not contradict." if said_title else "It has no tags to compare.")


def _language(arrived: Arrived, expected: Expected) -> Check:
    code = language_code(arrived.facts.language)
    if code and expected.languages and code not in expected.languages:
        wanted = ", ".join(language_name(language) for language in expected.languages)
        return Check("language", False, f"It is in {language_name(code)}, and wanted in {wanted}.")
    return Check("language", True, "The language does not contradict.")


def _narrator(arrived: Arrived, expected: Expected) -> Check:
    """What the files state against what the release promised; the grab was for that voice."""
    facts = arrived.facts
    said = facts.narrators if facts.sources.get("narrators") in STATED else ()
    vague = any(name.casefold() in _ANYBODY for name in (*said, *expected.narrators))
    if not said or not expected.narrators or vague or any_same_person(said, expected.narrators):
        return Check("narrator", True, "The narrator does not contradict.")
    promised = ", ".join(expected.narrators[:3])
    return Check("narrator", False, f"It is read by {', '.join(said[:3])}, and the release promised {promised}.")


def _abridged(arrived: Arrived, expected: Expected) -> Check:
    if arrived.facts.is_abridged and not expected.accepts_abridged:
        return Check("abridged", False, "It says that it is abridged, and you want it whole.")
    return Check("abridged", True, "It does not say that it is abridged.")


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def failed(checks: Sequence[Check], overruled: Sequence[str] = ()) -> list[Check]:
    """The checks that stand in the way; a person can overrule any but those where there is nothing to file."""
    accepted = set(overruled) - NEVER_OVERRULED
    return [check for check in checks if not check.ok and check.code not in accepted]
