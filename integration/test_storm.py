"""Two hundred callers at once on the served product, with worker and scheduler, on both databases."""

import os
from pathlib import Path

import pytest

from integration.api_world import PASSWORD, base_of, filled, post
from integration.storm import run_storm

SECONDS = float(os.environ.get("UNABRIDGED_STORM_SECONDS", "15"))
SEED = int(os.environ.get("UNABRIDGED_STORM_SEED", "1"))
COUNTED = "from library.tests.api.makers import make_book; make_book('Counted', duration_seconds=60)"
BROKEN = ("database is locked", "deadlock detected", "Traceback")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_nothing_breaks_and_nothing_is_lost(kind: str, tmp_path: Path) -> None:
    with filled(tmp_path, kind) as product:
        product.start()
        base = base_of(product)
        token = post(f"{base}/api/admin/login/", {"username": "driver", "password": PASSWORD})["access"]
        product.configure(COUNTED)
        book = product.one("select id from library_book where title = 'Counted'")
        tally = run_storm(base, token, shared_book=book, seconds=SECONDS, seed=SEED)
        assert not tally.unexpected, "\n".join(tally.unexpected[:20])
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(tally.verbs)
        seconds = product.one(f"select duration_seconds from library_book where id = {book}")
        assert seconds == 60 + tally.increments * 60, "an update was lost"
        log = (product.folder / "serve.log").read_text(errors="replace")
        assert not [words for words in BROKEN if words in log], log[-5000:]
