"""A shelf and providers on loopback for the tests of metadata."""

import datetime
from typing import Any

from library.domain.titles import title_key
from library.models import Author, Book, BookAuthor, BookNarrator, Narrator, ProviderState
from library.services.providers import ensure_providers
from library.tests.fake_providers import FakeProviders
from scheduling.models import Run
from scheduling.services.runs import execute_run, request_run

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


def use_provider(server: FakeProviders, *names: str) -> None:
    """Only these providers are enabled, and they are at the fake server."""
    ensure_providers()
    ProviderState.objects.update(is_enabled=False)
    for name in names:
        settings: dict[str, Any] = {"base_url": server.base(name), "min_interval": 0}
        ProviderState.objects.filter(name=name).update(is_enabled=True, settings=settings)


def make_book(title: str, author: str = "L. Frank Baum", *, narrators: tuple[str, ...] = (), **values: Any) -> Book:
    values.setdefault("is_owned", True)
    values.setdefault("import_source", "library")
    book = Book.objects.create(title=title, title_key=title_key(title), **values)
    row, _ = Author.objects.get_or_create(name=author, defaults={"name_key": author.casefold().replace(".", "")})
    BookAuthor.objects.create(book=book, author=row)
    for name in narrators:
        voice, _ = Narrator.objects.get_or_create(name=name, defaults={"name_key": name.casefold()})
        BookNarrator.objects.create(book=book, narrator=voice)
    return book


def do_job(job: str, **params: Any) -> Run:
    run = request_run(job=job, params=params, send=lambda run_id: None)
    done = execute_run(run.pk)
    assert done is not None
    return done
