"""Readers of library roots: what the clients give, in the shape that the shelf takes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from django.utils import timezone

from config.errors import ExternalAPIError, Unavailable, ValidationError
from library.clients.audiobookshelf.client import AudiobookshelfClient
from library.clients.audiobookshelf.shapes import SeenItem
from library.clients.folders.reader import FolderReader, SeenCopy
from library.domain.facts import CopyFacts, Problem
from library.models import Audiobookshelf, LibraryRoot, RootKind
from library.services.shelf import LibraryReader, Unchanged

Report = Callable[[int, int | None], None]


@dataclass
class FolderSource:
    """A folder on disk."""

    path: str
    uses_item_ids: bool = field(default=False, init=False)

    def check(self) -> None:
        health = FolderReader(self.path).check()
        if not health.is_ok:
            raise Unavailable(health.message, service="folders", code=f"root_{health.code}")

    def read(self, known: Mapping[str, str], report: Report) -> Iterator[CopyFacts | Unchanged | Problem]:
        reader = FolderReader(self.path, known=known)
        for item in reader.read(on_progress=lambda count, path: report(count, None)):
            yield Unchanged(item.path) if isinstance(item, SeenCopy) else item


@dataclass
class AudiobookshelfSource:
    """One library of an Audiobookshelf server."""

    server: Audiobookshelf
    library_id: str
    uses_item_ids: bool = field(default=True, init=False)

    def check(self) -> None:
        client = open_audiobookshelf(self.server)
        try:
            client.status()
        except ExternalAPIError as error:
            record_contact(self.server, error)
            raise
        finally:
            client.close()

    def read(self, known: Mapping[str, str], report: Report) -> Iterator[CopyFacts | Unchanged | Problem]:
        client = open_audiobookshelf(self.server)
        stamps = {key: int(value) for key, value in known.items() if value.isdigit()}
        try:
            for item in client.iter_items(self.library_id, known=stamps, on_progress=report):
                if not isinstance(item, SeenItem):
                    yield item
                    continue
                if item.problem:
                    yield item.problem
                if not item.is_missing and item.item_id in known:
                    yield Unchanged(item.item_id)
        except ExternalAPIError as error:
            record_contact(self.server, error)
            raise
        finally:
            client.close()
        record_contact(self.server, None)


def open_reader(root: LibraryRoot) -> LibraryReader:
    """The reader of a root."""
    if root.kind == RootKind.AUDIOBOOKSHELF:
        if root.server is None:
            raise ValidationError(f"{root.name} is an Audiobookshelf library, and no server is chosen for it.")
        return AudiobookshelfSource(root.server, root.abs_library_id)
    return FolderSource(root.path)


def open_audiobookshelf(server: Audiobookshelf) -> AudiobookshelfClient:
    """The client of a server row; new tokens are kept as soon as they come, since the old ones stop working."""

    def keep(access: str, refresh: str) -> None:
        Audiobookshelf.objects.filter(pk=server.pk).update(refresh_token=refresh)

    return AudiobookshelfClient(
        server.url,
        token=server.token,
        refresh_token=server.refresh_token,
        username=server.username,
        password=server.password,
        on_tokens=keep,
    )


def record_contact(server: Audiobookshelf, error: ExternalAPIError | None) -> None:
    """How the last contact went, for people to see."""
    now = timezone.now()
    values = (
        {"last_error": error.message[:500], "last_error_at": now} if error else {"last_ok_at": now, "last_error": ""}
    )
    Audiobookshelf.objects.filter(pk=server.pk).update(**values)


def connect_audiobookshelf(server: Audiobookshelf) -> list[LibraryRoot]:
    """Ask a server which libraries it has, and make a root of each that is not one yet."""
    client = open_audiobookshelf(server)
    try:
        health = client.check()
    except ExternalAPIError as error:
        record_contact(server, error)
        raise
    finally:
        client.close()
    record_contact(server, None)
    Audiobookshelf.objects.filter(pk=server.pk).update(version=health.version[:40])
    roots = []
    for library in health.libraries:
        name = (
            library.name
            if not LibraryRoot.objects.filter(name=library.name).exists()
            else f"{server.name}: {library.name}"
        )
        root, _ = LibraryRoot.objects.get_or_create(
            server=server,
            abs_library_id=library.id,
            kind=RootKind.AUDIOBOOKSHELF,
            defaults={"name": name[:200], "remote_path": library.folders[0] if library.folders else ""},
        )
        roots.append(root)
    return roots
