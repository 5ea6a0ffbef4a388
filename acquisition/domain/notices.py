"""What people may be told about, and how often a message that could not be delivered is tried again."""

import datetime
import re
from urllib.parse import urlsplit

EVENTS: dict[str, str] = {
    "gap_found": "Books of followed series or authors are missing.",
    "released": "A wanted book has come out.",
    "grabbed": "A release was handed to a download client.",
    "imported": "A book was filed on the shelf.",
    "failed": "A download failed.",
    "blocked": "An import waits for a person.",
    "health_lost": "Something stopped working.",
    "health_restored": "Something works again.",
    "ratio_guard": "The tracker account's ratio stops or allows downloads.",
}
KINDS = {
    "imported": "success",
    "health_restored": "success",
    "failed": "failure",
    "health_lost": "failure",
    "blocked": "warning",
    "ratio_guard": "warning",
}
# Addresses that would act on this machine instead of telling somebody, or that load further addresses from elsewhere.
REFUSED_SCHEMES = frozenset(
    {"dbus", "kde", "qt", "glib", "gnome", "macosx", "windows", "syslog", "file", "include", "smtp+file"}
)
RETRY_MINUTES = (1, 5, 15, 60, 360)
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,40}://")


def next_try(attempts: int, *, now: datetime.datetime) -> datetime.datetime | None:
    """When a message that failed `attempts` times is tried again; None when it is given up."""
    if attempts > len(RETRY_MINUTES):
        return None
    return now + datetime.timedelta(minutes=RETRY_MINUTES[max(attempts, 1) - 1])


def mask_address(url: str) -> str:
    """Only what kind of address it is: everything behind the scheme may be a secret."""
    found = SCHEME.match(url.strip())
    return f"{found[0]}***" if found else "***"


def address_fault(url: str) -> str:
    """Why an address cannot be used, as far as its form tells; empty when it may be."""
    if not SCHEME.match(url.strip()):
        return "is not an Apprise address such as ntfy://topic or json://host/path"
    if urlsplit(url.strip()).scheme.lower() in REFUSED_SCHEMES:
        return "acts on this machine and is not allowed"
    return ""
