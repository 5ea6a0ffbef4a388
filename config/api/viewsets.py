"""The two bases of the API: resources (rows with CRUD) and operations (verbs).

See `KernelView` for what a view states, `scheduling/api/runs.py` for an example, `docs/api-kernel.md` for the recipe.
"""

import datetime
import hashlib
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpResponseBase
from django.utils.dateparse import parse_datetime
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ErrorDetail, ValidationError
from rest_framework.viewsets import ViewSetMixin

from config.api.renderers import FastJSONRenderer
from config.api.serializers import NOTHING_SENT
from config.api.views import KernelView
from config.errors import ConflictError, NotFoundError


class OperationsViewSet(ViewSetMixin, KernelView):
    """Verbs: each is an `@action` of a few lines that reads `self.body` or `self.query`, calls one service, answers."""


class ResourceViewSet(ViewSetMixin, KernelView):
    """Rows of a queryset; with ids that are integers. Compose it with the mixins below."""

    queryset: Any = None
    lookup_field = "pk"
    lookup_url_kwarg = None
    lookup_value_converter = "int"

    @property
    def resource(self) -> str:
        """What one row is called in messages."""
        return str(self.queryset.model._meta.verbose_name)

    def get_queryset(self) -> Any:
        return self.queryset.all()

    def get_object(self, *, lock: bool = False) -> Any:
        """The row of this address; NotFoundError names the resource and the id."""
        identity = self.kwargs[self.lookup_field]
        if lock:
            # Only the row itself is locked: joins that may be empty cannot be. Its key is left free: a transaction that
            # links to the row asks for the key when it ends, and may by then hold what this one needs next.
            self.queryset.model._default_manager.select_for_update(no_key=True).filter(pk=identity).first()
        row = self.get_queryset().filter(**{self.lookup_field: identity}).first()
        if row is None:
            raise self.not_found()
        return row

    def not_found(self) -> NotFoundError:
        """It names the resource and the id of this address."""
        identity = self.kwargs[self.lookup_field]
        return NotFoundError(
            f"No {self.resource} has the id {str(identity)[:30]}.",
            context={"resource": self.resource, "id": identity if len(str(identity)) < 19 else str(identity)[:30]},
        )

    def tag(self, row: Any) -> dict[str, str]:
        """The header that names this version of the row: by its `updated_at`, else by what an update may change."""
        changed = getattr(row, "updated_at", None)
        if changed:
            return etag(row.pk, changed)
        if "update" not in self.inputs:
            return {}
        shown = self.present(row)
        facts = {name: shown.get(name) for name in self.inputs["update"]().fields}
        return {"ETag": f'"{row.pk}-{hashlib.sha256(FastJSONRenderer().render(facts)).hexdigest()[:20]}"'}


class ListMixin:
    def list(self: Any, request: Request) -> HttpResponseBase:
        return self.page(self.get_queryset())


class RetrieveMixin:
    def retrieve(self: Any, request: Request, pk: int) -> Response:
        row = self.get_object()
        return self.answer(row, headers=self.tag(row))


class CreateMixin:
    """Needs `create_row(data) -> row` and `inputs["create"]`."""

    def create(self: Any, request: Request) -> Response:
        row = self.create_row(self.body)
        location = f"{request.path.rstrip('/')}/{row.pk}/"
        return self.answer(self.reread(row), headers={"Location": location, **self.tag(row)})

    def reread(self: Any, row: Any) -> Any:
        """The row as `get_queryset` reads it, with its annotations and prefetched relations."""
        return self.get_queryset().filter(pk=row.pk).first() or row


class UpdateMixin:
    """Needs `change_row(row, data) -> row` and `inputs["update"]`; answers `changes_made`."""

    unchanging: ClassVar[frozenset[str]] = frozenset({"updated_at"})

    def update(self: Any, request: Request, pk: int) -> Response:
        expected = _expected(request, has_moment=has_moment(self))
        if not expected:
            return self._change(self.get_object(), None)
        with transaction.atomic():
            return self._change(self.get_object(lock=True), expected)

    def _change(self: Any, row: Any, expected: str | None) -> Response:
        if expected and expected not in ("*", self.tag(row).get("ETag")):
            raise ConflictError(
                f"This {self.resource} was changed since you read it. Read it again and repeat your change.",
                context={"resource": self.resource, "id": row.pk, "etag": self.tag(row).get("ETag")},
            )
        if not {name for name in self.request.data if name != "updated_at"}:
            raise ValidationError(NOTHING_SENT)
        before = self.present(row)
        row = self.change_row(row, self.body) or row
        row = self.get_queryset().filter(pk=row.pk).first() or row
        after = self.present(row)
        changes = {
            name: {"old": before.get(name), "new": value}
            for name, value in after.items()
            if value != before.get(name) and name not in self.unchanging
        }
        return Response({**after, "changes_made": changes}, headers=self.tag(row))

    def partial_update(self: Any, request: Request, pk: int) -> Response:
        return self.update(request, pk)


class DestroyMixin:
    """Needs `remove_row(row) -> dict | row`: what was removed or archived, which is answered."""

    def destroy(self: Any, request: Request, pk: int) -> Response:
        row = self.get_object()
        shown = self.present(row)
        result = self.remove_row(row)
        return Response(result if isinstance(result, dict) else shown if result is None else self.present(result))


class ReadOnlyViewSet(ListMixin, RetrieveMixin, ResourceViewSet):
    """List and detail."""


class CrudViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin, ResourceViewSet):
    """List, detail, create, update (PUT and PATCH), delete."""


def etag(pk: int, changed: datetime.datetime) -> dict[str, str]:
    """The header with the version of a row."""
    return {"ETag": f'"{pk}-{changed.timestamp():.6f}"'}


def has_moment(view: Any) -> bool:
    """Whether rows know when they were changed."""
    return any(field.name == "updated_at" for field in view.queryset.model._meta.concrete_fields)


def _expected(request: Request, *, has_moment: bool) -> str | None:
    """The version that the caller means to change: `If-Match`, or `updated_at` as it was read."""
    sent = request.headers.get("If-Match")
    if sent:
        return sent.strip()
    if "updated_at" not in request.data:
        return None
    if not has_moment:
        message = "This has no updated_at; send the ETag as If-Match instead."
        raise ValidationError({"updated_at": [ErrorDetail(message, code="unknown_field")]})
    moment: Any = request.data.get("updated_at")
    try:
        parsed = parse_datetime(moment) if isinstance(moment, str) else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise ValidationError({"updated_at": [ErrorDetail("Send it as it was read.", code="invalid")]})
    return f'"{request.parser_context["kwargs"]["pk"]}-{parsed.timestamp():.6f}"'
