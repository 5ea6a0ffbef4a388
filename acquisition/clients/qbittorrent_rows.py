"""Reading the rows of qBittorrent's Web API: its states, paths and figures in our words."""

import re
from collections.abc import Mapping
from typing import Any

from acquisition.domain.facts import ClientDownload, ClientFile, ClientState

INFINITE_ETA = 8_640_000
INCOMPLETE_SUFFIX = ".!qB"
SKIP, NORMAL = 0, 1

STATES = {
    "error": ClientState.ERROR,
    "missingFiles": ClientState.ERROR,
    "unknown": ClientState.ERROR,
    "metaDL": ClientState.FETCHING_METADATA,
    "forcedMetaDL": ClientState.FETCHING_METADATA,
    "allocating": ClientState.QUEUED,
    "queuedDL": ClientState.QUEUED,
    "checkingDL": ClientState.CHECKING,
    "checkingUP": ClientState.CHECKING,
    "checkingResumeData": ClientState.CHECKING,
    "downloading": ClientState.DOWNLOADING,
    "forcedDL": ClientState.DOWNLOADING,
    "stalledDL": ClientState.STALLED,
    "pausedDL": ClientState.PAUSED,
    "stoppedDL": ClientState.PAUSED,
    "moving": ClientState.MOVING,
}
COMPLETE_STATES = {"uploading", "stalledUP", "forcedUP", "queuedUP", "pausedUP", "stoppedUP"}
MESSAGES = {
    "error": "qBittorrent reports an error; is its disk full or not writable?",
    "missingFiles": "qBittorrent misses the files of this torrent; were they moved or deleted?",
    "unknown": "qBittorrent does not know the state of this torrent.",
    "stalledDL": "No peer has data for it at the moment.",
}


def read_download(row: Mapping[str, Any]) -> ClientDownload:
    """A row of torrents/info in our words."""
    state = str(row.get("state", "unknown"))
    ratio, eta = _number(row.get("ratio")), _whole(row.get("eta"))
    swarm = _whole(row.get("num_complete"))
    return ClientDownload(
        ref=str(row["hash"]).lower(),
        name=str(row.get("name", "")),
        state=read_state(state, row),
        progress=min(1.0, max(0.0, _number(row.get("progress")) or 0.0)),
        size_bytes=_whole(row.get("size")),
        downloaded_bytes=_whole(row.get("completed")),
        speed_bytes=_whole(row.get("dlspeed")) or 0,
        eta_seconds=eta if eta is not None and eta < INFINITE_ETA else None,
        save_path=str(row.get("save_path", "")),
        content_path=_absolute(str(row.get("content_path", ""))),
        ratio=ratio if ratio is not None and ratio >= 0 else None,
        seeding_seconds=_whole(row.get("seeding_time")),
        seeders=swarm if swarm is not None else _whole(row.get("num_seeds")),
        tags=tuple(tag.strip() for tag in str(row.get("tags", "")).split(",") if tag.strip()),
        category=str(row.get("category", "")),
        message=MESSAGES.get(state, ""),
    )


def read_state(state: str, row: Mapping[str, Any]) -> ClientState:
    """Our word for a state. A state of later versions that is not known yet counts as downloading, never as failed."""
    if state in COMPLETE_STATES:
        whole = (_number(row.get("progress")) or 0.0) >= 1 or row.get("amount_left") == 0
        return ClientState.COMPLETE if whole else ClientState.DOWNLOADING
    return STATES.get(state, ClientState.DOWNLOADING)


def read_file(row: Mapping[str, Any], place: int) -> ClientFile:
    index = _whole(row.get("index"))
    return ClientFile(
        path=str(row.get("name", "")).replace("\\", "/").removesuffix(INCOMPLETE_SUFFIX),
        size_bytes=_whole(row.get("size")) or 0,
        progress=_number(row.get("progress")) or 0.0,
        wanted=row.get("priority") != SKIP,
        index=place if index is None else index,
    )


def _absolute(path: str) -> str:
    """The path, or nothing while qBittorrent gives only a name, as it does for a moment after adding."""
    return path if path.startswith(("/", "\\\\")) or re.match(r"[A-Za-z]:[\\/]", path) else ""


def _whole(value: object) -> int | None:
    """A number that is not negative; -1 is how qBittorrent says that it does not know."""
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**63 else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
