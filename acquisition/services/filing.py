"""Where a book is filed, and under which names."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from django.db.models import Prefetch

from acquisition.services.placing import SIDECARS, FileMove, PlacingError
from library.domain.facts import CopyFacts, FileKind, SeriesPlace
from library.domain.file_names import safe_component
from library.domain.naming import BookName, NamingTemplate, render_file, sidecar_metadata, template_for
from library.domain.opf import sidecar_opf
from library.models import Book, BookAuthor, BookNarrator, LibraryRoot, SeriesEntry
from library.services.resolving import chunks
from library.services.settings import get_setting

CARRIED = frozenset({FileKind.EBOOK, FileKind.IMAGE})
COMPANIONS_AT_MOST = 200


def import_root(book: Book) -> LibraryRoot:
    """Where a book is filed: the root that is marked for it, else the one that holds its author."""
    targets = LibraryRoot.objects.filter(is_enabled=True).exclude(path="")
    marked = targets.filter(is_import_target=True).first()
    near = targets.filter(copies__book__book_authors__author__in=book.authors.all()).first()
    root = marked or near or targets.first()
    if root is None:
        raise PlacingError(
            "There is no library root to file into. Add one, or give the Audiobookshelf root the local path of its "
            "folder.",
            code="no_root",
        )
    return root


def template_of(root: LibraryRoot) -> NamingTemplate:
    """The root's own template where it has one, else that of its preset. PlacingError for one that cannot work."""
    try:
        return template_for(root.naming_preset, root.naming_folder, root.naming_file)
    except ValueError as error:
        raise PlacingError(f"The naming of {root.name} cannot be used: {error}", code="bad_template") from error


def sidecars_of(book: Book) -> dict[str, bytes]:
    """The sidecar files of a book by name, as the setting wants them. Only folders that we make ourselves get them."""
    wanted, name = get_setting("import.sidecars"), book_name(book)
    found = {}
    if wanted in ("metadata.json", "both"):
        found["metadata.json"] = json.dumps(sidecar_metadata(name), ensure_ascii=False, indent=2).encode()
    if wanted in ("opf", "both"):
        found["metadata.opf"] = sidecar_opf(name).encode()
    return found


def book_name(book: Book, facts: CopyFacts | None = None) -> BookName:
    """What the names of a book's folder and files are made of: the catalogue's word, filled from what came."""
    name = book_names([book.pk])[book.pk]
    return filled(name, facts.narrators, facts.is_abridged) if facts else name


def filled(name: BookName, narrators: Sequence[str], is_abridged: bool | None) -> BookName:
    """With what a copy says where the catalogue is silent."""
    return replace(name, narrators=name.narrators or tuple(narrators), is_abridged=is_abridged)


def book_names(ids: Iterable[int]) -> dict[int, BookName]:
    """The names of many books, in a fixed number of queries for each few hundred."""
    found: dict[int, BookName] = {}
    for part in chunks(sorted(set(ids))):
        rows = Book.objects.filter(pk__in=part).prefetch_related(
            Prefetch("book_authors", BookAuthor.objects.order_by("order", "pk").select_related("author")),
            Prefetch("book_narrators", BookNarrator.objects.order_by("order", "pk").select_related("narrator")),
            Prefetch("series_entries", SeriesEntry.objects.order_by("-is_primary", "pk").select_related("series")),
        )
        found.update((book.pk, _name_of(book)) for book in rows)
    return found


def _name_of(book: Book) -> BookName:
    entries = book.series_entries.all()
    return BookName(
        title=book.title,
        subtitle=book.subtitle,
        authors=tuple(row.author.name for row in book.book_authors.all()),
        narrators=tuple(row.narrator.name for row in book.book_narrators.all()),
        series=tuple(SeriesPlace(entry.series.name, entry.positions or entry.label) for entry in entries),
        asin=book.asin,
        isbn=book.isbn,
        publisher=book.publisher,
        published_year=book.published_year,
        language=book.language,
        description=book.description,
        genres=tuple(book.genres),
    )


def free_folder(root: LibraryRoot, wanted: str) -> str:
    """A folder beside what is to be replaced: nothing is overwritten, so a name that is taken gets a number."""
    base = Path(root.path)
    names = [wanted, *(f"{wanted} ({number})" for number in range(2, 100))]
    return next((name for name in names if not (base / name).exists()), wanted)


def moves_of(base: Path, facts: CopyFacts, book: Book, template: NamingTemplate) -> list[FileMove]:
    """Audio files renamed in playing order; companions keep their names, numbered where two are alike."""
    audio = facts.audio_files
    name = book_name(book, facts)
    moves, taken = [], set(SIDECARS)
    for number, file in enumerate(audio, start=1):
        suffix = PurePosixPath(file.path).suffix
        target = render_file(name, suffix=suffix, part=number, part_count=len(audio), template=template)
        moves.append(FileMove(str(base / file.path), target, file.size_bytes))
        taken.add(target.casefold())
    companions = [file for file in facts.files if file.kind in CARRIED]
    for file in companions[:COMPANIONS_AT_MOST]:
        target = _companion_name(PurePosixPath(file.path), taken)
        taken.add(target.casefold())
        moves.append(FileMove(str(base / file.path), target, file.size_bytes))
    return moves


def _companion_name(path: PurePosixPath, taken: set[str]) -> str:
    safe = safe_component(path.name) or f"companion{path.suffix}"
    stem, suffix = PurePosixPath(safe).stem, PurePosixPath(safe).suffix
    names = (safe, *(f"{stem} ({number}){suffix}" for number in range(2, COMPANIONS_AT_MOST + 2)))
    return next(name for name in names if name.casefold() not in taken)
