"""Django's PostgreSQL backend with three additions: cursors whose statements the server keeps planned, moments that are
read by psycopg's compiled loader, and a health check that costs no round trip."""

import datetime
import select
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from psycopg.types.datetime import TimestamptzLoader

if not is_psycopg3:
    raise ImportError("psycopg 3 is needed: pip install 'psycopg[binary]'.")


class DatabaseWrapper(base.DatabaseWrapper):
    def bound_cursor(self) -> Any:
        """A cursor that sends values apart from the statement, so that the server plans a repeated statement once.

        Django's own cursors write the values into the statement (psycopg's ClientCursor), which is planned each time.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        with self.wrap_database_errors:
            cursor = base.ServerBindingCursor(self.connection)  # type: ignore[call-arg]
            return self._prepare_cursor(self._with_fast_moments(cursor))

    def create_cursor(self, name: str | None = None) -> Any:
        return self._with_fast_moments(super().create_cursor(name))

    def _with_fast_moments(self, cursor: Any) -> Any:
        """Django's loader of moments is written in Python, and takes seven times as long as psycopg's for the same."""
        if self.timezone is datetime.UTC:
            cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        return cursor

    def is_usable(self) -> bool:
        """A server that went away has closed the socket, which shows as something to read; only then it is asked.

        Without this the check at each request is a `SELECT 1`, as dear as reading a book.
        """
        connection = self.connection
        if connection is None or connection.closed:
            return False
        try:
            waiting, _, _ = select.select([connection.fileno()], [], [], 0)
        except (OSError, ValueError):  # a handle over the limit of select() has no answer here
            return bool(super().is_usable())
        return bool(super().is_usable()) if waiting else True
