"""LibriVox's catalogue API: which recordings exist, who reads them, where their files are.

Source: librivox.org/api/info and the catalogue's own code. All values are texts, an unknown author or title is a 404,
and `author` must be the exact last name.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from config.errors import Malformed
from config.http import Http

SERVICE = "LibriVox"
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,200}")
MANY_READERS = 8
VOLUNTEERS = "LibriVox Volunteers"


@dataclass(frozen=True, slots=True)
class LibrivoxBook:
    """A finished project of LibriVox. `identifier` is its item at the Internet Archive, `seconds` its whole length."""

    id: str
    title: str
    identifier: str
    authors: tuple[str, ...] = ()
    narrators: tuple[str, ...] = ()
    language: str = ""
    section_count: int | None = None
    seconds: int | None = None


def find_books(
    http: Http, *, author: str = "", title: str = "", book_id: str = "", limit: int = 20
) -> list[LibrivoxBook]:
    """The finished books whose author has exactly this last name and whose title starts so; or the one with the id.

    `http` has LibriVox as its base URL. Nothing found is an empty list.
    """
    wanted = {"id": book_id, "author": author, "title": f"^{title}" if title else ""}
    parameters = {name: value for name, value in wanted.items() if value}
    answer = http.get(
        "/api/feed/audiobooks",
        params={**parameters, "extended": "1", "format": "json", "limit": str(limit)},
        accept=(200, 404),
    )
    if answer.status == 404:
        return []
    found = (read_book(row) for row in _rows(answer.json()))
    return [book for book in found if book]


def _rows(document: Any) -> list[Mapping[str, Any]]:
    books = document.get("books") if isinstance(document, Mapping) else None
    if books is None and isinstance(document, Mapping) and "error" in document:
        return []
    rows = list(books.values()) if isinstance(books, Mapping) else books
    if not isinstance(rows, list):
        raise Malformed(f"{SERVICE} answered something that is not a list of books.", service=SERVICE)
    return [row for row in rows if isinstance(row, Mapping)]


def read_book(row: Mapping[str, Any]) -> LibrivoxBook | None:
    """A row of the API; None while the project is unfinished or its files are nowhere."""
    identifier = identifier_of(row)
    seconds = _whole(row.get("totaltimesecs"))
    if not identifier or not seconds:
        return None
    sections = row.get("sections")
    return LibrivoxBook(
        id=_text(row.get("id")),
        title=_text(row.get("title")),
        identifier=identifier,
        authors=tuple(_full_names(row.get("authors"))),
        narrators=narrators_of(sections if isinstance(sections, list) else ()),
        language=_text(row.get("language")),
        section_count=_whole(row.get("num_sections")),
        seconds=seconds,
    )


def identifier_of(row: Mapping[str, Any]) -> str:
    """The item at the Internet Archive: from its page, else from the address of the ZIP file."""
    for key, pattern in (
        ("url_iarchive", r"/(?:details|download)/([^/?#]+)"),
        ("url_zip_file", r"/(?:download|compress)/([^/?#]+)"),
    ):
        found = re.search(pattern, unquote(_path(_text(row.get(key)))))
        if found and IDENTIFIER.fullmatch(found.group(1)):
            return found.group(1)
    return ""


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def narrators_of(sections: Sequence[Any]) -> tuple[str, ...]:
    """Who reads: the distinct readers in the order of the sections; a crowd is LibriVox's volunteers."""
    rows = [section for section in sections if isinstance(section, Mapping)]
    rows.sort(key=lambda section: _whole(section.get("section_number")) or 0)
    readers = [reader for row in rows for reader in row.get("readers") or () if isinstance(reader, Mapping)]
    names = dict.fromkeys(name for reader in readers if (name := _text(reader.get("display_name"))))
    return tuple(names) if len(names) <= MANY_READERS else (VOLUNTEERS,)


def _full_names(people: Any) -> list[str]:
    rows = [row for row in people if isinstance(row, Mapping)] if isinstance(people, list) else []
    names = (f"{_text(row.get('first_name'))} {_text(row.get('last_name'))}".strip() for row in rows)
    return [name for name in names if name]


def _text(value: Any) -> str:
    return (
        " ".join(html.unescape(value).split())
        if isinstance(value, str)
        else str(value)
        if isinstance(value, int)
        else ""
    )


def _whole(value: Any) -> int | None:
    text = str(value).strip() if isinstance(value, str | int) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
