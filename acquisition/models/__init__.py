"""How missing books are obtained."""

from acquisition.models.download import (
    Download,
    DownloadBook,
    DownloadEvent,
    ImportRecord,
    ImportStatus,
)
from acquisition.models.notification import Notification, NotificationStatus
from acquisition.models.profile import ReleaseProfile
from acquisition.models.release import BlocklistEntry, Decision, Release, SearchState
from acquisition.models.renaming import Rename, RenameStatus
from acquisition.models.services import ClientKind, DownloadClient, Indexer, IndexerKind, Prowlarr

__all__ = [
    "BlocklistEntry",
    "ClientKind",
    "Decision",
    "Download",
    "DownloadBook",
    "DownloadClient",
    "DownloadEvent",
    "ImportRecord",
    "ImportStatus",
    "Indexer",
    "IndexerKind",
    "Notification",
    "NotificationStatus",
    "Prowlarr",
    "Release",
    "ReleaseProfile",
    "Rename",
    "RenameStatus",
    "SearchState",
]
