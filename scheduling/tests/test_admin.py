"""Runs and jobs through the admin."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import User
from accounts.tests.people import cast, signed_in
from scheduling.models import Run, RunLogEntry

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:No directory at")]


@pytest.fixture
def people() -> dict[str, User]:
    return cast()


@pytest.fixture
def browser(people: dict[str, User]) -> Client:
    return signed_in(people["moderator"])


def do(browser: Client, model: str, pk: int, verb: str) -> str:
    """Press a button; what the next page says."""
    url = reverse(f"admin:{model}_do", args=[pk, verb])
    return browser.post(url, follow=True).content.decode()


def task(name: str = "gap_analysis") -> PeriodicTask:
    return PeriodicTask.objects.get(name=name)


def test_job_is_run_now_by_whoever_asks(browser: Client, people: dict[str, User]) -> None:
    html = do(browser, "django_celery_beat_periodictask", task().pk, "run_now")
    run = Run.objects.get()
    assert (run.job, run.trigger, run.requested_by) == ("gap_analysis", "user", people["moderator"])
    assert f"Analyse gaps #{run.pk}" in html


def test_job_runs_once_at_a_time(browser: Client) -> None:
    do(browser, "django_celery_beat_periodictask", task().pk, "run_now")
    html = do(browser, "django_celery_beat_periodictask", task().pk, "run_now")
    assert "already queued" in html
    assert Run.objects.count() == 1


def test_job_is_paused_and_resumed(browser: Client) -> None:
    do(browser, "django_celery_beat_periodictask", task().pk, "pause")
    assert not task().enabled
    do(browser, "django_celery_beat_periodictask", task().pk, "resume")
    assert task().enabled


def test_several_jobs_from_the_list(browser: Client) -> None:
    ids = [task("gap_analysis").pk, task("housekeeping").pk]
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    browser.post(url, {"action": "run_now", "_selected_action": ids})
    assert set(Run.objects.values_list("job", flat=True)) == {"gap_analysis", "housekeeping"}


def test_queued_run_is_cancelled(browser: Client) -> None:
    run = Run.objects.create(job="gap_analysis", lock="gap_analysis")
    assert "asked to stop" in do(browser, "scheduling_run", run.pk, "cancel")
    run.refresh_from_db()
    assert run.status == "cancelled"


def test_ended_run_says_that_it_has_ended(browser: Client) -> None:
    run = Run.objects.create(job="gap_analysis", lock="gap_analysis", status="succeeded")
    assert "nothing to cancel" in do(browser, "scheduling_run", run.pk, "cancel")


def test_run_is_done_again_with_its_parameters(browser: Client) -> None:
    old = Run.objects.create(job="library_import", lock="library_import", status="failed", params={"root_ids": [7]})
    do(browser, "scheduling_run", old.pk, "run_again")
    assert Run.objects.exclude(pk=old.pk).get().params == {"root_ids": [7]}


def test_page_of_a_run_shows_progress_and_log(browser: Client) -> None:
    run = Run.objects.create(
        job="gap_analysis",
        lock="x",
        status="running",
        total=4,
        processed=1,
        message="Series",
        heartbeat_at=timezone.now(),
    )
    RunLogEntry.objects.create(run=run, at=timezone.now(), level="warning", message="Oz is odd")
    html = browser.get(reverse("admin:scheduling_run_change", args=[run.pk])).content.decode()
    for words in ("25 %", "Series", "Oz is odd", f'data-live="run-{run.pk}"'):
        assert words in html


def test_viewer_starts_nothing(people: dict[str, User]) -> None:
    browser = signed_in(people["viewer"])
    url = reverse("admin:django_celery_beat_periodictask_changelist")
    browser.post(url, {"action": "run_now", "_selected_action": [task().pk]})
    assert not Run.objects.exists()
