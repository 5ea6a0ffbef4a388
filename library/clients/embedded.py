"""The catalogue of public-domain audiobooks that ships with the product: no network, no account.

Facts: LibriVox recordings and series curated from them (docs/catalogue.md). A recording's provider id is its Internet
Archive identifier, a series' is its slug. `raw["work"]` is one key for all recordings of a work, translations of the
same series entry included. A work that has no recording here appears only inside its series: a book without identifiers
whose provider id is `series/position`. Parts of an entry that was recorded in parts stand beside it with kind `part`.
"""

import gzip
import hashlib
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from config.errors import Malformed, Unavailable
from library.catalogue.folding import fold, fold_name, fold_title, title_tokens
from library.catalogue.people import is_by, names_of
from library.domain.facts import (
    BookKind,
    BookQuery,
    CatalogueBook,
    CatalogueSeries,
    CatalogueSeriesEntry,
    Identifier,
    SeriesPlace,
)

NAME = "embedded"
DATA_FOLDER = Path(__file__).resolve().parent.parent / "catalogue"
RECORDINGS_FILE = "librivox.jsonl.gz"
SERIES_FILE = "series.json.gz"
MAX_FOUND = 50

_Row = Mapping[str, Any]
_BOOK_KINDS = {kind.value: kind for kind in BookKind}
_SERIES_NOISE = frozenset({"series", "saga", "trilogy", "cycle", "books", "novels", "mysteries"})
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]")
_PEOPLE_SEPARATOR = re.compile(r"\s*(?:;|&|\band\b)\s*")


class EmbeddedCatalogue:
    """`CatalogueProvider` over the shipped data, loaded once per process at its first use.

    Raises Unavailable when the data is not installed and Malformed when it is damaged.
    """

    name = NAME
    capabilities = frozenset({"find_books", "find_series", "get_series", "find_author_books"})

    def __init__(self, folder: Path = DATA_FOLDER) -> None:
        self._folder = folder

    @property
    def version(self) -> str:
        """A short hash of the data: another value means other facts."""
        return self._data.version

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        """Recordings with one of the identifiers (archive, librivox), else those whose title and author agree.

        The closest title comes first, then plain readings before dramatised and abridged ones. At most 50.
        """
        found = self._data.by_identifier(query.identifiers)
        return found or self._data.search(query)[:MAX_FOUND]

    def find_series(self, name: str, *, author: str = "") -> list[CatalogueSeries]:
        """Series with this name or alias, or else those whose name contains it."""
        return self._data.search_series(name, author)

    def get_series(self, provider_id: str, *, region: str = "") -> CatalogueSeries | None:
        return self._data.series.get(provider_id)

    def find_author_books(self, author: str) -> list[CatalogueBook]:
        return self._data.books_by(author)

    def iter_books(self) -> Iterator[CatalogueBook]:
        return iter(self._data.books.values())

    def iter_series(self) -> Iterator[CatalogueSeries]:
        return iter(self._data.series.values())

    @property
    def _data(self) -> "_Data":
        return _load(self._folder)


@lru_cache(maxsize=4)
def _load(folder: Path) -> "_Data":
    digest = hashlib.sha256()
    recordings = _read_rows(folder / RECORDINGS_FILE, digest)
    series = _read_rows(folder / SERIES_FILE, digest)
    try:
        return _Data(recordings, series, digest.hexdigest()[:16])
    except (KeyError, TypeError, AttributeError) as problem:
        raise _damaged(folder) from problem


def _read_rows(path: Path, digest: "hashlib._Hash") -> list[dict[str, Any]]:
    try:
        packed = path.read_bytes()
    except OSError as problem:
        raise Unavailable(
            f"The embedded catalogue is not installed: {path.name} cannot be read. Install Unabridged again.",
            service=NAME,
            permanent=True,
        ) from problem
    digest.update(packed)
    try:
        lines = gzip.decompress(packed).decode().strip("\n").replace("\n", ",")
        return json.loads(f"[{lines}]")  # type: ignore[no-any-return]
    except (OSError, EOFError, ValueError, zlib.error) as problem:
        raise _damaged(path) from problem


def _damaged(path: Path) -> Malformed:
    return Malformed(f"The embedded catalogue is damaged ({path.name}). Install Unabridged again.", service=NAME)


