"""Is it well? For Kubernetes, Docker and people. No check takes longer than two seconds."""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.plain import PlainView
from config.errors import UnabridgedError
from config.findings import Finding

LONGEST_SECONDS = 2.0
LEAST_FREE_BYTES = 500 * 1024 * 1024


Check = Callable[[], Finding]


class UnwellError(UnabridgedError):
    code = "service_unavailable"
    status = 503


def check_database() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Finding(True, connection.vendor)


def check_migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        return Finding(False, f"{len(missing)} migrations are not applied; run `manage.py migrate`.")
    return Finding(True)


def check_cache() -> Finding:
    caches["default"].set("health", "well", 10)
    if caches["default"].get("health") != "well":
        return Finding(False, "The cache does not keep what it is given.")
    return Finding(True, "redis" if settings.REDIS_URL else "memory")


def check_disk() -> Finding:
    place = Path(settings.DATA_DIR)
    usage = shutil.disk_usage(place if place.exists() else place.parent)
    text = f"{usage.free // 2**20} MB of {usage.total // 2**20} MB are free in the data directory."
    return Finding(usage.free >= LEAST_FREE_BYTES, text)


NO_CHECKS: dict[str, Check] = {}
READY: dict[str, Check] = {"database": check_database, "migrations": check_migrations, "cache": check_cache}


def deep_checks() -> dict[str, Check]:
    """The ready checks, the disk, and what the apps add by the setting HEALTH_CHECKS."""
    return {**READY, "disk": check_disk, **{name: import_string(path) for name, path in settings.HEALTH_CHECKS.items()}}


def examine(checks: Mapping[str, Check]) -> dict[str, Finding]:
    """Run all checks beside each other; what has not answered after two seconds is unwell."""
    found: dict[str, Finding] = {}
    threads = [
        threading.Thread(target=_examine_one, args=(name, check, found), daemon=True) for name, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + LONGEST_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    late = Finding(False, f"It did not answer within {LONGEST_SECONDS:.0f} seconds.")
    return {name: found.get(name, late) for name in checks}


def _examine_one(name: str, check: Check, found: dict[str, Finding]) -> None:
    started = time.monotonic()
    try:
        finding = check()
    except (DatabaseError, RedisError, OSError, UnabridgedError) as error:
        finding = Finding(False, f"It cannot be used ({type(error).__name__}).")
    finally:
        connection.close()
    elapsed = round((time.monotonic() - started) * 1000, 1)
    found[name] = Finding(finding.is_well, finding.detail, finding.is_essential, elapsed)


def is_well(findings: Iterable[Finding]) -> bool:
    return all(finding.is_well for finding in findings if finding.is_essential)


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["ok", "degraded"])
    version = serializers.CharField()


class CheckSerializer(serializers.Serializer[Any]):
    is_well = serializers.BooleanField()
    detail = serializers.CharField()
    is_essential = serializers.BooleanField()
    latency_ms = serializers.FloatField(allow_null=True)


class CheckedHealthSerializer(HealthSerializer):
    checks = serializers.DictField(child=CheckSerializer())


class HealthView(PlainView):
    """One word and the version."""

    # Nobody is looked up, so that a probe depends on nothing but what it asks about.
    authentication_classes: Any = ()
    access = {"get": "none"}
    tier = "health"
    serializer_class = HealthSerializer
    checks: Callable[[], Mapping[str, Check]] = staticmethod(lambda: {"database": check_database})
    shows_checks = False

    def get(self, request: Request) -> Response:
        """200 when all that is essential is well, else 503."""
        findings = examine(type(self).checks())
        all_well = all(finding.is_well for finding in findings.values())
        body: dict[str, Any] = {"status": "ok" if all_well else "degraded", "version": settings.VERSION}
        shown = {name: asdict(finding) for name, finding in findings.items()}
        if not is_well(findings.values()):
            unwell = [name for name, finding in findings.items() if finding.is_essential and not finding.is_well]
            # Details are for those who have a key; the names alone tell a probe enough.
            context = {"checks": shown} if self.shows_checks else {"unwell": unwell}
            raise UnwellError(f"Not well: {', '.join(unwell)}.", context=context)
        return Response({**body, "checks": shown} if self.shows_checks else body)


class LiveView(HealthView):
    """The process answers; it depends on nothing else."""

    checks = staticmethod(lambda: NO_CHECKS)


class ReadyView(HealthView):
    """Database, migrations and cache."""

    checks = staticmethod(lambda: READY)


class DeepView(HealthView):
    """Everything, with details: also workers, beat, disk space and integrations. Needs a key."""

    authentication_classes = PlainView.authentication_classes
    access = {"get": "viewer"}
    serializer_class = CheckedHealthSerializer
    shows_checks = True
    checks = staticmethod(deep_checks)
