"""A pair of folders instead of a program: torrents are dropped into one, finished downloads appear in the other.

It serves every program that watches a folder. Nothing is known of the way in between, so the states are few. A finished
item counts as complete when nothing of it has changed for a while. What lies in the completed folder is never changed.
"""

import builtins
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from acquisition.clients.file_names import safe_name
from acquisition.clients.torrent_payload import ReadPayload, checked_ref, checked_tag, read_payload
from acquisition.domain.facts import AddOptions, ClientDownload, ClientFile, ClientHealth, ClientState, Payload
from acquisition.domain.torrents import parse_torrent
from config.errors import Malformed, Rejected, Unavailable

NOTES = ".unabridged"
UNFINISHED = (".part", ".!qb", ".!ut", ".aria2", ".crdownload", ".tmp", ".downloading", ".bc!")
IGNORED = {".____padding_file", "__MACOSX", "@eaDir", "lost+found", ".pad"}
WHOLE_ENOUGH = 0.95  # covers and texts may have been left out in the client
DAY_SECONDS = 86_400.0


@dataclass
class Drop:
    """What was dropped. `signature` is how its finished item looked at `unchanged_since` (seconds since 1970)."""

    ref: str
    tag: str
    category: str
    name: str
    title: str
    file_name: str
    size_bytes: int | None
    dropped_at: float
    is_dropped: bool = False
    signature: str = ""
    unchanged_since: float = 0.0


@dataclass(frozen=True)
class Found:
    """An item in the completed folder."""

    path: Path
    files: list[tuple[str, int]]
    signature: str
    is_unfinished: bool

    @property
    def size_bytes(self) -> int:
        return sum(size for _, size in self.files)


