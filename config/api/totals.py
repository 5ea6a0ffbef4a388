"""True totals."""

from typing import Any

from django.db.models import QuerySet


def count_rows(queryset: QuerySet[Any]) -> int:
    """How many rows the queryset has."""
    return queryset.order_by().count()
