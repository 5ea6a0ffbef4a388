"""From the metadata of an item at the Internet Archive to releases: one for each form that its recording is kept in.

Source: archive.org/developers/md-read.html and the items of the LibriVox collection. All values may be missing, a text
or a list of texts.
"""

import datetime
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from acquisition.clients.librivox import LibrivoxBook
from acquisition.domain.facts import DirectFile, OfferedRelease

LIBRIVOX_COLLECTION = "librivoxaudio"
AUDIOBOOKS = 3030
TORRENT_FORMAT = "Archive BitTorrent"
FREE_LICENCE = re.compile(
    r"creativecommons\.org/(publicdomain/(mark|zero)|licenses/(publicdomain|by|by-sa)(/|$))", re.IGNORECASE
)
READ_BY = re.compile(r"\bread(?: in [A-Z][\w ]{2,30}?)? by ([^.<\n]{3,80})", re.IGNORECASE)
RUNTIME_TOLERANCE = 0.02


@dataclass(frozen=True)
class Form:
    """A form that recordings are kept in at the archive. `format` is its name there."""

    format: str
    key: str
    codec: str
    kbps: int | None

    @property
    def label(self) -> str:
        return f"{self.codec.upper()} {self.kbps} kbps" if self.kbps else f"{self.codec.upper()} VBR"


FORMS = (
    Form("128Kbps MP3", "mp3-128", "mp3", 128),
    Form("LibriVox Apple Audiobook", "m4b", "m4b", 64),
    Form("VBR MP3", "mp3-vbr", "mp3", None),
    Form("64Kbps MP3", "mp3-64", "mp3", 64),
)


def releases_of(document: Mapping[str, Any], book: LibrivoxBook | None, *, base_url: str) -> list[OfferedRelease]:
    """The releases of an item; none when it was removed, or holds no audio that may be downloaded."""
    metadata = document.get("metadata")
    listed = document.get("files")
    if not isinstance(metadata, Mapping) or not isinstance(listed, list) or document.get("is_dark"):
        return []
    files = [row for row in listed if isinstance(row, Mapping) and str(row.get("private", "")).lower() != "true"]
    item = Item(text(metadata.get("identifier")), metadata, book, base_url.rstrip("/"), _torrent_name(files))
    chosen = ((form, [row for row in files if row.get("format") == form.format and row.get("name")]) for form in FORMS)
    return [item.release(form, in_order(rows)) for form, rows in chosen if rows and item.identifier]


def _torrent_name(files: Sequence[Mapping[str, Any]]) -> str:
    return next((text(row.get("name")) for row in files if row.get("format") == TORRENT_FORMAT), "")


