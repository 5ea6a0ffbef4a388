"""The Celery application. Tasks are hints: the database is the truth, and the next sweep finds what was missed."""

import os
import warnings

from celery import Celery

from config import filequeue  # noqa: F401 (registers the embedded queue)

# Containers often run as root; `manage.py doctor` says so once, instead of every start.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("unabridged")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
