"""Which of a provider's records are certainly about a book, and about the recording of it that is on the shelf."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from library.domain.evidence import WorkFacts
from library.domain.facts import CatalogueBook
from library.domain.holdings import HeldFacts
from library.domain.languages import language_code
from library.domain.matching import MatchIndex, Outcome
from library.domain.people import any_same_person, parse_people, person_key
from library.domain.works import title_key

RUNTIME_AGREES = 0.03
RUNTIME_FAR_OFF = 0.4


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """The record of a provider that is certainly this book, and whether it is the same recording, with the reasons."""

    record: CatalogueBook
    is_same_recording: bool
    reasons: tuple[str, ...]


def choose_record(held: HeldFacts, records: Iterable[CatalogueBook]) -> FoundRecord | None:
    """The record of the book, when it is certain which; None otherwise. Records in another language are left out."""
    usable = [one for one in records if _language_fits(held, one)]
    groups: dict[tuple[str, str], list[CatalogueBook]] = {}
    for one in usable:
        groups.setdefault((title_key(one.title), _first_author(one)), []).append(one)
    works = [_work(number, members) for number, members in enumerate(groups.values())]
    index = MatchIndex(works)
    match = index.match(held)
    if match.outcome is not Outcome.CERTAIN:
        # Which work it is does not depend on who reads it; only a very different length speaks against the work.
        match = index.match(replace(held, runtime_seconds=None, narrators=()))
    if match.outcome is not Outcome.CERTAIN or match.work_id is None:
        return None
    members = [one for one in list(groups.values())[int(match.work_id)] if not _is_far_off(held, one)]
    if not members:
        return None
    same = [one for one in members if is_same_recording(held, one)]
    return FoundRecord((same or members)[0], bool(same), match.reasons)


def is_same_recording(held: HeldFacts, record: CatalogueBook) -> bool:
    """By an identifier; else nothing may contradict, and runtime or narrator must agree where the book has one."""
    mine = {(scheme.casefold(), value.upper()) for scheme, value in held.identifiers}
    if mine & {(one.scheme.casefold(), one.value.upper()) for one in record.identifiers}:
        return True
    runtime = _runtime_agrees(held, record)
    voices = _narrators_agree(held, record)
    if runtime is False or voices is False:
        return False
    knows_nothing = not held.runtime_seconds and not held.narrators
    return bool(runtime or voices) or knows_nothing


def _runtime_agrees(held: HeldFacts, record: CatalogueBook) -> bool | None:
    if not held.runtime_seconds or not record.runtime_seconds:
        return None
    return abs(held.runtime_seconds - record.runtime_seconds) <= RUNTIME_AGREES * record.runtime_seconds


def _is_far_off(held: HeldFacts, record: CatalogueBook) -> bool:
    """So different in length that one of the two is an excerpt, an abridgement or a collection."""
    if not held.runtime_seconds or not record.runtime_seconds:
        return False
    return abs(held.runtime_seconds - record.runtime_seconds) > RUNTIME_FAR_OFF * record.runtime_seconds


def _narrators_agree(held: HeldFacts, record: CatalogueBook) -> bool | None:
    if not held.narrators or not record.narrators:
        return None
    mine = tuple(person for name in held.narrators for person in parse_people(name))
    theirs = tuple(person for name in record.narrators for person in parse_people(name))
    return any_same_person(mine, theirs)


def _language_fits(held: HeldFacts, record: CatalogueBook) -> bool:
    theirs = language_code(record.language)
    return not held.language or not theirs or theirs == held.language


def _first_author(record: CatalogueBook) -> str:
    return person_key(record.authors[0]) if record.authors else ""


def _work(number: int, members: Sequence[CatalogueBook]) -> WorkFacts:
    first = members[0]
    return WorkFacts(
        work_id=number,
        title=first.title,
        authors=first.authors,
        series=tuple(dict.fromkeys(place for one in members for place in one.series)),
        identifiers=frozenset((i.scheme, i.value) for one in members for i in one.identifiers),
        narrators=tuple(dict.fromkeys(name for one in members for name in one.narrators)),
        runtimes_seconds=tuple(one.runtime_seconds for one in members if one.runtime_seconds),
        years=tuple(one.published_year for one in members if one.published_year),
        languages=tuple(dict.fromkeys(code for one in members if (code := language_code(one.language)))),
    )


def offered_values(record: CatalogueBook) -> dict[str, Any]:
    """A record's words by the fields of a book, as plain values."""
    codes = {scheme: _first_code(record, scheme) for scheme in ("asin", "isbn")}
    return {
        "title": record.title,
        "subtitle": record.subtitle,
        "authors": list(record.authors),
        "narrators": list(record.narrators),
        "description": record.description.strip(),
        "language": language_code(record.language),
        "publisher": record.publisher,
        "published_year": record.published_year,
        "release_date": record.release_date.isoformat() if record.release_date else None,
        "duration_seconds": record.runtime_seconds,
        "genres": list(record.genres),
        "cover_url": record.cover_url,
        **codes,
    }


def _first_code(record: CatalogueBook, scheme: str) -> str:
    return next((one.value for one in record.identifiers if one.scheme == scheme), "")
