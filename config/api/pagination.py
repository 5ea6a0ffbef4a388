"""One page shape for every list: by limit and offset, or by a cursor that stays flat however deep."""

import base64
import binascii
import datetime
import json
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request

from config.api.filters import may_be_null
from config.api.totals import count_rows

DEFAULT_LIMIT = 100
MOST = 500
DEEPEST = 2**31


@dataclass(slots=True)
class Cursor:
    """Where the last page ended: the values of its last row, in the order of `terms`, and how many rows came before."""

    order: str
    values: list[Any]
    offset: int

    def text(self) -> str:
        raw = json.dumps([self.order, [_plain(value) for value in self.values], self.offset], separators=(",", ":"))
        return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, order: str) -> "Cursor":
        try:
            raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
            kept, values, offset = json.loads(raw)
            good = kept == order and isinstance(values, list) and isinstance(offset, int) and 0 <= offset <= DEEPEST
            values = [_value(value) for value in values]
        except (ValueError, TypeError, binascii.Error, UnicodeError, RecursionError):
            good = False
        if not good or len(values) != order.count(",") + 1:
            raise _invalid("cursor", "This cursor is damaged or belongs to another order; start again without it.")
        return cls(order, values, offset)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return {"t": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"d": value.isoformat()}
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        parsed = parse_datetime(value["t"]) if "t" in value else parse_date(value.get("d", ""))
        if parsed is None:
            raise ValueError("not a moment")
        return parsed
    if isinstance(value, list) or (isinstance(value, str) and "\x00" in value):
        raise ValueError("not a value")
    return value


def _invalid(name: str, message: str) -> ValidationError:
    return ValidationError({name: [ErrorDetail(message, code="invalid")]})


def after(queryset: QuerySet[Any], terms: Sequence[tuple[str, bool]], values: Sequence[Any]) -> QuerySet[Any]:
    """The rows behind `values` in this order (nulls last): (a > x) or (a = x and b > y) or ...

    The first comparison stands once more by itself, because only so is an index range used.
    """
    condition, same = Q(pk__in=[]), Q()
    for (field, is_down), value in zip(terms, values, strict=True):
        nullable = may_be_null(queryset, field)
        if value is not None:
            further = Q(**{f"{field}__{'lt' if is_down else 'gt'}": value})
            condition |= same & (further | Q(**{f"{field}__isnull": True}) if nullable else further)
            same &= Q(**{field: value})
        else:
            same &= Q(**{f"{field}__isnull": True})
    field, is_down = terms[0]
    if values[0] is not None and not may_be_null(queryset, field):
        queryset = queryset.filter(**{f"{field}__{'lte' if is_down else 'gte'}": values[0]})
    return queryset.filter(condition)


class PagePagination(LimitOffsetPagination):
    """`limit` 1-500 (100), `offset` (0), or `cursor` from the last page's `page_info.next_cursor`."""

    default_limit = DEFAULT_LIMIT
    max_limit = MOST

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self.limit = whole_number(request, "limit", DEFAULT_LIMIT, 1, MOST)
        self.offset = whole_number(request, "offset", 0, 0, DEEPEST)
        self.terms: list[tuple[str, bool]] = []
        self.next_cursor: str | None = None
        if isinstance(queryset, QuerySet):
            return self._page_rows(queryset, request, view)
        self.count = len(queryset)
        return list(queryset[self.offset : self.offset + self.limit])

    def _page_rows(self, queryset: QuerySet[Any], request: Request, view: Any) -> list[Any]:
        terms = view.order_terms(request)
        order = ",".join(f"-{field}" if is_down else field for field, is_down in terms)
        rows, start = queryset, self.offset
        sent = request.query_params.get("cursor")
        if sent:
            if self.offset:
                raise _invalid("cursor", "Send either a cursor or an offset.")
            cursor = Cursor.read(sent, order)
            self.offset, start = cursor.offset, 0
            try:
                rows = after(queryset, terms, cursor.values)
            except (ValueError, TypeError):
                raise _invalid("cursor", "This cursor is damaged; start again without it.") from None
        # One row more than asked tells whether there are more, and often the total too, without counting.
        found = list(rows[start : start + self.limit + 1])
        page, has_more = found[: self.limit], len(found) > self.limit
        ends_here = not has_more and (page or self.offset == 0)
        self.count = self.offset + len(page) if ends_here and not sent else count_rows(queryset)
        if has_more:
            values = [_read(page[-1], field) for field, _ in terms]
            self.next_cursor = Cursor(order, values, self.offset + len(page)).text()
        return page

    def get_results(self, data: Any) -> Any:
        """For the page controls of the browsable pages."""
        self.display_page_controls = self.count > self.limit
        return data["items"]

    def page_body(self, items: Sequence[Any]) -> dict[str, Any]:
        has_more = self.next_cursor is not None or self.offset + len(items) < self.count
        return {
            "items": items,
            "total": self.count,
            "page_info": {
                "limit": self.limit,
                "offset": self.offset,
                "has_more": has_more,
                "next_cursor": self.next_cursor,
                "next": self._next_link() if has_more else None,
            },
        }

    def _next_link(self) -> str:
        kept = [(k, v) for k, v in self.request.query_params.items() if k not in ("offset", "cursor")]
        move = ("cursor", self.next_cursor) if self.next_cursor else ("offset", str(self.offset + self.limit))
        return f"{self.request.path}?{urllib.parse.urlencode([*kept, move])}"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["items", "total", "page_info"],
            "properties": {
                "items": schema,
                "total": {"type": "integer", "minimum": 0, "description": "How many there are in all."},
                "page_info": PAGE_INFO_SCHEMA,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        whole = {"type": "integer"}
        rows = (
            ("limit", {**whole, "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT}, "How many at most."),
            ("offset", {**whole, "minimum": 0, "maximum": DEEPEST, "default": 0}, "How many to pass over."),
            ("cursor", {"type": "string"}, "`page_info.next_cursor` of the page before; instead of `offset`."),
        )
        # Lists that are no rows of a table are short, and have no cursors.
        has_model = hasattr(getattr(view.answer_class(), "Meta", None), "model")
        has_rows = view.verb not in view.sequences and (has_model or getattr(view, "queryset", None) is not None)
        return [
            {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
            for name, schema, text in rows
            if name != "cursor" or has_rows
        ]


PAGE_INFO_SCHEMA = {
    "type": "object",
    "required": ["limit", "offset", "has_more", "next_cursor", "next"],
    "properties": {
        "limit": {"type": "integer"},
        "offset": {"type": "integer"},
        "has_more": {"type": "boolean"},
        "next_cursor": {
            "type": ["string", "null"],
            "description": "For `?cursor=`; as fast on the last page as on the first.",
        },
        "next": {"type": ["string", "null"], "description": "The next page's address."},
    },
}


def whole_number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A query parameter as a whole number within its bounds; ValidationError otherwise."""
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None
    if number is None or not least <= number <= most:
        raise _invalid(name, f"Must be a whole number from {least} to {most}.")
    return number


def _read(row: Any, field: str) -> Any:
    for part in field.split("__"):
        if row is None:
            return None
        row = row.get("id" if part == "pk" else part) if isinstance(row, dict) else getattr(row, part)
    return row