class _Data:
    """All books and series in memory, with the indexes that the searches need."""

    def __init__(self, recordings: list[dict[str, Any]], series: list[dict[str, Any]], version: str) -> None:
        self.version = version
        entries = _entries_of_recordings(series)
        works = _shared_works(recordings, series)
        self.books = {row["id"]: _book(row, entries.get(row["id"], ()), works) for row in recordings}
        self.series = {row["id"]: _series(row, self.books) for row in series}
        self._alternative_titles = {
            book_id: {entry["title"] for _, entry, _ in found if book_id in entry["recordings"]}
            for book_id, found in entries.items()
        }

    @cached_property
    def _by_slug(self) -> dict[str, CatalogueBook]:
        slugs = ((identifier.value, book) for book in self.books.values() for identifier in book.identifiers[1:])
        return dict(slugs)

    @cached_property
    def _titles(self) -> dict[str, tuple[frozenset[str], ...]]:
        return {
            book_id: tuple(
                {title_tokens(title) for title in (book.title, *self._alternative_titles.get(book_id, ())) if title}
            )
            for book_id, book in self.books.items()
        }

    @cached_property
    def _by_token(self) -> dict[str, set[str]]:
        index: dict[str, set[str]] = defaultdict(set)
        for book_id, titles in self._titles.items():
            for token in frozenset().union(*titles):
                index[token].add(book_id)
        return index

    @cached_property
    def _by_name(self) -> dict[str, list[CatalogueBook]]:
        index: dict[str, list[CatalogueBook]] = defaultdict(list)
        for book in self.books.values():
            names = (name for author in book.authors for name in names_of(author))
            for word in {word for name in names for word in fold_name(name).split()}:
                index[word].append(book)
        return index

    @cached_property
    def _series_authors(self) -> dict[str, tuple[str, ...]]:
        """The authors of a series and of its books: an editor's series is found by each of its writers."""
        return {
            key: tuple(dict.fromkeys((*row.authors, *(name for entry in row.entries for name in entry.book.authors))))
            for key, row in self.series.items()
        }

    def by_identifier(self, identifiers: Iterable[Identifier]) -> list[CatalogueBook]:
        found: dict[str, CatalogueBook] = {}
        for identifier in identifiers:
            index = {"archive": self.books, "librivox": self._by_slug}.get(identifier.scheme, {})
            if book := index.get(identifier.value):
                found[book.provider_id] = book
        return list(found.values())

    def search(self, query: BookQuery) -> list[CatalogueBook]:
        wanted = _readings_of(query.title)
        language = query.language.lower().partition("-")[0]
        candidates = set().union(*(self._by_token.get(token, set()) for tokens in wanted for token in tokens))
        ranked: list[tuple[float, tuple[int, ...], str]] = []
        for book_id in candidates:
            book = self.books[book_id]
            likeness = max(_likeness(tokens, title) for tokens in wanted for title in self._titles[book_id])
            if likeness and (not language or book.language == language) and _written_by(book.authors, query.author):
                ranked.append((-likeness, _plainness(book), book_id))
        return [self.books[book_id] for _, _, book_id in sorted(ranked)]

    def search_series(self, name: str, author: str) -> list[CatalogueSeries]:
        wanted = _series_key(name)
        if not wanted:
            return []
        by_author = [row for row in self.series.values() if _written_by(self._series_authors[row.provider_id], author)]
        named = [row for row in by_author if any(_series_key(label) == wanted for label in (row.name, *row.aliases))]
        tokens = title_tokens(wanted)
        return named or [row for row in by_author if tokens <= title_tokens(" ".join((row.name, *row.aliases)))]

    def books_by(self, author: str) -> list[CatalogueBook]:
        words = fold_name(author).split()
        if not words:
            return []
        return [book for book in self._by_name.get(words[-1], []) if _written_by(book.authors, author)]


def _readings_of(title: str) -> set[frozenset[str]]:
    """The words of a title as it stands, without what is in brackets (`(Unabridged)`), and without a subtitle."""
    bare = _BRACKETS.sub(" ", title)
    return {tokens for text in (title, bare, bare.partition(":")[0]) if (tokens := title_tokens(text))}


def _likeness(wanted: frozenset[str], title: frozenset[str]) -> float:
    """Shared words over all words; 0 unless one title holds the other whole or most words agree."""
    shared = len(wanted & title)
    likeness = shared / len(wanted | title)
    contained = shared == len(wanted) or (shared == len(title) and shared > 1)
    return likeness if contained or likeness >= 0.6 else 0.0


def _plainness(book: CatalogueBook) -> tuple[int, ...]:
    """Smaller is the more usual choice: whole, read plainly, by one reader, the first version."""
    readers = int(book.raw.get("readers", 0))
    return (
        book.is_abridged is not False,
        bool(book.is_dramatised),
        book.language != "en",
        readers != 1,
        int(book.raw.get("version", 1)),
    )


