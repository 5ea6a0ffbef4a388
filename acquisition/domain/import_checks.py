"""What is checked of a download before it is filed. Pure: facts in, checks out, each with a sentence.

A check that fails blocks the import until a person has looked, except where the release is certainly at fault: then
the download fails, the release is put on the blocklist, and the next best one is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from library.domain.facts import CopyFacts
from library.domain.languages import language_code, language_name
from library.domain.people import any_same_person
from library.domain.works import same_work

SHORTEST_BOOK_SECONDS = 60
SLACK_SECONDS = 180
STATED = ("tags", "metadata.json", "opf", "nfo")
UNFINISHED = ("missing_parts", "wrong_part_count", "duplicate_parts", "duplicate_encodings")


@dataclass(frozen=True, slots=True)
class Check:
    """`is_fault`: the release is at fault, whatever a person might say."""

    code: str
    ok: bool
    message: str
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """What was asked for. Runtimes in seconds, one per known recording."""

    title: str
    authors: tuple[str, ...]
    runtimes_seconds: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()
    tolerance: float = 0.03


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came: the facts as the reader gives them, faults of decoding, unfinished or packed files beside."""

    facts: CopyFacts
    decode_faults: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    book_count: int = 1


def check_arrival(arrived: Arrived, expected: Expected) -> list[Check]:
    """All checks, in the order in which a person would make them."""
    return [
        _finished(arrived),
        _audio(arrived),
        _one_book(arrived),
        _parts(arrived),
        _decodes(arrived),
        _no_sample(arrived),
        _duration(arrived, expected),
        _same_book(arrived, expected),
        _language(arrived, expected),
    ]


def _finished(arrived: Arrived) -> Check:
    names = ", ".join(arrived.unfinished[:3])
    return Check(
        "finished",
        not arrived.unfinished,
        f"Files are still on their way: {names}." if names else "All files are finished.",
    )


def _audio(arrived: Arrived) -> Check:
    if arrived.facts.audio_files:
        return Check("audio", True, f"{len(arrived.facts.audio_files)} audio files.")
    if arrived.archives:
        names = ", ".join(arrived.archives[:3])
        return Check("audio", False, f"It came packed ({names}). Unpack it in its folder, then import again.")
    return Check("audio", False, "There is no audio in it.", is_fault=True)


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
    return Check("decodes", False, " ".join(arrived.decode_faults[:3]), is_fault=True)


def _no_sample(arrived: Arrived) -> Check:
    seconds = arrived.facts.duration_seconds or 0
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


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def failed(checks: Sequence[Check], overruled: Sequence[str] = ()) -> list[Check]:
    """The checks that stand in the way; a person can overrule any but a certain fault of the release."""
    return [check for check in checks if not check.ok and check.code not in overruled]
