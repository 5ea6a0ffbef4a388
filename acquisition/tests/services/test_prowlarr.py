"""Prowlarr's indexers, kept here over real HTTP: added, changed, switched off, and never forgotten."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import AuditEntry
from acquisition.models import Decision, Indexer, Prowlarr, Release
from acquisition.services.prowlarr import sync_due, sync_prowlarr
from acquisition.tests.factories import NOW, make_book, make_indexer, make_release
from acquisition.tests.fake_http import Reply, Seen
from acquisition.tests.fake_trackers import FakeProwlarr
from acquisition.tests.services.ops_world import do_job
from config.errors import ExternalAPIError

pytestmark = pytest.mark.django_db


class Server(FakeProwlarr):
    """Its first indexer can be changed and taken away."""

    changes: dict[str, Any] = {}
    is_empty = False

    def answer(self, request: Seen) -> Reply:
        reply = super().answer(request)
        if request.path != "/base/api/v1/indexer" or reply.status != 200:
            return reply
        rows = json.loads(reply.body)
        rows[0].update(self.changes)
        if self.changes.get("id") == 0:
            rows = rows[1:]
        return Reply(json.dumps([] if self.is_empty else rows).encode(), 200, "application/json")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        running.changes = {}
        yield running


@pytest.fixture
def row(server: Server) -> Prowlarr:
    return Prowlarr.objects.create(name="Prowlarr", url=f"{server.url}/base", api_key=FakeProwlarr.KEY)


def test_its_indexers_appear_here(server: Server, row: Prowlarr) -> None:
    result = sync_prowlarr(row, now=NOW)
    indexer = Indexer.objects.get()
    assert (indexer.name, indexer.kind, indexer.url) == ("Books", "torznab", f"{server.url}/base/3/api")
    assert (indexer.api_key, indexer.priority, indexer.is_enabled) == (FakeProwlarr.KEY, 10, True)
    assert (indexer.seed_ratio, indexer.seed_time_minutes) == (1.5, 4320)
    assert result.added == ["Books"]
    assert result.skipped == {"Films": "It offers over usenet, which no download client here can fetch."}
    again = sync_prowlarr(row, now=NOW)
    assert (again.added, again.changed, again.switched_off) == ([], [], [])
    assert again.sentence.startswith("All indexers are as they are there.")


def test_what_a_person_changed_here_stays(server: Server, row: Prowlarr) -> None:
    sync_prowlarr(row, now=NOW)
    Indexer.objects.update(priority=1, minimum_seeders=4)
    server.changes = {"priority": 30, "name": "More books"}
    assert sync_prowlarr(row, now=NOW).changed == ["More books"]
    indexer = Indexer.objects.get()
    assert (indexer.name, indexer.priority, indexer.minimum_seeders) == ("More books", 1, 4)
    Indexer.objects.update(is_enabled=False)
    sync_prowlarr(row, now=NOW)
    assert not Indexer.objects.get().is_enabled, "a person switched it off here"


def test_what_is_gone_there_is_switched_off_and_comes_back(server: Server, row: Prowlarr) -> None:
    sync_prowlarr(row, now=NOW)
    indexer = Indexer.objects.get()
    release = make_release(indexer)
    Decision.objects.create(book=make_book(), release=release, release_title="x", is_accepted=False)
    server.changes = {"id": 0}
    assert sync_prowlarr(row, now=NOW).switched_off == ["Books"]
    indexer.refresh_from_db()
    assert not indexer.is_enabled
    assert "no longer in Prowlarr" in indexer.last_error
    assert (Release.objects.count(), Decision.objects.count()) == (1, 1)
    assert sync_prowlarr(row, now=NOW).switched_off == []
    server.changes = {}
    sync_prowlarr(row, now=NOW)
    indexer.refresh_from_db()
    assert (indexer.is_enabled, indexer.last_error) == (True, "")
    assert Indexer.objects.count() == 1


def test_it_is_off_here_while_it_is_off_there(server: Server, row: Prowlarr) -> None:
    sync_prowlarr(row, now=NOW)
    server.changes = {"enable": False}
    sync_prowlarr(row, now=NOW)
    assert not Indexer.objects.get().is_enabled
    server.changes = {}
    sync_prowlarr(row, now=NOW)
    assert Indexer.objects.get().is_enabled


def test_its_own_limits_and_pauses_are_kept(server: Server, row: Prowlarr) -> None:
    fields = [{"name": "baseSettings.queryLimit", "value": 5}, {"name": "baseSettings.limitsUnit", "value": 1}]
    server.changes = {"fields": fields, "id": 4, "protocol": "torrent"}
    sync_prowlarr(row, now=datetime.datetime(2025, 12, 31, tzinfo=datetime.UTC))
    indexer = Indexer.objects.get()
    assert indexer.daily_budget == 120
    assert indexer.paused_until == datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize("spoil", ["empty", "500", "key"])
def test_an_outage_or_an_empty_answer_changes_nothing(server: Server, row: Prowlarr, spoil: str) -> None:
    sync_prowlarr(row, now=NOW)
    if spoil == "empty":
        server.is_empty = True
    elif spoil == "key":
        row.api_key = "wrong"
    else:
        server.fault("500")
    with pytest.raises(ExternalAPIError):
        sync_prowlarr(row, now=NOW)
    assert Indexer.objects.get().is_enabled
    row.refresh_from_db()
    assert row.last_error


def test_names_are_taken_once(server: Server, row: Prowlarr) -> None:
    make_indexer(name="Books")
    sync_prowlarr(row, now=NOW)
    assert set(Indexer.objects.values_list("name", flat=True)) == {"Books", "Books (Prowlarr)"}
    assert sync_prowlarr(row, now=NOW).changed == []


def test_a_new_key_goes_on_to_its_indexers(server: Server, row: Prowlarr) -> None:
    sync_prowlarr(row, now=NOW)
    Indexer.objects.update(api_key="old")
    sync_prowlarr(row, now=NOW)
    assert Indexer.objects.get().api_key == FakeProwlarr.KEY


def test_the_job_looks_every_hour(server: Server, row: Prowlarr) -> None:
    do_job("feed_sync")
    assert Indexer.objects.filter(name="Books").exists()
    seen = len(server.calls("/base/api/v1/indexer"))
    do_job("feed_sync")
    assert len(server.calls("/base/api/v1/indexer")) == seen
    Prowlarr.objects.update(synced_at=NOW, failure_level=0, paused_until=None)
    server.fault("500")
    assert sync_due(now=NOW + datetime.timedelta(hours=2))
    assert Prowlarr.objects.get().failure_level == 1


class TestApi:
    def test_the_key_is_only_written(self, admin: Any, viewer: Any, server: Server) -> None:
        sent = {"name": "P", "url": f"{server.url}/base", "api_key": FakeProwlarr.KEY}
        made = admin.post("/api/prowlarr/", sent, format="json")
        assert made.status_code == 201, made.content
        place = f"/api/prowlarr/{made.json()['id']}/"
        tested = admin.post(f"{place}test/", {}, format="json").json()
        assert (tested["is_ok"], tested["message"]) == (True, "P answers (Prowlarr 2.3.0).")
        synced = admin.post(f"{place}sync/", {}, format="json")
        assert synced.json()["added"] == ["Books"]
        for answer in (made, synced, viewer.get(place), viewer.get("/api/indexers/")):
            assert FakeProwlarr.KEY not in answer.content.decode()
        assert FakeProwlarr.KEY not in str(list(AuditEntry.objects.values()))
        assert viewer.get(place).json()["indexer_count"] == 1
        assert viewer.post(f"{place}sync/", {}, format="json").status_code == 403

    def test_it_is_among_the_integrations(self, admin: Any, server: Server) -> None:
        sent = {"kind": "prowlarr", "url": f"{server.url}/base", "api_key": FakeProwlarr.KEY}
        made = admin.put("/api/system/integrations/mine/", sent, format="json")
        assert made.status_code in (200, 201), made.content
        tested = admin.post("/api/system/integrations/mine/test/", {}, format="json").json()
        assert tested["version"] == "2.3.0", tested
        listed = admin.get("/api/system/integrations/")
        assert "mine" in listed.content.decode()
        assert FakeProwlarr.KEY not in f"{made.content!r}{listed.content!r}"

    def test_a_name_is_given_once(self, admin: Any, row: Prowlarr) -> None:
        sent = {"name": row.name, "url": "http://prowlarr:9696", "api_key": "k"}
        answer = admin.post("/api/prowlarr/", sent, format="json")
        assert answer.status_code == 400
        assert answer.json()["context"]["fields"]["name"][0]["code"] == "unique"
        assert Prowlarr.objects.count() == 1

    def test_removing_it_keeps_its_indexers_switched_off(self, admin: Any, server: Server, row: Prowlarr) -> None:
        sync_prowlarr(row, now=NOW)
        assert admin.delete(f"/api/prowlarr/{row.pk}/").status_code in (200, 204)
        indexer = Indexer.objects.get()
        assert (indexer.prowlarr, indexer.is_enabled) == (None, False)

    @pytest.mark.parametrize("wrong", [{"url": "ftp://x"}, {"url": ""}, {"api_key": ""}, {"name": "P" * 200}])
    def test_bad_values_say_what_is_wrong(self, admin: Any, wrong: dict[str, str]) -> None:
        sent = {"name": "P", "url": "http://prowlarr:9696", "api_key": "k", **wrong}
        answer = admin.post("/api/prowlarr/", sent, format="json")
        assert answer.status_code == 400
        assert next(iter(wrong)) in answer.content.decode()
        assert not Prowlarr.objects.exists()
