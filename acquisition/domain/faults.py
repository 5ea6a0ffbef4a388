"""Whose fault a failure is: the release's, which is then never taken again, or a service's, which passes."""

from collections.abc import Iterator

OTHER_TORRENT = "other_torrent"  # behind the link is another torrent than the one that was stated
# Codes of errors that the release itself causes wherever and whenever it is tried.
RELEASE_FAULTS = frozenset(
    {
        "bad_torrent",
        "dangerous_files",
        "invalid_torrent",
        OTHER_TORRENT,
        "release_gone",
        "restricted",
        "too_many_files",
        "unsupported_protocol",
        "wrong_checksum",
        "wrong_size",
    }
)
GONE = frozenset({404, 410})


def is_release_fault(code: str, http_status: int | None = None) -> bool:
    """Whether the release is at fault. A page that is gone counts; credentials, outages and web pages never do."""
    return code in RELEASE_FAULTS or http_status in GONE


def retry_ladder() -> Iterator[int]:
    """Seconds to wait after each attempt of a transfer that broke off, the last one for ever."""
    yield from (60, 300, 900, 1800, 3600, 10_800)
    while True:
        yield 21_600
