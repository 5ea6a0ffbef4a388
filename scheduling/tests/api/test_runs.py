"""`/api/runs/`."""

from typing import Any

import pytest
from django.utils import timezone

from scheduling.models import Run, RunLogEntry, RunStatus


def make_run(number: int = 1, **fields: Any) -> Run:
    return Run.objects.create(job="gap_analysis", lock=f"lock-{number}", **fields)


@pytest.mark.django_db
class TestList:
    def test_newest_first_in_the_page_shape(self, viewer: Any) -> None:
        first, second = make_run(1), make_run(2)
        answer = viewer.get("/api/runs/")
        assert answer.status_code == 200
        assert [row["id"] for row in answer.json()["items"]] == [second.pk, first.pk]
        assert answer.json()["total"] == 2
        info = answer.json()["page_info"]
        assert (info["limit"], info["offset"], info["has_more"]) == (100, 0, False)

    def test_cursor_walks_every_row_once(self, viewer: Any) -> None:
        made = {make_run(number).pk for number in range(7)}
        seen: list[int] = []
        address: str | None = "/api/runs/?limit=3"
        while address:
            body = viewer.get(address).json()
            assert body["total"] == 7
            seen += [row["id"] for row in body["items"]]
            address = body["page_info"]["next"]
        assert seen == sorted(made, reverse=True)

    def test_cursor_over_a_column_with_nulls(self, viewer: Any) -> None:
        for number in range(3):
            make_run(number)
        for number in range(3, 6):
            make_run(number, status=RunStatus.SUCCEEDED, finished_at=timezone.now())
        for ordering in ("finished_at", "-finished_at"):
            whole = [row["id"] for row in viewer.get(f"/api/runs/?ordering={ordering}").json()["items"]]
            seen, address = [], f"/api/runs/?limit=2&ordering={ordering}"
            while address:
                body = viewer.get(address).json()
                seen += [row["id"] for row in body["items"]]
                address = body["page_info"]["next"]
            assert seen == whole

    def test_filters_by_status(self, viewer: Any) -> None:
        make_run(1)
        done = make_run(2, status=RunStatus.SUCCEEDED)
        body = viewer.get("/api/runs/?status=succeeded").json()
        assert [row["id"] for row in body["items"]] == [done.pk]
        assert body["items"][0]["progress"] == 1.0

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=501",
            "limit=x",
            "offset=-1",
            "no_such=1",
            "ordering=nothing",
            "ordering=",
            "created_after=",
            "status=odd",
            "cursor=x",
        ],
    )
    def test_refuses_what_it_does_not_know(self, viewer: Any, query: str) -> None:
        answer = viewer.get(f"/api/runs/?{query}")
        assert answer.status_code == 400
        assert query.split("=")[0] in answer.json()["context"]["fields"]

    def test_csv_has_every_row(self, viewer: Any) -> None:
        for number in range(3):
            make_run(number, message="=1+1")
        answer = viewer.get("/api/runs/", HTTP_ACCEPT="text/csv")
        lines = answer.getvalue().decode().splitlines()
        assert answer["Content-Type"].startswith("text/csv")
        assert lines[0].startswith("id,task,status")
        assert len(lines) == 4
        assert "'=1+1" in lines[1]


@pytest.mark.django_db
class TestDetail:
    def test_shows_the_log_and_the_result(self, viewer: Any) -> None:
        run = make_run(result={"found": 3})
        RunLogEntry.objects.create(run=run, at=timezone.now(), message="Looked at one book.")
        body = viewer.get(f"/api/runs/{run.pk}/").json()
        assert body["result"] == {"found": 3}
        assert body["log"][0]["message"] == "Looked at one book."

    @pytest.mark.parametrize("identity", ["999999", str(2**63), str(2**70), "9" * 400])
    def test_unknown_id_is_404(self, viewer: Any, identity: str) -> None:
        answer = viewer.get(f"/api/runs/{identity}/")
        assert answer.status_code == 404
        assert answer.json()["code"] == "NOT_FOUND"


@pytest.mark.django_db
class TestCancel:
    def test_a_queued_run_ends_at_once(self, moderator: Any) -> None:
        run = make_run()
        answer = moderator.post(f"/api/runs/{run.pk}/cancel")
        assert answer.status_code == 200
        assert answer.json()["status"] == "cancelled"

    def test_an_ended_run_is_a_conflict(self, moderator: Any) -> None:
        run = make_run(status=RunStatus.FAILED)
        assert moderator.post(f"/api/runs/{run.pk}/cancel/").status_code == 409

    def test_a_viewer_may_not(self, viewer: Any) -> None:
        run = make_run()
        assert viewer.post(f"/api/runs/{run.pk}/cancel/").status_code == 403
        run.refresh_from_db()
        assert run.status == "queued"

    def test_takes_no_fields(self, moderator: Any) -> None:
        answer = moderator.post(f"/api/runs/{make_run().pk}/cancel/", {"force": True})
        assert answer.status_code == 400
        assert "force" in answer.json()["context"]["fields"]
