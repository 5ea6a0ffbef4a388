"""`/api/system/`: figures, settings, the log, and starting long work."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from acquisition.tests.api.rows import make_book, make_download
from library.models import Copy, LibraryRoot, Series, Setting
from scheduling.models import Run
from scheduling.services.runs import tally_failure

pytestmark = pytest.mark.django_db


class TestFigures:
    def test_an_empty_product_makes_nothing_up(self, viewer: Any) -> None:
        stats = viewer.get("/api/system/stats/").json()
        assert stats["books"]["total"] == stats["downloads"]["total"] == stats["failed_attempts"]["attempts"] == 0
        assert stats["failed_attempts"]["last_at"] is None
        status = viewer.get("/api/system/library-status/").json()
        assert status["metadata"]["average_completeness"] is None
        assert status["series"]["average_completion"] is status["series"]["counted_at"] is None
        figures = viewer.get("/api/system/download-stats/").json()
        assert figures["throughput"]["last_7_days"]["success_rate"] is None
        assert figures["by_source"] == []

    def test_counts_what_there_is(self, viewer: Any) -> None:
        make_book(1, is_owned=True, completeness=40)
        make_book(2, status="archived")
        Series.objects.create(name="Oz", name_key="oz", completion_status="partial", follow="all")
        make_download(1, status="downloading")
        make_download(2, status="imported")
        tally_failure(job="download", item_type="download", item_id=1, error="x", now=timezone.now())
        tally_failure(job="download", item_type="download", item_id=1, error="x", now=timezone.now())
        stats = viewer.get("/api/system/stats/").json()
        assert (stats["books"]["total"], stats["books"]["active"], stats["books"]["owned"]) == (2, 1, 1)
        assert (stats["series"]["partial"], stats["series"]["followed"]) == (1, 1)
        assert (stats["downloads"]["active"], stats["downloads"]["by_status"]["imported"]) == (1, 1)
        assert (stats["failed_attempts"]["items"], stats["failed_attempts"]["attempts"]) == (1, 2)
        assert datetime.datetime.fromisoformat(stats["as_of"])

    def test_quality_counts_owned_books(self, viewer: Any) -> None:
        for number, completeness in ((1, 40), (2, 90), (3, 100)):
            make_book(number, is_owned=True, completeness=completeness)
        make_book(4, completeness=0)
        Series.objects.create(
            name="Oz", name_key="oz", owned_count=3, counted_count=4, covered_count=3, missing_count=1,
            completion_percentage=75, completion_status="partial",
        )  # fmt: skip
        body = viewer.get("/api/system/library-status/").json()
        assert body["metadata"]["average_completeness"] == 76.7
        assert body["metadata"]["incomplete"] == 1
        assert body["metadata"]["bands"] == {
            "below_50": 1, "from_50_to_79": 0, "from_80_to_99": 1, "complete": 1,
        }  # fmt: skip
        assert (body["series"]["missing_books"], body["series"]["average_completion"]) == (1, 75.0)

    def test_throughput_is_of_the_period(self, viewer: Any) -> None:
        now, day = timezone.now(), datetime.timedelta(days=1)
        make_download(1, status="imported", imported_at=now, size_bytes=100, source="A")
        make_download(2, status="imported", imported_at=now - 5 * day, size_bytes=10, source="A")
        make_download(3, status="abandoned", status_at=now, source="B")
        make_download(4, status="failed", next_retry_at=now - day, source="B")
        body = viewer.get("/api/system/download-stats/").json()
        assert body["retry_due"] == 1
        assert body["throughput"]["last_24_hours"]["size_bytes"] == 100
        assert body["throughput"]["last_24_hours"]["success_rate"] == 0.5
        assert body["throughput"]["last_7_days"]["imported"] == 2
        assert body["by_source"][0] == {"source": "A", "total": 2, "imported": 2, "failed": 0}
        assert body["by_source"][1]["failed"] == 2

    def test_storage_is_measured(self, viewer: Any, tmp_path: Path) -> None:
        root = LibraryRoot.objects.create(name="Shelf", path=str(tmp_path))
        LibraryRoot.objects.create(name="Gone", path="/nowhere/at/all")
        Copy.objects.create(root=root, path="a", title="A", size_bytes=1000)
        Copy.objects.create(root=root, path="b", title="B", size_bytes=10, missing_since=timezone.now())
        body = viewer.get("/api/system/storage/").json()
        roots = {row["name"]: row for row in body["roots"]}
        assert roots["Shelf"]["size_bytes"] == body["library"]["size_bytes"] == 1000
        assert roots["Shelf"]["free_bytes"] > 0
        assert roots["Gone"]["free_bytes"] is None
        assert str(tmp_path) not in json.dumps(body["roots"])
        assert body["as_of"]


class TestConfiguration:
    def put(self, client: Any, **changes: Any) -> Any:
        return client.put("/api/system/configuration/", changes, format="json")

    def test_shows_values_with_their_meaning(self, admin: Any) -> None:
        Setting.objects.create(key="notifications.urls", value=["ntfy://tok-secret@host/topic"])
        answer = admin.get("/api/system/configuration/")
        body = answer.json()
        assert body["settings"]["downloads.max_retries"]["value"] == 3
        assert body["settings"]["downloads.max_retries"]["is_changed"] is False
        assert body["settings"]["notifications.urls"]["value"] == ["ntfy://***"]
        assert body["environment"]["database"] in ("sqlite", "postgresql")
        assert "tok-secret" not in answer.content.decode()

    def test_changes_and_audits(self, admin: Any) -> None:
        answer = self.put(admin, **{"downloads.max_retries": 5, "gaps.languages": ["en", "de"]})
        assert answer.status_code == 200, answer.content
        assert answer.json()["changes_made"]["downloads.max_retries"] == {"old": 3, "new": 5}
        assert answer.json()["settings"]["downloads.max_retries"]["changed_by"] == admin.user.username
        assert AuditEntry.objects.get(action="settings.changed").detail["gaps.languages"]["new"] == ["en", "de"]

    @pytest.mark.parametrize(
        ("changes", "place"),
        [
            ({}, "non_field_errors"),
            ({"no.such": 1}, "no.such"),
            ({"downloads.max_retries": "5"}, "downloads.max_retries"),
            ({"downloads.max_retries": -1}, "downloads.max_retries"),
            ({"search.is_automatic": "true"}, "search.is_automatic"),
            ({"gaps.languages": "en"}, "gaps.languages"),
            ({"notifications.urls": []}, "notifications.urls"),
        ],
    )
    def test_refuses_bad_input(self, admin: Any, changes: Any, place: str) -> None:
        answer = self.put(admin, **{"history.days": 7, **changes} if changes else {})
        assert answer.status_code == 400
        assert place in answer.json()["context"]["fields"]
        assert not Setting.objects.exists()

    def test_is_for_admins(self, moderator: Any) -> None:
        assert moderator.get("/api/system/configuration/").status_code == 403


class TestQualityRules:
    def test_a_viewer_reads_and_an_admin_changes(self, viewer: Any, admin: Any) -> None:
        assert viewer.get("/api/system/quality/rules/").json()["formats"][0] == "m4b"
        changes = {"formats": ["mp3"], "minimum_seeders": 4, "accepts_abridged": True}
        answer = admin.put("/api/system/quality/rules/", changes, format="json")
        assert answer.json()["changes_made"]["minimum_seeders"] == {"old": 1, "new": 4}
        rules = viewer.get("/api/system/quality/rules/").json()
        assert (rules["formats"], rules["minimum_seeders"], rules["accepts_abridged"]) == (["mp3"], 4, True)
        assert viewer.put("/api/system/quality/rules/", changes, format="json").status_code == 403

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"formats": "mp3"},
            {"minimum_seeders": -1},
            {"minimum_seeders": 2**70},
            {"minimum_bitrate_kbps": 500},
            {"maximum_size_mb": 1, "minimum_size_mb": 2},
            {"no_such_rule": 1},
        ],
    )
    def test_refuses_what_no_release_can_meet(self, admin: Any, changes: Any) -> None:
        answer = admin.put("/api/system/quality/rules/", changes, format="json")
        assert answer.status_code == 400
        assert not Setting.objects.exists()


class TestWork:
    @pytest.mark.parametrize(
        ("place", "job"),
        [
            ("import-library", "library_import"),
            ("integrity/check", "integrity_check"),
            ("category/sync-now", "discovery_top"),
        ],
    )
    def test_starts_a_run_once(self, moderator: Any, place: str, job: str) -> None:
        answer = moderator.post(f"/api/system/{place}/")
        assert answer.status_code == 202
        assert answer.json()["run"]["task"] == job
        again = moderator.post(f"/api/system/{place}/")
        assert (again.status_code, again.json()["error"]) == (409, "already_running")

    def test_reads_chosen_roots(self, moderator: Any) -> None:
        root = LibraryRoot.objects.create(name="Shelf", path="/nowhere")
        fields = {"root_ids": [root.pk], "dry_run": True}
        assert moderator.post("/api/system/import-library/", fields, format="json").status_code == 202
        assert Run.objects.get().params == fields

    @pytest.mark.parametrize("fields", [{"root_ids": [99]}, {"root_ids": []}, {"dry_run": 7}, {"path": "/"}])
    def test_refuses_odd_roots(self, moderator: Any, fields: Any) -> None:
        assert moderator.post("/api/system/import-library/", fields, format="json").status_code == 400
        assert not Run.objects.exists()

    def test_a_full_scan_joins_what_runs_already(self, moderator: Any) -> None:
        moderator.post("/api/system/import-library/")
        running = Run.objects.get()
        runs = moderator.post("/api/system/trigger-full-scan/").json()["runs"]
        assert runs[0]["id"] == running.pk
        assert [run["task"] for run in runs] == [
            "library_import", "catalogue_refresh", "series_completion", "author_completion", "gap_analysis",
        ]  # fmt: skip
        assert moderator.post("/api/system/trigger-full-scan/").status_code == 409


class TestLogs:
    @pytest.fixture
    def log(self, settings: Any, tmp_path: Path) -> Path:
        settings.DATA_DIR = tmp_path
        (tmp_path / "logs").mkdir()
        return tmp_path / "logs" / "unabridged.jsonl"

    def export(self, client: Any, **fields: Any) -> list[dict[str, Any]]:
        answer = client.post("/api/system/logs/export/", fields, format="json")
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"].startswith("application/x-ndjson")
        return [json.loads(line) for line in answer.content.decode().splitlines()]

    def test_who_accepts_only_json_gets_its_lines_too(self, admin: Any, log: Path) -> None:
        answer = admin.post("/api/system/logs/export/", {}, format="json", HTTP_ACCEPT="application/json")
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("application/x-ndjson")

    def test_gives_the_last_lines_without_secrets(self, admin: Any, log: Path) -> None:
        entries = [
            {"level": "info", "message": "one", "request_id": "req_1"},
            {"level": "error", "message": "GET /x?apikey=abc123 failed", "request_id": "req_2"},
            {"level": "warning", "message": "Authorization: Bearer abcdef123456", "facts": {"password": "hidden"}},
        ]
        log.write_text("\n".join(json.dumps(entry) for entry in entries) + "\n")
        assert [row["message"] for row in self.export(admin)] == [
            "one", "GET /x?apikey=*** failed", "Authorization: Bearer ***",
        ]  # fmt: skip
        assert self.export(admin)[2]["facts"] == {"password": "***"}
        assert [row["message"] for row in self.export(admin, lines=1)] == ["Authorization: Bearer ***"]
        assert len(self.export(admin, level="warning")) == 2
        assert [row["message"] for row in self.export(admin, request_id="req_1")] == ["one"]

    def test_goes_on_in_older_parts(self, admin: Any, log: Path) -> None:
        old = log.with_name("unabridged.jsonl.1")
        old.write_text('{"level": "info", "message": "old"}\nno json \xe9\n')
        log.write_text("".join(f'{{"level": "info", "message": "{"x" * 300} {n}"}}\n' for n in range(3000)))
        found = self.export(admin, lines=3002)
        assert [row["message"] for row in found[:2]] == ["old", "no json \xe9"]
        assert [row["message"].split()[-1] for row in found[2:]] == [str(n) for n in range(3000)]

    def test_no_log_is_no_lines(self, admin: Any, settings: Any, tmp_path: Path) -> None:
        settings.DATA_DIR = tmp_path
        assert self.export(admin) == []

    @pytest.mark.parametrize("fields", [{"lines": 0}, {"lines": 10_001}, {"level": "loud"}, {"file": "/etc/passwd"}])
    def test_refuses_bad_input(self, admin: Any, fields: Any) -> None:
        assert admin.post("/api/system/logs/export/", fields, format="json").status_code == 400

    def test_is_for_admins(self, moderator: Any) -> None:
        assert moderator.post("/api/system/logs/export/").status_code == 403
