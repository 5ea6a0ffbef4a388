"""The WSGI entry point, as the web server loads it."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# What a page of rows leaves behind is cheap to sweep; looking through the whole code each time to find it is not.
YOUNG_OBJECTS = 20_000


def ready() -> object:
    """The application with all its views loaded, and what was loaded kept out of every later sweep for garbage."""
    found = get_wsgi_application()
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    return found


application = ready()
