"""`/api/indexers/` and `/api/download-clients/`: setting up, secrets that are only written, tests, removing."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from acquisition.models import DownloadClient, Indexer
from acquisition.tests.api.rows import make_client, make_download, make_indexer
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_indexers import FakeTorznab

pytestmark = pytest.mark.django_db
TORZNAB = {"name": "Prowlarr", "kind": "torznab", "url": "http://prowlarr:9696/1/api", "api_key": "hush-key"}
QBITTORRENT = {"name": "qB", "kind": "qbittorrent", "url": "http://qb:8080", "username": "u", "password": "hush-pw"}
PLACES = [("/api/indexers/", TORZNAB, Indexer), ("/api/download-clients/", QBITTORRENT, DownloadClient)]


@pytest.mark.parametrize(("place", "values", "model"), PLACES)
class TestBoth:
    def test_secrets_are_only_written(self, admin: Any, viewer: Any, place: str, values: Any, model: Any) -> None:
        sent = {**values, "settings": {"api_key": "hush-setting", "pause_seconds": 0}}
        made = admin.post(place, sent, format="json")
        assert made.status_code == 201, made.content
        pk = made.json()["id"]
        read = viewer.get(f"{place}{pk}/")
        for answer in (made, read, viewer.get(place), admin.put(f"{place}{pk}/", {"priority": 9}, format="json")):
            assert answer.status_code in (200, 201)
            assert "hush" not in answer.content.decode()
        assert read.json()["settings"] == {"api_key": "***", "pause_seconds": 0}
        assert "hush" not in str(list(AuditEntry.objects.values()))
        row = model.objects.get()
        assert "hush" in (getattr(row, "api_key", "") or getattr(row, "password", ""))

    def test_a_masked_setting_stays(self, admin: Any, place: str, values: Any, model: Any) -> None:
        sent = {**values, "settings": {"api_key": "stays"}}
        pk = admin.post(place, sent, format="json").json()["id"]
        changed = {"settings": {"api_key": "***", "pause_seconds": 3}}
        assert admin.put(f"{place}{pk}/", changed, format="json").status_code == 200
        assert model.objects.get().settings == {"api_key": "stays", "pause_seconds": 3}

    def test_tells_what_changed_and_forgets_failures(self, admin: Any, place: str, values: Any, model: Any) -> None:
        pk = admin.post(place, values, format="json").json()["id"]
        model.objects.update(failure_level=4, paused_until=timezone.now())
        body = admin.patch(f"{place}{pk}/", {"priority": 3}, format="json").json()
        assert body["changes_made"]["priority"] == {"old": 25, "new": 3}
        assert (body["failure_level"], body["paused_until"]) == (0, None)

    def test_a_name_is_taken_once(self, admin: Any, place: str, values: Any, model: Any) -> None:
        assert admin.post(place, values, format="json").status_code == 201
        again = admin.post(place, values, format="json")
        assert (again.status_code, again.json()["error"]) == (409, "duplicate_resource")
        assert model.objects.count() == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"url": ""},
            {"url": "ftp://x"},
            {"url": "javascript:alert(1)"},
            {"kind": "odd"},
            {"priority": 0},
            {"seed_ratio": -1},
            {"settings": [1]},
            {"settings": {"x": "y" * 20_000}},
            {"failure_level": 3},
            {"name": ""},
        ],
    )
    def test_refuses_bad_input(self, admin: Any, place: str, values: Any, model: Any, wrong: Any) -> None:
        answer = admin.post(place, {**values, **wrong}, format="json")
        assert answer.status_code == 400
        assert next(iter(wrong)) in answer.json()["context"]["fields"]
        assert not model.objects.exists()

    def test_a_moderator_may_not(self, moderator: Any, place: str, values: Any, model: Any) -> None:
        assert moderator.post(place, values, format="json").status_code == 403


class TestIndexer:
    def test_tests_for_real(self, admin: Any) -> None:
        with FakeTorznab(api_key="right") as server:
            row = make_indexer(url=server.url, api_key="right")
            assert admin.post(f"/api/indexers/{row.pk}/test/").json()["is_ok"] is True
            Indexer.objects.update(api_key="wrong-key")
            body = admin.post(f"/api/indexers/{row.pk}/test/").json()
        assert body["is_ok"] is False
        assert body["error_code"]
        assert "wrong-key" not in str(body)

    def test_is_deleted(self, admin: Any) -> None:
        row = make_indexer()
        assert admin.delete(f"/api/indexers/{row.pk}/").json()["name"] == "Indexer 1"
        assert AuditEntry.objects.filter(action="indexer.deleted").exists()
        assert not Indexer.objects.exists()


class TestClient:
    def test_tests_for_real(self, admin: Any) -> None:
        with FakeQBittorrent(password="right") as server:
            row = make_client(url=server.url, username="admin", password="right")
            body = admin.post(f"/api/download-clients/{row.pk}/test/").json()
            assert body["is_ok"] is True, body
        body = admin.post(f"/api/download-clients/{row.pk}/test/").json()
        assert (body["is_ok"], body["error_code"]) == (False, "service_unavailable")

    def test_one_with_downloads_stays(self, admin: Any) -> None:
        row = make_client()
        make_download(client=row)
        answer = admin.delete(f"/api/download-clients/{row.pk}/")
        assert (answer.status_code, answer.json()["context"]["downloads"]) == (409, 1)
        assert DownloadClient.objects.exists()

    def test_a_removed_download_leaves_its_client(self, moderator: Any) -> None:
        magnet = "magnet:?xt=urn:btih:" + "e" * 40
        with FakeQBittorrent(password="right") as server:
            row = make_client(url=server.url, username="admin", password="right")
            from acquisition.domain.facts import AddOptions, Payload
            from acquisition.services.ports import open_client

            ref = open_client(row).add(Payload(magnet_url=magnet), AddOptions(tag="tag-1"))
            download = make_download(client=row, client_ref=ref, status="downloading")
            assert moderator.delete(f"/api/downloads/{download.pk}/?delete_files=true").status_code == 200
            assert server.torrents == {}

    def test_mappings_are_pairs(self, admin: Any) -> None:
        good = [{"remote": "/downloads", "local": "/mnt/dl"}]
        body = admin.post("/api/download-clients/", {**QBITTORRENT, "path_mappings": good}, format="json").json()
        assert body["path_mappings"] == good
        answer = admin.patch(
            f"/api/download-clients/{body['id']}/", {"path_mappings": [{"remote": "/x"}]}, format="json"
        )
        assert answer.status_code == 400
        many = [{"remote": f"/downloads/{number}", "local": f"/mnt/{number}"} for number in range(51)]
        answer = admin.patch(f"/api/download-clients/{body['id']}/", {"path_mappings": many}, format="json")
        assert answer.status_code == 400
        assert "At most 50" in answer.content.decode()
        assert admin.get(f"/api/download-clients/{body['id']}/").json()["path_mappings"] == good
