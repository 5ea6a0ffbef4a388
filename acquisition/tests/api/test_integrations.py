"""`/api/system/integrations/`, `/notifications/`, `/compliance/ratio/` and `/backups/`."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import AuditEntry
from acquisition.models import DownloadClient, Indexer
from acquisition.tests.api.rows import backup, make_client, make_indexer
from acquisition.tests.fake_indexers import FakeTorznab
from library.models import Audiobookshelf, Setting
from library.services.settings import get_setting
from scheduling.models import Run

pytestmark = pytest.mark.django_db
PLACE = "/api/system/integrations/"


class TestIntegrations:
    def test_lists_what_is_set_up_without_secrets(self, viewer: Any) -> None:
        make_indexer()
        make_client()
        Audiobookshelf.objects.create(name="audiobookshelf", url="http://abs:13378", token="abs-secret")
        answer = viewer.get(PLACE)
        rows = {row["name"]: row for row in answer.json()["integrations"]}
        assert rows["audiobookshelf"]["kind"] == "audiobookshelf"
        assert rows["Indexer 1"]["is_reachable"] is rows["Indexer 1"]["as_of"] is None
        assert rows["Client 1"]["has_secret"] is True
        for secret in ("abs-secret", "indexer-secret", "client-secret"):
            assert secret not in answer.content.decode()

    def test_sets_one_up_and_changes_it(self, admin: Any) -> None:
        values = {"kind": "torznab", "url": "http://prowlarr:9696/1/api", "api_key": "hush"}
        made = admin.put(f"{PLACE}Prowlarr/", values, format="json")
        assert (made.status_code, made.json()["has_secret"]) == (200, True)
        changed = admin.put(f"{PLACE}Prowlarr/", {"priority": 3}, format="json")
        assert changed.json()["changes_made"] == {"priority": {"old": 25, "new": 3}}
        assert Indexer.objects.get().api_key == "hush"
        secret = admin.put(f"{PLACE}Prowlarr/", {"api_key": "hush-two"}, format="json")
        assert secret.json()["changes_made"] == {"api_key": {"old": "***", "new": "***"}}
        assert "hush" not in made.content.decode() + secret.content.decode() + str(list(AuditEntry.objects.values()))

    @pytest.mark.parametrize(
        "values", [{}, {"kind": "odd"}, {"url": "http://x"}, {"kind": "torznab"}, {"kind": "torznab", "odd": 1}]
    )
    def test_refuses_bad_input(self, admin: Any, values: Any) -> None:
        assert admin.put(f"{PLACE}New/", values, format="json").status_code == 400
        assert not Indexer.objects.exists()

    def test_a_field_of_another_kind_is_400(self, admin: Any) -> None:
        make_client()
        answer = admin.put(f"{PLACE}Client%201/", {"minimum_seeders": 3}, format="json")
        assert "minimum_seeders" in answer.json()["context"]["fields"]
        assert DownloadClient.objects.get().priority == 25

    def test_says_exactly_what_works(self, admin: Any) -> None:
        with FakeTorznab(api_key="right") as server:
            make_indexer(url=server.url, api_key="right")
            good = admin.post(f"{PLACE}Indexer%201/test/").json()
            Indexer.objects.update(api_key="wrong-key")
            bad = admin.post(f"{PLACE}Indexer%201/test/").json()
        assert good["is_ok"] is True
        assert good["latency_ms"] >= 1
        assert [step["name"] for step in good["steps"]] == ["capabilities", "search"]
        assert (bad["is_ok"], bool(bad["error"])) == (False, True)
        assert "wrong-key" not in str(bad)

    def test_unknown_names(self, admin: Any) -> None:
        assert admin.post(f"{PLACE}nothing/test/").status_code == 404


class TestNotifications:
    place = "/api/system/notifications/"

    def test_addresses_are_only_written(self, admin: Any) -> None:
        assert admin.get(self.place).json()["state"] == "not_configured"
        values = {"urls": ["json://user:hush@localhost/x"], "events": ["imported"]}
        answer = admin.put(self.place, values, format="json")
        assert answer.status_code == 200, answer.content
        assert (answer.json()["state"], answer.json()["events"]) == ("ok", ["imported"])
        assert "hush" not in answer.content.decode() + str(list(AuditEntry.objects.values()))
        kept = admin.put(self.place, {"urls": answer.json()["urls"], "events": ["failed"]}, format="json")
        assert list(kept.json()["changes_made"]) == ["events"]
        assert get_setting("notifications.urls") == values["urls"]

    def test_what_stays_the_same_is_no_change(self, admin: Any) -> None:
        values = {"urls": ["json://localhost/x"], "events": ["imported"]}
        admin.put(self.place, values, format="json")
        entries = AuditEntry.objects.count()
        again = admin.put(self.place, {"events": ["imported"]}, format="json")
        assert (again.status_code, again.json()["changes_made"]) == (200, {})
        assert AuditEntry.objects.count() == entries

    @pytest.mark.parametrize("values", [{}, {"urls": ["nonsense"]}, {"events": ["odd"]}, {"urls": "x"}, {"odd": 1}])
    def test_refuses_bad_input(self, admin: Any, values: Any) -> None:
        assert admin.put(self.place, values, format="json").status_code == 400
        assert not Setting.objects.filter(key__startswith="notifications").exists()

    def test_without_an_address_there_is_nobody_to_tell(self, admin: Any) -> None:
        assert admin.post(f"{self.place}test/").status_code == 400

    def test_says_which_address_took_it(self, admin: Any) -> None:
        Setting.objects.create(key="notifications.urls", value=["json://127.0.0.1:9/hush"])
        body = admin.post(f"{self.place}test/").json()
        assert (body["is_ok"], body["targets"][0]["is_ok"]) == (False, False)
        assert "hush" not in str(body)


class TestTracker:
    def test_without_an_account_nothing_is_made_up(self, viewer: Any, moderator: Any) -> None:
        body = viewer.get("/api/system/compliance/ratio/").json()
        assert body["status"] == "not_configured"
        assert {body[name] for name in ("ratio", "bonus_points", "member_class", "as_of", "guard")} == {None}
        found = moderator.post("/api/system/event-monitor/check-now/").json()
        assert (found["status"], found["is_freeleech"]) == ("not_configured", None)
        assert found["account"]["ratio"] is None


class TestBackups:
    @pytest.fixture(autouse=True)
    def _own_folder(self, settings: Any, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path

    def test_makes_one_in_a_run(self, admin: Any) -> None:
        assert admin.post("/api/system/backups/").json()["run"]["task"] == "backup"
        assert admin.post("/api/system/backups/").status_code == 409
        assert Run.objects.count() == 1

    def test_deletes_one(self, admin: Any, tmp_path: Path) -> None:
        backup(1)
        backup(2)
        name = admin.get("/api/system/backups/").json()["items"][1]["name"]
        answer = admin.delete(f"/api/system/backups/{name}/")
        assert (answer.status_code, answer.json()["name"]) == (200, name)
        assert len(list((tmp_path / "backups").iterdir())) == 1
        assert AuditEntry.objects.get(action="backup.deleted").target_name == name
        assert admin.delete(f"/api/system/backups/{name}/").status_code == 404

    @pytest.mark.parametrize("name", ["..", "..%2F..%2Fsecret", "unabridged.sqlite3", "x" * 300])
    def test_touches_nothing_else(self, admin: Any, tmp_path: Path, name: str) -> None:
        (tmp_path / "unabridged.sqlite3").write_text("kept")
        assert admin.delete(f"/api/system/backups/{name}/").status_code in (404, 405)
        assert (tmp_path / "unabridged.sqlite3").read_text() == "kept"
