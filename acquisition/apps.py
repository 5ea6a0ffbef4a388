"""The app `acquisition`: how a missing book is obtained."""

from django.apps import AppConfig


class AcquisitionConfig(AppConfig):
    name = "acquisition"
    default_auto_field = "django.db.models.BigAutoField"
