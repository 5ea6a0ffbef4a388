"""Every code with which an import stops is in the table, has a sentence, and is produced here by a real import."""

import ast
import os
import resource
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings

from acquisition.domain.import_codes import IMPORT_CODES
from acquisition.models import Download, ImportRecord, ImportStatus
from acquisition.services import placing
from acquisition.services.importing import import_download
from acquisition.tests.factories import (
    SECONDS,
    arrived,
    make_book,
    make_client,
    make_context,
    make_indexer,
    make_release,
    make_root,
    make_sound,
)
from acquisition.tests.rar_files import LOCKED, NORMAL, make_rar
from acquisition.tests.services.test_importing import CASES, DISK
from library.models import Book, Copy, LibraryRoot
from library.services.settings import change_settings

BEGIN, END = "<!-- import codes: begin -->", "<!-- import codes: end -->"


@dataclass
class World:
    """A download that has come for a book; a scene spoils it."""

    folder: Path
    root: LibraryRoot
    book: Book
    patch: pytest.MonkeyPatch
    fields: dict[str, object] = field(default_factory=dict)
    books: list[Book] = field(default_factory=list)

    @property
    def sound(self) -> Path:
        return self.folder / "Ozma.mp3"

    def download(self) -> Download:
        return arrived(self.folder, *self.books, **self.fields)

    def staged(self) -> None:
        """As after a crash: the journal says that it was placed, and nothing is."""
        download = self.download()
        Download.objects.filter(pk=download.pk).update(status="importing")
        ImportRecord.objects.create(
            download=download, book=self.book, root=self.root, source_path=str(self.folder), target_path="a/b",
            staging_path=".unabridged/import-1", status=ImportStatus.PLACED,
        )  # fmt: skip


def _shelve(world: World, suffix: str) -> None:
    folder = world.folder.parent / "before"
    make_sound(folder / f"Ozma.{suffix}")
    import_download(download_id=arrived(folder, world.book).pk, run=make_context())


def _owned(world: World) -> None:
    _shelve(world, "mp3")


def _downgrade(world: World) -> None:
    _shelve(world, "m4b")


def _unpacking(world: World) -> None:
    make_sound(world.folder / "_UNPACK_Ozma" / "x.mp3", seconds=5)
    world.fields["status_at"] = "2026-01-01T00:00:00Z"


def _narrator(world: World) -> None:
    make_sound(world.sound, composer="Robert Bank")
    world.fields["release"] = make_release(make_indexer(), narrators=("Anna Reader",))


def _pack_files(world: World) -> None:
    world.fields["files"] = {world.book.pk: ["Ozma/other.mp3"]}


def _no_book(world: World) -> None:
    world.books.clear()


def _pack(world: World, body: bytes = b"x", name: str = "a.mp3") -> None:
    world.sound.unlink()
    with zipfile.ZipFile(world.folder / "ozma.zip", "w") as package:
        package.writestr(name, body)


def _archive_refused(world: World) -> None:
    _pack(world, name="../a.mp3")


def _archive_broken(world: World) -> None:
    _pack(world)
    (world.folder / "ozma.zip").write_bytes(b"PK nothing")


def _archive_locked(world: World) -> None:
    world.sound.unlink()
    make_rar(world.folder / "ozma.rar", {"a.mp3": b"x"}, extra=LOCKED)


def _archive_incomplete(world: World) -> None:
    world.sound.unlink()
    make_rar(world.folder / "ozma.part2.rar", {"a.mp3": b"x"})


def _archive_tool(world: World) -> None:
    world.sound.unlink()
    make_rar(world.folder / "ozma.rar", {"a.mp3": b"x"}, method=NORMAL)
    world.patch.setenv("PATH", str(world.folder))


def _bad_template(world: World) -> None:
    LibraryRoot.objects.update(naming_folder="{author}")


def _root_without_path(world: World) -> None:
    world.staged()
    LibraryRoot.objects.update(path="")


def _target_vanished(world: World) -> None:
    world.staged()


def _unreadable(world: World) -> None:
    world.staged()
    (Path(world.root.path) / "a" / "b").mkdir(parents=True)


def _source_is_link(world: World) -> None:
    """Between the look and the placing it becomes a link."""

    def swap(*_: object) -> None:
        moved = world.folder.parent / "moved.mp3"
        world.sound.rename(moved)
        world.sound.symlink_to(moved)

    world.patch.setattr(placing, "_check_room", swap)


def _file_too_large(world: World) -> None:
    change_settings(changes={"import.hardlink": "never"})
    real = placing._fill_staging

    def limited(*arguments: object) -> str:
        least, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
        try:
            return real(*arguments)  # type: ignore[arg-type]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))

    world.patch.setattr(placing, "_fill_staging", limited)


def _where(path: str, **mapping: str) -> Callable[[World], None]:
    """The client says that it lies there; `{tmp}` is the test's folder."""

    def scene(world: World) -> None:
        tmp = str(world.folder.parent)
        rows = [{"remote": "/remote", "local": mapping["local"].format(tmp=tmp)}] if mapping else []
        world.fields["client"] = make_client(path_mappings=rows)
        world.fields["content_path"] = path.format(tmp=tmp)
        (world.folder.parent / "empty").mkdir()

    return scene


