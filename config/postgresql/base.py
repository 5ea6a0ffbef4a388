"""Django's PostgreSQL backend with three additions: statements that the server keeps planned, moments that are
read by psycopg's compiled loader, and a health check that costs no round trip."""

import datetime
import re
import select
from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any, Self

from django.db.backends.postgresql import base
from psycopg import RawCursor
from psycopg.types.datetime import TimestamptzLoader

PLACEHOLDER = re.compile("%[s%]")


class NumberedCursor(RawCursor[Any]):
    """Takes statements with `%s`, as Django makes them, and hands them on as PostgreSQL does, with `$1`: psycopg reads
    through a long statement anew at each call."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        return super().execute(_numbered(query), params, **options)


@lru_cache(maxsize=1000)
def _numbered(sql: str) -> str:
    numbers = count(1)
    return PLACEHOLDER.sub(lambda found: "%" if found[0] == "%%" else f"${next(numbers)}", sql)


class DatabaseWrapper(base.DatabaseWrapper):
    _bound: Any = None

    def fetch_all(self, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The rows of a statement whose values are sent apart from it, so that the server plans it once.

        Django's own cursors write the values into the statement (psycopg's ClientCursor), which is planned each time.
        The cursor is kept as long as its connection.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        if self._bound is None or self._bound.connection is not self.connection:
            with self.wrap_database_errors:
                self._bound = self._with_fast_moments(NumberedCursor(self.connection))
        cursor = self._prepare_cursor(self._bound)
        cursor.execute(sql, params)
        return list(cursor.fetchall())

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
