"""An indexer and a download client in memory, which fail, forget, rename, move and recheck as real ones do."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acquisition.domain.facts import (
    AddOptions,
    ClientDownload,
    ClientFile,
    ClientHealth,
    ClientState,
    IndexerCapabilities,
    OfferedRelease,
    Payload,
    SearchQuery,
)
from acquisition.domain.torrents import parse_torrent
from acquisition.tests.fake_indexers import make_torrent
from config.errors import ExternalAPIError


@dataclass
class MemoryIndexer:
    """Offers the same releases to every query; `trouble` is raised instead of an answer."""

    offers: list[OfferedRelease] = field(default_factory=list)
    trouble: ExternalAPIError | None = None

    def capabilities(self) -> IndexerCapabilities:
        return IndexerCapabilities()

    def search(self, query: SearchQuery) -> list[OfferedRelease]:
        if self.trouble:
            raise self.trouble
        return list(self.offers)

    def fetch(self, release: OfferedRelease) -> Payload:
        if self.trouble:
            raise self.trouble
        return Payload(torrent=self.torrent(release))

    def torrent(self, release: OfferedRelease) -> bytes:
        """The same for a release each time."""
        return make_torrent(release.guid, {"01.mp3": release.guid.encode()})


@dataclass
class Held:
    """A torrent that the client holds. `content` is what truly comes, once it is complete."""

    ref: str
    name: str
    folder: Path
    tags: set[str]
    state: ClientState = ClientState.DOWNLOADING
    progress: float = 0.0
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def path(self) -> Path:
        return self.folder / self.name


class MemoryClient:
    """A download client below `folder`. Files are written when a torrent is complete, as its `content` is then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, Held] = {}
        self.trouble: ExternalAPIError | None = None

    # -- what the product asks ------------------------------------------------------------------------------------

    def _listen(self) -> None:
        if self.trouble:
            raise self.trouble

    def check(self) -> ClientHealth:
        self._listen()
        return ClientHealth(save_path=str(self.folder))

    def add(self, payload: Payload, options: AddOptions) -> str:
        self._listen()
        torrent = parse_torrent(payload.torrent)
        known = self.held.get(torrent.ref)
        if known:
            known.tags.add(options.tag)
        else:
            self.held[torrent.ref] = Held(torrent.ref, torrent.name, self.folder, {options.tag})
        return torrent.ref

    def list(self, *, tag: str = "", refs: Sequence[str] = ()) -> list[ClientDownload]:
        self._listen()
        found = [h for h in self.held.values() if (not tag or tag in h.tags) and (not refs or h.ref in refs)]
        return [
            ClientDownload(
                ref=h.ref, name=h.name, state=h.state, progress=h.progress, save_path=str(h.folder),
                content_path=str(h.path), ratio=0.0, tags=tuple(sorted(h.tags)), message="It broke.",
            )
            for h in found
        ]  # fmt: skip

    def files(self, ref: str) -> Sequence[ClientFile]:
        self._listen()
        return [ClientFile(f"{self.held[ref].name}/01.mp3", 1)]

    def select_files(self, ref: str, unwanted: Sequence[int]) -> None:
        self._listen()

    def start(self, ref: str) -> None:
        self._listen()

    def remove(self, ref: str, *, delete_files: bool) -> None:
        self._listen()
        self.forget(ref, delete_files=delete_files)

    # -- what happens there ---------------------------------------------------------------------------------------

    def complete(self, ref: str, content: Mapping[str, bytes]) -> None:
        """All of it is there; what was complete before is as it was."""
        held = self.held[ref]
        if held.progress < 1:
            held.content = content
            for name, body in content.items():
                held.path.mkdir(parents=True, exist_ok=True)
                (held.path / name).write_bytes(body)
        held.state, held.progress = ClientState.COMPLETE, 1.0

    def forget(self, ref: str, *, delete_files: bool) -> None:
        held = self.held.pop(ref, None)
        if held and delete_files:
            shutil.rmtree(held.path, ignore_errors=True)

    def rename(self, ref: str, name: str) -> None:
        held = self.held[ref]
        if held.path.exists():
            held.path.rename(held.folder / name)
        held.name = name

    def move(self, ref: str, folder: Path) -> None:
        held = self.held[ref]
        if held.path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            held.path.rename(folder / held.name)
        held.folder = folder
