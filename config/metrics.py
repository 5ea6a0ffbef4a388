"""`/metrics` for Prometheus: requests, and what the apps add. For keys, and for the addresses in the allow-list."""

import ipaddress
import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request

from config.api.callers import client_address
from config.api.permissions import NOBODY
from config.api.plain import PlainView

REQUESTS = Counter("unabridged_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("unabridged_request_seconds", "How long answers took.", ["method", "route"])
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count_answer(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Routes, not paths, so that the number of series stays small."""
    match = request.resolver_match
    route = f"/{match.route}" if match else "unknown"
    method = request.method if request.method in METHODS else "other"
    REQUESTS.labels(method, route, str(response.status_code)).inc()
    SECONDS.labels(method, route).observe(seconds)


class Figures:
    """Gauges that the apps read when they are asked: the setting METRIC_SOURCES names functions that yield
    (name, meaning, {label: value}, number)."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        families: dict[str, GaugeMetricFamily] = {}
        for path in settings.METRIC_SOURCES:
            for name, meaning, labels, number in import_string(path)():
                family = families.setdefault(name, GaugeMetricFamily(name, meaning, labels=sorted(labels)))
                family.add_metric([labels[label] for label in sorted(labels)], number)
        return families.values()


class AnyFormat(BaseContentNegotiation):
    """Prometheus asks for formats of its own."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class MetricsView(PlainView):
    """Figures in the text format of Prometheus."""

    tier = "health"
    content_negotiation_class = AnyFormat

    def role_for(self, request: Any) -> str:
        address = client_address(request) if hasattr(request, "META") else ""
        return NOBODY if address and _is_listed(address) else super().role_for(request)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        registry: Any = CollectorRegistry()
        registry.register(Figures())
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            MultiProcessCollector(registry)
            own = b""
        else:
            own = generate_latest(REGISTRY)
        return HttpResponse(own + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _is_listed(address: str) -> bool:
    found = ipaddress.ip_address(address)
    return any(found in network for network in settings.METRICS_ALLOWED)
