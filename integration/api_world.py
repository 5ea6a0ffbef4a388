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
DRIVER = 1_000_003
ALONE = {
    **{f"UNABRIDGED_RATE_{tier}": "1000000/minute" for tier in TIERS},
    **{f"UNABRIDGED_{name}_URL": NOWHERE for name in ("OPEN_LIBRARY", "AUDNEXUS", "LIBRIVOX", "ARCHIVE")},
}

ROWS = """
from django.utils import timezone
from accounts.models import ApiKey, User
from accounts.services.keys import create_key
from accounts.services.users import create_user
from acquisition.tests.api import rows as acquired
from library.tests.api import rows as owned
from library.tests.api.makers import make_book, make_copy, make_series
from library.models import LibraryRoot
from pathlib import Path
shelf = Path({shelf!r})
shelf.mkdir(parents=True, exist_ok=True)
LibraryRoot.objects.create(name="shelf", path=str(shelf))
for role in ("admin", "moderator", "viewer"):
    create_user(username=role, email=role + "@example.org", password={password!r}, role=role)
driver = User(pk={driver}, username="driver", email="driver@example.org", role="admin", is_staff=True, is_superuser=True)
driver.set_password({password!r})
driver.save(force_insert=True)
key, text = create_key(user=driver, name="driver", now=timezone.now())
ApiKey.objects.filter(pk=key.pk).update(id={driver})
Path({folder!r}, "driver.key").write_text(text)
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
    """A product that is not started yet, with users of each role named like it, an admin `driver` whose id nobody
    guesses, and rows in most lists."""
    product = Product(folder / "data", kind=kind, extra={**ALONE, **extra})
    try:
        values = {"shelf": str(folder / "shelf"), "folder": str(folder), "password": PASSWORD, "driver": DRIVER}
        product.configure(ROWS.format(**values))
        yield product
    finally:
        product.close()


def base_of(product: Product) -> str:
    """The address of a started product that answers."""
    base = f"http://127.0.0.1:{product.port}"
    wait_for(lambda: _answers(base), why=f"the server answers\n{product.log}")
    return base


def driver_key(product: Product) -> str:
    """The API key of the admin `driver`, whose id, and that of the key, is DRIVER."""
    return (product.folder.parent / "driver.key").read_text()


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
