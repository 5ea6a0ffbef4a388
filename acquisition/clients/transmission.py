"""Transmission over its RPC, version 3.00 and later.

Source: Transmission's rpc-spec. It has labels instead of tags and categories, and no limit on the time of seeding:
whoever must seed for a while watches `seeding_seconds` and stops the torrent by that.
"""

import builtins
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
import transmission_rpc
from transmission_rpc.error import (
    TransmissionAuthError,
    TransmissionConnectError,
    TransmissionError,
)

from acquisition.clients.torrent_payload import ReadPayload, checked_ref, checked_tag, read_payload
from acquisition.clients.web import checked_url, for_people
from acquisition.domain.facts import AddOptions, ClientDownload, ClientFile, ClientHealth, ClientState, Payload
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable

LABELS_SINCE, LABELS_ON_ADD_SINCE = 16, 17  # RPC versions of 3.00 and 4.0
MODE_GLOBAL, MODE_OWN, MODE_UNLIMITED = 0, 1, 2
LOCAL_ERROR = 3
FIELDS = [
    *("id", "hashString", "name", "status", "error", "errorString", "isFinished", "isStalled", "downloadDir"),
    *("totalSize", "sizeWhenDone", "leftUntilDone", "percentDone", "metadataPercentComplete", "rateDownload"),
    *("eta", "uploadRatio", "secondsSeeding", "labels", "trackerStats"),
]
FILE_FIELDS = ["id", "hashString", "files", "fileStats"]
STATES = {
    0: ClientState.PAUSED,
    1: ClientState.CHECKING,
    2: ClientState.CHECKING,
    3: ClientState.QUEUED,
    4: ClientState.DOWNLOADING,
    5: ClientState.DOWNLOADING,
    6: ClientState.DOWNLOADING,
}
# The library writes whole requests, which hold passkeys, and its address, which holds the password, to its log.
SILENT = logging.Logger("acquisition.clients.transmission.silent", logging.CRITICAL + 1)


def split_address(url: str, *, service: str) -> dict[str, Any]:
    """Host, port and path of an RPC address; `http://host:9091`, `…/transmission/web/` and `…/rpc` mean the same."""
    parts = urlsplit(checked_url(url.strip(), service=service))
    path = re.sub(r"/(web|rpc)?/*$", "", parts.path.rstrip("/")) or "/transmission"
    host = parts.hostname or ""
    return {
        "protocol": parts.scheme,
        "host": f"[{host}]" if ":" in host else host,
        "port": parts.port or (443 if parts.scheme == "https" else 9091),
        "path": f"{path}/rpc",
    }


