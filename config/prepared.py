"""Statements of hot reads: compiled by Django once, and planned by the database once.

Compiling a queryset with nested rows costs several times what the database needs to answer it. A `Prepared` keeps the
compiled text; its values are filled in at each reading.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models
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


@dataclass(slots=True)
class Prepared:
    """`build` makes a queryset of `values(...)` with `Slot` and `IsOneOf` where values come in."""

    build: Callable[[], QuerySet[Any, dict[str, Any]]]
    _compiled: dict[str, _Compiled] = field(default_factory=dict)

    def rows(self, **values: Any) -> list[dict[str, Any]]:
        """The rows, as `QuerySet.values` gives them. Lists are of whole numbers, moments aware."""
        compiled = self._compiled.get(connection.vendor) or self._compile()
        filled = [_given(values, one) if isinstance(one, _Place) else one for one in compiled.params]
        with prepared_cursor() as cursor:
            cursor.execute(compiled.sql, filled)
            found = [dict(zip(compiled.names, row, strict=True)) for row in cursor.fetchall()]
        for name, converters, expression in compiled.converters:
            for row in found:
                for convert in converters:
                    row[name] = convert(row[name], expression, connection)
        return found

    def row(self, **values: Any) -> dict[str, Any] | None:
        """The first row, if there is one."""
        return next(iter(self.rows(**values)), None)

    def _compile(self) -> _Compiled:
        query = self.build().query
        compiler = query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        expressions = [column[0] for column in compiler.select]
        names = tuple(query.selected or ())
        found = compiler.get_converters(expressions)
        converters = tuple((names[at], tuple(made), expression) for at, (made, expression) in found.items())
        compiled = _Compiled(sql, tuple(params), names, converters)
        self._compiled[connection.vendor] = compiled
        return compiled


def _given(values: dict[str, Any], place: _Place) -> Any:
    value = values[place.name]
    if isinstance(value, datetime.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return json.dumps(value) if isinstance(value, list) and connection.vendor != "postgresql" else value


def prepared_cursor() -> Any:
    """A cursor for statements that are always the same, which the database plans once."""
    bound = getattr(connection, "bound_cursor", None)
    return bound() if bound else connection.cursor()