def _root_unreadable(world: World) -> None:
    _where("/remote/Ozma/gone", local="{tmp}/mapped")(world)
    (world.folder.parent / "mapped").mkdir()
    real = os.listdir

    def listdir(path: object = ".") -> list[str]:
        if str(path).endswith("/mapped"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)  # type: ignore[call-overload,no-any-return]

    world.patch.setattr(os, "listdir", listdir)


SCENES: dict[str, Callable[[World], None]] = {
    "owned": _owned,
    "downgrade": _downgrade,
    "unpacking": _unpacking,
    "narrator": _narrator,
    "pack_files": _pack_files,
    "no_book": _no_book,
    "archive_refused": _archive_refused,
    "archive_broken": _archive_broken,
    "archive_locked": _archive_locked,
    "archive_incomplete": _archive_incomplete,
    "archive_tool": _archive_tool,
    "bad_template": _bad_template,
    "root_without_path": _root_without_path,
    "target_vanished": _target_vanished,
    "unreadable": _unreadable,
    "source_is_link": _source_is_link,
    "file_too_large": _file_too_large,
    "path_no_path": _where(""),
    "path_not_absolute": _where("downloads/Ozma"),
    "path_foreign_path": _where("C:\\downloads\\Ozma"),
    "path_no_mapping": _where("/container/downloads/Ozma"),
    "path_root_absent": _where("/remote/Ozma", local="{tmp}/nowhere"),
    "path_root_unreadable": _root_unreadable,
    "path_root_empty": _where("/remote/Ozma", local="{tmp}/empty"),
    "path_case_differs": _where("{tmp}/OZMA"),
    "path_not_there": _where("{tmp}/gone"),
}
# Those that the tests of the import produce, by files and by a disk that says no.
ELSEWHERE = {code for _, _, _, code, _ in CASES} | {code for _, code, _ in DISK if code != "path_"}


def test_every_code_of_the_table_is_produced() -> None:
    assert sorted(set(IMPORT_CODES) - set(SCENES) - ELSEWHERE) == []
    assert sorted((set(SCENES) | ELSEWHERE) - set(IMPORT_CODES)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("code", SCENES)
def test_an_import_stops_with_this_code_and_a_sentence(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_sound(tmp_path / "downloads" / "Ozma" / "Ozma.mp3").parent
    book = make_book(seconds=SECONDS)
    world = World(folder, make_root(tmp_path / "shelf"), book, monkeypatch, books=[book])
    with monkeypatch.context() as patch:
        world.patch = patch
        SCENES[code](world)
        before = Copy.objects.count()
        download = Download.objects.filter(status="importing").first() or _made(world)
        import_download(download_id=download.pk, run=make_context())
    download.refresh_from_db()
    assert (download.status, download.error_code) == ("blocked", code), download.error_message
    assert download.error_message.rstrip().endswith((".", "?")), download.error_message
    assert Copy.objects.count() == before


def _made(world: World) -> Download:
    download = world.download() if "content_path" not in world.fields else _elsewhere(world)
    if "status_at" in world.fields:
        Download.objects.filter(pk=download.pk).update(status="importing")
    return download


def _elsewhere(world: World) -> Download:
    path = world.fields.pop("content_path")
    download = world.download()
    Download.objects.filter(pk=download.pk).update(content_path=path)
    return download


# What these calls name is no reason for an import to stop: the journal, the clients' own states, what a person did.
NO_STOP = {"joined", "overruled", "undone", "name_taken", "illegal_transition", "client_busy", "already_running",
           "join_begun", "superseded", "import_blocked", "path_"}  # fmt: skip
ROOMS = ("placing", "filing", "importing", "locating", "recycling", "unpacking", "upgrading", "planning", "arriving")


def test_no_code_in_the_source_is_left_out_of_the_table() -> None:
    found = set()
    base = Path(settings.BASE_DIR) / "acquisition"
    files = [base / "services" / f"{name}.py" for name in ROOMS]
    for path in [*files, base / "domain" / "import_checks.py", base / "clients" / "packages.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                found |= _codes(node)
    assert sorted(found - set(IMPORT_CODES) - NO_STOP) == []
    assert {"duration", "archive_broken", "disk_full"} <= found, "the search itself works"


def _codes(call: ast.Call) -> set[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    if name in ("Check", "PackageError") and call.args:
        given.append(call.args[0])
    return {node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_documentation_has_the_table() -> None:
    text = (Path(settings.BASE_DIR) / "docs" / "reliability.md").read_text()
    table = text.partition(BEGIN)[2].partition(END)[0]
    rows = [f"| `{code}` | {sentence} |" for code, sentence in IMPORT_CODES.items()]
    assert table.strip() == "\n".join(["| Code | What it means, and what to do |", "|---|---|", *rows])
