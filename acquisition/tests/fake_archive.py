"""A fake Internet Archive with LibriVox's API, which serves audio files from memory or from a folder.

A folder of a folder is an item, its name the identifier. `item.json` beside the audio may say more:
{"title", "author", "reader", "language", "librivox_id", "licence", "collection"}.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from acquisition.tests.fake_http import FakeServer, Files, Reply, Seen, json_reply

FORMATS = (
    ("_128kb.mp3", "128Kbps MP3"),
    ("_64kb.mp3", "64Kbps MP3"),
    (".mp3", "VBR MP3"),
    (".m4b", "LibriVox Apple Audiobook"),
    (".ogg", "Ogg Vorbis"),
    (".torrent", "Archive BitTorrent"),
    (".jpg", "JPEG"),
)
PAGES = ("/advancedsearch.php", "/metadata/", "/download/", "/nodes/", "/api/feed/")


@dataclass
class ArchiveItem:
    """An item. `lengths` are the texts that the archive writes, per file; `extra` goes into each file's row."""

    identifier: str
    title: str = "Emma"
    author: str = "Jane Austen"
    readers: tuple[str, ...] = ("Sherry Crowther",)
    language: str = "English"
    librivox_id: str = "2345"
    licence: str = "http://creativecommons.org/publicdomain/mark/1.0/"
    collection: tuple[str, ...] = ("librivoxaudio", "audio_bookspoetry")
    description: str = "LibriVox recording of Emma by Jane Austen. Read in English by Sherry Crowther."
    files: dict[str, bytes] = field(default_factory=dict)
    lengths: dict[str, str] = field(default_factory=dict)
    extra: dict[str, dict[str, Any]] = field(default_factory=dict)
    section_count: int | None = None
    total_seconds: int | None = None
    is_dark: bool = False

    def rows(self) -> list[dict[str, Any]]:
        return [self._row(name, body) for name, body in self.files.items()]

    def _row(self, name: str, body: bytes) -> dict[str, Any]:
        row: dict[str, Any] = {
            "name": name,
            "format": next((form for ending, form in FORMATS if name.endswith(ending)), "Metadata"),
            "source": "original",
            "size": str(len(body)),
            "md5": hashlib.md5(body).hexdigest(),
            "sha1": hashlib.sha1(body).hexdigest(),
        }
        if name in self.lengths:
            row["length"] = self.lengths[name]
        return {**row, **self.extra.get(name, {})}


