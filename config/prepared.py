"""Statements of hot reads: compiled by Django once, and planned by the database once.

Compiling a queryset with nested rows costs several times what the database needs to answer it. A `Prepared` keeps the
compiled text; its values are filled in at each reading.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models import QuerySet
from django.db.models.expressions import Expression


@dataclass(frozen=True, slots=True)
class _Place:
    """Stands among the parameters of a compiled statement for the value of this name."""

    name: str


class Slot(Expression):
    """A value that is given at each reading: `filter(pk=Slot("pk", models.BigIntegerField()))`."""

    def __init__(self, name: str, output_field: models.Field[Any, Any]) -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        return "%s", [_Place(self.name)]


class IsOneOf(Expression):
    """`filter(IsOneOf("pk", "ids"))`: the field is one of a list of whole numbers, of whatever length."""

    conditional = True

    def __init__(self, of: str, name: str) -> None:
        super().__init__(output_field=models.BooleanField())
        self.source: Any = models.F(of)
        self.name = name

    def get_source_expressions(self) -> list[Any]:
        return [self.source]

    def set_source_expressions(self, exprs: Any) -> None:
        (self.source,) = exprs

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source)
        if connection.vendor == "postgresql":
            return f"{sql} = ANY(%s::bigint[])", [*params, _Place(self.name)]
        return f"{sql} IN (SELECT value FROM json_each(%s))", [*params, _Place(self.name)]  # noqa: S608 (a column of ours)


@dataclass(frozen=True, slots=True)
class _Compiled:
    sql: str
    params: tuple[Any, ...]
    names: tuple[str, ...]
    converters: tuple[tuple[str, tuple[Any, ...], Any], ...]

    def fill(self, values: dict[str, Any]) -> list[Any]:
        return [_given(values, one) if isinstance(one, _Place) else one for one in self.params]

    def shown(self, row: Sequence[Any]) -> dict[str, Any]:
        """A row as `QuerySet.values` gives it."""
        found = dict(zip(self.names, row, strict=True))
        for name, converters, expression in self.converters:
            for convert in converters:
                found[name] = convert(found[name], expression, connection)
        return found


@dataclass(slots=True)
class Prepared:
    """`build` makes a queryset of `values(...)` with `Slot` and `IsOneOf` where values come in."""

    build: Callable[[], QuerySet[Any, dict[str, Any]]]
    _compiled: _Compiled | None = None

    def rows(self, **values: Any) -> list[dict[str, Any]]:
        """The rows, as `QuerySet.values` gives them. Lists are of whole numbers, moments aware."""
        compiled = self.compiled()
        return [compiled.shown(row) for row in fetch_all(compiled.sql, compiled.fill(values))]

    def row(self, **values: Any) -> dict[str, Any] | None:
        """The first row, if there is one."""
        return next(iter(self.rows(**values)), None)

    def compiled(self) -> _Compiled:
        """The statement as this database takes it."""
        return self._compiled or self._compile()

    def _compile(self) -> _Compiled:
        query = self.build().query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        expressions = [column[0] for column in compiler.select]
        names = tuple(query.selected or ())
        found = compiler.get_converters(expressions)
        converters = tuple((names[at], tuple(made), expression) for at, (made, expression) in found.items())
        compiled = _Compiled(sql, tuple(params), names, converters)
        self._compiled = compiled
        return compiled


class Reading:
    """A row that will be read. It may come with another one, when that is asked for first (`read_with`)."""

    def __init__(self, prepared: Prepared, **values: Any) -> None:
        self.prepared = prepared
        self.values = values
        self._found: list[dict[str, Any] | None] = []

    def row(self) -> dict[str, Any] | None:
        """The row, if there is one."""
        if not self._found:
            self._found.append(self.prepared.row(**self.values))
        return self._found[0]

    def read_with(self, first: Prepared, **values: Any) -> dict[str, Any] | None:
        """The row of `first`, asked for in one question with this one: a round trip costs more than a short read."""
        parts = (first.compiled(), self.prepared.compiled())
        (row,) = fetch_all(_joined(parts[0].sql, parts[1].sql), [*parts[0].fill(values), *parts[1].fill(self.values)])
        middle = 1 + len(parts[0].names)
        self._found = [parts[1].shown(row[middle + 1 :]) if row[middle] else None]
        return parts[0].shown(row[1:middle]) if row[0] else None


@cache
def _joined(one: str, other: str) -> str:
    """One row with the columns of both statements, each behind a mark that says whether it found a row."""
    first, second = f"(SELECT 1 AS is_there, * FROM ({one}) AS x)", f"(SELECT 1 AS is_there, * FROM ({other}) AS y)"  # noqa: S608 (Django compiled both)
    return f"SELECT a.*, b.* FROM (SELECT 1) AS always LEFT JOIN {first} AS a ON 1 = 1 LEFT JOIN {second} AS b ON 1 = 1"  # noqa: S608 (the same)


def _given(values: dict[str, Any], place: _Place) -> Any:
    value = values[place.name]
    if isinstance(value, datetime.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return json.dumps(value) if isinstance(value, list) and connection.vendor != "postgresql" else value


def fetch_all(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement that is always the same, which the database plans once."""
    fetch = getattr(connections[DEFAULT_DB_ALIAS], "fetch_all", None)
    if fetch:
        return fetch(sql, params)  # type: ignore[no-any-return]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())
