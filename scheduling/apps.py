"""The app `scheduling`: when; jobs, their schedules and their runs."""

from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _after_migrate(**_: Any) -> None:
    from scheduling.services.schedules import sync_schedules

    sync_schedules()


class SchedulingConfig(AppConfig):
    name = "scheduling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the tasks by name, wherever the product runs."""
        import_module("scheduling.tasks")
        post_migrate.connect(_after_migrate, sender=self)
