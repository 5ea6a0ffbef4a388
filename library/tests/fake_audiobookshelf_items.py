"""Where the items of the fake Audiobookshelf come from: recordings of a real one, thin air, or a folder."""

import copy
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import mutagen

LIBRARY_ID = "fa5719c5-008e-4f50-ba3b-e5374f3b3ed8"
FOLDER_ID = "c7836788-8064-4ee5-a9b6-88a7584c4f0a"
START_MS = 1_795_366_680_000
AUDIO = set(
    re.findall(r"\w+", "m4b mp3 m4a flac opus ogg oga mp4 aac wma aiff aif wav webm webma mka awb caf mpg mpeg")
)
EBOOK = {"epub", "pdf", "mobi", "azw3", "cbr", "cbz"}
KINDS = {"jpg": "image", "jpeg": "image", "png": "image", "webp": "image", "txt": "text", "nfo": "text"}
KINDS |= {"opf": "metadata", "json": "metadata", "xml": "metadata", "abs": "metadata"}
DISC = re.compile(r"(?i)^(cd|dis[ck])\s*\d{1,3}$")
SEQUENCE = re.compile(r"(?i)^(vol\.? |volume |book )?(\d{0,3}(?:\.\d{1,2})?)(\.?)(?: (.*))?$")
YEAR = re.compile(r"^ *\(?(\d{4})\)? * - *(.+)")
ASIN = re.compile(r"(?:(?<= )|^)\[([A-Z0-9]{10})\](?= |$)")


class Items(Protocol):
    """Items in the order in which they were added."""

    def count(self) -> int: ...

    def rows(self, start: int, stop: int) -> list[dict[str, Any]]: ...

    def expanded(self, item_id: str) -> dict[str, Any] | None: ...

    def scan(self, now_ms: int) -> bool: ...


def file_row(name: str, size: int, mtime_ms: int, ino: str, base: str) -> dict[str, Any]:
    about = {
        "filename": name.rpartition("/")[2],
        "ext": Path(name).suffix,
        "path": f"{base}/{name}",
        "relPath": name,
        "size": size,
        "mtimeMs": mtime_ms,
        "ctimeMs": mtime_ms,
        "birthtimeMs": mtime_ms,
    }
    suffix = Path(name).suffix[1:].lower()
    kind = "audio" if suffix in AUDIO else "ebook" if suffix in EBOOK else KINDS.get(suffix, "unknown")
    return {"ino": ino, "metadata": about, "isSupplementary": None, "addedAt": 1, "updatedAt": 1, "fileType": kind}


def audio_row(row: Mapping[str, Any], index: int, duration: float, codec: str, bitrate: int) -> dict[str, Any]:
    return {
        "index": index,
        "ino": row["ino"],
        "metadata": row["metadata"],
        "addedAt": 1,
        "updatedAt": 1,
        "manuallyVerified": False,
        "exclude": False,
        "error": None,
        "format": "QuickTime / MOV" if codec == "aac" else "MP2/3 (MPEG audio layer 2/3)",
        "duration": duration,
        "bitRate": bitrate,
        "language": None,
        "codec": codec,
        "channels": 2,
        "chapters": [],
        "metaTags": {},
        "mimeType": "audio/mpeg",
    }


def book_metadata(**said: Any) -> dict[str, Any]:
    """Expanded metadata from `title, authors, narrators, series=[(name, sequence)]` and any other key."""
    authors, narrators = said.pop("authors", []), said.pop("narrators", [])
    places = said.pop("series", [])
    blank = dict.fromkeys(("subtitle", "publishedYear", "publishedDate", "publisher", "description", "isbn", "asin"))
    title = said.get("title") or ""
    return {
        "title": title,
        **blank,
        "language": None,
        "genres": [],
        "explicit": False,
        "abridged": False,
        "titleIgnorePrefix": title,
        "authors": [{"id": _id("author", name), "name": name} for name in authors],
        "narrators": narrators,
        "series": [{"id": _id("series", name), "name": name, "sequence": number} for name, number in places],
        "authorName": ", ".join(authors),
        "authorNameLF": ", ".join(authors),
        "narratorName": ", ".join(narrators),
        "seriesName": ", ".join(name + (f" #{number}" if number else "") for name, number in places),
        "descriptionPlain": None,
        **said,
    }


