"""Every job of the catalogue can be done: the schedule, the admin and the API offer them all."""

from scheduling.domain.jobs import JOBS
from scheduling.services.registry import HANDLERS


def test_every_job_has_a_handler() -> None:
    assert sorted(set(JOBS) - set(HANDLERS)) == []


def test_every_handler_is_a_job() -> None:
    assert sorted(set(HANDLERS) - set(JOBS)) == []
