"""The demonstration's source: a little server on loopback that speaks as the Internet Archive and LibriVox do.

It answers `advancedsearch.php`, `/metadata/ID`, `/download/ID/FILE` (with ranges) and LibriVox's `/api/feed/audiobooks`
from a folder of items: `ITEM/item.json` and audio files. Everything is real HTTP and real audio.
"""

import hashlib
import json
import re
import unicodedata
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

RANGE = re.compile(r"bytes=(\d+)-(\d*)$")
OPERATORS = re.compile(r"\b(AND|OR|NOT|collection|mediatype|title|creator|language|format|identifier)\b\s*:?|[^\w\s]")
NOISE = {"librivoxaudio", "audio", "eng", "english", "en", "of", "the", "a", "and"}


def words(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return set(re.findall(r"\w+", plain)) - NOISE


@lru_cache(maxsize=512)
def checksum(path: str, size: int) -> str:
    """SHA-1 of a file that does not change."""
    del size
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


class Items:
    """The items of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*/item.json"))]

    def get(self, identifier: str) -> dict[str, Any] | None:
        path = self.folder / identifier / "item.json"
        if "/" in identifier or identifier.startswith(".") or not path.is_file():
            return None
        return json.loads(path.read_text())

    def search(self, query: str) -> list[dict[str, Any]]:
        wanted = words(OPERATORS.sub(" ", query))
        return [
            item for item in self.all() if wanted <= words(f"{item['title']} {item['creator']} {item['identifier']}")
        ]

    def files(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        rows = []
        for number, path in enumerate(sorted((self.folder / item["identifier"]).glob("*.mp3")), start=1):
            size = path.stat().st_size
            rows.append(
                {
                    "name": path.name,
                    "source": "original",
                    "format": "128Kbps MP3",
                    "size": str(size),
                    "sha1": checksum(str(path), size),
                    "length": str(item["lengths"][number - 1]),
                    "track": str(number),
                    "title": path.stem,
                    "album": item["title"],
                    "creator": item["creator"],
                }
            )
        return rows


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    items: Items

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = unquote(parts.path)
        if path == "/advancedsearch.php":
            self.search(query)
        elif path.startswith("/metadata/"):
            self.metadata(path.removeprefix("/metadata/").split("/")[0])
        elif path.startswith("/download/"):
            self.download(path.removeprefix("/download/"))
        elif path.rstrip("/") == "/api/feed/audiobooks":
            self.librivox(query)
        else:
            self.answer({"error": "not found"}, HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 (the base class names it so)

    def search(self, query: dict[str, str]) -> None:
        found = self.items.search(query.get("q", ""))
        docs = [
            {
                "identifier": item["identifier"],
                "title": item["title"],
                "creator": item["creator"],
                "language": ["eng"],
                "collection": ["librivoxaudio"],
                "format": ["128Kbps MP3", "Metadata"],
                "downloads": 1000,
                "publicdate": "2010-01-01T00:00:00Z",
                "item_size": sum(int(file["size"]) for file in self.items.files(item)),
            }
            for item in found
        ]
        self.answer({"responseHeader": {"status": 0}, "response": {"numFound": len(docs), "start": 0, "docs": docs}})

    def metadata(self, identifier: str) -> None:
        item = self.items.get(identifier)
        if item is None:
            self.answer({})
            return
        files = self.items.files(item)
        metadata = {
            "identifier": identifier,
            "title": item["title"],
            "creator": item["creator"],
            "mediatype": "audio",
            "collection": ["librivoxaudio", "audio_bookspoetry"],
            "language": "eng",
            "licenseurl": "http://creativecommons.org/publicdomain/mark/1.0/",
            "description": f"LibriVox recording of {item['title']}. Read in English by {item['reader']}.",
            "publicdate": "2010-01-01 00:00:00",
        }
        size = sum(int(file["size"]) for file in files)
        self.answer({"metadata": metadata, "files": files, "files_count": len(files), "item_size": size})

    def librivox(self, query: dict[str, str]) -> None:
        title = query.get("title", "").lstrip("^")
        author = query.get("author", "").lstrip("^")
        found = [
            item
            for item in self.items.all()
            if words(title) <= words(item["title"]) and words(author) <= words(item["creator"])
        ]
        if not found:
            self.answer({"error": "Audiobooks could not be found"}, HTTPStatus.NOT_FOUND)
            return
        self.answer({"books": [self.librivox_book(item) for item in found]})

    def librivox_book(self, item: dict[str, Any]) -> dict[str, Any]:
        first, _, last = item["creator"].rpartition(" ")
        base = f"http://{self.headers.get('Host', '127.0.0.1')}"
        return {
            "id": str(abs(hash(item["identifier"])) % 100_000),
            "title": item["title"],
            "language": "English",
            "num_sections": str(len(item["lengths"])),
            "totaltimesecs": round(sum(item["lengths"])),
            "authors": [{"id": "1", "first_name": first, "last_name": last}],
            "url_iarchive": f"{base}/details/{quote(item['identifier'])}",
            "sections": [
                {
                    "section_number": str(n),
                    "title": f"Part {n}",
                    "readers": [{"reader_id": "1", "display_name": item["reader"]}],
                }
                for n in range(1, len(item["lengths"]) + 1)
            ],
        }

    def download(self, path: str) -> None:
        identifier, _, name = path.partition("/")
        place = self.items.folder / identifier / name
        if "/" in name or identifier.startswith(".") or name.startswith(".") or not place.is_file():
            self.answer({"error": "not found"}, HTTPStatus.NOT_FOUND)
            return
        size = place.stat().st_size
        asked = RANGE.match(self.headers.get("Range", ""))
        start = int(asked[1]) if asked else 0
        end = min(int(asked[2]), size - 1) if asked and asked[2] else size - 1
        if start >= size:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK)
        self.send_header("Content-Type", "audio/mpeg")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{checksum(str(place), size)}"')
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("Content-Length", str(end - start + 1))
        self.end_headers()
        if self.command == "HEAD":
            return
        with place.open("rb") as file:
            file.seek(start)
            left = end - start + 1
            while left > 0 and (piece := file.read(min(left, 65536))):
                self.wfile.write(piece)
                left -= len(piece)

    def answer(self, body: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def make_server(folder: Path, *, port: int = 0) -> ThreadingHTTPServer:
    """A server over a folder of items; `server_port` says where it listens when `port` is 0."""
    handler = type("DemoHandler", (Handler,), {"items": Items(folder)})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    return server
