"""Choosing how to answer: `?format=` wins over `Accept`."""

from collections.abc import Sequence
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

# What scripts send; the first renderer, JSON, answers it without weighing the others.
PLAIN = frozenset({"application/json", "*/*", "application/json, text/plain, */*"})


class FormatNegotiation(DefaultContentNegotiation):
    """An unknown format is 406, not 404."""

    def select_renderer(
        self, request: Request, renderers: Sequence[Any], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        wanted = request.query_params.get("format")
        if wanted is None and request.META.get("HTTP_ACCEPT", "*/*") in PLAIN and renderers[0].format == "json":
            return renderers[0], renderers[0].media_type
        if wanted is None:
            return super().select_renderer(request, list(renderers), format_suffix)
        for renderer in renderers:
            if renderer.format == wanted:
                return renderer, renderer.media_type
        raise NotAcceptable
