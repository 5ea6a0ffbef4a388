"""`/api/schema/` and `/api/docs/`, both from this server alone."""

from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.plain import PlainView


@cache
def schema() -> Any:
    """Made once in a process: the routes do not change while it runs."""
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


class SchemaView(PlainView, SpectacularAPIView):
    """The description of this API (OpenAPI 3.1), as YAML or JSON."""

    access = {"get": "none"}

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(schema())


class DocsView(PlainView, SpectacularSwaggerSplitView):
    """Swagger UI."""

    access = {"get": "none"}

    def query_names(self) -> tuple[str, ...]:
        return ("script",)

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)  # type: ignore[no-any-return]
