"""`/api/scheduler/`."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import AuditEntry
from conftest import Client
from scheduling.domain.jobs import JOBS
from scheduling.models import Run, RunStatus, Trigger

pytestmark = pytest.mark.django_db
BASE = "/api/scheduler"


class TestTasks:
    def test_lists_every_job_with_its_schedule_and_last_run(self, viewer: Client) -> None:
        run = Run.objects.create(job="library_import", lock="x", status=RunStatus.SUCCEEDED)
        body = viewer.get(f"{BASE}/tasks/").json()
        assert [row["name"] for row in body["items"]] == list(JOBS)
        first = body["items"][0]
        assert (first["schedule"], first["is_enabled"]) == ("0 4 * * *", True)
        assert first["last_run"]["id"] == run.pk
        assert body["items"][1]["last_run"] is None

    def test_next_run_is_the_next_time_that_the_cron_line_names(self, viewer: Client) -> None:
        before = timezone.now()
        body = viewer.get(f"{BASE}/task/library_import/").json()
        due = datetime.datetime.fromisoformat(body["next_run_at"])
        assert (due.hour, due.minute) == (4, 0)
        assert before < due <= before + datetime.timedelta(days=1, seconds=1)

    def test_one_task_has_its_last_ten_runs(self, viewer: Client) -> None:
        made = [Run.objects.create(job="backup", lock=str(number)).pk for number in range(12)]
        body = viewer.get(f"{BASE}/task/backup/").json()
        assert [row["id"] for row in body["runs"]] == made[:1:-1]

    @pytest.mark.parametrize("path", ["task/nothing", "execution-history/nothing", "task/sweep"])
    def test_an_unknown_name_is_404(self, viewer: Client, path: str) -> None:
        assert viewer.get(f"{BASE}/{path}/").status_code == 404

    def test_history_is_of_one_task_newest_first(self, viewer: Client) -> None:
        Run.objects.create(job="backup", lock="a")
        made = [Run.objects.create(job="feed_sync", lock=f"b{number}").pk for number in range(2)]
        body = viewer.get(f"{BASE}/execution-history/feed_sync/").json()
        assert [row["id"] for row in body["items"]] == made[::-1]


class TestPause:
    def test_pausing_and_resuming(self, admin: Client) -> None:
        body = admin.put(f"{BASE}/task/backup/pause/").json()
        assert (body["is_enabled"], body["next_run_at"]) == (False, None)
        assert not PeriodicTask.objects.get(name="backup").enabled
        assert "backup" not in {
            row["task"] for row in admin.get(f"{BASE}/upcoming-tasks/?hours=168&limit=500").json()["items"]
        }
        assert admin.put(f"{BASE}/task/backup/resume/").json()["is_enabled"]
        assert AuditEntry.objects.filter(action__startswith="task.", actor=admin.user).count() == 2

    def test_a_moderator_may_not(self, moderator: Client) -> None:
        assert moderator.put(f"{BASE}/task/backup/pause/").status_code == 403
        assert PeriodicTask.objects.get(name="backup").enabled


class TestTrigger:
    def test_answers_the_run(self, moderator: Client) -> None:
        answer = moderator.post(f"{BASE}/trigger/backup/")
        assert answer.status_code == 202
        run = Run.objects.get()
        assert answer.json()["run"] == {
            "id": run.pk,
            "task": "backup",
            "status": "queued",
            "progress": None,
            "url": f"/api/runs/{run.pk}/",
        }
        assert answer["Location"] == f"/api/runs/{run.pk}/"
        assert (run.trigger, run.requested_by) == (Trigger.USER, moderator.user)

    def test_is_a_conflict_while_it_runs(self, moderator: Client) -> None:
        moderator.post(f"{BASE}/trigger/backup/")
        answer = moderator.post(f"{BASE}/trigger/backup/")
        assert (answer.status_code, answer.json()["code"]) == (409, "ALREADY_RUNNING")
        assert Run.objects.count() == 1

    def test_a_repeat_with_the_same_key_gets_the_same_answer(self, moderator: Client) -> None:
        answers = [moderator.post(f"{BASE}/trigger/backup/", HTTP_IDEMPOTENCY_KEY="one") for _ in range(2)]
        assert [a.status_code for a in answers] == [202, 202]
        assert answers[0].json() == answers[1].json()
        assert answers[1]["Location"] == answers[0]["Location"]
        assert answers[1]["Idempotent-Replayed"] == "true"
        assert Run.objects.count() == 1

    def test_an_unknown_task_is_404(self, moderator: Client) -> None:
        assert moderator.post(f"{BASE}/trigger/nothing/").status_code == 404

    def test_all_starts_the_enabled_ones_that_do_not_run(self, admin: Client) -> None:
        PeriodicTask.objects.filter(name="backup").update(enabled=False)
        Run.objects.create(job="feed_sync", lock="feed_sync")
        answer = admin.post(f"{BASE}/trigger-all/")
        assert answer.status_code == 202
        assert answer.json()["already_running"] == ["feed_sync"]
        assert {run["task"] for run in answer.json()["runs"]} == set(JOBS) - {"backup", "feed_sync"}


class TestUpcoming:
    def test_is_within_the_hours_and_in_order(self, viewer: Client) -> None:
        now = timezone.now()
        items = viewer.get(f"{BASE}/upcoming-tasks/?hours=2&limit=500").json()["items"]
        moments = [datetime.datetime.fromisoformat(row["due_at"]) for row in items]
        assert moments == sorted(moments)
        assert all(now <= moment <= now + datetime.timedelta(hours=2, seconds=5) for moment in moments)
        assert sum(row["task"] == "feed_sync" for row in items) == 8

    @pytest.mark.parametrize("hours", ["0", "169", "x", "-1", "1.5"])
    def test_hours_have_bounds(self, viewer: Client, hours: str) -> None:
        answer = viewer.get(f"{BASE}/upcoming-tasks/?hours={hours}")
        assert answer.status_code == 400
        assert "hours" in answer.json()["context"]["fields"]


class TestStatus:
    def test_knows_nothing_at_first(self, viewer: Client) -> None:
        body = viewer.get(f"{BASE}/status/").json()
        assert body["workers"] == {"is_alive": None, "last_seen_at": None}
        assert body["queued"] == 0
        assert len(body["next_runs"]) == 5

    @pytest.mark.parametrize("age, is_alive", [(60, True), (600, False)])
    def test_tells_life_by_traces(self, viewer: Client, age: int, is_alive: bool) -> None:
        seen = timezone.now() - datetime.timedelta(seconds=age)
        Run.objects.create(job="backup", lock="x", status=RunStatus.SUCCEEDED, finished_at=seen)
        PeriodicTask.objects.filter(name="backup").update(last_run_at=seen)
        body = viewer.get(f"{BASE}/status/").json()
        assert body["workers"]["is_alive"] is is_alive
        assert body["beat"]["is_alive"] is is_alive

    def test_a_queue_that_nobody_serves_means_no_workers(self, viewer: Client) -> None:
        Run.objects.create(job="backup", lock="x")
        Run.objects.update(created_at=timezone.now() - datetime.timedelta(minutes=10))
        body = viewer.get(f"{BASE}/status/").json()
        assert (body["workers"]["is_alive"], body["queued"]) == (False, 1)


def test_configuration_tells_schedules_features_and_gap_settings(
    viewer: Client, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_max_num_queries(8):
        body = viewer.get(f"{BASE}/configuration/").json()
    assert len(body["schedules"]) == len(JOBS)
    assert body["features"]["metadata"] is True
    assert body["gap_analysis"]["languages"] == ["en"]