@dataclass(frozen=True)
class Item:
    """An item, with what LibriVox knows of it."""

    identifier: str
    metadata: Mapping[str, Any]
    book: LibrivoxBook | None
    base_url: str
    torrent_name: str

    def release(self, form: Form, rows: list[Mapping[str, Any]]) -> OfferedRelease:
        files = tuple(self._file(row) for row in rows)
        sizes = [file.size_bytes for file in files]
        title, authors = self._title(), self._authors()
        runtime = _total([file.duration_seconds for file in files])
        return OfferedRelease(
            guid=f"{self.identifier}:{form.key}",
            title=f"{title} - {', '.join(authors)} [{form.label}]" if authors else f"{title} [{form.label}]",
            protocol="http",
            size_bytes=None if None in sizes else sum(size or 0 for size in sizes),
            published_at=_moment(text(self.metadata.get("publicdate"))),
            categories=(AUDIOBOOKS,),
            download_url=self._url(self.torrent_name) if self.torrent_name else "",
            info_url=f"{self.base_url}/details/{self.identifier}",
            authors=authors,
            narrators=self._narrators(),
            language=(self.book.language if self.book else "") or text(self.metadata.get("language")),
            format=form.codec,
            bitrate_kbps=form.kbps,
            is_abridged=bool(re.search(r"(?i)\babridged\b", title)),
            runtime_seconds=runtime or (self.book.seconds if self.book else None),
            files=tuple(file.name for file in files),
            direct_files=files,
            download_volume_factor=0.0,
            tags=tuple(self._tags(form, len(files), runtime)),
            raw={
                "identifier": self.identifier,
                "licence": text(self.metadata.get("licenseurl")),
                "librivox_id": self.book.id if self.book else text(self.metadata.get("call_number")),
            },
        )

    def _url(self, name: str) -> str:
        return f"{self.base_url}/download/{self.identifier}/{quote(name)}"

    def _file(self, row: Mapping[str, Any]) -> DirectFile:
        name, size = text(row.get("name")), text(row.get("size"))
        return DirectFile(
            url=self._url(name),
            name=name,
            size_bytes=int(size) if size.isascii() and size.isdigit() and len(size) < 16 else None,
            md5=_digest(row.get("md5"), 32),
            sha1=_digest(row.get("sha1"), 40),
            duration_seconds=seconds(row.get("length")),
        )

    def _title(self) -> str:
        return (self.book.title if self.book else "") or text(self.metadata.get("title")) or self.identifier

    def _authors(self) -> tuple[str, ...]:
        if self.book and self.book.authors:
            return self.book.authors
        names = [part.strip() for value in texts(self.metadata.get("creator")) for part in value.split(",")]
        return tuple(dict.fromkeys(name for name in names if name))

    def _narrators(self) -> tuple[str, ...]:
        """The readers that LibriVox names; else the one that the description names, unless it is a crowd."""
        if self.book and self.book.narrators:
            return self.book.narrators
        found = READ_BY.search(text(self.metadata.get("description")))
        name = found.group(1).strip() if found else ""
        return (name,) if name and "volunteer" not in name.lower() else ()

    def _tags(self, form: Form, count: int, runtime: int | None) -> list[str]:
        collections = texts(self.metadata.get("collection"))
        licence = text(self.metadata.get("licenseurl"))
        is_librivox = LIBRIVOX_COLLECTION in collections
        tags = ["librivox"] if is_librivox else []
        if is_librivox or FREE_LICENCE.search(licence):
            tags.append("free-licence")
        else:
            tags.append("restricted-licence" if licence else "unknown-licence")
        if self._is_incomplete(form, count, runtime):
            tags.append("incomplete")
        return tags

    def _is_incomplete(self, form: Form, count: int, runtime: int | None) -> bool:
        """Whether files are missing, by LibriVox's count of sections and by the whole length."""
        if self.book is None:
            return False
        short = bool(runtime and self.book.seconds and runtime < self.book.seconds * (1 - RUNTIME_TOLERANCE))
        # An m4b holds many sections, so only its length can tell.
        few = form.codec == "mp3" and bool(self.book.section_count and count < self.book.section_count)
        return short or (few and not runtime)


def texts(value: Any) -> list[str]:
    """A value that may be missing, a text, a number or a list of them, as texts."""
    values = value if isinstance(value, list) else [value]
    return [" ".join(html.unescape(str(one)).split()) for one in values if isinstance(one, str | int | float)]


def text(value: Any) -> str:
    return next(iter(texts(value)), "")


def seconds(value: Any) -> float | None:
    """A length, which the archive writes as "402.29" or as "1:05:06"; None when it is neither."""
    found = re.fullmatch(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,8}(?:\.\d+)?)", text(value))
    if not found:
        return None
    hours, minutes, rest = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest or None


def in_order(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Files in the order of listening: by track where every file has its own, else by the numbers in their names."""
    tracks = [_track(row) for row in rows]
    if None not in tracks and len(set(tracks)) == len(rows):
        return [row for _, row in sorted(zip(tracks, rows, strict=True), key=lambda pair: pair[0] or 0)]
    return sorted(rows, key=lambda row: natural(text(row.get("name"))))


def _track(row: Mapping[str, Any]) -> int | None:
    found = re.match(r"\d{1,5}", text(row.get("track")))
    return int(found.group()) if found else None


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts numbers by their value."""
    return [(int(part), "") if part.isdigit() else (0, part.casefold()) for part in re.split(r"([0-9]{1,18})", name)]


def _digest(value: Any, length: int) -> str:
    digits = text(value).lower()
    return digits if re.fullmatch(rf"[0-9a-f]{{{length}}}", digits) else ""


def _total(lengths: list[float | None]) -> int | None:
    return None if None in lengths or not lengths else round(sum(length or 0 for length in lengths))


def _moment(value: str) -> datetime.datetime | None:
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