def _written_by(authors: tuple[str, ...], wanted: str) -> bool:
    if not wanted.strip():
        return True
    names = [wanted, *(part for part in _PEOPLE_SEPARATOR.split(wanted) if part)]
    return any(is_by(authors, name) for name in names)


def _series_key(name: str) -> str:
    words = fold_title(name).split()
    return " ".join(word for word in words if word not in _SERIES_NOISE) or " ".join(words)


_Place = tuple[_Row, _Row, bool]


def _entries_of_recordings(series: list[dict[str, Any]]) -> dict[str, list[_Place]]:
    """For each recording its (series, entry, is primary), primary places first."""
    places: dict[str, list[_Place]] = defaultdict(list)
    for row in series:
        for entry in row["entries"]:
            for recording in (*entry["recordings"], *entry.get("parts", ())):
                places[recording].append((row, entry, row.get("primary", True)))
    return {key: sorted(found, key=lambda place: not place[2]) for key, found in places.items()}


def _shared_works(recordings: list[dict[str, Any]], series: list[dict[str, Any]]) -> dict[str, str]:
    """Work keys, where recordings of one entry (a translation, another title) share the key of its first recording."""
    works: dict[str, str] = {row["id"]: row["work"] for row in recordings}
    renamed: dict[str, str] = {}

    def current(work: str) -> str:
        while work in renamed:
            work = renamed[work]
        return work

    for row in series:
        for entry in row["entries"]:
            keys = [current(works[recording]) for recording in entry["recordings"]]
            renamed.update((key, keys[0]) for key in keys if key != keys[0])
    return {recording: current(work) for recording, work in works.items()}


def _book(row: dict[str, Any], places: Iterable[_Place], works: Mapping[str, str]) -> CatalogueBook:
    entries = [entry for _, entry, _ in places]
    years = [int(entry["year"]) for entry in entries if "year" in entry]
    readers = row.get("readers", 0)
    identifiers = [Identifier("archive", row["id"])]
    if "slug" in row:
        identifiers.append(Identifier("librivox", row["slug"]))
    return CatalogueBook(
        provider=NAME,
        provider_id=row["id"],
        title=row["title"],
        authors=tuple(row["authors"]),
        narrators=(row["reader"],) if readers == 1 and "reader" in row else ("LibriVox Volunteers",) if readers else (),
        series=tuple(SeriesPlace(series["name"], entry["position"]) for series, entry, _ in places),
        kind=_kind(row, entries),
        language=row["language"],
        is_abridged=None if "doubtful_length" in row else bool(row.get("abridged")),
        is_dramatised=bool(row.get("dramatised")),
        publisher="LibriVox",
        published_year=years[0] if years else None,
        runtime_seconds=row.get("runtime"),
        identifiers=tuple(identifiers),
        genres=(row["genre"],) if "genre" in row else (),
        raw=row | {"work": works[row["id"]]},
    )


def _kind(row: _Row, entries: list[_Row]) -> BookKind | None:
    """What the curated entry says; a volume of a larger work stands on its own place, so it has no special kind."""
    if not entries:
        return BookKind.COLLECTION if row.get("collection") else None
    entry = entries[0]
    return BookKind.PART if row["id"] in entry.get("parts", ()) else _BOOK_KINDS.get(entry.get("kind", "novel"))


def _series(row: dict[str, Any], books: Mapping[str, CatalogueBook]) -> CatalogueSeries:
    entries = [
        CatalogueSeriesEntry(entry["position"], book, book.series[0].name == row["name"] if book.series else True)
        for entry in row["entries"]
        for book in (
            *([books[recording] for recording in entry["recordings"]] or [_unrecorded(row, entry)]),
            *(books[part] for part in entry.get("parts", ())),
        )
    ]
    return CatalogueSeries(
        provider=NAME,
        provider_id=row["id"],
        name=row["name"],
        authors=tuple(row["authors"]),
        aliases=tuple(row.get("aliases", ())),
        entries=tuple(entries),
        universe=row.get("universe", ""),
        raw=row,
    )


def _unrecorded(row: _Row, entry: _Row) -> CatalogueBook:
    label = entry["position"] or fold(entry["title"]).replace(" ", "-")
    return CatalogueBook(
        provider=NAME,
        provider_id=f"{row['id']}/{label}",
        title=entry["title"],
        authors=tuple(entry.get("authors") or row["authors"]),
        series=(SeriesPlace(row["name"], entry["position"]),),
        kind=_BOOK_KINDS.get(entry.get("kind", "novel")),
        published_year=entry.get("year"),
        raw={"work": f"{row['id']}/{label}"} | dict(entry),
    )
