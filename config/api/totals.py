"""True totals that are not counted anew at every request.

Every write to a table that lists count (setting COUNTED_MODELS) leaves a mark in the same transaction, by a trigger, so
that no writer can forget it: bulk updates, cascades and raw SQL leave one too. A total is kept under the SQL that it
counts and the marks of the tables in it; when a mark has moved, the key has, and it is counted again.

Marks: on SQLite, where there is one writer at a time, a random token per table. On PostgreSQL a shared row would make
writers wait for each other, so each statement appends a row, and the mark is the number and the highest id of those.
"""

# ruff: noqa: S608 (only names of our own tables are put into statements; values are passed)

import hashlib
import re
from typing import Any
from zlib import crc32

from django.apps import apps
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from config.prepared import fetch_all

TABLES = re.compile(r'(?:FROM|JOIN) "(\w+)"')
KEPT_SECONDS = 86_400
MOST_MARKS = 200
MOST_NEAR = 500
FUNCTION = "api_mark_table"
# The same in this process, without asking the shared cache. Keys are never used for another total.
_near: dict[str, int] = {}


def count_rows(queryset: QuerySet[Any]) -> int:
    """How many rows the queryset has: remembered while nothing was written to its tables, else counted."""
    plain = queryset.order_by()
    try:
        sql, params = plain.query.sql_with_params()
    except EmptyResultSet:
        return 0
    tables = set(TABLES.findall(sql))
    if not tables or not tables <= counted_tables():
        return plain.count()
    digest = hashlib.sha256(f"{sql}|{params!r}".encode()).hexdigest()
    key = f"total:{digest}:{_marks(sorted(tables))}"
    total = _near.get(key)
    if total is None:
        total = cache.get(key)
        if total is None:
            total = plain.count()
            cache.set(key, total, KEPT_SECONDS)
        if len(_near) >= MOST_NEAR:
            _near.clear()
        _near[key] = total
    return int(total)


def counted_tables() -> set[str]:
    return {apps.get_model(name)._meta.db_table for name in settings.COUNTED_MODELS}


def _marks(tables: list[str]) -> str:
    """What the tables' marks are now. They are read before the rows are counted: a write between the two makes the
    number newer than its key, and the key is already out of use."""
    places = ", ".join(["%s"] * len(tables))
    if connection.vendor == "postgresql":
        statement = f"SELECT count(*), max(id) FROM api_tablemark WHERE table_name IN ({places})"
    else:
        statement = f"SELECT table_name, mark FROM api_tablemark WHERE table_name IN ({places}) ORDER BY 1"
    found = fetch_all(statement, tables)
    if connection.vendor == "postgresql" and found[0][0] > MOST_MARKS:
        _prune(tables)
    return hashlib.sha256(repr(found).encode()).hexdigest()[:32]


def _prune(tables: list[str]) -> None:
    """Replace old marks by one new mark, whose id is higher than any before, so that no earlier state comes back."""
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute("INSERT INTO api_tablemark (table_name, mark) VALUES (%s, 0) RETURNING id", [table])
            (newest,) = cursor.fetchone()
            cursor.execute("DELETE FROM api_tablemark WHERE table_name = %s AND id < %s", [table, newest])


def install_triggers() -> None:
    """Put the triggers on the counted tables, if they are not there; safe to do again."""
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger AS $$ BEGIN "
                "INSERT INTO api_tablemark (table_name, mark) VALUES (TG_TABLE_NAME, 0); RETURN NULL; "
                "END $$ LANGUAGE plpgsql"
            )
        for table in sorted(counted_tables() & existing):
            for statement in _trigger_statements(table):
                cursor.execute(statement)


def _trigger_statements(table: str) -> list[str]:
    if connection.vendor == "postgresql":
        return [
            f'CREATE OR REPLACE TRIGGER mark_{table} AFTER INSERT OR UPDATE OR DELETE ON "{table}" '
            f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()",
            f'CREATE OR REPLACE TRIGGER mark_{table}_truncate AFTER TRUNCATE ON "{table}" '
            f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()",
        ]
    return [
        f'CREATE TRIGGER IF NOT EXISTS "mark_{table}_{event.lower()}" AFTER {event} ON "{table}" BEGIN '
        f"INSERT INTO api_tablemark (id, table_name, mark) VALUES ({crc32(table.encode())}, '{table}', random()) "
        "ON CONFLICT (id) DO UPDATE SET mark = excluded.mark; END"
        for event in ("INSERT", "UPDATE", "DELETE")
    ]
