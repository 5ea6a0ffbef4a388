"""The kernel as a Django app, for the few rows that it keeps itself."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _after_migrate(**_: Any) -> None:
    from config.api.totals import install_triggers

    install_triggers()


class ApiConfig(AppConfig):
    name = "config.api"
    label = "api"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        post_migrate.connect(_after_migrate, sender=self)
