"""Rows of a subquery as one JSON array, so that a page of books with all that hangs on them is one statement."""

# ruff: noqa: S608 (what is put into the statements are names that the code states)
from collections.abc import Mapping
from typing import Any

from django.db.models import F, QuerySet, Subquery, TextField
from django.db.models.expressions import Combinable


class JsonRows(Subquery):
    """The text of a JSON array with an object for each row, in the order of the rows.

    `columns` maps the names in the objects to fields or expressions of the queryset, which refers to the outer row by
    `OuterRef`. `flags` names those that are true or false (SQLite keeps them as 1 and 0).
    """

    def __init__(
        self, queryset: QuerySet[Any], columns: Mapping[str, str | Combinable], flags: frozenset[str] = frozenset()
    ) -> None:
        named = {f"j_{name}": F(found) if isinstance(found, str) else found for name, found in columns.items()}
        self.names, self.flags = tuple(columns), flags
        super().__init__(queryset.values(**named), output_field=TextField())

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **kwargs: Any) -> tuple[str, Any]:
        sql, params = super().as_sql(compiler, connection, *args, **kwargs)
        if connection.vendor == "postgresql":
            pairs = ", ".join(f"'{name}', r.j_{name}" for name in self.names)
            return f"(SELECT COALESCE(json_agg(json_build_object({pairs})), '[]')::text FROM {sql} r)", params
        pairs = ", ".join(f"'{name}', {self._sqlite_value(name)}" for name in self.names)
        return f"(SELECT json_group_array(json_object({pairs})) FROM {sql} r)", params

    def _sqlite_value(self, name: str) -> str:
        if name not in self.flags:
            return f"r.j_{name}"
        return f"json(CASE r.j_{name} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)"
