"""Whether a release is a recording of the wanted book. A wrong book is worse than none."""

import re
from dataclasses import dataclass
from functools import lru_cache

from acquisition.domain.release_names import ParsedRelease, parse_release
from library.domain.facts import SeriesPlace
from library.domain.people import any_same_person, parse_people, surname
from library.domain.positions import parse_positions
from library.domain.series_places import place_in_series
from library.domain.text import fold, fold_german, word_set
from library.domain.title_parsing import parse_title
from library.domain.title_words import BUNDLE
from library.domain.works import judge_works

_STOP = word_set(
    """
    the a an of and in on at to for by with from der die das des und le la les el los de du
    """
)
_FILLER = word_set(
    """
    novel book audiobook unabridged abridged edition series retail epub mobi audio ebook
    """
)


@dataclass(frozen=True, slots=True)
class WantedBook:
    """The book to find: its title, authors and every place it has in a series."""

    title: str
    authors: tuple[str, ...] = ()
    series: tuple[SeriesPlace, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """`matches`, how certain (0 to 1), and the reasons as sentences for people."""

    matches: bool
    certainty: float
    reasons: tuple[str, ...]


@lru_cache(maxsize=32768)
def _people(credit: str) -> tuple[str, ...]:
    return parse_people(credit)


def _author_verdict(said: tuple[str, ...], wanted: tuple[str, ...]) -> bool | None:
    """True or false if both sides name authors, else None."""
    if not said or not wanted:
        return None
    if any_same_person(said, wanted):
        return True
    families = {surname(name) for name in wanted}
    return any(fold(name) in families for name in said)  # "Clancy" alone for Tom Clancy


def _in_series(title: str, series: tuple[SeriesPlace, ...]) -> str:
    """The title without the name of a wanted series in front: `Mistborn: The Final Empire`."""
    for place in series:
        match = re.match(rf"^(?:the\s+)?{re.escape(place.name)}\s*(?:[\d.#]*\s*[:-])\s+(?=\S)", title, re.IGNORECASE)
        if match:
            return title[match.end() :]
    return title


def _places_clash(raw: str, wanted: WantedBook) -> str:
    """Why a place that the release names in a wanted series cannot be the wanted one, or empty text."""
    for place in wanted.series:
        positions, said = parse_positions(place.position), place_in_series(raw, (place.name,))
        if positions and said and not (positions.parts or said.parts or said.is_range) and positions != said:
            return f"It is {place.name} {said.label}, not {positions.label}."
    return ""


def _is_set(title: str, wanted: WantedBook) -> bool:
    return bool(BUNDLE.search(title)) != bool(BUNDLE.search(wanted.title)) or (
        parse_title(title).positions.is_range and not parse_title(wanted.title).positions.is_range
    )


def _judge_reading(title: str, author: str, wanted: WantedBook) -> Identity | None:
    """What one way of reading the release says; None if it does not speak of the wanted title."""
    wanted_people = tuple(person for credit in wanted.authors for person in _people(credit))
    verdict = _author_verdict(_people(author) if author else (), wanted_people)
    first_author = wanted_people[0] if wanted_people else ""
    options = {title, _in_series(title, wanted.series)}
    targets = {wanted.title, _in_series(wanted.title, wanted.series)}
    judged = [judge_works(*sorted((o, t)), author=first_author) for o in options for t in targets]
    best = max(judged, key=lambda judgement: (judgement.same, judgement.certainty))
    if not best.same:
        return None
    if verdict is False:
        return Identity(False, 0.95, ("The title agrees, the author does not.",))
    if _is_set(title, wanted):
        return Identity(False, 0.9, ("It is a set or part of one, not the book alone.",))
    if verdict is None and wanted_people and len(fold(wanted.title).split()) < 3:
        return Identity(False, 0.6, ("The title agrees, but it is short and no author is named.",))
    certainty = best.certainty if verdict else best.certainty * 0.8
    reasons = (*best.reasons, "The author agrees." if verdict else "No author is named.")
    return Identity(True, certainty, reasons)


def _bag_options(text: str) -> list[list[str]]:
    return [list(dict.fromkeys(fold(text).split())), list(dict.fromkeys(fold_german(text).split()))]


def _is_place_after(said: list[str], title: list[str], extra: list[str]) -> bool:
    """Whether what is left over is a series and number right behind the whole title (`… of.the.Wind.Tideland.1`)."""
    text, whole = " ".join(said), " ".join(title)
    tail = text.partition(whole)[2].split() if whole else []
    return len(title) >= 3 and 1 <= len(extra) <= 4 and extra[-1].isdigit() and extra == tail[-len(extra) :]


def _judge_words(raw: str, wanted: WantedBook) -> Identity | None:
    """Names without structure (`Saltmarsh.Night.Ash.epub`): every word must be title, author, series or filler."""
    wanted_people = tuple(person for credit in wanted.authors for person in _people(credit))
    families = {surname(person) for person in wanted_people} | {
        fold_german(p).split()[-1] for p in wanted_people if fold_german(p)
    }
    names = {word for person in wanted_people for text in (fold(person), fold_german(person)) for word in text.split()}
    series = {word for place in wanted.series for word in fold(place.name).split()}
    for said in _bag_options(raw):
        if wanted_people and not families & set(said):
            continue
        for wanted_words in _bag_options(parse_title(wanted.title).title):
            needed = [w for w in wanted_words if w not in _STOP and w not in names and w.removesuffix("s") not in names]
            rest = [w for w in said if w not in _STOP and w not in _FILLER]
            order = [w for w in rest if w in needed]
            extra = [w for w in rest if w not in needed and w not in names and w not in series]
            if (
                extra
                and _is_place_after(said, wanted_words, extra)
                and names & set(said) >= set(fold(wanted_people[0]).split())
            ):
                extra = []
            if needed and order == needed and not extra:
                return Identity(True, 0.8, ("Every word is of the title or the author.",))
    return None


def is_release_of(release: ParsedRelease | str, wanted: WantedBook) -> Identity:
    """Whether a release is (a recording of) the wanted book, how certain, and why.

    Title and author must agree; another volume, a part, a set or an adaptation is another thing.
    """
    parsed = parse_release(release) if isinstance(release, str) else release
    if reason := _places_clash(parsed.raw, wanted):
        return Identity(False, 0.97, (reason,))
    contradicted: Identity | None = None
    for title, author in parsed.readings:
        identity = _judge_reading(title, author, wanted)
        # Where one reading finds the title under another author, only the very title may do without an author.
        unsure = contradicted is not None and not author and identity is not None and identity.certainty < 0.76
        if identity and identity.matches and not unsure:
            return identity
        contradicted = contradicted or identity
    if contradicted:
        return contradicted
    if len(parsed.readings) == 1 and not parsed.authors and (identity := _judge_words(parsed.title, wanted)):
        return identity
    return Identity(False, 0.95, ("The title is another.",))
