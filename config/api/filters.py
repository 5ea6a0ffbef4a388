"""Filters and ordering that refuse what they do not know."""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from django.db.models import F, QuerySet
from django_filters import rest_framework as django_filters
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

LIST_PARAMETERS = frozenset({"limit", "offset", "cursor", "ordering"})
ALWAYS = frozenset({"format"})


def refuse_unknown(request: Request, known: Iterable[str], *, several: Container[str] = ()) -> None:
    """ValidationError that names each query parameter which is not known, or which stands twice and is not one of
    those that may stand `several` times."""
    if not request.META.get("QUERY_STRING"):
        return
    allowed = ALWAYS | set(known)
    wrong = {}
    for name, values in request.query_params.lists():
        if name not in allowed:
            wrong[name[:60]] = [ErrorDetail("This query parameter is not known here.", code="unknown_parameter")]
        elif len(values) > 1 and name not in several:
            wrong[name] = [ErrorDetail("This query parameter stands twice; send it once.", code="duplicate_parameter")]
    if wrong:
        raise ValidationError(wrong)


class StrictFilterBackend(django_filters.DjangoFilterBackend):
    """The view's filterset for the current action; an unknown filter or a bad value is 400."""

    def get_filterset_class(self, view: Any, queryset: Any = None) -> Any:
        return view.filterset_for_action()

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        filterset_class = self.get_filterset_class(view, queryset)
        filters = filterset_class.base_filters if filterset_class else {}
        several = {name for name, found in filters.items() if isinstance(found, django_filters.MultipleChoiceFilter)}
        refuse_unknown(request, {*filters, *LIST_PARAMETERS, *view.query_names()}, several=several)
        if getattr(request.accepted_renderer, "format", "") != "api":
            _refuse_empty(request, filters)  # the form of the browsable pages sends every field
        is_filtered = any(name in request.query_params or found.extra["required"] for name, found in filters.items())
        if not is_filtered:
            return queryset  # building the form of all filters costs more than reading a page
        return super().filter_queryset(request, queryset, view)


def _refuse_empty(request: Request, filters: Mapping[str, Any]) -> None:
    """An empty text means no filter by text; an empty number or moment is a mistake of the caller."""
    wrong = {
        name: [ErrorDetail("Must not be empty.", code="blank")]
        for name, found in filters.items()
        if request.query_params.get(name) == "" and not isinstance(found, django_filters.CharFilter)
    }
    if wrong:
        raise ValidationError(wrong)


class StrictOrdering(BaseFilterBackend):
    """`?ordering=title,-created_at` over the view's `ordering_fields`; the order always ends in id.

    `ordering_fields` is a tuple of field names or a mapping of public names to database fields or annotations.
    Nulls come last, whichever the direction and the database.
    """

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        return self.order(queryset, self.terms(request, view))

    @staticmethod
    def terms(request: Request, view: Any) -> list[tuple[str, bool]]:
        """Database fields with True for descending, ending in the primary key."""
        fields, default = view.ordering_for_action()
        known: Mapping[str, str] = fields if isinstance(fields, Mapping) else {name: name for name in fields}
        known = {"id": "pk", **known}
        asked = request.query_params.get("ordering")
        wanted = [term.strip() for term in asked.split(",")] if asked is not None else list(default)
        terms: list[tuple[str, bool]] = []
        for term in wanted:
            name = term.removeprefix("-")
            # A view's own default may use fields that callers cannot name.
            field = known.get(name) if asked is not None else known.get(name, name)
            if field is None:
                message = f"It is not possible to order by {name[:60]!r}; try: {', '.join(known)}."
                raise ValidationError({"ordering": [ErrorDetail(message, code="unknown_ordering")]})
            terms.append((field, term.startswith("-")))
        if "pk" not in {field for field, _ in terms}:
            terms.append(("pk", terms[-1][1] if terms else False))
        return terms

    @staticmethod
    def order(queryset: QuerySet[Any], terms: Iterable[tuple[str, bool]]) -> QuerySet[Any]:
        return queryset.order_by(*(_expression(queryset, field, is_down) for field, is_down in terms))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        fields, default = view.ordering_for_action()
        names = sorted({"id", *fields})
        text = f"Fields separated by commas, `-` before one for descending. Fields: {', '.join(names)}."
        if default:
            text += f" Default: {','.join(default)}."
        one = f"-?({'|'.join(map(re.escape, names))})"
        schema = {"type": "string", "pattern": f"^{one}(,{one})*$"}
        return [{"name": "ordering", "in": "query", "required": False, "description": text, "schema": schema}]


def may_be_null(queryset: QuerySet[Any], field: str) -> bool:
    """Whether nulls can occur; annotations are taken to allow them."""
    if field == "pk":
        return False
    model: Any = queryset.model
    for part in field.split("__"):
        found = {f.name: f for f in model._meta.get_fields()}.get(part)
        if found is None or getattr(found, "null", True):
            return True
        model = found.related_model or model
    return False


def _expression(queryset: QuerySet[Any], field: str, is_down: bool) -> Any:
    if not may_be_null(queryset, field):
        return f"-{field}" if is_down else field
    return F(field).desc(nulls_last=True) if is_down else F(field).asc(nulls_last=True)