@dataclass
class WatchFolderClient:
    """A watch folder (DownloadClientPort). `grace_seconds` must pass without a change before an item is complete; after
    `patience_days` a download that did not come is called stalled."""

    drop_dir: Path
    completed_dir: Path
    name: str = "Watch folder"
    grace_seconds: float = 60.0
    patience_days: float = 7.0
    takes_magnets: bool = True
    now: Callable[[], float] = field(default=time.time, repr=False)

    def __post_init__(self) -> None:
        self.drop_dir, self.completed_dir = Path(self.drop_dir), Path(self.completed_dir)

    # -- the port -------------------------------------------------------------------------------------------------

    def check(self) -> ClientHealth:
        """Whether both folders are there, and the first one can be written."""
        self._need(self.drop_dir, writable=True)
        self._need(self.completed_dir)
        free = shutil.disk_usage(self.completed_dir).free
        return ClientHealth(version="folders", free_bytes=free, save_path=str(self.completed_dir))

    def add(self, payload: Payload, options: AddOptions) -> str:
        """Drop a torrent or a magnet link; the same torrent is dropped once."""
        checked_tag(options.tag, service=self.name)
        wanted = read_payload(payload, service=self.name)
        if wanted.magnet and not self.takes_magnets:
            raise Rejected(
                f"{self.name} is set to take no magnet links.", service=self.name, code="unsupported_protocol"
            )
        self._need(self.drop_dir, writable=True)
        ref = wanted.refs[0]
        existing = self._read(self._note(ref))
        if existing and existing.is_dropped:
            existing.tag, existing.category = options.tag, options.category
            self._write(existing)
            return ref
        drop = Drop(
            ref=ref,
            tag=options.tag,
            category=options.category,
            name=wanted.name,
            title=options.name,
            file_name=existing.file_name if existing else self._free_name(wanted, options),
            size_bytes=parse_torrent(wanted.torrent).size_bytes if wanted.torrent else None,
            dropped_at=self.now(),
        )
        # The note comes first, and is completed last: after a crash in between, the next add drops the file again.
        self._write(drop)
        self._put(self.drop_dir / drop.file_name, wanted.torrent or wanted.magnet.encode())
        drop.is_dropped = True
        self._write(drop)
        return ref

    def list(self, *, tag: str = "", refs: Sequence[str] = ()) -> builtins.list[ClientDownload]:
        """What was dropped and has the tag and is among the refs; without either, all of it."""
        self._need(self.completed_dir)
        wanted = {checked_ref(ref, service=self.name) for ref in refs}
        drops = (self._read(path) for path in sorted((self.drop_dir / NOTES).glob("*.json")))
        chosen = [drop for drop in drops if drop and (not wanted or drop.ref in wanted)]
        return [self._seen(drop) for drop in chosen if not tag or drop.tag == tag]

    def files(self, ref: str) -> builtins.list[ClientFile]:
        """The files of the finished item; none until it is there."""
        found = self._find(self._known(ref))
        listed = found.files if found else []
        return [ClientFile(path, size, 1.0, True, index) for index, (path, size) in enumerate(listed)]

    def select_files(self, ref: str, unwanted: Sequence[int]) -> None:
        """Choosing files is beyond a folder; only "all of them" is accepted."""
        self._known(ref)
        if unwanted:
            raise Rejected(f"{self.name} cannot choose files of a torrent.", service=self.name, code="unsupported")

    def start(self, ref: str) -> None:
        """The program behind the folder starts by itself."""
        self._known(ref)

    def remove(self, ref: str, *, delete_files: bool) -> None:
        """Forget a download, and take its torrent back when it still lies there.

        Finished files stay whatever `delete_files` says: the program behind the folder may be seeding them.
        """
        note = self._note(checked_ref(ref, service=self.name))
        drop = self._read(note)
        if drop:
            (self.drop_dir / drop.file_name).unlink(missing_ok=True)
            note.unlink(missing_ok=True)

    # -- dropping -------------------------------------------------------------------------------------------------

    def _free_name(self, wanted: ReadPayload, options: AddOptions) -> str:
        """A name for the file; one that is taken gets the start of the hash."""
        ending = ".torrent" if wanted.torrent else ".magnet"
        stem = safe_name(options.name or wanted.name, default=wanted.refs[0])
        plain = f"{stem}{ending}"
        return f"{stem} ({wanted.refs[0][:8]}){ending}" if (self.drop_dir / plain).exists() else plain

    def _put(self, path: Path, body: bytes) -> None:
        """Write a file so that a watching program never sees half of it."""
        temporary = path.parent / f".{path.name[:80]}.{os.getpid()}.tmp"
        try:
            with temporary.open("wb") as stream:
                stream.write(body)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except OSError as error:
            raise Unavailable(
                f"{self.name} cannot write to {str(path.parent)!r}: {error.strerror}.", service=self.name
            ) from error

    # -- notes ----------------------------------------------------------------------------------------------------

    def _note(self, ref: str) -> Path:
        return self.drop_dir / NOTES / f"{ref}.json"

    def _known(self, ref: str) -> Drop:
        drop = self._read(self._note(checked_ref(ref, service=self.name)))
        if drop is None:
            raise Rejected(f"{self.name} does not know this torrent.", service=self.name, code="upstream_not_found")
        return drop

    def _read(self, path: Path) -> Drop | None:
        try:
            return Drop(**json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, OSError) as error:
            raise Malformed(f"{self.name} cannot read its note {path.name!r}; remove it.", service=self.name) from error

    def _write(self, drop: Drop) -> None:
        note = self._note(drop.ref)
        note.parent.mkdir(exist_ok=True)
        self._put(note, json.dumps(asdict(drop), ensure_ascii=False, indent=1).encode())

    # -- looking --------------------------------------------------------------------------------------------------

    def _seen(self, drop: Drop) -> ClientDownload:
        found = self._find(drop)
        state, message = self._state(drop, found)
        done = found.size_bytes if found else 0
        share = min(0.999, done / drop.size_bytes) if drop.size_bytes else 0.0
        return ClientDownload(
            ref=drop.ref,
            name=drop.name,
            state=state,
            progress=1.0 if state is ClientState.COMPLETE else share,
            size_bytes=drop.size_bytes,
            downloaded_bytes=done,
            save_path=str(self.completed_dir),
            content_path=str(found.path) if found else "",
            tags=(drop.tag,),
            category=drop.category,
            message=message,
        )

    def _state(self, drop: Drop, found: Found | None) -> tuple[ClientState, str]:
        days = (self.now() - drop.dropped_at) / DAY_SECONDS
        late = days > self.patience_days
        if found is None:
            waiting = (self.drop_dir / drop.file_name).exists()
            if late:
                words = (
                    "Nobody took the torrent from the folder" if waiting else "Nothing came into the completed folder"
                )
                return ClientState.STALLED, f"{words} in {days:.0f} days. Does the program behind it run?"
            return (ClientState.QUEUED if waiting else ClientState.DOWNLOADING), ""
        if found.is_unfinished or not self._is_stable(drop, found):
            return ClientState.DOWNLOADING, ""
        if drop.size_bytes and found.size_bytes < drop.size_bytes * WHOLE_ENOUGH:
            return (ClientState.STALLED if late else ClientState.DOWNLOADING), "Parts of it are still missing."
        return ClientState.COMPLETE, ""

    def _is_stable(self, drop: Drop, found: Found) -> bool:
        if found.signature != drop.signature:
            drop.signature, drop.unchanged_since = found.signature, self.now()
            self._write(drop)
        return self.now() - drop.unchanged_since >= self.grace_seconds

    def _find(self, drop: Drop) -> Found | None:
        """The item by the torrent's own name, else by the title under which it was dropped."""
        for name in (drop.name, drop.title):
            path = self.completed_dir / safe_component(name)
            if name and safe_component(name) and path.exists():
                return self._look(path)
        return None

    def _look(self, path: Path) -> Found:
        try:
            entries = list(self._walk(path))
            facts = [entry.stat() for entry in entries]
        except OSError:  # something was moved or renamed while we looked, so it is not finished
            return Found(path, [], "", is_unfinished=True)
        paths = [entry.relative_to(self.completed_dir).as_posix() for entry in entries]
        files = [(name, fact.st_size) for name, fact in zip(paths, facts, strict=True)]
        parts = [f"{name}\0{fact.st_mtime_ns}\0{fact.st_size}" for name, fact in zip(paths, facts, strict=True)]
        return Found(
            path=path,
            files=files,
            signature=hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest(),
            is_unfinished=not files or any(entry.name.lower().endswith(UNFINISHED) for entry in entries),
        )

    def _walk(self, path: Path) -> Iterator[Path]:
        """The files of an item in a steady order, without links and what is no content."""
        if path.is_symlink() or path.name in IGNORED or path.name.startswith("."):
            return
        if path.is_file():
            yield path
        elif path.is_dir():
            for inner in sorted(path.iterdir()):
                yield from self._walk(inner)

    def _need(self, folder: Path, *, writable: bool = False) -> None:
        """An absent folder is an outage: a disk may not be mounted."""
        if not folder.is_dir() or not os.access(folder, os.R_OK | (os.W_OK if writable else 0)):
            words = "written" if writable else "read"
            raise Unavailable(
                f"{self.name}: the folder {str(folder)!r} is not there or may not be {words}. Is the disk mounted?",
                service=self.name,
            )


def safe_component(name: str) -> str:
    """The name itself when it is one component of a path; empty otherwise."""
    return "" if name in ("", ".", "..") or "/" in name or "\x00" in name else name