def make_item(
    item_id: str,
    path: str,
    metadata: Mapping[str, Any],
    files: list[dict[str, Any]],
    audio: list[dict[str, Any]],
    *,
    added_ms: int,
    updated_ms: int,
    root: str = "/audiobooks",
    is_file: bool = False,
) -> dict[str, Any]:
    """A LibraryItemExpanded with every key that a real one has."""
    ebook = next((file for file in files if file["fileType"] == "ebook"), None)
    size = sum(file["metadata"]["size"] for file in files)
    tracks = [
        {
            **row,
            "title": row["metadata"]["filename"],
            "startOffset": 0,
            "contentUrl": f"/api/items/{item_id}/file/{row['ino']}",
        }
        for row in audio
        if not row["exclude"]
    ]
    return {
        "id": item_id,
        "ino": str(int(_id("ino", path)[:8], 16)),
        "oldLibraryItemId": None,
        "libraryId": LIBRARY_ID,
        "folderId": FOLDER_ID,
        "path": f"{root}/{path}",
        "relPath": path,
        "isFile": is_file,
        "mtimeMs": added_ms,
        "ctimeMs": added_ms,
        "birthtimeMs": added_ms,
        "addedAt": added_ms,
        "updatedAt": updated_ms,
        "isMissing": False,
        "isInvalid": False,
        "mediaType": "book",
        "media": {
            "id": _id("book", item_id),
            "metadata": dict(metadata),
            "coverPath": None,
            "tags": metadata.get("tags", []),
            "numTracks": len(tracks),
            "numAudioFiles": len(audio),
            "numChapters": 0,
            "duration": sum(row["duration"] for row in tracks),
            "size": sum(row["metadata"]["size"] for row in audio),
            "ebookFormat": Path(ebook["metadata"]["filename"]).suffix[1:] if ebook else None,
            "libraryItemId": item_id,
            "audioFiles": audio,
            "chapters": [],
            "ebookFile": {"ino": ebook["ino"], "metadata": ebook["metadata"]} if ebook else None,
            "tracks": tracks,
        },
        "numFiles": len(files),
        "size": size,
        "lastScan": added_ms,
        "scanVersion": "2.36.0",
        "libraryFiles": files,
    }


def minified(item: Mapping[str, Any]) -> dict[str, Any]:
    """What the listing shows of an expanded item."""
    row = {key: value for key, value in item.items() if key not in ("libraryFiles", "lastScan", "scanVersion")}
    dropped = ("audioFiles", "chapters", "ebookFile", "tracks", "libraryItemId")
    media = {key: value for key, value in item["media"].items() if key not in dropped}
    hidden = ("authors", "narrators", "series", "descriptionPlain")
    media["metadata"] = {key: value for key, value in item["media"]["metadata"].items() if key not in hidden}
    row["media"] = media
    return row


def _id(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}:{name}"))


class ListedItems:
    """Items in a list; the base of those that are all held."""

    def __init__(self, items: list[dict[str, Any]]) -> None:
        self.items = {item["id"]: item for item in sorted(items, key=lambda one: one["addedAt"])}

    def count(self) -> int:
        return len(self.items)

    def rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        return [minified(item) for item in list(self.items.values())[start:stop]]

    def expanded(self, item_id: str) -> dict[str, Any] | None:
        return self.items.get(item_id)

    def scan(self, now_ms: int) -> bool:
        return False