@dataclass
class TransmissionClient:
    """A Transmission daemon (DownloadClientPort). Tag and category both become labels."""

    url: str = field(repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    name: str = "Transmission"
    timeout: float = 30.0

    def __post_init__(self) -> None:
        self._address = split_address(self.url, service=self.name)
        self._kept: transmission_rpc.Client | None = None

    @property
    def _rpc(self) -> transmission_rpc.Client:
        """The library's client, made at the first call because it calls the daemon at once."""
        if self._kept is None:
            self._kept = transmission_rpc.Client(
                **self._address, username=self.username, password=self.password, timeout=self.timeout, logger=SILENT
            )
        return self._kept

    # -- connection test ------------------------------------------------------------------------------------------

    def check(self) -> ClientHealth:
        with self._translated():
            session = self._rpc.get_session()
            save_path = str(session.download_dir)
            free = self._rpc.free_space(save_path)
            old = session.rpc_version < LABELS_SINCE
            warnings = (f"{self.name} is older than 3.00 and has no labels; it cannot be used.",) if old else ()
            return ClientHealth(for_people(str(session.version)), free, save_path, warnings)

    # -- adding ---------------------------------------------------------------------------------------------------

    def add(self, payload: Payload, options: AddOptions) -> str:
        """Add a torrent, or adopt the one that is there already; returns its hash."""
        tag = checked_tag(options.tag, service=self.name)
        labels = [label for label in (tag, options.category) if label]
        wanted = read_payload(payload, service=self.name)
        with self._translated():
            version = self._rpc.get_session().rpc_version
        if version < LABELS_SINCE:
            raise Rejected(f"{self.name} is too old: labels came with version 3.00.", service=self.name)
        existing = next(iter(self.list(refs=wanted.refs)), None)
        if existing:
            return self._adopt(existing, labels, options)
        with self._translated():
            ref = self._send(wanted, options, labels if version >= LABELS_ON_ADD_SINCE else None)
            if version < LABELS_ON_ADD_SINCE:
                self._rpc.change_torrent(ref, labels=labels)
        if options.ratio_limit is not None or options.seeding_time_minutes is not None:
            self.set_limits(ref, ratio=options.ratio_limit, seeding_minutes=options.seeding_time_minutes)
        return ref

    def _send(self, wanted: ReadPayload, options: AddOptions, labels: builtins.list[str] | None) -> str:
        added = self._rpc.add_torrent(
            wanted.torrent or wanted.magnet,
            download_dir=options.save_path or None,
            paused=options.paused,
            labels=labels,
        )
        return str(added.hash_string).lower()

    def _adopt(self, existing: ClientDownload, labels: builtins.list[str], options: AddOptions) -> str:
        """Add our labels to those that are there, and let it run; its limits stay."""
        with self._translated():
            self._rpc.change_torrent(existing.ref, labels=list(dict.fromkeys([*existing.tags, *labels])))
            if not options.paused and existing.state is ClientState.PAUSED:
                self._rpc.start_torrent(existing.ref)
        return existing.ref

    # -- reading --------------------------------------------------------------------------------------------------

    def list(self, *, tag: str = "", refs: Sequence[str] = ()) -> builtins.list[ClientDownload]:
        """The torrents that have the label and are among the refs; without either, all of them."""
        rows = self._rows(FIELDS, [self._ref(ref) for ref in refs])
        found = [read_download(row) for row in rows if row.get("hashString")]
        return [download for download in found if not tag or tag in download.tags]

    def _rows(self, fields: builtins.list[str], refs: builtins.list[str]) -> builtins.list[Mapping[str, Any]]:
        with self._translated():
            ids: builtins.list[int | str] = [*refs]
            return [torrent.fields for torrent in self._rpc.get_torrents(ids or None, arguments=fields)]

    def _ref(self, ref: str) -> str:
        text = checked_ref(ref, service=self.name)
        if len(text) != 40:
            raise Rejected(f"{self.name} knows torrents of version 1 only.", service=self.name, code="bad_ref")
        return text

    def files(self, ref: str) -> builtins.list[ClientFile]:
        """The files of a torrent; none while its metadata is being fetched."""
        rows = self._rows(FILE_FIELDS, [self._ref(ref)])
        if not rows:
            raise Rejected(f"{self.name} does not know this torrent.", service=self.name, code="upstream_not_found")
        files, stats = rows[0].get("files") or [], rows[0].get("fileStats") or []
        with self._translated():
            return [
                ClientFile(
                    path=str(file["name"]).replace("\\", "/"),
                    size_bytes=int(file["length"]),
                    progress=file["bytesCompleted"] / file["length"] if file["length"] else 1.0,
                    wanted=bool(stat["wanted"]),
                    index=index,
                )
                for index, (file, stat) in enumerate(zip(files, stats, strict=False))
            ]

    # -- steering -------------------------------------------------------------------------------------------------

    def select_files(self, ref: str, unwanted: Sequence[int]) -> None:
        """Skip these files (by index) and want all the others; at least one must stay."""
        known = {file.index for file in self.files(ref)}
        skip, want = sorted(known & set(unwanted)), sorted(known - set(unwanted))
        if not known:
            raise Unavailable(f"{self.name} does not know the files of this torrent yet.", service=self.name)
        if not want:
            raise Rejected("At least one file of a torrent must be wanted.", service=self.name, code="nothing_wanted")

        def change(rpc: transmission_rpc.Client, own: str) -> None:
            # An empty list means every file to Transmission, so it is left out.
            rpc.change_torrent(own, files_unwanted=skip or None, files_wanted=want)

        self._do(ref, change)

    def start(self, ref: str) -> None:
        self._do(ref, lambda rpc, own: rpc.start_torrent(own))

    def stop(self, ref: str) -> None:
        self._do(ref, lambda rpc, own: rpc.stop_torrent(own))

    def set_limits(self, ref: str, *, ratio: float | None, seeding_minutes: int | None) -> None:
        """The ratio at which it stops (None as the client is set, negative for no limit).

        A wish for a time of seeding switches off the limit on idle seeding, which would cut it short.
        """
        mode = MODE_GLOBAL if ratio is None else MODE_UNLIMITED if ratio < 0 else MODE_OWN
        limit = ratio if mode == MODE_OWN else None
        idle = MODE_GLOBAL if seeding_minutes is None else MODE_UNLIMITED

        def change(rpc: transmission_rpc.Client, own: str) -> None:
            rpc.change_torrent(own, seed_ratio_mode=mode, seed_ratio_limit=limit, seed_idle_mode=idle)

        self._do(ref, change)

    def remove(self, ref: str, *, delete_files: bool) -> None:
        """Remove one torrent; one that is not there is no error."""
        self._do(ref, lambda rpc, own: rpc.remove_torrent(own, delete_data=delete_files))

    def _do(self, ref: str, call: Callable[[transmission_rpc.Client, str], None]) -> None:
        own = self._ref(ref)
        with self._translated():
            call(self._rpc, own)

    # -- errors ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except TransmissionError as error:
            raise self._in_our_words(error) from error
        except requests.RequestException as error:
            raise self._unreachable() from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # The library takes the shape of an answer for granted.
            raise self._malformed() from error

    def _unreachable(self) -> Unavailable:
        return Unavailable(
            f"{self.name} cannot be reached or did not answer in time. Is it running, and is the address right?",
            service=self.name,
        )

    def _malformed(self, hint: str = "Check the address; it ends in /transmission/rpc.") -> Malformed:
        return Malformed(f"{self.name} answered something that Transmission does not. {hint}", service=self.name)

    def _in_our_words(self, error: TransmissionError) -> ExternalAPIError:
        if isinstance(error, TransmissionAuthError):
            return Rejected(
                f"{self.name} refused us. Check its user name and password, and its list of allowed addresses.",
                service=self.name,
                code="credentials_refused",
            )
        if isinstance(error, TransmissionConnectError):
            return self._unreachable()
        answer = error.response
        if isinstance(answer, Mapping) and isinstance(answer.get("result"), str):
            words = for_people(answer["result"])
            kind = "bad_torrent" if "torrent" in words and "invalid" in words else "upstream_error"
            return Rejected(f"{self.name} says: {words}.", service=self.name, code=kind)
        if "421" in (error.raw_response or "")[:300]:
            return self._malformed("Its list of allowed host names (rpc-host-whitelist) does not hold this address.")
        return self._malformed()


def read_download(row: Mapping[str, Any]) -> ClientDownload:
    """A row of torrent-get in our words."""
    ratio, eta = _number(row.get("uploadRatio")), _number(row.get("eta"))
    size, left = _number(row.get("sizeWhenDone")), _number(row.get("leftUntilDone"))
    folder, name = str(row.get("downloadDir") or ""), str(row.get("name") or "")
    trackers = row.get("trackerStats") or []
    counts = [_number(stats.get("seederCount")) for stats in trackers if isinstance(stats, Mapping)]
    seeders = [int(count) for count in counts if count is not None and count >= 0]
    return ClientDownload(
        ref=str(row["hashString"]).lower(),
        name=name,
        state=read_state(row),
        progress=min(1.0, max(0.0, _number(row.get("percentDone")) or 0.0)),
        size_bytes=int(size) if size else None,
        downloaded_bytes=int(size - left) if size is not None and left is not None else None,
        speed_bytes=int(_number(row.get("rateDownload")) or 0),
        eta_seconds=int(eta) if eta is not None and eta >= 0 else None,
        save_path=folder,
        content_path=f"{folder.rstrip('/')}/{name}" if folder and name else "",
        ratio=ratio if ratio is not None and ratio >= 0 else None,
        seeding_seconds=int(_number(row.get("secondsSeeding")) or 0),
        seeders=max(seeders, default=None),
        tags=tuple(str(label) for label in row.get("labels") or ()),
        message=for_people(str(row.get("errorString") or "")),
    )


def read_state(row: Mapping[str, Any]) -> ClientState:
    """Our word for a state. A tracker's complaint (error 1 and 2) is no failure of the download."""
    status = row.get("status")
    if row.get("error") == LOCAL_ERROR:
        return ClientState.ERROR
    if not row.get("totalSize") or (_number(row.get("metadataPercentComplete")) or 0.0) < 1:
        return ClientState.PAUSED if status == 0 else ClientState.FETCHING_METADATA
    if status in (1, 2):
        return ClientState.CHECKING
    if row.get("leftUntilDone") == 0 and status in (0, 5, 6):
        return ClientState.COMPLETE
    if status == 4 and row.get("isStalled"):
        return ClientState.STALLED
    return STATES.get(status if isinstance(status, int) else -1, ClientState.DOWNLOADING)


def _number(value: object) -> float | None:
    """A number; None for anything else, and for the infinities that JSON readers let pass."""
    return float(value) if isinstance(value, int | float) and abs(value) < 2**63 else None
