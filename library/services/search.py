"""Ranked full-text search over title, subtitle, authors, series and narrators, by the database's own index."""

# ruff: noqa: S608 (only names of our own tables are put into statements; values are passed)

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from django.db import connection

from config.prepared import fetch_all
from library.domain.titles import title_key
from library.models.search_index import APOSTROPHES, CAPITALS, LETTERS, TABLE

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile("[\u0300-\u036f]")
_PLAIN = str.maketrans(LETTERS | CAPITALS | dict.fromkeys(APOSTROPHES, ""))
SHORTEST_PREFIX = 2
# Of title, subtitle, authors, series, narrators; the same order of importance as PostgreSQL's weights A to D.
SQLITE_WEIGHTS = "10.0, 1.0, 4.0, 6.0, 1.0"
POSTGRESQL_WEIGHTS = "{0.1, 0.4, 0.6, 1.0}"


@dataclass(frozen=True, slots=True)
class Hit:
    """`score`: higher is better; comparable within one search."""

    book_id: int
    score: float


@dataclass(frozen=True, slots=True)
class SearchPage:
    hits: list[Hit]
    total: int


def search_words(text: str) -> list[str]:
    """The words of a query as the index has them; all other marks are no syntax and fall away."""
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text.translate(_PLAIN)))
    folded = unicodedata.normalize("NFC", bare).lower().translate(_PLAIN)
    return _WORD.findall(folded)


def search_books(*, text: str, limit: int, offset: int = 0) -> SearchPage:
    """The best matches in which every word occurs; the last one may be unfinished. Archived books are left out.

    A title that is the query comes first, then by rank, then what is on the shelf.
    """
    words = search_words(text)
    if not words:
        return SearchPage([], 0)
    run = _postgresql if connection.vendor == "postgresql" else _sqlite
    return run(words, title_key(text)[:500], limit, offset)


def _sqlite(words: list[str], key: str, limit: int, offset: int) -> SearchPage:
    query = " ".join(f'"{word}"' for word in words) + ("*" if len(words[-1]) >= SHORTEST_PREFIX else "")
    found = (
        f"FROM {TABLE} JOIN library_book b ON b.id = {TABLE}.rowid WHERE {TABLE} MATCH %s AND b.status <> 'archived'"
    )
    # The rank is worked out in a query of its own: FTS5 gives none beside a window.
    ranked = (
        "SELECT f.id, f.score, count(*) OVER () FROM (SELECT b.id, b.title_key, b.is_owned, "
        f"-bm25({TABLE}, {SQLITE_WEIGHTS}) AS score {found}) f "
        "ORDER BY f.title_key = %s DESC, f.score DESC, f.is_owned DESC, f.id LIMIT %s OFFSET %s"
    )
    return _read(ranked, [query, key, limit, offset], f"SELECT count(*) {found}", [query], limit, offset)


def _postgresql(words: list[str], key: str, limit: int, offset: int) -> SearchPage:
    query = " & ".join(f"'{word}'" for word in words) + (":*" if len(words[-1]) >= SHORTEST_PREFIX else "")
    found = (
        f"FROM {TABLE} s JOIN library_book b ON b.id = s.book_id "
        "WHERE s.document @@ to_tsquery('simple', %s) AND b.status <> 'archived'"
    )
    ranked = (
        f"SELECT b.id, ts_rank('{POSTGRESQL_WEIGHTS}', s.document, to_tsquery('simple', %s)) AS score, "
        f"count(*) OVER () {found} "
        "ORDER BY b.title_key = %s DESC, score DESC, b.is_owned DESC, b.id LIMIT %s OFFSET %s"
    )
    params = [query, query, key, limit, offset]
    return _read(ranked, params, f"SELECT count(*) {found}", [query], limit, offset)


def _read(ranked: str, params: list[Any], counted: str, count_params: list[Any], limit: int, offset: int) -> SearchPage:
    """Ranking reads every match, so it counts them, too; only behind the last match they are counted by themselves."""
    found = fetch_all(ranked, params)
    hits = [Hit(pk, round(float(score), 6)) for pk, score, _ in found]
    if hits or not offset:
        return SearchPage(hits, found[0][2] if found else 0)
    return SearchPage([], fetch_all(counted, count_params)[0][0])
