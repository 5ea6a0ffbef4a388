"""Prowlarr's list of indexers over real HTTP."""

from collections.abc import Iterator

import pytest

from acquisition.clients.prowlarr import ProwlarrClient
from acquisition.tests.fake_trackers import FakeProwlarr
from config.errors import ExternalAPIError, Malformed, Rejected, Unavailable


@pytest.fixture
def server() -> Iterator[FakeProwlarr]:
    with FakeProwlarr() as fake:
        yield fake


def client(server: FakeProwlarr, path: str = "/base/", key: str = FakeProwlarr.KEY) -> ProwlarrClient:
    return ProwlarrClient(f"{server.url}{path}", key)


def test_lists_indexers_with_what_is_needed_to_search_them(server: FakeProwlarr) -> None:
    books, films = client(server).indexers()
    assert (books.id, books.name, books.is_enabled, books.protocol, books.privacy) == (
        3,
        "Books",
        True,
        "torrent",
        "private",
    )
    assert books.torznab_url == f"{server.url}/base/3/api"
    assert (books.capabilities.book_params, books.capabilities.page_size) == (("q", "title", "author"), 50)
    assert (books.categories, books.has_audio) == ((3000, 3030), True)
    assert (books.seed_ratio, books.seed_minutes, books.disabled_until) == (1.5, 4320, "")
    assert (films.is_enabled, films.protocol, films.has_audio) == (False, "usenet", False)
    assert films.disabled_until == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("path", ["/base", "/base/", "/base/api/v1", "/base/api"])
def test_every_form_of_its_address(server: FakeProwlarr, path: str) -> None:
    health = client(server, path).check()
    assert (health.version, health.name) == ("2.3.0", "Mine")


def test_the_key_is_in_a_header_and_shows_nowhere(server: FakeProwlarr) -> None:
    prowlarr = client(server)
    listed = prowlarr.indexers()
    assert FakeProwlarr.KEY not in f"{prowlarr!r}{listed!r}"
    assert all(request.query == {} for request in server.seen)
    with pytest.raises(Rejected) as caught:
        client(server, key="wrong-key-here").indexers()
    assert caught.value.code == "credentials_refused"
    assert "wrong-key-here" not in str(caught.value)


@pytest.mark.parametrize(
    "fault, kind",
    [("refused", Unavailable), ("500", Unavailable), ("wrong_type", Malformed), ("truncated", Unavailable)],
)
def test_faults_have_names(server: FakeProwlarr, fault: str, kind: type[ExternalAPIError]) -> None:
    server.fault(fault)
    for call in (client(server).check, client(server).indexers):
        with pytest.raises(kind):
            call()
