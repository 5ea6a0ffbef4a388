"""The connection to the database: a request never meets one that the server has closed."""

import time

import pytest
from django.db import close_old_connections, connection

from library.models import Book

pytestmark = pytest.mark.django_db(transaction=True)


def end_from_outside() -> None:
    """As a restart of the server does."""
    with connection.copy().cursor() as other, connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        other.execute("SELECT pg_terminate_backend(%s)", cursor.fetchone())
        other.connection.close()
    time.sleep(0.2)


def test_a_connection_that_the_server_closed_is_opened_anew() -> None:
    assert Book.objects.count() == 0
    if connection.vendor == "postgresql":
        end_from_outside()
    close_old_connections()  # what begins each request
    assert Book.objects.count() == 0
    assert connection.is_usable()
