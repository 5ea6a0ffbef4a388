"""An installation with something of everything, for tests that talk to the whole API of a live server.

Outside services do not exist in it: every address of a catalogue leads to a closed port of this machine.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from integration.product import Product, wait_for

PASSWORD = "a-long-password-for-the-tests"
TIERS = ("PUBLIC", "AUTHENTICATED", "ADMIN", "DOWNLOAD", "METADATA", "SEARCH", "HEALTH", "UPLOAD")
NOWHERE = "http://127.0.0.1:9"
ALONE = {
    **{f"UNABRIDGED_RATE_{tier}": "1000000/minute" for tier in TIERS},
    **{f"UNABRIDGED_{name}_URL": NOWHERE for name in ("OPEN_LIBRARY", "AUDNEXUS", "LIBRIVOX", "ARCHIVE")},
}

ROWS = """
from django.utils import timezone
from accounts.services.users import create_user
from acquisition.tests.api import rows as acquired
from library.models import Series
from library.tests.api import rows as owned
from library.tests.api.makers import make_book, make_copy, make_series
from library.models import LibraryRoot
from pathlib import Path
shelf = Path({shelf!r})
shelf.mkdir(parents=True, exist_ok=True)
LibraryRoot.objects.create(name="shelf", path=str(shelf))
for role in ("admin", "moderator", "viewer"):
    create_user(username=role, email=role + "@example.org", password={password!r}, role=role)
for number in (1, 2, 3):
    book = make_book(f"Book {{number}}", series=make_series(f"Saga {{number}}"), position="1", narrators=("Nora",))
    make_copy(book, title=book.title)
    owned.a_gap(number + 10)
    owned.a_correction(number)
    owned.a_match(number + 20)
    acquired.whole_download(number)
    acquired.whole_download(number + 3, status="failed")
    acquired.whole_download(number + 6, status="blocked")
    acquired.wanted_book(number + 30)
"""


@contextmanager
def filled(folder: Path, kind: str = "sqlite", **extra: str) -> Iterator[Product]:
    """A product that is not started yet, with users of each role named like it, and rows in every list."""
    product = Product(folder / "data", kind=kind, extra={**ALONE, **extra})
    try:
        product.configure(ROWS.format(shelf=str(folder / "shelf"), password=PASSWORD))
        yield product
    finally:
        product.close()


def base_of(product: Product) -> str:
    """The address of a started product that answers."""
    base = f"http://127.0.0.1:{product.port}"
    wait_for(lambda: _answers(base), why=f"the server answers\n{product.log}")
    return base


def key_of(product: Product, role: str = "admin") -> str:
    return product.manage("create_api_key", f"{role}'s", "--user", role).strip()


def _answers(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/health/live", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def post(url: str, body: Mapping[str, Any]) -> Any:
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
