"""A small installation for the tests of the services around the main job."""

import datetime
from pathlib import Path
from typing import Any

from acquisition.models import ClientKind, DownloadClient, Indexer, IndexerKind
from library.domain.titles import title_key
from library.models import Author, Book, BookAuthor, Gap, LibraryRoot, ProviderState
from library.services.providers import ensure_providers
from library.services.settings import change_settings
from scheduling.models import Run
from scheduling.services.runs import execute_run, request_run

NOW = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.UTC)


def make_root(folder: Path, **values: Any) -> LibraryRoot:
    folder.mkdir(parents=True, exist_ok=True)
    return LibraryRoot.objects.create(name=folder.name, path=str(folder), **{"is_import_target": True, **values})


def make_client(kind: str = ClientKind.HTTP, **values: Any) -> DownloadClient:
    return DownloadClient.objects.create(**{"name": str(kind), "kind": kind, **values})


def make_indexer(url: str, **values: Any) -> Indexer:
    return Indexer.objects.create(**{"name": "torznab", "kind": IndexerKind.TORZNAB, "url": url, **values})


def only_embedded() -> None:
    ensure_providers()
    ProviderState.objects.exclude(name="embedded").update(is_enabled=False)


def make_wanted(title: str, author: str, **values: Any) -> Book:
    book = Book.objects.create(title=title, title_key=title_key(title), **values)
    row, _ = Author.objects.get_or_create(name=author, defaults={"name_key": author.casefold()})
    BookAuthor.objects.create(book=book, author=row)
    Gap.objects.create(
        book=book, author=row, entry_class="main", reason="missing", explanation="missing", counts=True,
        is_wanted=True, opened_at=NOW,
    )  # fmt: skip
    return book


def do_job(job: str, **params: Any) -> Run:
    run = request_run(job=job, params=params, send=lambda run_id: None)
    done = execute_run(run.pk)
    assert done is not None
    return done


def change(**values: Any) -> None:
    """Settings, with `__` for the dot."""
    change_settings(changes={key.replace("__", "."): value for key, value in values.items()})
