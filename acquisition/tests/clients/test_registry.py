"""From settings to clients."""

import dataclasses
import json
from pathlib import Path

import pytest

from acquisition.clients.http_downloader import HttpDownloader
from acquisition.clients.qbittorrent import QBittorrentClient
from acquisition.clients.registry import DOWNLOAD_CLIENTS, INDEXERS, build_download_client, build_indexer, trusted_guard
from acquisition.clients.torznab import TorznabClient
from acquisition.domain.facts import IndexerCapabilities
from config.errors import ValidationError

EVERYTHING = {
    "name": "Mine",
    "url": "http://127.0.0.1:9/base",
    "api_key": "key-key-key",
    "password": "hidden-pw",
    "cookie": "mam-cookie-value",
    "work_dir": "/srv/work",
    "drop_dir": "/srv/drop",
    "completed_dir": "/srv/done",
    "trusted_hosts": ["nas.local:9696"],
}


@pytest.mark.parametrize("kind", sorted(INDEXERS))
def test_every_kind_of_indexer_can_be_built_and_shows_no_secret(kind: str) -> None:
    built = build_indexer(kind, EVERYTHING)
    assert callable(built.search)
    assert not any(EVERYTHING[secret] in repr(built) for secret in ("api_key", "cookie"))


@pytest.mark.parametrize("kind", sorted(DOWNLOAD_CLIENTS))
def test_every_kind_of_download_client_can_be_built_and_shows_no_secret(kind: str) -> None:
    built = build_download_client(kind, EVERYTHING)
    assert callable(built.add)
    assert "hidden-pw" not in repr(built)


def test_settings_reach_the_client() -> None:
    indexer = build_indexer("newznab", EVERYTHING)
    assert isinstance(indexer, TorznabClient)
    assert (indexer.url, indexer.kind, indexer.api_key) == ("http://127.0.0.1:9/base/api", "newznab", "key-key-key")
    qb = build_download_client("qbittorrent", EVERYTHING)
    assert isinstance(qb, QBittorrentClient)
    plain = build_download_client("http", EVERYTHING)
    assert isinstance(plain, HttpDownloader)
    assert plain.work_dir == Path("/srv/work")
    assert plain.guard is not None
    assert "nas.local:9696" in plain.guard.trusted


@pytest.mark.parametrize("build", [build_indexer, build_download_client])
def test_an_unknown_kind_is_named(build) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValidationError, match="'carrier pigeon'"):
        build("carrier pigeon", {})


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ValidationError, match="address of qBittorrent"):
        build_download_client("qbittorrent", {})
    with pytest.raises(ValidationError, match="work folder"):
        build_download_client("http", {})


def test_hosts_without_a_port_are_trusted_on_the_usual_ports() -> None:
    assert trusted_guard(["NAS.local", "10.0.0.5:9696", " "]).trusted == {
        "nas.local:80",
        "nas.local:443",
        "10.0.0.5:9696",
    }


def test_capabilities_survive_being_kept_as_json() -> None:
    known = IndexerCapabilities("Fake", ("q",), ("q", "title"), {3030: "Audio/Audiobook"}, 50)
    kept = json.loads(json.dumps(dataclasses.asdict(known)))
    for given in (known, kept):
        indexer = build_indexer("torznab", {**EVERYTHING, "capabilities": given})
        assert isinstance(indexer, TorznabClient)
        assert indexer.known_capabilities == known
