"""The app `acquisition`: how a missing book is obtained."""

from importlib import import_module

from django.apps import AppConfig


class AcquisitionConfig(AppConfig):
    name = "acquisition"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the handlers of this app's jobs."""
        import_module(f"{self.name}.tasks")