class ArchivePages:
    """The pages of both services; `librivox_books_as_object` is a shape that was seen in the wild."""

    def __init__(self, items: list[ArchiveItem] | None = None) -> None:
        self.items = items or []
        self.librivox_books_as_object = False

    def answer(self, request: Seen, base: str) -> Reply | None:
        """The answer, or None for a path of another service."""
        path = request.path
        if not path.startswith(PAGES):
            return None
        if path == "/advancedsearch.php":
            return self._search(request.first("q"), int(request.first("rows", "50")))
        if path.startswith("/metadata/"):
            return self._metadata(path.split("/")[2])
        if path.startswith("/download/"):
            return Reply(b"", 302, "", {"Location": quote(path.replace("/download/", "/nodes/1/", 1))})
        if path.startswith("/nodes/1/"):
            return self._file(request, *path.removeprefix("/nodes/1/").split("/", 1))
        return self._librivox(request) if path.startswith("/api/feed/audiobooks") else None

    def _search(self, query: str, rows: int) -> Reply:
        fields = dict(re.findall(r'(title|creator):\("?([^")]*)"?\)', query))
        broad = re.search(r" AND \(([^)]*)\)", query)
        found = [
            item
            for item in self.items
            if _has(item.title, fields.get("title", ""))
            and _has(item.author, fields.get("creator", ""))
            and _has(f"{item.title} {item.author}", broad.group(1) if broad else "")
        ]
        docs = [{"identifier": item.identifier, "title": item.title, "creator": [item.author]} for item in found[:rows]]
        return json_reply({"responseHeader": {"status": 0}, "response": {"numFound": len(found), "docs": docs}})

    def _metadata(self, identifier: str) -> Reply:
        item = next((item for item in self.items if item.identifier == identifier), None)
        if item is None:
            return json_reply({})
        if item.is_dark:
            return json_reply({"is_dark": True, "metadata": {"identifier": identifier}})
        return json_reply(
            {
                "files": item.rows(),
                "metadata": {
                    "identifier": identifier,
                    "title": item.title,
                    "creator": item.author,
                    "language": item.language,
                    "licenseurl": item.licence,
                    "collection": list(item.collection),
                    "call_number": item.librivox_id,
                    "description": item.description,
                    "publicdate": "2012-05-06 07:08:09",
                },
            }
        )

    def _file(self, request: Seen, identifier: str, name: str) -> Reply:
        item = next((item for item in self.items if item.identifier == identifier), None)
        if item is None or name not in item.files:
            return Reply(b"gone", 404, "text/plain")
        body = item.files[name]
        return Files.range_reply(request, body, f'"{hashlib.md5(body).hexdigest()}"', "audio/mpeg")

    def _librivox(self, request: Seen) -> Reply:
        author, title, book_id = (request.first(name) for name in ("author", "title", "id"))
        found = [
            item
            for item in self.items
            if item.librivox_id
            and (not author or item.author.rpartition(" ")[2].casefold() == author.casefold())
            and (not title or item.title.casefold().startswith(title.removeprefix("^").casefold()))
            and (not book_id or item.librivox_id == book_id)
        ]
        if not found:
            return json_reply({"error": "Audiobooks could not be found"}, 404)
        books: Any = [self._book(item) for item in found]
        return json_reply({"books": dict(enumerate(books)) if self.librivox_books_as_object else books})

    def _book(self, item: ArchiveItem) -> dict[str, Any]:
        first, _, last = item.author.rpartition(" ")
        sections = [
            {"section_number": str(place), "readers": [{"reader_id": str(place), "display_name": reader}]}
            for place, reader in enumerate(item.readers, 1)
        ]
        return {
            "id": item.librivox_id,
            "title": item.title,
            "language": item.language,
            "num_sections": str(item.section_count or len(sections)),
            "totaltimesecs": item.total_seconds or 3600,
            "authors": [{"id": "1", "first_name": first, "last_name": last}],
            "url_iarchive": f"https://www.archive.org/details/{item.identifier}",
            "sections": sections[::-1],
        }


def _has(text: str, words: str) -> bool:
    plain = re.sub(r"[^\w\s]", "", text).casefold()
    return all(word in plain for word in words.casefold().split())


class FakeArchive(FakeServer):
    """Both services on one port."""

    def __init__(self, items: list[ArchiveItem] | None = None, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.pages = ArchivePages(items)

    def answer(self, request: Seen) -> Reply:
        return self.pages.answer(request, self.url) or super().answer(request)


def items_below(folder: Path) -> list[ArchiveItem]:
    """An item for each folder of audio files."""
    return [_item(path) for path in sorted(folder.iterdir()) if path.is_dir()]


def _item(folder: Path) -> ArchiveItem:
    note = folder / "item.json"
    said = json.loads(note.read_text()) if note.exists() else {}
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != note]
    lengths = {path.relative_to(folder).as_posix(): _length(path) for path in paths}
    known = {name: length for name, length in lengths.items() if length}
    seconds = sum(float(length) for name, length in known.items() if not name.endswith(("_64kb.mp3", ".m4b")))
    reader = said.get("reader", "A Volunteer")
    return ArchiveItem(
        identifier=folder.name,
        title=said.get("title", folder.name.replace("_", " ")),
        author=said.get("author", "Unknown Author"),
        readers=(reader,),
        language=said.get("language", "English"),
        librivox_id=str(said.get("librivox_id", "")),
        licence=said.get("licence", ArchiveItem.licence),
        collection=tuple(said.get("collection", ("librivoxaudio",))),
        description=f"LibriVox recording. Read in English by {reader}.",
        files={path.relative_to(folder).as_posix(): path.read_bytes() for path in paths},
        lengths=known,
        total_seconds=round(seconds) or None,
    )


def _length(path: Path) -> str:
    """The length that is written in an audio file, as the archive would write it; empty for other files."""
    import mutagen

    try:
        audio = mutagen.File(path)
    except mutagen.MutagenError:
        return ""
    return f"{audio.info.length:.2f}" if audio is not None else ""
