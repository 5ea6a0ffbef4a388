"""Sending messages through Apprise, which speaks to more than a hundred services by addresses such as `ntfy://topic`.

Source: Apprise's documentation (github.com/caronc/apprise). It never raises for deliveries that fail. Its timeouts are
some seconds per address. It is imported at its first use, since loading all of its services takes a second.
"""

import logging
import warnings
from functools import lru_cache
from typing import Any

LOADS_ALL = "json://localhost"


@lru_cache(maxsize=1)
def _apprise() -> Any:
    """The library with all of its services. Its own log lines may show parts of addresses, so they go nowhere; some of
    its services import modules that Python has declared old, which is no news for the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate(LOADS_ALL, suppress_exceptions=True)
    logging.getLogger("apprise").disabled = True
    return apprise


def is_understood(url: str) -> bool:
    """Whether Apprise knows what to do with an address; asks nobody."""
    return _apprise().Apprise.instantiate(url, suppress_exceptions=True) is not None


def send_message(url: str, *, title: str, body: str, kind: str = "info") -> bool:
    """One message to one address; True when the service took it. `kind`: info, success, warning or failure."""
    library = _apprise()
    sender = library.Apprise()
    # Its result is true for "all delivered" alone; None and false values mean failed, or nobody to tell.
    return bool(sender.add(url)) and bool(sender.notify(body=body, title=title, notify_type=kind, body_format="text"))
