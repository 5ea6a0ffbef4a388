"""Setting up the demonstration: shelf, source, indexer, downloader; and taking it away again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from acquisition.demo.audio import write_tone
from acquisition.models import ClientKind, Download, DownloadClient, Indexer, IndexerKind
from config.errors import ConflictError
from library.domain.facts import CatalogueBook, CatalogueSeries
from library.domain.naming import BookName, render_file, render_folder
from library.models import Book, LibraryRoot, RootKind
from library.services.providers import embedded_catalogue

NAME = "demo"
PART_SECONDS = 1800
# Series that are short to listen to, and the positions that the shelf does not have; all of them are at the source.
SERIES = (
    ("Raggedy Ann", "Johnny Gruelle", {"2"}),
    ("Green Meadow", "Thornton W. Burgess", {"2", "4"}),
    ("Caspak", "Edgar Rice Burroughs", {"2", "3"}),
)


def demo_folder() -> Path:
    return Path(settings.DATA_DIR) / "demo"


def set_up_demo(*, report: Callable[[str], None] = lambda line: None) -> LibraryRoot:
    """Make the demonstration's shelf and source, and the rows that point at them. Safe to repeat."""
    if LibraryRoot.objects.exclude(name=NAME).exists():
        raise ConflictError(
            "There is a library already; the demonstration is for an empty product. Use another UNABRIDGED_DATA_DIR."
        )
    shelf, source = demo_folder() / "shelf", demo_folder() / "source"
    for name, author, missing in SERIES:
        for series in embedded_catalogue().find_series(name, author=author)[:1]:
            _make_series(series, missing, shelf, source, report)
    url = f"http://127.0.0.1:{settings.DEMO_PORT}"
    Indexer.objects.update_or_create(
        name=NAME,
        defaults={
            "kind": IndexerKind.LIBRIVOX,
            "url": url,
            "priority": 1,
            "daily_budget": 2000,
            "settings": {"pause_seconds": 0},
        },
    )
    ensure_downloader()
    root, _ = LibraryRoot.objects.update_or_create(
        name=NAME, defaults={"kind": RootKind.FOLDER, "path": str(shelf), "is_import_target": True}
    )
    return root


def ensure_downloader() -> DownloadClient:
    """The built-in downloader's row; every installation has it."""
    client, _ = DownloadClient.objects.get_or_create(kind=ClientKind.HTTP, defaults={"name": "built-in"})
    return client


def _make_series(
    series: CatalogueSeries, missing: set[str], shelf: Path, source: Path, report: Callable[[str], None]
) -> None:
    done = set()
    for entry in series.entries:
        book = entry.book
        if not book.identifiers or not book.runtime_seconds or entry.position in done or "-" in entry.position:
            continue
        done.add(entry.position)
        report(f"{series.name} {entry.position}: {book.title}")
        if entry.position in missing:
            _make_item(source / book.provider_id, book)
        else:
            _make_copy(shelf, series, entry.position, book)


def _lengths(book: CatalogueBook) -> list[float]:
    seconds = book.runtime_seconds or 0
    count = max(1, round(seconds / PART_SECONDS))
    return [seconds / count] * count


def _tags(book: CatalogueBook, number: int, count: int) -> dict[str, str]:
    return {
        "album": book.title,
        "title": f"Part {number}" if count > 1 else book.title,
        "artist": ", ".join(book.authors),
        "narrator": ", ".join(book.narrators),
        "track": f"{number}/{count}",
        "language": "English",
    }


def _make_copy(shelf: Path, series: CatalogueSeries, position: str, book: CatalogueBook) -> None:
    from library.domain.facts import SeriesPlace

    name = BookName(book.title, authors=book.authors, series=(SeriesPlace(series.name, position),))
    folder, lengths = shelf / render_folder(name), _lengths(book)
    for number, seconds in enumerate(lengths, start=1):
        path = folder / render_file(name, suffix=".mp3", part=number, part_count=len(lengths))
        if not path.exists():
            write_tone(path, seconds=seconds, tags=_tags(book, number, len(lengths)))


def _make_item(folder: Path, book: CatalogueBook) -> None:
    lengths = _lengths(book)
    for number, seconds in enumerate(lengths, start=1):
        path = folder / f"{book.provider_id[:40]}_{number:02d}_128kb.mp3"
        if not path.exists():
            write_tone(path, seconds=seconds, tags=_tags(book, number, len(lengths)))
    item = {
        "identifier": book.provider_id,
        "title": book.title,
        "creator": ", ".join(book.authors),
        "reader": ", ".join(book.narrators) or "LibriVox Volunteers",
        "lengths": lengths,
    }
    (folder / "item.json").write_text(json.dumps(item))


def remove_demo() -> int:
    """Take the demonstration away: rows and files. Returns how many copies went."""
    root = LibraryRoot.objects.filter(name=NAME).first()
    count = root.copies.count() if root else 0
    if root:
        books = set(root.copies.values_list("book_id", flat=True))
        Download.objects.filter(source=NAME).delete()
        root.imports.all().delete()
        root.delete()
        Book.objects.filter(pk__in=books, copies=None).delete()
    Indexer.objects.filter(name=NAME).delete()
    shutil.rmtree(demo_folder(), ignore_errors=True)
    return count
