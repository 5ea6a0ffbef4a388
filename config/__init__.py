"""Project package: settings, the routes table, and the kernel that every app shares."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
