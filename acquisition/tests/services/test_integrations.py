"""Setting services up with secrets that are only written, listing them, and testing them over real HTTP."""

import datetime
import json
from typing import Any

import pytest

from acquisition.models import DownloadClient, Indexer
from acquisition.services.integration_fields import create_or_change_integration
from acquisition.services.integrations import get_integration, list_integrations, test_integration
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab
from acquisition.tests.services.ops_world import NOW, make_client, make_indexer, only_embedded
from config.errors import ConflictError, NotFoundError, ValidationError
from library.models import Audiobookshelf, ProviderState
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
from library.tests.fake_providers import FakeProviders

pytestmark = pytest.mark.django_db
SECRET = "s3cret-key"
QB = {"kind": "qbittorrent", "url": "http://127.0.0.1:9", "username": "admin", "password": SECRET}


def test_a_service_is_made_and_changed_and_its_secret_is_never_shown() -> None:
    row, _ = create_or_change_integration("qb", QB, user=None)
    assert isinstance(row, DownloadClient)
    for values in ({"password": "***"}, {"password": "********"}, {"category": "books"}):
        create_or_change_integration("qb", values, user=None)
    client = DownloadClient.objects.get()
    assert (client.pk, client.password, client.category) == (row.pk, SECRET, "books")
    shown = get_integration("qb", now=NOW)
    assert shown.has_secret
    assert SECRET not in json.dumps(shown.as_dict(), default=str)
    _, changed = create_or_change_integration("qb", {"password": None}, user=None)
    assert changed == ["password"]
    assert not get_integration("qb", now=NOW).has_secret


@pytest.mark.parametrize(
    ("name", "values", "fields"),
    [
        ("new", {}, {"kind"}),
        ("new", {"kind": "usenet-thing"}, {"kind"}),
        ("new", {"kind": "torznab", "url": "ftp://x"}, {"url"}),
        ("new", {"kind": "torznab"}, {"url"}),
        ("new", {**QB, "colour": "red", "seed_ratio": -1}, {"colour", "seed_ratio"}),
        ("new", {**QB, "path_mappings": [{"remote": "/x"}]}, {"path_mappings"}),
        ("new", {**QB, "settings": {"no_such": 1}, "is_enabled": "yes"}, {"is_enabled"}),
        ("new", {"kind": "torznab", "url": "http://127.0.0.1:9", "categories": ["audio"]}, {"categories"}),
        ("abs", {"kind": "audiobookshelf", "url": "http://127.0.0.1:9"}, {"token"}),
        ("audnexus", {"settings": {"region": "mars"}, "is_enabled": True}, {"region"}),
        ("x" * 101, QB, {"name"}),
    ],
)
def test_wrong_values_are_named_and_nothing_is_kept(name: str, values: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        create_or_change_integration(name, values, user=None)
    assert set(caught.value.context["fields"]) == fields
    assert not DownloadClient.objects.exists()
    assert not Indexer.objects.exists()
    assert SECRET not in str(caught.value.context)


def test_a_name_stands_for_one_service() -> None:
    create_or_change_integration("qb", QB, user=None)
    with pytest.raises(ConflictError):
        create_or_change_integration("qb", {"kind": "torznab", "url": "http://127.0.0.1:9"}, user=None)
    with pytest.raises(ConflictError):
        create_or_change_integration("audnexus", {"kind": "torznab"}, user=None)
    with pytest.raises(NotFoundError):
        get_integration("nobody", now=NOW)
    with pytest.raises(NotFoundError):
        test_integration("nobody", now=NOW)


def test_a_catalogue_is_enabled_with_its_token() -> None:
    create_or_change_integration("hardcover", {"is_enabled": True, "token": SECRET, "trust": 75}, user=None)
    state = ProviderState.objects.get(name="hardcover")
    assert (state.is_enabled, state.secret, state.trust) == (True, SECRET, 75)
    with pytest.raises(ValidationError):
        create_or_change_integration("hardcover", {"token": ""}, user=None)


def test_a_change_lets_it_be_asked_again_at_once() -> None:
    indexer = make_indexer("http://127.0.0.1:9", paused_until=NOW, failure_level=5)
    create_or_change_integration(indexer.name, {"url": "http://127.0.0.1:10"}, user=None)
    indexer.refresh_from_db()
    assert (indexer.paused_until, indexer.failure_level) == (None, 0)


def test_an_unasked_service_is_neither_reachable_nor_not() -> None:
    only_embedded()
    make_indexer("http://user:pw@127.0.0.1:9/api?apikey=abc")
    rows = {row.name: row for row in list_integrations(now=NOW)}
    assert (rows["torznab"].is_reachable, rows["torznab"].latency_ms, rows["torznab"].as_of) == (None, None, None)
    assert rows["torznab"].url == "http://***@127.0.0.1:9/api?apikey=***"
    assert rows["embedded"].is_reachable is True
    assert set(rows) == {"torznab", "embedded"}


def test_testing_a_torznab_indexer_reads_caps_and_the_newest_releases() -> None:
    item = FakeItem("Emma by Jane Austen", torrent=b"d4:infoe")
    with FakeTorznab([item], api_key=SECRET) as server:
        indexer = make_indexer(server.url, api_key=SECRET)
        probe = test_integration("torznab", now=NOW)
        assert probe.is_ok, probe.error
        assert [step.name for step in probe.steps] == ["capabilities", "search"]
        shown = get_integration("torznab", now=NOW)
        assert shown.is_reachable
        assert (shown.latency_ms or 0) >= 1
        indexer.refresh_from_db()
        assert indexer.queries_today == 1
        server.fault("401")
        bad = test_integration("torznab", now=NOW + datetime.timedelta(minutes=1))
    assert (bad.is_ok, bad.steps[-1].is_ok) == (False, False)
    assert "key" in bad.error
    assert SECRET not in bad.error
    shown = get_integration("torznab", now=NOW)
    assert shown.is_reachable is False
    assert shown.last_error


def test_testing_qbittorrent_tells_version_and_warnings() -> None:
    with FakeQBittorrent("5.0") as server:
        server.preferences |= {"max_ratio_act": 1, "max_ratio_enabled": True}
        make_client("qbittorrent", url=server.url, username="admin", password="secret")
        probe = test_integration("qbittorrent", now=NOW)
        assert probe.is_ok
        assert "5.0" in probe.version
        assert "removes torrents" in probe.warnings[0]
    assert test_integration("qbittorrent", now=NOW).error_code


def test_testing_audiobookshelf_and_a_catalogue() -> None:
    with FakeAudiobookshelf() as server:
        create_or_change_integration(
            "abs", {"kind": "audiobookshelf", "url": server.url, "api_key": API_KEY}, user=None
        )
        assert test_integration("abs", now=NOW).version == server.version
        Audiobookshelf.objects.update(token="wrong")
        assert not test_integration("abs", now=NOW).is_ok
    with FakeProviders() as catalogue:
        settings = {"base_url": catalogue.base("audnexus"), "min_interval": 0}
        create_or_change_integration("audnexus", {"is_enabled": True, "settings": settings}, user=None)
        probe = test_integration("audnexus", now=NOW)
        assert probe.is_ok
        assert probe.warnings == ()
        catalogue.works = ()
        assert "does not know" in test_integration("audnexus", now=NOW).warnings[0]
