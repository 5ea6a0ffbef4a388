"""The app `library`: what is owned and what exists."""

from importlib import import_module

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "library"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the handlers of this app's jobs."""
        import_module(f"{self.name}.tasks")
