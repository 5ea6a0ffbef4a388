"""The Celery application. Tasks are hints: the database is the truth, and the next sweep finds what was missed."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("unabridged")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
