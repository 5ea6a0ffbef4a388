"""Rows for tests, with the least that makes them real."""

import datetime
from typing import Any

import factory
from factory.django import DjangoModelFactory

from library.domain.facts import CatalogueBook, CopyFacts, FileFacts, FileKind, Identifier, SeriesPlace
from library.domain.people import person_key
from library.domain.titles import series_key, title_key
from library.models import (
    Author,
    Book,
    BookAuthor,
    Copy,
    Exclusion,
    LibraryRoot,
    MatchState,
    Recording,
    Series,
    SeriesEntry,
)
from library.services.placing import set_position


class AuthorFactory(DjangoModelFactory[Author]):
    class Meta:
        model = Author

    name = factory.Sequence(lambda n: f"Writer Number{n}")
    name_key = factory.LazyAttribute(lambda o: person_key(o.name))


class SeriesFactory(DjangoModelFactory[Series]):
    class Meta:
        model = Series

    name = factory.Sequence(lambda n: f"Saga{n}")
    name_key = factory.LazyAttribute(lambda o: series_key(o.name))
    author = factory.SubFactory(AuthorFactory)
    follow = "all"


class BookFactory(DjangoModelFactory[Book]):
    class Meta:
        model = Book
        skip_postgeneration_save = True

    title = factory.Sequence(lambda n: f"Volume {n} Unlike Others")
    title_key = factory.LazyAttribute(lambda o: title_key(o.title))
    import_source = "catalogue"

    @factory.post_generation
    def authors(self, create: bool, extracted: Any, **_: Any) -> None:
        for number, author in enumerate(extracted or ()):
            BookAuthor.objects.create(book=self, author=author, order=number)


class RecordingFactory(DjangoModelFactory[Recording]):
    class Meta:
        model = Recording

    book = factory.SubFactory(BookFactory)
    source = "audible"


class RootFactory(DjangoModelFactory[LibraryRoot]):
    class Meta:
        model = LibraryRoot

    name = factory.Sequence(lambda n: f"root {n}")
    path = factory.Sequence(lambda n: f"/nowhere/{n}")


class CopyFactory(DjangoModelFactory[Copy]):
    class Meta:
        model = Copy

    root = factory.SubFactory(RootFactory)
    path = factory.Sequence(lambda n: f"Somebody/Title {n}")
    title = factory.LazyAttribute(lambda o: o.book.title if o.book else o.path.rsplit("/", 1)[-1])
    book = factory.SubFactory(BookFactory, is_owned=True)
    match_state = MatchState.CERTAIN


class ExclusionFactory(DjangoModelFactory[Exclusion]):
    class Meta:
        model = Exclusion

    book = factory.SubFactory(BookFactory)


def place(
    series: Series, title: str, position: str, *, owned: bool = False, source: str = "audible", **book: Any
) -> Book:
    """A book of the series' author at a position, with a copy where it is owned."""
    row = BookFactory(title=title, is_owned=owned, authors=[series.author] if series.author else [], **book)
    entry = SeriesEntry(series=series, book=row, source=source)
    set_position(entry, position)
    entry.save()
    if owned:
        CopyFactory(book=row, authors=[series.author.name] if series.author else [])
    return row


def copy_facts(path: str, title: str = "", author: str = "Ada Writer", **said: Any) -> CopyFacts:
    """What a reader says of a folder with one file. `series` is text: `Oz 4`, or a tuple of SeriesPlace."""
    series = said.pop("series", ())
    if isinstance(series, str):
        name, _, position = series.rpartition(" ")
        series = (SeriesPlace(name or position, position if name else ""),)
    file = FileFacts(f"{path}/book.m4b", FileKind.AUDIO, said.pop("size", 1000 + len(path)), said.pop("changed", 1))
    said.setdefault("fingerprint", f"{path} {title} {file.mtime_ns}")
    return CopyFacts(
        path=path,
        title=title or path.rsplit("/", 1)[-1],
        authors=(author,) if author else (),
        series=series,
        files=(file,),
        size_bytes=file.size_bytes,
        **said,
    )


def catalogue_book(title: str, author: str = "Ada Writer", **said: Any) -> CatalogueBook:
    """What a provider says of a recording; its id is also an ASIN unless `identifiers` say otherwise."""
    provider_id = said.pop("provider_id", title_key(title).replace(" ", "-"))
    said.setdefault("identifiers", (Identifier("asin", f"B{abs(hash(provider_id)) % 10**9:09}", "us"),))
    return CatalogueBook(
        provider=said.pop("provider", "audible"), provider_id=provider_id, title=title, authors=(author,), **said
    )


NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
