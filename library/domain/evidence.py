"""Evidence for and against a copy being a recording of a work, added up as log-odds; contradictions veto."""

import math
from dataclasses import dataclass

from library.domain.facts import SeriesPlace
from library.domain.holdings import BookId, HeldFacts
from library.domain.languages import language_name
from library.domain.people import any_same_person, parse_people
from library.domain.positions import parse_positions
from library.domain.text import fold
from library.domain.title_parsing import parse_title
from library.domain.works import judge_works, series_key

# Prior odds that a candidate found by a key is the right one, as a logarithm.
_PRIOR = -2.5
_VETO = -12.0


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """A work of the catalogue with what is known of its recordings. Identifiers are (scheme, value)."""

    work_id: BookId
    title: str
    authors: tuple[str, ...] = ()
    series: tuple[SeriesPlace, ...] = ()
    identifiers: frozenset[tuple[str, str]] = frozenset()
    narrators: tuple[str, ...] = ()
    runtimes_seconds: tuple[float, ...] = ()
    years: tuple[int, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """The probability 0 to 1, the sentences, and whether something forbids certainty whatever the score."""

    score: float
    reasons: tuple[str, ...]
    doubts: bool = False


@dataclass(slots=True)
class _Scale:
    total: float = _PRIOR
    reasons: tuple[str, ...] = ()
    doubts: bool = False

    def add(self, weight: float, reason: str) -> None:
        self.total += weight
        self.reasons = (*self.reasons, reason)

    def result(self) -> Evidence:
        return Evidence(1 / (1 + math.exp(-max(-60.0, min(60.0, self.total)))), self.reasons, self.doubts)


def _people(credits: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(person for credit in credits for person in parse_people(credit))


def _weigh_title(scale: _Scale, held: HeldFacts, work: WorkFacts, rarity: float) -> bool:
    author = work.authors[0] if work.authors else ""
    judgement = judge_works(*sorted((held.title, work.title)), author=author)
    if not judgement.same:
        scale.add(_VETO, judgement.reasons[0])
        return False
    sure = judgement.certainty >= 0.95
    scale.add((2.0 + 2.0 * rarity) * (1.0 if sure else 0.75), judgement.reasons[0])
    if not sure and len(fold(held.title).split()) < 2:
        scale.doubts = True
    return True


def _weigh_authors(scale: _Scale, held: HeldFacts, work: WorkFacts) -> None:
    mine, theirs = _people(held.authors), _people(work.authors)
    if not mine or not theirs:
        scale.doubts = True
        scale.add(0.0, "The author is not known.")
    elif any_same_person(mine, theirs):
        scale.add(3.7, "The author agrees.")
    else:
        scale.add(_VETO, f"The author differs: {mine[0]}, not {theirs[0]}.")


def _weigh_series(scale: _Scale, held: HeldFacts, work: WorkFacts) -> None:
    parsed = parse_title(held.title)
    places = [*held.series, *([SeriesPlace(parsed.series, parsed.position)] if parsed.series else [])]
    theirs = {series_key(p.name): parse_positions(p.position) for p in work.series}
    for place in places:
        mine, other = parse_positions(place.position), theirs.get(series_key(place.name))
        if other is None or not mine or not other:
            continue
        if mine == other:
            scale.add(2.0, f"The place in {place.name} agrees ({mine.label}).")
        else:
            scale.add(-3.0, f"The place in {place.name} differs: {mine.label}, not {other.label}.")
            scale.doubts = True
        return


def _weigh_runtime(scale: _Scale, held: HeldFacts, work: WorkFacts) -> None:
    if not held.runtime_seconds or not work.runtimes_seconds:
        return
    away = min(abs(held.runtime_seconds - known) / max(known, 1.0) for known in work.runtimes_seconds)
    if away <= 0.03:
        scale.add(2.0, "The runtime agrees within 3 %.")
    elif away <= 0.10:
        scale.add(0.5, f"The runtime is {away:.0%} off.")
    else:
        scale.add(-1.5 if away <= 0.4 else -3.0, f"The runtime is {away:.0%} off.")
        scale.doubts = scale.doubts or away > 0.4


def _weigh_rest(scale: _Scale, held: HeldFacts, work: WorkFacts) -> None:
    if held.narrators and work.narrators:
        if any_same_person(_people(held.narrators), _people(work.narrators)):
            scale.add(1.0, "The narrator agrees.")
        else:
            scale.add(-0.3, "The narrator is another.")
    if held.year and work.years and min(abs(held.year - year) for year in work.years) <= 1:
        scale.add(0.5, "The year agrees.")
    if held.language and work.languages and held.language not in work.languages:
        scale.add(-1.5, f"It is in {language_name(held.language)}, which no known recording is.")


def _shared_identifier(held: HeldFacts, work: WorkFacts) -> str:
    mine = {(scheme.casefold(), value.upper()) for scheme, value in held.identifiers}
    shared = mine & {(scheme.casefold(), value.upper()) for scheme, value in work.identifiers}
    return min(f"{scheme.upper()} {value}" for scheme, value in shared) if shared else ""


def weigh(held: HeldFacts, work: WorkFacts, *, rarity: float) -> Evidence:
    """How likely a copy is a recording of a work. `rarity` (0 to 1) is how telling the copy's title is.

    A shared identifier decides, unless title and author both speak against it: then a person must look.
    """
    scale = _Scale()
    agrees = _weigh_title(scale, held, work, rarity)
    _weigh_authors(scale, held, work)
    if identifier := _shared_identifier(held, work):
        contradicted = scale.total < _PRIOR
        scale = _Scale(
            5.0 if not contradicted else 1.5, (f"The identifier agrees ({identifier}).", *scale.reasons), contradicted
        )
        return scale.result()
    if agrees:
        _weigh_series(scale, held, work)
        _weigh_runtime(scale, held, work)
        _weigh_rest(scale, held, work)
    return scale.result()
