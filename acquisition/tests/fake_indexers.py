"""A fake Torznab indexer, as Prowlarr would serve it; also a script for trials against real download clients.

    python -m acquisition.tests.fake_indexers --port 9117 --dir TORRENTS [--api-key KEY] [--audio ITEMS]

serves every .torrent of a folder as a release (its title is the file's name), and, with --audio, a fake Internet
Archive with LibriVox's API on the same port (see `fake_archive`).
"""

import argparse
import html
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from acquisition.domain.bencode import encode
from acquisition.domain.torrents import parse_torrent
from acquisition.tests.fake_archive import ArchivePages, items_below
from acquisition.tests.fake_http import FakeServer, Reply, Seen

PUBLISHED = "Sat, 14 Mar 2015 17:10:42 -0400"
XML = "application/xml; charset=utf-8"


def make_torrent(
    name: str = "Book",
    files: dict[str, bytes] | None = None,
    *,
    piece_bytes: int = 16384,
    private: bool = False,
    announce: str = "",
    web_seed: str = "",
) -> bytes:
    """A true v1 torrent of these contents; one file under the torrent's own name when `files` is None."""
    from hashlib import sha1

    contents = files if files is not None else {"": name.encode() * 100}
    stream = b"".join(contents.values())
    pieces = b"".join(sha1(stream[i : i + piece_bytes]).digest() for i in range(0, len(stream), piece_bytes))
    info: dict[str, object] = {"name": name, "piece length": piece_bytes, "pieces": pieces}
    if files is None:
        info["length"] = len(stream)
    else:
        info["files"] = [{"length": len(body), "path": path.split("/")} for path, body in files.items()]
    if private:
        info["private"] = 1
    document: dict[str, object] = {"info": info}
    if announce:
        document["announce"] = announce
    if web_seed:
        document["url-list"] = web_seed
    return encode(document)


@dataclass
class FakeItem:
    """A release on offer. `torrent` are the bytes behind its link; `magnet` answers with a redirect instead."""

    title: str
    torrent: bytes = b""
    magnet: str = ""
    redirect: str = ""
    size: int = 1000
    seeders: int = 5
    attributes: dict[str, str] = field(default_factory=dict)
    enclosure_type: str = "application/x-bittorrent"
    enclosure_url: str = ""


class FakeTorznab(FakeServer):
    """Speaks caps, search, book and download. `book_params` are what it claims to search by."""

    def __init__(
        self,
        items: list[FakeItem] | None = None,
        *,
        port: int = 0,
        api_key: str = "",
        book_params: str = "q,author,title",
        page_size: int = 100,
        folder: Path | None = None,
        honours_offset: bool = True,
    ) -> None:
        super().__init__(port=port)
        self.items = items or []
        self.api_key, self.book_params, self.page_size = api_key, book_params, page_size
        self.folder, self.honours_offset = folder, honours_offset
        self.error: tuple[int, str] | None = None

    def offers(self) -> list[FakeItem]:
        """The set items, and the torrents that lie in the folder now."""
        paths = sorted(self.folder.glob("*.torrent")) if self.folder else []
        return [*self.items, *(_item_of(path) for path in paths)]

    def answer(self, request: Seen) -> Reply:
        if self.api_key and request.first("apikey") != self.api_key:
            return _error(100, "Invalid API Key", 401)
        if self.error:
            return _error(*self.error, 200)
        if request.path.startswith("/dl/"):
            return self._download(request)
        if not request.path.endswith("/api"):
            return super().answer(request)
        function = request.first("t")
        if function == "caps":
            return self._caps()
        return self._results(request) if function in ("search", "book") else _error(202, "No such function", 200)

    def _caps(self) -> Reply:
        available = "yes" if self.book_params else "no"
        return Reply(
            f"""<?xml version="1.0" encoding="UTF-8"?><caps><server title="Fake"/>
            <limits default="{self.page_size}" max="{self.page_size}"/><searching>
            <search available="yes" supportedParams="q"/>
            <book-search available="{available}" supportedParams="{self.book_params}"/></searching>
            <categories><category id="3000" name="Audio"><subcat id="3030" name="Audio/Audiobook"/></category>
            </categories></caps>""".encode(),
            kind=XML,
        )

    def _results(self, request: Seen) -> Reply:
        supported = self.book_params.split(",") if request.first("t") == "book" else ["q"]
        words = " ".join(request.first(name) for name in supported if name).casefold().split()
        found = [
            (index, item)
            for index, item in enumerate(self.offers())
            if all(word in item.title.casefold() for word in words)
        ]
        start = int(request.first("offset", "0")) if self.honours_offset else 0
        size = min(self.page_size, int(request.first("limit", "100")))
        items = "".join(self._item(index, item) for index, item in found[start : start + size])
        return Reply(
            f"""<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
            xmlns:torznab="http://torznab.com/schemas/2015/feed"><channel><title>Fake</title>{items}</channel></rss>
            """.encode(),
            kind=XML,
        )

    def _item(self, index: int, item: FakeItem) -> str:
        key = f"apikey={self.api_key}&" if self.api_key else ""
        link = item.enclosure_url or f"{self.url}/dl/{index}?{key}file={quote(item.title)}"
        attributes = {"category": "3030", "seeders": str(item.seeders), "peers": str(item.seeders + 2)}
        listed = "".join(
            f'<torznab:attr name="{html.escape(name)}" value="{html.escape(value)}"/>'
            for name, value in {**attributes, **item.attributes}.items()
        )
        return f"""<item><title>{html.escape(item.title)}</title><guid>fake-{html.escape(item.title)}</guid>
            <link>{html.escape(link)}</link><comments>{self.url}/details/{index}</comments>
            <pubDate>{PUBLISHED}</pubDate><size>{item.size}</size><category>3030</category>
            <enclosure url="{html.escape(link)}" length="{item.size}" type="{item.enclosure_type}"/>{listed}</item>"""

    def _download(self, request: Seen) -> Reply:
        offers = self.offers()
        index = int(request.path.rpartition("/")[2].removesuffix(".torrent"))
        if index >= len(offers):
            return _error(300, "No such item", 404)
        item = offers[index]
        if item.magnet or item.redirect:
            return Reply(b"", 301, "", {"Location": item.magnet or item.redirect})
        return Reply(item.torrent, kind="application/x-bittorrent")


def _item_of(path: Path) -> FakeItem:
    data = path.read_bytes()
    return FakeItem(path.stem, torrent=data, size=parse_torrent(data).size_bytes, seeders=3)


def _error(code: int, words: str, status: int) -> Reply:
    return Reply(f'<?xml version="1.0"?><error code="{code}" description="{words}"/>'.encode(), status, XML)


class FakeIndexers(FakeTorznab):
    """The Torznab indexer, and the archive with LibriVox, on one port."""

    def __init__(self, items: list[FakeItem] | None = None, **options: Any) -> None:
        super().__init__(items, **options)
        self.archive = ArchivePages()

    def answer(self, request: Seen) -> Reply:
        return self.archive.answer(request, self.url) or super().answer(request)


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake indexer for trials.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, default=None, help="a folder of .torrent files")
    parser.add_argument("--api-key", default="")
    parser.add_argument("--audio", type=Path, default=None, help="a folder of folders of audio files")
    options = parser.parse_args()
    server = FakeIndexers(port=options.port, api_key=options.api_key, folder=options.dir)
    if options.audio:
        server.archive.items = items_below(options.audio)
    with server:
        print(f"serving on {server.url}/api", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
