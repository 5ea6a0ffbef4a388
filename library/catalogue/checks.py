"""What must hold for the curated series. `find_problems` says in sentences what does not."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from library.catalogue.folding import fold, names_agree, title_tokens

KINDS = frozenset({"novel", "novella", "short", "collection", "omnibus", "part", "guide", "volume"})
SERIES_KEYS = frozenset({"id", "name", "authors", "aliases", "universe", "note", "primary", "holes", "entries"})
ENTRY_KEYS = frozenset(
    {"position", "title", "kind", "year", "authors", "recordings", "parts", "title_differs", "alternative"}
)

_POSITION = re.compile(r"(\d{1,4}(?:\.\d{1,2})?)(?:-(\d{1,4}(?:\.\d{1,2})?))?")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

_Row = Mapping[str, Any]


def parse_position(text: str) -> tuple[Decimal, Decimal] | None:
    """The first and last place of `2`, `2.5` or `1-3`; None for anything else."""
    found = _POSITION.fullmatch(text)
    if not found:
        return None
    first = Decimal(found[1])
    last = Decimal(found[2]) if found[2] else first
    return (first, last) if last >= first else None


def resembles(title: str, other: str) -> bool:
    """Half of the words of the shorter title are in the longer one (case, accents, articles and numerals aside)."""
    ours, theirs = title_tokens(title), title_tokens(other)
    shared = len(ours & theirs)
    return shared > 0 and 2 * shared >= min(len(ours), len(theirs))


def find_problems(series: Sequence[_Row], recordings: Mapping[str, _Row]) -> list[str]:
    problems = [f"{row.get('id', '?')}: {problem}" for row in series for problem in _check_series(row, recordings)]
    ids = Counter(str(row.get("id")) for row in series)
    names = Counter((fold(row["name"]), fold(author)) for row in series for author in row["authors"])
    problems += [f"{key}: two series have this id" for key, count in ids.items() if count > 1]
    problems += [
        f"{name}: two series of {author} have this name" for (name, author), count in names.items() if count > 1
    ]
    return problems


def _check_series(row: _Row, recordings: Mapping[str, _Row]) -> Iterator[str]:
    if unknown := set(row) - SERIES_KEYS:
        yield f"unknown keys {sorted(unknown)}"
    if not _ID.fullmatch(str(row.get("id", ""))):
        yield "the id is not a slug"
    if not row["authors"]:
        yield "no author"
    if len(row["entries"]) < 2:
        yield "fewer than two entries"
    for entry in row["entries"]:
        yield from (f"{entry['title']}: {problem}" for problem in _check_entry(row, entry, recordings))
    yield from _check_line(row)


def _check_entry(row: _Row, entry: _Row, recordings: Mapping[str, _Row]) -> Iterator[str]:
    if unknown := set(entry) - ENTRY_KEYS:
        yield f"unknown keys {sorted(unknown)}"
    kind = entry.get("kind", "novel")
    if kind not in KINDS:
        yield f"unknown kind {kind}"
    if entry["position"] and parse_position(entry["position"]) is None:
        yield f"position {entry['position']} is not a number or a range"
    if ("-" in entry["position"]) != (kind == "omnibus") and kind != "volume":
        yield "a range is an omnibus and an omnibus has a range"
    if not -800 <= entry.get("year", 1900) <= 2100:
        yield f"year {entry['year']} cannot be"
    ids = (*entry["recordings"], *entry.get("parts", ()))
    if stray := set(entry.get("title_differs", ())) - set(ids):
        yield f"title_differs names {sorted(stray)}, which are not its recordings"
    for key in ids:
        yield from _check_recording(row, entry, key, recordings.get(key))


def _check_recording(row: _Row, entry: _Row, key: str, recording: _Row | None) -> Iterator[str]:
    if recording is None:
        yield f"there is no recording {key}"
        return
    if key not in entry.get("title_differs", ()) and not resembles(entry["title"], recording["title"]):
        yield f'recording {key} is called "{recording["title"]}"'
    authors = entry.get("authors") or row["authors"]
    if not any(names_agree(one, other) for one in authors for other in recording["authors"]):
        yield f"recording {key} is by {recording['authors']}"


def _check_line(row: _Row) -> Iterator[str]:
    """No place taken twice, none left out without a word, no recording in two places."""
    entries = [entry for entry in row["entries"] if not entry.get("alternative")]
    singles = Counter(entry["position"] for entry in entries if entry["position"])
    yield from (f"position {position} is taken twice" for position, count in singles.items() if count > 1)
    used = Counter(key for entry in entries for key in (*entry["recordings"], *entry.get("parts", ())))
    yield from (f"recording {key} has two places" for key, count in used.items() if count > 1)
    covered = _whole_places(entry["position"] for entry in entries)
    holes = {int(hole) for hole in row.get("holes", {})}
    missing = set(range(1, max(covered, default=0) + 1)) - covered - holes
    if missing:
        yield f"no entry for {sorted(missing)}"
    if holes & covered:
        yield f"{sorted(holes & covered)} are holes and entries"


def _whole_places(positions: Iterable[str]) -> set[int]:
    places: set[int] = set()
    for position in positions:
        if parsed := parse_position(position):
            first, last = parsed
            places.update(place for place in range(int(first), int(last) + 1) if place >= first)
    return places
