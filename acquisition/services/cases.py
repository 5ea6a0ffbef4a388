"""Answers questions of judgement by the very functions that imports, searches and reports use."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from acquisition.domain.identity import WantedBook, is_release_of
from acquisition.domain.release_names import parse_release
from config.errors import ValidationError
from library.domain.book_files import group_books
from library.domain.facts import SeriesPlace
from library.domain.gaps import EntryFacts, SeriesFacts, find_series_gaps
from library.domain.holdings import HeldFacts
from library.domain.languages import language_alpha3
from library.domain.paths import parse_path
from library.domain.people import parse_people, same_person
from library.domain.titles import parse_title, same_work

Facts = dict[str, Any]


def _text(facts: Facts, name: str) -> str:
    value = facts.get(name)
    return "" if value is None else str(value)


def _known(**fields: Any) -> Facts:
    return {name: list(value) if isinstance(value, tuple) else value or None for name, value in fields.items()}


def _places(rows: Any) -> tuple[SeriesPlace, ...]:
    return tuple(SeriesPlace(_text(row, "name"), _text(row, "position")) for row in rows or ())


def answer_path(facts: Facts) -> Facts:
    path = parse_path(_text(facts, "path"), file=_text(facts, "file"))
    return _known(
        authors=path.authors, title=path.title, series=path.series, position=path.position, narrators=path.narrators,
        asin=path.asin,
    )  # fmt: skip


def answer_title(facts: Facts) -> Facts:
    parsed = parse_title(_text(facts, "title"), author=_text(facts, "author"))
    return _known(series=parsed.series, position=parsed.position, title=parsed.title)


def answer_release(facts: Facts) -> Facts:
    release = parse_release(_text(facts, "release"))
    return _known(
        title=release.title, authors=release.authors, language=language_alpha3(release.language), format=release.format,
        content=release.content,
    )  # fmt: skip


def answer_release_is(facts: Facts) -> Facts:
    author = _text(facts, "wanted_author")
    wanted = WantedBook(_text(facts, "wanted_title"), (author,) if author else (), _places(facts.get("wanted_series")))
    return {"match": is_release_of(_text(facts, "release"), wanted).matches}


def answer_same_work(facts: Facts) -> Facts:
    return {"same": same_work(_text(facts, "a"), _text(facts, "b"), author=_text(facts, "author"))}


def answer_people(facts: Facts) -> Facts:
    return {"people": list(parse_people(_text(facts, "names")))}


def answer_same_person(facts: Facts) -> Facts:
    return {"same": same_person(_text(facts, "a"), _text(facts, "b"))}


def answer_book_files(facts: Facts) -> Facts:
    files = [str(file) for file in facts.get("files") or ()]
    return {"books": len(group_books(_text(facts, "folder"), files))}


def _held(row: Facts) -> HeldFacts:
    series = (SeriesPlace(_text(row, "series"), _text(row, "position")),) if row.get("series") else ()
    author = _text(row, "author")
    return HeldFacts(_text(row, "title"), (author,) if author else (), series)


def answer_gaps(facts: Facts) -> Facts:
    entries = tuple(
        EntryFacts(number, _text(row, "title"), _text(row, "position"))
        for number, row in enumerate(facts.get("catalogue") or ())
    )
    authors = tuple(str(name) for name in facts.get("authors") or ())
    series = SeriesFacts("case", _text(facts, "series"), authors, entries)
    report = find_series_gaps(series, [_held(row) for row in facts.get("owned") or ()])
    return {"missing": list(report.missing_positions)}


ANSWERS: dict[str, Callable[[Facts], Facts]] = {
    "path": answer_path,
    "title": answer_title,
    "release": answer_release,
    "release_is": answer_release_is,
    "same_work": answer_same_work,
    "people": answer_people,
    "same_person": answer_same_person,
    "book_files": answer_book_files,
    "gaps": answer_gaps,
}


def answer_case(line: str, *, number: int) -> Facts:
    """The answer to one line: `{"id", "answer"}`. ValidationError names the line if it is not such a case."""
    try:
        case = json.loads(line)
    except ValueError as error:
        raise ValidationError(f"Line {number} is not JSON ({error}). Give one case per line.") from error
    if not isinstance(case, dict) or "id" not in case or "question" not in case:
        raise ValidationError(f'Line {number} is no case. Each needs "id", "question" and "input".')
    facts = case.get("input")
    answer = ANSWERS.get(str(case["question"]))
    if answer is None:
        return {"id": case["id"], "answer": None}
    if not isinstance(facts, dict):
        raise ValidationError(f'The "input" of line {number} is not an object.')
    return {"id": case["id"], "answer": answer(facts)}


def answer_cases(lines: Iterable[str]) -> Iterator[str]:
    """One line of JSON per case, in order; empty lines are passed over."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield json.dumps(answer_case(line, number=number), ensure_ascii=False)
