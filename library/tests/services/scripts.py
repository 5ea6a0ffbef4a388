"""Doubles that do as a test says: a reader of a shelf, and a catalogue provider."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from config.errors import ExternalAPIError, Unavailable
from library.domain.facts import BookQuery, CatalogueBook, CatalogueSeries, CatalogueSeriesEntry, CopyFacts, Problem
from library.models import ProviderState
from library.services.providers import Asked
from library.services.shelf import Unchanged


@dataclass
class ScriptedReader:
    """A shelf in memory. `breaks_after` items it goes away; `problems` are said before the items."""

    items: list[CopyFacts] = field(default_factory=list)
    uses_item_ids: bool = False
    is_there: bool = True
    breaks_after: int | None = None
    problems: tuple[Problem, ...] = ()
    read_again: int = 0

    def check(self) -> None:
        if not self.is_there:
            raise Unavailable("The folder does not exist. Is its disk mounted?", service="folders")

    def read(
        self, known: Mapping[str, str], report: Callable[[int, int | None], None]
    ) -> Iterator[CopyFacts | Unchanged | Problem]:
        yield from self.problems
        for number, facts in enumerate(self.items):
            if number == self.breaks_after:
                raise Unavailable("The server went away.", service="audiobookshelf")
            report(number, len(self.items))
            key = facts.abs_item_id if self.uses_item_ids else facts.path
            if facts.fingerprint and known.get(key) == facts.fingerprint:
                yield Unchanged(key)
            else:
                self.read_again += 1
                yield facts


@dataclass
class ScriptedProvider:
    """A catalogue in memory; `fault` is raised by every call."""

    series: list[CatalogueSeries] = field(default_factory=list)
    books: list[CatalogueBook] = field(default_factory=list)
    fault: ExternalAPIError | None = None
    calls: list[str] = field(default_factory=list)
    name: str = "audible"
    capabilities: frozenset[str] = frozenset({"find_books", "find_series", "get_series", "find_author_books"})

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self.fault:
            raise self.fault

    def find_books(self, query: BookQuery) -> list[CatalogueBook]:
        self._called(f"books {query.title}")
        return [book for book in self.books if book.title == query.title]

    def find_series(self, name: str, *, author: str = "") -> list[CatalogueSeries]:
        self._called(f"series {name}")
        return list(self.series)

    def get_series(self, provider_id: str, *, region: str = "") -> CatalogueSeries | None:
        self._called(f"id {provider_id}")
        return next((row for row in self.series if row.provider_id == provider_id), None)

    def find_author_books(self, author: str) -> Iterable[CatalogueBook]:
        self._called(f"author {author}")
        return [book for book in self.books if author in book.authors]


def ask(provider: ScriptedProvider, **state: object) -> Asked:
    """The provider with its row in the database."""
    row, _ = ProviderState.objects.update_or_create(name=provider.name, defaults={"is_enabled": True, **state})
    return Asked(row, provider)


def listing(
    name: str, *books: tuple[str, CatalogueBook], provider_id: str = "", author: str = "Ada Writer"
) -> CatalogueSeries:
    """A provider's list of a series: (position, book) pairs."""
    return CatalogueSeries(
        provider="audible",
        provider_id=provider_id or f"series-{name.lower()}",
        name=name,
        authors=(author,),
        entries=tuple(CatalogueSeriesEntry(position, book) for position, book in books),
    )
