"""Runs: asked for once, claimed once, followed, cancelled, and recovered when their worker dies."""

import datetime
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connection
from django.utils import timezone

from config.errors import ConflictError, NotFoundError, Unavailable
from scheduling.management.follow import follow_run
from scheduling.models import FailedAttempt, Run, RunStatus, Trigger
from scheduling.services.context import RunContext
from scheduling.services.holding import _place, held, is_held
from scheduling.services.registry import HANDLERS
from scheduling.services.runs import cancel_run, execute_run, recover_runs, request_run, tally_failure
from scheduling.tasks import start, sweep

JOB = "backup"


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the job does: a list of functions of its context; the last one's result is the run's."""
    steps: list[Any] = []

    def handler(run: RunContext) -> Mapping[str, Any] | None:
        result = None
        for step in steps:
            result = step(run)
        return result

    monkeypatch.setitem(HANDLERS, JOB, handler)
    return steps


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    ids: list[int] = []
    monkeypatch.setattr("scheduling.services.runs.send_run", ids.append)
    return ids


def ask(**said: Any) -> Run:
    return request_run(job=JOB, send=lambda run_id: None, **said)


def do(run: Run) -> Run:
    ended = execute_run(run.pk)
    assert ended is not None
    return ended


def at(minutes: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(minutes=minutes)


def at_once(act: Callable[[], object]) -> None:
    """Do it in two threads at the same moment. SQLite in memory refuses where a file or a server would wait: again."""
    gate = threading.Barrier(2)

    def worker() -> None:
        gate.wait()
        for _ in range(200):
            try:
                act()
                break
            except OperationalError:
                time.sleep(0.01)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.django_db
class TestAsking:
    def test_a_job_that_is_under_way_is_refused_with_its_run(self) -> None:
        first = ask()
        with pytest.raises(ConflictError) as refusal:
            ask()
        assert (refusal.value.code, refusal.value.context["run"]) == ("already_running", first.pk)
        assert ask(lock="backup of something else").pk

    def test_an_ended_run_frees_its_lock(self, work: list[Any]) -> None:
        do(ask())
        assert do(ask()).status == RunStatus.SUCCEEDED

    def test_an_unknown_job_is_not_found(self) -> None:
        with pytest.raises(NotFoundError):
            request_run(job="make_coffee")

    def test_beat_asks_once(self, sent: list[int], django_capture_on_commit_callbacks: Any) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            start(job=JOB)
            start(job=JOB)
        run = Run.objects.get()
        assert (run.trigger, sent) == (Trigger.SCHEDULE, [run.pk])

    def test_the_hint_is_sent_only_when_the_row_is_there(
        self, sent: list[int], django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=False) as waiting:
            request_run(job=JOB)
        assert (sent, len(waiting)) == ([], 1)


@pytest.mark.django_db
class TestDoing:
    def test_progress_counts_result_and_log_are_kept(self, work: list[Any]) -> None:
        work += [
            lambda run: run.report(total=3, message="Looking"),
            lambda run: [run.advance(), run.advance(ok=False), run.advance()],
            lambda run: run.warn("One was odd.", item=2),
            lambda run: {"message": "Done with 3.", "made": 2},
        ]
        run = do(ask())
        assert (run.status, run.processed, run.succeeded, run.failed, run.total) == (RunStatus.SUCCEEDED, 3, 2, 1, 3)
        assert (run.message, run.result["made"], run.attempt) == ("Done with 3.", 2, 1)
        assert [(e.level, e.context) for e in run.log_entries.all()] == [("warning", {"item": 2})]

    def test_an_expected_error_tells_what_it_is(self, work: list[Any]) -> None:
        def fail(run: RunContext) -> None:
            raise Unavailable("The server is down.", service="abs")

        work.append(fail)
        run = do(ask())
        assert (run.status, run.message, run.error_code) == (
            RunStatus.FAILED, "The server is down.", "service_unavailable",
        )  # fmt: skip

    def test_an_unforeseen_error_ends_the_run_and_keeps_its_secrets(self, work: list[Any]) -> None:
        def fail(run: RunContext) -> None:
            raise RuntimeError("password=hunter2")

        work.append(fail)
        run = do(ask())
        assert (run.status, run.error_code, "hunter2" in run.message) == (RunStatus.FAILED, "internal_error", False)

    def test_a_message_that_comes_twice_does_nothing(self, work: list[Any]) -> None:
        done: list[int] = []
        work.append(lambda run: done.append(run.run.pk))
        run = ask()
        assert execute_run(run.pk) is not None
        assert execute_run(run.pk) is None
        assert done == [run.pk]


@pytest.mark.django_db(transaction=True)
def test_two_workers_claim_a_run_once(work: list[Any]) -> None:
    done: list[int] = []
    work.append(lambda run: done.append(run.run.pk))
    run = ask()
    at_once(lambda: execute_run(run.pk))
    run.refresh_from_db()
    assert (done, run.attempt) == ([run.pk], 1)


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_give_one_run() -> None:
    outcomes: list[str] = []

    def asker() -> None:
        try:
            ask()
            outcomes.append("asked")
        except ConflictError as refusal:
            outcomes.append(refusal.code)

    at_once(asker)
    assert (sorted(outcomes), Run.objects.count()) == (["already_running", "asked"], 1)


@pytest.mark.django_db
class TestCancelling:
    def test_a_queued_run_ends_at_once(self, work: list[Any]) -> None:
        run = cancel_run(ask(), now=timezone.now())
        assert run.status == RunStatus.CANCELLED
        assert execute_run(run.pk) is None

    def test_a_running_one_stops_at_its_next_step(self, work: list[Any]) -> None:
        reached: list[str] = []
        work += [
            lambda run: cancel_run(Run.objects.get(pk=run.run.pk), now=timezone.now()),
            lambda run: run.advance(message="one"),
            lambda run: reached.append("too far"),
        ]
        run = do(ask())
        assert (run.status, run.message, reached) == (RunStatus.CANCELLED, "Cancelled.", [])

    def test_an_ended_one_is_a_conflict(self, work: list[Any]) -> None:
        with pytest.raises(ConflictError, match="has ended"):
            cancel_run(do(ask()), now=timezone.now())


@pytest.mark.django_db
class TestRecovering:
    def test_a_run_whose_worker_died_ends_and_frees_the_lock(self) -> None:
        run = ask()
        Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, heartbeat_at=at(-2))
        assert recover_runs(now=timezone.now())["lost"] == 1
        run.refresh_from_db()
        assert (run.status, run.error_code, run.finished_at is None) == (RunStatus.FAILED, "worker_lost", False)
        assert ask().pk

    def test_a_living_one_is_left_alone(self) -> None:
        run = ask()
        Run.objects.filter(pk=run.pk).update(
            status=RunStatus.RUNNING, heartbeat_at=timezone.now() - datetime.timedelta(seconds=10)
        )
        assert recover_runs(now=timezone.now()) == {"lost": 0, "resent": 0}
        assert recover_runs(now=timezone.now(), all_running=True)["lost"] == 1

    def test_a_worker_that_was_thought_dead_does_not_overwrite(self, work: list[Any]) -> None:
        work.append(lambda run: recover_runs(now=at(10)))
        run = do(ask())
        assert (run.status, run.error_code) == (RunStatus.FAILED, "worker_lost")

    def test_a_lost_hint_is_sent_again_now_and_then(self, sent: list[int]) -> None:
        run = ask()
        assert recover_runs(now=timezone.now())["resent"] == 0
        for minutes in (2, 3, 4, 11, 13):
            recover_runs(now=at(minutes))
        assert sent == [run.pk, run.pk]
        sweep()

    def test_every_hint_is_sent_again_when_a_worker_starts(self, sent: list[int]) -> None:
        run = ask()
        recover_runs(now=timezone.now(), at_start=True)
        assert sent == [run.pk]

    def test_a_broker_that_is_down_loses_nothing(self, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
        from scheduling.services.runs import send_run
        from scheduling.tasks import execute

        def fail(**_: Any) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(execute, "delay", fail)
        monkeypatch.setattr("scheduling.services.runs.prepare_queue", lambda: None)
        run = ask()
        send_run(run.pk)
        run.refresh_from_db()
        assert run.status == RunStatus.QUEUED


@pytest.mark.django_db
def test_failures_are_tallied_for_ever() -> None:
    for day in range(3):
        tally_failure(job=JOB, item_type="book", item_id=7, error=f"fault {day}", now=at(day))
    row = FailedAttempt.objects.get()
    assert (row.count, row.last_error, row.last_at > row.first_at) == (3, "fault 2", True)


@pytest.mark.django_db
class TestAtTheCommandLine:
    def test_a_failure_is_exit_code_1_and_a_conflict_2(self, work: list[Any]) -> None:
        def fail(run: RunContext) -> None:
            raise Unavailable("The server is down.")

        work.append(fail)
        with pytest.raises(CommandError, match="server is down") as failure:
            follow_run(BaseCommand(), job=JOB)
        assert failure.value.returncode == 1
        ask()
        with pytest.raises(CommandError, match="already queued") as conflict:
            follow_run(BaseCommand(), job=JOB)
        assert conflict.value.returncode == 2

    def test_ctrl_c_ends_the_run_and_frees_the_lock(self, work: list[Any]) -> None:
        def interrupt(run: RunContext) -> None:
            raise KeyboardInterrupt

        work.append(interrupt)
        with pytest.raises(CommandError, match="Interrupted") as stop:
            follow_run(BaseCommand(), job=JOB)
        run = Run.objects.get()
        assert (stop.value.returncode, run.status, run.finished_at is None) == (130, RunStatus.CANCELLED, False)
        assert ask().pk


def test_the_commands_have_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("import_library", "analyze_gaps"):
        with pytest.raises(SystemExit):
            call_command(name, "--help")
        assert "usage" in capsys.readouterr().out


@pytest.mark.django_db
class TestHolding:
    def test_a_starting_server_leaves_the_run_of_a_living_process_alone(self) -> None:
        run = ask()
        Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, heartbeat_at=at(-60))
        with held(run.pk):
            assert recover_runs(now=timezone.now(), all_running=True)["lost"] == 0
        assert recover_runs(now=timezone.now(), all_running=True)["lost"] == 1

    def test_who_comes_second_does_not_take_the_hold_away(self) -> None:
        with held(7):
            with held(7):
                pass
            assert is_held(7)
        assert not is_held(7)

    def test_a_run_whose_process_was_killed_here_is_known_at_once(self) -> None:
        run = ask()
        Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, heartbeat_at=timezone.now())
        with held(run.pk):
            assert recover_runs(now=timezone.now())["lost"] == 0
        _leave_behind(run.pk)
        assert recover_runs(now=timezone.now())["lost"] == 1
        assert not _place(run.pk).exists()

    def test_of_a_process_on_another_machine_nothing_is_known_before_it_is_silent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = ask()
        Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, heartbeat_at=timezone.now())
        monkeypatch.setattr("scheduling.services.holding._kernel", lambda: b"another start of a machine")
        _leave_behind(run.pk)
        monkeypatch.undo()
        assert recover_runs(now=timezone.now())["lost"] == 0
        assert recover_runs(now=at(1))["lost"] == 1


def _leave_behind(run_id: int) -> None:
    """The file of a run, as a process leaves it that is killed."""
    hold = held(run_id)
    hold.__enter__()
    content = _place(run_id).read_bytes()
    hold.__exit__(None, None, None)
    _place(run_id).write_bytes(content)
