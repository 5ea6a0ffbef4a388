"""Two hundred callers at once on the served product, with worker and scheduler, on both databases."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from integration.api_world import PASSWORD, base_of, filled, post
from integration.product import Product
from integration.storm import run_storm

SECONDS = float(os.environ.get("UNABRIDGED_STORM_SECONDS", "10"))
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
        _two_admins_demote_each_other(product, base)
        tally = run_storm(base, token, shared_book=book, seconds=SECONDS, seed=SEED)
        assert not tally.unexpected, "\n".join(tally.unexpected[:20])
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(tally.verbs)
        seconds = product.one(f"select duration_seconds from library_book where id = {book}")
        assert seconds == 60 + tally.increments * 60, "an update was lost"
        log = (product.folder / "serve.log").read_text(errors="replace")
        assert not [words for words in BROKEN if words in log], log[-5000:]


def _two_admins_demote_each_other(product: Product, base: str) -> None:
    """At the same moment, again and again: one of them stays."""
    product.configure("from accounts.models import User; User.objects.filter(username='driver').update(role='viewer')")
    people = dict(product.query("select username, id from accounts_user where username in ('admin', 'moderator')"))
    for _ in range(3):
        product.configure(
            f"from accounts.models import User; User.objects.filter(username__in={list(people)}).update(role='admin')"
        )
        tokens = {
            name: post(f"{base}/api/admin/login/", {"username": name, "password": PASSWORD})["access"]
            for name in people
        }
        calls = [(base, tokens[one], people[other]) for one, other in zip(people, reversed(people), strict=True)]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(_demote, *zip(*calls, strict=True)))
        assert sorted(answers) in ([200, 403], [200, 409]), answers
        assert product.one("select count(*) from accounts_user where role = 'admin'") == 1
    product.configure("from accounts.models import User; User.objects.filter(username='driver').update(role='admin')")


def _demote(base: str, token: str, user_id: int) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.put(
        f"{base}/api/admin/users/{user_id}/", json={"role": "viewer"}, headers=headers, timeout=30
    ).status_code
