"""Rows for the lists, so that the matrix can ask each of them with one row and with three.

A list of a model is filled by itself where plain values do. A list that needs more is registered in `ROWS`: its path
with a function that makes the row of this number and returns the address to ask (None: the path itself).
"""

import datetime
from collections.abc import Callable
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.models import Role, User
from acquisition.tests.api.rows import ROWS as ACQUISITION
from config.api.endpoints import Endpoint
from library.tests.api.rows import ROWS as LIBRARY
from scheduling.models import Run


def make_run(number: int) -> str:
    user = User.objects.create(username=f"runner-{number}", email=f"runner-{number}@example.org", role=Role.VIEWER)
    Run.objects.create(job="gap_analysis", lock=f"row-{number}", requested_by=user)
    return "/api/scheduler/execution-history/gap_analysis/"


def nothing(number: int) -> None:
    """The rows are always there: they are the catalogue of jobs."""


ROWS: dict[str, Callable[[int], str | None]] = {
    "/api/scheduler/execution-history/{task_name}/": make_run,
    "/api/scheduler/tasks/": nothing,
    "/api/scheduler/upcoming-tasks/": nothing,
    **LIBRARY,
    **ACQUISITION,
}


def add_row(endpoint: Endpoint, number: int) -> str:
    """Make the row of this number; the address of the list."""
    if endpoint.path in ROWS:
        return ROWS[endpoint.path](number) or endpoint.path
    model = getattr(getattr(endpoint.view, "queryset", None), "model", None)
    if model is not None and not endpoint.parameters:
        make(model, number)
    return endpoint.path


def make(model: type[models.Model], number: int) -> models.Model:
    """A row with plain values in every field that needs one, and a related row of its own behind every foreign key."""
    values = {
        field.name: _value(field, number)
        for field in model._meta.concrete_fields
        if not field.primary_key and not _is_optional(field)
    }
    return model._default_manager.create(**values)


def _is_optional(field: Any) -> bool:
    if isinstance(field, models.ForeignKey):
        return field.remote_field.model is field.model  # a parent of the same kind would go on for ever
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return True
    return bool(field.has_default() or (field.null and not field.unique))


def _value(field: Any, number: int) -> Any:
    if isinstance(field, models.ForeignKey):
        return make(field.remote_field.model, number)
    if field.choices:
        return field.choices[0][0]
    if isinstance(field, models.EmailField):
        return f"{field.model.__name__}-{number}@example.org"
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.DateField):
        return datetime.date(2026, 1, number)
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.CharField | models.TextField):
        return f"{field.name[:20]}-{number}"[-(field.max_length or 200) :]
    if isinstance(field, models.JSONField):
        return {}
    if isinstance(field, models.BinaryField):
        return b""
    return number
