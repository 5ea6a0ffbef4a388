"""The state machine of a download, as one table.

queued -> searching? -> grabbed -> downloading -> downloaded -> importing -> imported
any active state -> failed -> queued again when its retry is due, or abandoned
importing -> blocked (a person must look) -> importing
any but imported -> cancelled
"""

import datetime
from enum import StrEnum


class DownloadState(StrEnum):
    QUEUED = "queued"
    SEARCHING = "searching"
    GRABBED = "grabbed"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    IMPORTING = "importing"
    IMPORTED = "imported"
    BLOCKED = "blocked"
    FAILED = "failed"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"


S = DownloadState

TRANSITIONS: dict[DownloadState, frozenset[DownloadState]] = {
    S.QUEUED: frozenset({S.SEARCHING, S.GRABBED, S.FAILED, S.CANCELLED}),
    S.SEARCHING: frozenset({S.QUEUED, S.GRABBED, S.FAILED, S.CANCELLED}),
    S.GRABBED: frozenset({S.DOWNLOADING, S.DOWNLOADED, S.FAILED, S.CANCELLED}),
    S.DOWNLOADING: frozenset({S.DOWNLOADED, S.FAILED, S.CANCELLED}),
    S.DOWNLOADED: frozenset({S.IMPORTING, S.FAILED, S.CANCELLED}),
    S.IMPORTING: frozenset({S.IMPORTED, S.BLOCKED, S.DOWNLOADED, S.FAILED, S.CANCELLED}),
    S.BLOCKED: frozenset({S.IMPORTING, S.FAILED, S.CANCELLED}),
    S.FAILED: frozenset({S.QUEUED, S.ABANDONED, S.CANCELLED}),
    S.ABANDONED: frozenset({S.QUEUED, S.CANCELLED}),
    S.CANCELLED: frozenset({S.QUEUED}),
    S.IMPORTED: frozenset(),
}

# A book has at most one download in one of these at a time; failed counts, since its retry is planned.
ACTIVE = frozenset({S.QUEUED, S.SEARCHING, S.GRABBED, S.DOWNLOADING, S.DOWNLOADED, S.IMPORTING, S.BLOCKED, S.FAILED})
PENDING = frozenset({S.QUEUED, S.SEARCHING})
IN_CLIENT = frozenset({S.GRABBED, S.DOWNLOADING})

# What each state means for people, and what happens next.
SENTENCES: dict[DownloadState, str] = {
    S.QUEUED: "Waits to be handed to a download client.",
    S.SEARCHING: "A release is being searched for.",
    S.GRABBED: "Handed to the download client; the transfer has not begun.",
    S.DOWNLOADING: "The download client is fetching it.",
    S.DOWNLOADED: "Complete in the download client; waits to be checked and filed.",
    S.IMPORTING: "Being checked and filed into the library.",
    S.IMPORTED: "On the shelf.",
    S.BLOCKED: "A person must look: see the reason, then import anyway, choose another release, or cancel.",
    S.FAILED: "Failed; it is tried again at the time shown.",
    S.ABANDONED: "Given up after the allowed number of attempts; retry it by hand, or choose another release.",
    S.CANCELLED: "Cancelled by a user.",
}

RETRY_AFTER_DAYS = (1, 3, 7)
MAX_RETRIES = 3


def can_move(old: str, new: str) -> bool:
    """Whether the table allows it."""
    return DownloadState(new) in TRANSITIONS[DownloadState(old)]


def allowed_from(new: str) -> frozenset[DownloadState]:
    """The states from which `new` can be reached in one step."""
    return frozenset(old for old, targets in TRANSITIONS.items() if DownloadState(new) in targets)


def next_retry(attempts: int, *, now: datetime.datetime, max_retries: int = MAX_RETRIES) -> datetime.datetime | None:
    """When the next attempt is due after `attempts` (at least 1) failed ones; None when there is none left."""
    if attempts > max_retries:
        return None
    return now + datetime.timedelta(days=RETRY_AFTER_DAYS[min(max(attempts, 1), len(RETRY_AFTER_DAYS)) - 1])
