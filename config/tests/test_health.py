"""Health and metrics."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from acquisition.models import Indexer
from config import health
from config.findings import Finding
from config.tests.test_matrix import assert_error
from conftest import Client
from scheduling.models import Run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/health", "/health/live", "/health/ready", "/api/system/health/", "/api/system/health"]
)
def test_is_public_and_one_word_when_all_is_well(nobody: Client, path: str) -> None:
    answer = nobody.get(path)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": settings.VERSION}


def fail() -> Finding:
    raise OperationalError("no route to the host db.internal")


def hang() -> Finding:
    time.sleep(10)
    return Finding(True)


class TestUnwell:
    def test_ready_is_503_and_shows_no_details(self, nobody: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(health.READY, "database", fail)
        answer = nobody.get("/health/ready")
        assert_error(answer, 503)
        assert answer.json()["context"] == {"unwell": ["database"]}
        assert answer["Retry-After"]
        assert "db.internal" not in answer.content.decode()
        assert nobody.get("/health/live").status_code == 200

    def test_nothing_takes_longer_than_two_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "LONGEST_SECONDS", 0.2)
        started = time.monotonic()
        found = health.examine({"slow": hang, "other": hang, "good": lambda: Finding(True)})
        assert time.monotonic() - started < 1
        assert [found[name].is_well for name in ("slow", "other", "good")] == [False, False, True]
        assert "did not answer" in found["slow"].detail

    def test_migrations_that_are_not_applied(self, nobody: Client) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'scheduling'")
        finding = health.check_migrations()
        assert not finding.is_well
        assert "manage.py migrate" in finding.detail

    def test_a_full_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "LEAST_FREE_BYTES", 2**70)
        assert not health.check_disk().is_well


class TestDeep:
    def test_shows_every_part(self, viewer: Client, nobody: Client) -> None:
        assert nobody.get("/health/deep").status_code == 401
        body = viewer.get("/health/deep").json()
        assert set(body["checks"]) == {"database", "migrations", "cache", "disk", "workers", "beat", "integrations"}
        assert all(check["latency_ms"] is not None for check in body["checks"].values())

    @pytest.mark.django_db(transaction=True)
    def test_an_integration_that_fails_only_degrades(self, key_client: Callable[..., Client]) -> None:
        from django.utils import timezone

        Indexer.objects.create(name="Tracker", last_error="It timed out.", last_error_at=timezone.now())
        body = key_client("viewer").get("/health/deep").json()
        assert body["status"] == "degraded"
        assert body["checks"]["integrations"]["detail"] == "Tracker: It timed out."


class TestMetrics:
    def test_needs_a_key_or_a_listed_address(self, nobody: Client, viewer: Client, settings: Any) -> None:
        import ipaddress

        assert nobody.get("/metrics").status_code == 401
        assert viewer.get("/metrics", HTTP_ACCEPT="application/openmetrics-text").status_code == 200
        settings.METRICS_ALLOWED = [ipaddress.ip_network("127.0.0.0/8")]
        assert nobody.get("/metrics").status_code == 200
        assert nobody.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 401

    def test_counts_by_route_and_shows_the_queue(self, viewer: Client) -> None:
        run = Run.objects.create(job="backup", lock="x")
        viewer.get(f"/api/runs/{run.pk}/")
        text = viewer.get("/metrics").content.decode()
        assert 'unabridged_requests_total{method="GET",route="/api/runs/<int:pk>/",status="200"}' in text
        assert 'unabridged_runs{status="queued"} 1.0' in text
