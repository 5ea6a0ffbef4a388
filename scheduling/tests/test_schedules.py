"""Schedules: made from the catalogue of jobs, changed by users, never reset."""

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask, PeriodicTasks

from config.errors import NotFoundError
from scheduling.domain.jobs import JOBS
from scheduling.services.schedules import get_schedule, set_paused, sync_schedules

pytestmark = pytest.mark.django_db


def test_every_job_has_a_schedule_after_migrating() -> None:
    assert set(JOBS) | {"sweep"} <= set(PeriodicTask.objects.values_list("name", flat=True))
    gap_analysis = get_schedule("gap_analysis")
    assert (gap_analysis.crontab.hour, gap_analysis.crontab.minute) == ("1", "0")
    assert get_schedule("download_monitor").interval.every == 1


def test_what_a_user_changed_is_never_reset_and_what_is_missing_is_made() -> None:
    changed = get_schedule("backup")
    changed.crontab = CrontabSchedule.objects.create(minute="5", hour="6")
    changed.enabled = False
    changed.save()
    PeriodicTask.objects.filter(name="housekeeping").delete()
    assert sync_schedules() == 1
    assert sync_schedules() == 0
    changed.refresh_from_db()
    assert (changed.enabled, changed.crontab.hour) == (False, "6")
    assert get_schedule("housekeeping").enabled


def test_pausing_and_resuming_tells_beat() -> None:
    before = PeriodicTasks.last_change()
    assert set_paused("backup", paused=True).enabled is False
    assert PeriodicTasks.last_change() != before
    assert set_paused("backup", paused=True).enabled is False
    assert set_paused("backup", paused=False).enabled is True


def test_a_job_that_is_none_has_no_schedule() -> None:
    for name in ("make_coffee", "sweep"):
        with pytest.raises(NotFoundError):
            get_schedule(name)
