"""`/api/events/`: the stream, its places, and its bounds."""

import json
from typing import Any

import pytest
from django.utils import timezone

from acquisition.api import events
from acquisition.models import DownloadEvent
from acquisition.services.watching import Watch, current_place
from acquisition.tests.api.rows import make_download
from scheduling.models import Run

pytestmark = pytest.mark.django_db


def listen(client: Any, last: str = "", **extra: Any) -> list[dict[str, str]]:
    """The events of a stream that tells what there is and ends, each as its fields."""
    headers = {"HTTP_LAST_EVENT_ID": last} if last else {}
    answer = client.get("/api/events/?seconds=0", HTTP_ACCEPT="text/event-stream", **headers, **extra)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/event-stream"
    blocks = b"".join(answer.streaming_content).decode().strip().split("\n\n")
    return [dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":") for block in blocks]


def tell(message: str) -> DownloadEvent:
    return DownloadEvent.objects.create(download=make_download(), at=timezone.now(), message=message)


class TestStream:
    def test_begins_now_and_goes_on_where_it_ended(self, viewer: Any) -> None:
        tell("Before.")
        first = listen(viewer)
        assert [e.get("event") for e in first] == [None, "end"]
        tell("One. token=hidden")
        tell("Two.")
        second = listen(viewer, first[-1]["id"])
        told = [json.loads(e["data"])["message"] for e in second if e.get("event") == "download"]
        assert told == ["One. token=***", "Two."]
        cut_off = next(e for e in second if e.get("event") == "download")
        third = listen(viewer, cut_off["id"])
        assert [json.loads(e["data"])["message"] for e in third if e.get("event") == "download"] == ["Two."]

    def test_tells_how_runs_stand(self, viewer: Any) -> None:
        run = Run.objects.create(job="gap_analysis", lock="a", status="running", processed=1, total=4)
        Run.objects.create(job="backup", lock="b", status="succeeded", finished_at=None)
        told = [json.loads(e["data"]) for e in listen(viewer) if e.get("event") == "run"]
        assert [(row["run_id"], row["progress"]) for row in told] == [(run.pk, 0.25)]

    def test_a_run_is_told_again_only_when_it_moved(self) -> None:
        run = Run.objects.create(job="gap_analysis", lock="a", status="running")
        watch = Watch(current_place(now=timezone.now()))
        assert len(list(watch.look(now=timezone.now()))) == 1
        assert list(watch.look(now=timezone.now())) == []
        Run.objects.filter(pk=run.pk).update(status="succeeded", finished_at=timezone.now())
        assert [facts["status"] for _, facts, _ in watch.look(now=timezone.now())] == ["succeeded"]

    def test_looks_until_its_time_is_over(self) -> None:
        now = [0.0]
        watch = Watch(current_place(now=timezone.now()))

        def sleep(seconds: float) -> None:
            now[0] += seconds
            if now[0] == 20:
                tell("Late.")

        found = b"".join(events.stream(watch, seconds=30, sleep=sleep, clock=lambda: now[0])).decode()
        assert "Late." in found
        assert ": ping" in found
        assert now[0] == 30

    @pytest.mark.parametrize("last", ["x", "1", "1.x", "-1.5", "9" * 30 + ".1"])
    def test_refuses_a_place_of_another_stream(self, viewer: Any, last: str) -> None:
        assert viewer.get("/api/events/", HTTP_LAST_EVENT_ID=last).status_code == 400

    @pytest.mark.parametrize("query", ["seconds=61", "seconds=-1", "seconds=x", "odd=1"])
    def test_refuses_odd_parameters(self, viewer: Any, query: str) -> None:
        assert viewer.get(f"/api/events/?{query}").status_code == 400


class TestBounds:
    @pytest.fixture(autouse=True)
    def _one_slot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "slots", events.Slots(1))

    def test_only_so_many_at_once(self, viewer: Any) -> None:
        watch = Watch(current_place(now=timezone.now()))
        open_one = events.stream(watch, seconds=60)
        next(open_one)
        answer = viewer.get("/api/events/")
        assert (answer.status_code, answer.json()["error"]) == (503, "service_unavailable")
        assert int(answer["Retry-After"]) == 30
        assert b"event: busy" in b"".join(events.stream(watch, seconds=0))
        open_one.close()
        assert viewer.get("/api/events/?seconds=0").status_code == 200

    def test_an_answer_that_nobody_reads_holds_nothing(self, viewer: Any) -> None:
        for _ in range(3):
            assert viewer.get("/api/events/").status_code == 200