class SyntheticItems:
    """`total` one-file books, made when they are asked for: 20 to an author, 5 to a series."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.updated: dict[int, int] = {}

    def count(self) -> int:
        return self.total

    def rows(self, start: int, stop: int) -> list[dict[str, Any]]:
        return [minified(self._item(index)) for index in range(start, min(stop, self.total))]

    def expanded(self, item_id: str) -> dict[str, Any] | None:
        index = int(item_id[-12:]) if re.fullmatch(r"00000000-0000-4000-9000-\d{12}", item_id) else -1
        return self._item(index) if 0 <= index < self.total else None

    def scan(self, now_ms: int) -> bool:
        return False

    def touch(self, index: int, now_ms: int) -> None:
        """The item was changed at `now_ms`."""
        self.updated[index] = now_ms

    def _item(self, index: int) -> dict[str, Any]:
        author, series, number = f"Author {index // 20:04d}", f"Series {index // 5:05d}", str(index % 5 + 1)
        title = f"Title {index:06d}"
        path = f"{author}/{series}/{number} - {title}"
        row = file_row(f"{title}.m4b", 200_000_000, START_MS, str(index), f"/audiobooks/{path}")
        metadata = book_metadata(
            title=title, authors=[author], narrators=["Test Narrator"], series=[(series, number)], publishedYear="2001"
        )
        added = START_MS + index // 7  # several share a moment, as after a real scan
        return make_item(
            f"00000000-0000-4000-9000-{index:012d}",
            path,
            metadata,
            [row],
            [audio_row(row, 1, 36_000.0, "aac", 64_000)],
            added_ms=added,
            updated_ms=self.updated.get(index, added),
        )


class RecordedItems(ListedItems):
    """The 62 items of a recorded Audiobookshelf 2.36.0.

    Where an item's expanded form was not recorded, it is put together from the listing, with the joined names split by
    the library's recorded lists of authors, narrators and series.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = self._load("library_filterdata.json")["filterdata"]
        self.authors = {row["name"]: row["id"] for row in names["authors"]}
        self.series = {row["name"]: row["id"] for row in names["series"]}
        self.narrators = dict.fromkeys(names["narrators"], "")
        self.whole = self._recorded_whole()
        super().__init__([self._expand(row) for row in self._load("items_all.json")["results"]])

    def _load(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def _recorded_whole(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for pattern in ("batch_get*.json", "item_expanded*.json", "search_*.json", "item_missing.json"):
            for place in sorted(self.folder.glob(pattern)):
                for item in _whole_items(self._load(place.name)):
                    found.setdefault(item["id"], item)
        return found

    def _expand(self, row: dict[str, Any]) -> dict[str, Any]:
        listed = copy.deepcopy(row)
        media = listed.pop("media")
        item = copy.deepcopy(self.whole.get(row["id"]) or self._built(row))
        item.update(listed)
        item["media"]["metadata"].update(media.pop("metadata"))
        item["media"].update(media)
        return item

    def _built(self, row: Mapping[str, Any]) -> dict[str, Any]:
        about, media = row["media"]["metadata"], row["media"]
        metadata = {
            **about,
            "authors": [{"id": self.authors[name], "name": name} for name in split(about["authorName"], self.authors)],
            "narrators": list(split(about["narratorName"], self.narrators)),
            "series": [
                {"id": self.series[name], "name": name, "sequence": number}
                for name, number in split(about["seriesName"], self.series).items()
            ],
            "descriptionPlain": re.sub(r"<[^>]*>", "", about["description"] or "") or None,
        }
        count = media["numAudioFiles"]
        files = [
            file_row(
                f"{index + 1:02d}.mp3", media["size"] // count, row["mtimeMs"], f"{row['ino']}{index}", row["path"]
            )
            for index in range(count)
        ]
        audio = [audio_row(file, n, media["duration"] / count, "mp3", 32_000) for n, file in enumerate(files, 1)]
        if row["numFiles"] > count:
            files.append(file_row("cover.jpg", 302, row["mtimeMs"], f"{row['ino']}9", row["path"]))
        return make_item(
            row["id"], row["relPath"], metadata, files, audio, added_ms=row["addedAt"], updated_ms=row["updatedAt"]
        )


def split(joined: str, names: Mapping[str, str]) -> dict[str, str | None]:
    """Split `A #1, B, C` by known names, the longest first: {"A": "1", "B": None, "C": None}."""
    found: dict[str, str | None] = {}
    rest = joined
    while rest:
        name = max((one for one in names if rest.startswith(one)), key=len)
        number = re.match(r" #([^\s,]+)", rest[len(name) :])
        found[name] = number[1] if number else None
        rest = rest[len(name) + (number.end() if number else 0) :].removeprefix(", ")
    return found


def _whole_items(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "libraryFiles" in value and "tracks" in value.get("media", {}):
            yield value
        for one in value.values():
            yield from _whole_items(one)
    elif isinstance(value, list):
        for one in value:
            yield from _whole_items(one)


class FolderItems(ListedItems):
    """Items made from a folder of books, by Audiobookshelf's rules for names; `scan` looks again.

    Tags are not read, only names and metadata.json; and any file with the name of a sound file counts as one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__([])
        self.scan(START_MS)

    def scan(self, now_ms: int) -> bool:
        """Whether anything changed: new items, changed ones, and those whose files have gone (`isMissing`)."""
        before = json.dumps(self.items, default=str)
        there = set()
        for number, place in enumerate(self._books()):
            path = place.relative_to(self.folder).as_posix()
            identity = _id("item", path)
            there.add(identity)
            old = self.items.get(identity)
            item = self._read(place, path, identity, old["addedAt"] if old else now_ms + number, now_ms)
            if old is None or old["isMissing"] or old["libraryFiles"] != item["libraryFiles"]:
                self.items[identity] = item
        for identity, item in self.items.items():
            if identity not in there and not item["isMissing"]:
                item.update(isMissing=True, updatedAt=now_ms)
        return json.dumps(self.items, default=str) != before

    def _books(self) -> Iterator[Path]:
        waiting = [self.folder]
        while waiting:
            place = waiting.pop(0)
            children = [child for child in sorted(place.iterdir()) if not child.name.startswith(".")]
            if place != self.folder and (place / ".ignore").exists():
                continue
            media = [child for child in children if child.is_file() and child.suffix[1:].lower() in AUDIO | EBOOK]
            folders = [child for child in children if child.is_dir()]
            if place == self.folder:
                yield from media
            elif media or any(DISC.match(child.name) and any(child.iterdir()) for child in folders):
                yield place
                continue
            waiting += folders

    def _read(self, place: Path, path: str, identity: str, added_ms: int, now_ms: int) -> dict[str, Any]:
        base = place if place.is_dir() else place.parent
        inside = sorted(one for one in place.rglob("*") if one.is_file()) if place.is_dir() else [place]
        inside = [one for one in inside if not any(part.startswith(".") for part in one.relative_to(base).parts)]
        files, audio = [], []
        for one in inside:
            about = one.stat()
            name = one.relative_to(base).as_posix()
            row = file_row(
                name, about.st_size, about.st_mtime_ns // 1_000_000, str(about.st_ino), f"/audiobooks/{path}"
            )
            files.append(row)
            if row["fileType"] == "audio":
                length, bitrate = _length(one)
                codec = "aac" if one.suffix in (".m4b", ".m4a") else one.suffix[1:]
                audio.append(audio_row(row, len(audio) + 1, length, codec, bitrate))
        return make_item(
            identity,
            path,
            _metadata(base, path),
            files,
            audio,
            added_ms=added_ms,
            updated_ms=now_ms,
            is_file=place.is_file(),
        )


def _length(place: Path) -> tuple[float, int]:
    """Seconds and bit/s, zero where they cannot be read."""
    try:
        found = mutagen.File(place)
    except (mutagen.MutagenError, OSError):
        return 0.0, 0
    about = getattr(found, "info", None)
    return float(getattr(about, "length", 0) or 0), int(getattr(about, "bitrate", 0) or 0)


def _metadata(base: Path, path: str) -> dict[str, Any]:
    """From `Author/Series/Vol 1 - 2006 - Title [ASIN] {Narrator}`, overridden by a metadata.json."""
    *parents, name = path.split("/")
    said: dict[str, Any] = {}
    if found := ASIN.search(name):
        said["asin"] = found[1]
        name = " ".join((name[: found.start()] + name[found.end() :]).split())
    if found := re.match(r"^(.*) \{(.*)\}$", name):
        name, said["narrators"] = found[1], re.split(r", | & ", found[2])
    sequence = None
    if len(parents) > 1:
        sequence, name = _sequence(name)
        said["series"] = [(parents[-1], sequence)]
    if found := YEAR.match(name):
        said["publishedYear"], name = found[1], found[2]
    said["title"] = name if base.as_posix().endswith(path) else Path(name).stem
    said["authors"] = re.split(r" & | and |; ", parents[-2] if len(parents) > 1 else parents[-1]) if parents else []
    sidecar = base / "metadata.json"
    if sidecar.exists() and base.as_posix().endswith(path):
        said.update(_sidecar(sidecar))
    return book_metadata(**said)


def _sequence(name: str) -> tuple[str | None, str]:
    parts = name.split(" - ")
    for index, part in enumerate(parts):
        found = SEQUENCE.match(part)
        if found and found[2] and (not found[4] or found[1] or found[3]):
            rest = [*parts[:index], *([found[4]] if found[4] else []), *parts[index + 1 :]]
            return f"{float(found[2]):g}", " - ".join(rest)
    return None, name


def _sidecar(place: Path) -> dict[str, Any]:
    try:
        said = json.loads(place.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    said = {key: value for key, value in said.items() if value not in (None, [], "") and key != "chapters"}
    if "series" in said:
        parsed = (re.match(r"^(.*?)(?: #([^#\s]+))?$", one) for one in said["series"])
        said["series"] = [(found[1], found[2]) for found in parsed if found]
    return said
