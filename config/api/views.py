"""The base of every view: who may call, how often, with which input, and how it answers.

Everything is stated per action in class attributes, and only where it differs from the default; the schema, the
endpoint map and the tests read the same attributes.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework import serializers
from rest_framework.exceptions import NotAcceptable
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api import idempotency, limits
from config.api.callers import SAFE_METHODS
from config.api.filters import StrictFilterBackend, StrictOrdering, refuse_unknown
from config.api.pagination import PagePagination
from config.api.permissions import NOBODY
from config.api.renderers import CSVRenderer, FastJSONRenderer, csv_lines
from config.api.serializers import NothingSerializer, RunAcceptedSerializer, RunsAcceptedSerializer, run_url
from config.errors import ForbiddenError
from config.prepared import Reading

CSV_CHUNK = 500
SerializerClass = type[serializers.BaseSerializer[Any]]


class KernelView(APIView):
    """State only the exceptions:

    `access`      least role by action (default: viewer for GET, moderator for the rest; "none": anybody)
    `tiers`       rate-limit tier by action (default "authenticated")
    `answers`     serializer of the answer by action (default `serializer_class`; the run where the status is 202)
    `inputs`      serializer of the body by action (default: no body)
    `queries`     serializer of the query parameters by action (default: none; lists have filters besides)
    `statuses`    success status by action (default 201 for create, else 200)
    `lists`       actions that answer a page (`list` always does)
    `sequences`   those of them, in a view of rows, that list no rows: they have no cursors
    `short`       actions whose GETs with a key take the short way (`config.api.short_way`)
    `filtersets`, `orderings`   by action; an ordering is (fields, default), and by default the view's own
    """

    access: ClassVar[Mapping[str, str]] = {}
    tier: ClassVar[str] = "authenticated"
    tiers: ClassVar[Mapping[str, str]] = {}
    answers: ClassVar[Mapping[str, Any]] = {}
    inputs: ClassVar[Mapping[str, Any]] = {}
    queries: ClassVar[Mapping[str, Any]] = {}
    statuses: ClassVar[Mapping[str, int]] = {}
    lists: ClassVar[frozenset[str]] = frozenset()
    sequences: ClassVar[frozenset[str]] = frozenset()
    filtersets: ClassVar[Mapping[str, Any]] = {}
    orderings: ClassVar[Mapping[str, tuple[Any, Sequence[str]]]] = {}
    short: ClassVar[frozenset[str]] = frozenset()
    accepts_keys: ClassVar[bool] = True
    action: str | None = None
    serializer_class: Any = None
    pagination_class = PagePagination
    filter_backend = StrictFilterBackend
    paginator: PagePagination | None = None
    ordering_fields: Any = ()
    ordering: Sequence[str] = ("-id",)
    filterset_class: Any = None

    @property
    def reading(self) -> Reading | None:
        """What the action will read, whoever calls; it comes in one question with the caller's key."""
        return None

    # --- What holds for the current action -----------------------------------------------------------------------

    @property
    def verb(self) -> str:
        """The action; PATCH is the same as PUT."""
        return "update" if self.action == "partial_update" else self.action or ""

    def role_for(self, request: Any) -> str:
        if self.action is None and request.method != "OPTIONS":
            return NOBODY  # no such method here: 405, whoever asks
        return self.access.get(self.verb, "viewer" if request.method in SAFE_METHODS else "moderator")

    def tier_for(self) -> str:
        return self.tiers.get(self.verb, self.tier)

    @property
    def is_list(self) -> bool:
        return self.verb == "list" or self.verb in self.lists

    @property
    def success_status(self) -> int:
        return self.statuses.get(self.verb, 201 if self.verb == "create" else 200)

    def answer_class(self) -> Any:
        default = RunAcceptedSerializer if self.success_status == 202 else self.serializer_class
        return self.answers.get(self.verb, default)

    def input_class(self) -> SerializerClass:
        return self.inputs.get(self.verb, NothingSerializer)

    def query_names(self) -> Sequence[str]:
        found = self.queries.get(self.verb)
        return tuple(found().fields) if found else ()

    def filterset_for_action(self) -> Any:
        return self.filtersets.get(self.verb, self.filterset_class if self.verb == "list" else None)

    def ordering_for_action(self) -> tuple[Any, Sequence[str]]:
        return self.orderings.get(self.verb, (self.ordering_fields, self.ordering))

    def order_terms(self, request: Request) -> list[tuple[str, bool]]:
        return StrictOrdering.terms(request, self)

    def get_renderers(self) -> list[BaseRenderer]:
        found = super().get_renderers()
        return [*found, CSVRenderer()] if self.is_list else found

    # --- Before the action ---------------------------------------------------------------------------------------

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As in APIView, with the replay of an Idempotency-Key around the handler."""
        self.args, self.kwargs = args, kwargs
        self.request = request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            self.initial(request, *args, **kwargs)
            method = (request.method or "").lower()
            # A method may be called like an attribute of ours, so the list of methods is asked first.
            known = getattr(self, method, None) if method in self.http_method_names else None
            handler: Any = known or self.http_method_not_allowed
            response = idempotency.once(self, request, lambda: handler(request, *args, **kwargs))
        except Exception as error:  # noqa: BLE001 (why: this is the edge; the error handler logs what it cannot name)
            response = self.handle_exception(error)
        self.response = self.finalize_response(request, response, *args, **kwargs)
        return self.response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = None
        # The caller is counted before anything else may fail, so that failures count too.
        try:
            request.user  # noqa: B018 (the property authenticates)
        finally:
            limits.enforce(request, self.tier_for())
        not_acceptable = None
        try:
            request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        except NotAcceptable as error:
            not_acceptable = error
        self.check_permissions(request)
        self.check_input(
            request
        )  # what cannot be read is 400, and a method that is not there 405, whatever is accepted
        if not_acceptable and (self.action or request.method == "OPTIONS"):
            raise not_acceptable

    def check_input(self, request: Request) -> None:
        """Refuse a body that is no JSON object, a body where none is taken, and unknown query parameters."""
        if self.action is None:
            return
        if request.method not in SAFE_METHODS:
            data = request.data
            if not self.inputs.get(self.verb):
                NothingSerializer(data=data).is_valid(raise_exception=True)
        if not self.is_list and request.method != "OPTIONS":
            refuse_unknown(request, self.query_names())

    @cached_property
    def body(self) -> dict[str, Any]:
        """The validated body. Read it after the row was found: an unknown id is 404 before a wrong field is 400."""
        data = self.request.data
        if self.verb == "update":
            # It says which version is meant, and is no field to set.
            data = {name: value for name, value in data.items() if name != "updated_at"}
        context = {"request": self.request, "view": self}
        serializer = self.input_class()(data=data, partial=self.verb == "update", context=context)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @cached_property
    def query(self) -> dict[str, Any]:
        """The validated query parameters."""
        found = self.queries[self.verb]
        names = set(found().fields)
        sent = {name: value for name, value in self.request.query_params.items() if name in names}
        serializer = found(data=sent, context={"is_text": True})
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    # --- Answers -------------------------------------------------------------------------------------------------

    def present(self, value: Any, *, many: bool = False) -> Any:
        """The value as the action's serializer shows it; what is no object of it goes as it is."""
        found = self.answer_class()
        if found is None or (isinstance(value, dict) and not many):
            return value
        return found(value, many=many, context={"request": self.request, "view": self}).data

    def answer(self, value: Any, *, status: int = 0, headers: Mapping[str, str] | None = None) -> Response:
        return Response(self.present(value), status=status or self.success_status, headers=dict(headers or {}))

    def accepted(self, run: Any) -> Response:
        """202 with the run to follow."""
        body = RunAcceptedSerializer({"run": run}).data
        return Response(body, status=202, headers={"Location": run_url(run.pk)})

    def accepted_runs(self, runs: Sequence[Any]) -> Response:
        """202 with several runs to follow."""
        return Response(RunsAcceptedSerializer({"runs": runs}).data, status=202, headers={"Location": "/api/runs/"})

    def page(self, rows: Any) -> HttpResponseBase:
        """A page of a queryset (filtered and ordered by the request), or of a sequence as it stands."""
        rows = self.narrowed(rows)
        if getattr(self.request.accepted_renderer, "format", "") == "csv":
            return self._csv(rows)
        self.paginator = PagePagination()
        found = self.paginator.paginate_queryset(rows, self.request, self)
        return Response(self.paginator.page_body(self.present(found, many=True)))

    def narrowed(self, rows: Any) -> Any:
        """Filtered and ordered; sequences only check the parameters and are ordered by item or attribute."""
        if isinstance(rows, QuerySet):
            self.listed = rows  # for the form of the browsable pages
            rows = self.filter_backend().filter_queryset(self.request, rows, self)
            return StrictOrdering().filter_queryset(self.request, rows, self)
        refuse_unknown(self.request, {"limit", "offset", "ordering", *self.query_names()})
        return _sorted(list(rows), self.order_terms(self.request))

    def _csv(self, rows: Any) -> StreamingHttpResponse:
        """Every row that the filters leave, streamed; `limit` and `offset` narrow it when they are sent."""
        params = self.request.query_params
        if "limit" in params or "offset" in params:
            rows = PagePagination().paginate_queryset(rows, self.request, self)
        columns = list(self.answer_class()().fields) if self.answer_class() else []
        response = StreamingHttpResponse(
            csv_lines(self._all_presented(rows), columns), content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = (
            f'attachment; filename="{self.__class__.__name__.removesuffix("ViewSet").lower()}.csv"'
        )
        return response

    def _all_presented(self, rows: Any) -> Any:
        if isinstance(rows, list):
            yield from self.present(rows, many=True)
            return
        chunk = []
        for row in rows.iterator(chunk_size=CSV_CHUNK):
            chunk.append(row)
            if len(chunk) == CSV_CHUNK:
                yield from self.present(chunk, many=True)
                chunk = []
        yield from self.present(chunk, many=True)

    # --- After the action ----------------------------------------------------------------------------------------

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> None:
        if request.user and request.user.is_authenticated:
            raise ForbiddenError(message or "You may not do this.", code=code or "forbidden")
        super().permission_denied(request, message=message, code=code)

    def handle_exception(self, error: Exception) -> Response:
        response = super().handle_exception(error)
        if getattr(getattr(self.request, "accepted_renderer", None), "format", "") != "api":
            self.request.accepted_renderer = FastJSONRenderer()
            self.request.accepted_media_type = FastJSONRenderer.media_type
        return response

    # For DRF's browsable pages and schema, which ask a view for its serializer.
    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        method = self.request.method if self.request else "GET"
        found = self.answer_class() if method in SAFE_METHODS else self.input_class()
        return (found or NothingSerializer)(*args, **{**kwargs, "context": {"request": self.request, "view": self}})


def _sorted(rows: list[Any], terms: Sequence[tuple[str, bool]]) -> list[Any]:
    """By attribute or key, nulls last, stable; the order given stays when nothing else is asked."""

    def read(row: Any, name: str) -> Any:
        return row.get(name) if isinstance(row, dict) else getattr(row, name, None)

    for name, is_down in reversed(terms):
        if name == "pk":
            continue
        known = [row for row in rows if read(row, name) is not None]
        known.sort(key=lambda row, name=name: read(row, name), reverse=is_down)
        rows = known + [row for row in rows if read(row, name) is None]
    return rows
