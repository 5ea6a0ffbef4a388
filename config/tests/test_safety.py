"""Headers, and starting only when it is safe."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from conftest import Client

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
GOOD = {
    "UNABRIDGED_PRODUCTION": "true",
    "UNABRIDGED_ALLOWED_HOSTS": "books.example.org",
    "UNABRIDGED_SECRET_KEY": SECRET,
}


def start(tmp_path: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh process with just these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *(command or ("-c", "import config.settings"))],
        cwd=settings.BASE_DIR,
        env={**kept, "UNABRIDGED_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class TestProduction:
    @pytest.mark.parametrize(
        "wrong, named",
        [
            ({"UNABRIDGED_SECRET_KEY": ""}, "UNABRIDGED_SECRET_KEY"),
            ({"UNABRIDGED_SECRET_KEY": "short"}, "UNABRIDGED_SECRET_KEY"),
            ({"UNABRIDGED_SECRET_KEY": "a" * 80}, "UNABRIDGED_SECRET_KEY"),
            ({"UNABRIDGED_DEBUG": "true"}, "UNABRIDGED_DEBUG"),
            ({"UNABRIDGED_ALLOWED_HOSTS": "*"}, "UNABRIDGED_ALLOWED_HOSTS"),
            ({"UNABRIDGED_ALLOWED_HOSTS": ""}, "UNABRIDGED_ALLOWED_HOSTS"),
            ({"UNABRIDGED_RATE_PUBLIC": "often"}, "UNABRIDGED_RATE_PUBLIC"),
            ({"UNABRIDGED_METRICS_ALLOWED": "home"}, "UNABRIDGED_METRICS_ALLOWED"),
        ],
    )
    def test_refuses_what_is_unsafe_and_names_the_variable(
        self, tmp_path: Path, wrong: dict[str, str], named: str
    ) -> None:
        ended = start(tmp_path, **{**GOOD, **wrong})
        assert ended.returncode != 0
        assert named in ended.stderr.splitlines()[-1]
        assert "short" not in ended.stderr.splitlines()[-1]

    @pytest.mark.parametrize("proxy", ["true", "false"])
    def test_passes_djangos_own_check_and_takes_secrets_from_files(self, tmp_path: Path, proxy: str) -> None:
        (tmp_path / "secret").write_text(SECRET + "\n")
        environment = {**GOOD, "UNABRIDGED_SECRET_KEY": "", "UNABRIDGED_SECRET_KEY_FILE": str(tmp_path / "secret")}
        environment["UNABRIDGED_BEHIND_PROXY"] = proxy
        ended = start(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **environment)
        assert ended.returncode == 0, ended.stderr
        assert "no issues" in ended.stdout


@pytest.mark.django_db
class TestHeaders:
    def test_every_answer_is_guarded(self, viewer: Client) -> None:
        for path in ("/api/runs/", "/api/nothing/", "/admin/login/"):
            answer = viewer.get(path)
            policy = answer["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "script-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer["X-Content-Type-Options"] == "nosniff"
            assert answer["Referrer-Policy"] == "same-origin"
        assert viewer.get("/api/runs/")["Cache-Control"] == "no-store"

    def test_hsts_comes_with_https(self, viewer: Client) -> None:
        with override_settings(SECURE_HSTS_SECONDS=31_536_000):
            assert Client().get("/health/live", secure=True)["Strict-Transport-Security"] == "max-age=31536000"

    def test_the_session_cookie_cannot_be_read_by_scripts(self) -> None:
        assert settings.SESSION_COOKIE_HTTPONLY
        assert settings.SESSION_COOKIE_SAMESITE == "Lax"


@pytest.mark.django_db
class TestCORS:
    PREFLIGHT = {"HTTP_ORIGIN": "https://phone.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST"}

    def test_is_off(self, nobody: Client, viewer: Client) -> None:
        assert nobody.options("/api/runs/", **self.PREFLIGHT).status_code == 401
        assert "Access-Control-Allow-Origin" not in viewer.get("/api/runs/", HTTP_ORIGIN="https://phone.example")

    def test_is_for_the_listed_origins_only(self, viewer: Client, settings: Any) -> None:
        settings.CORS_ORIGINS = frozenset({"https://phone.example"})
        preflight = Client().options("/api/runs/", **self.PREFLIGHT)
        assert preflight.status_code == 204
        assert "X-API-Key" in preflight["Access-Control-Allow-Headers"]
        answer = viewer.get("/api/runs/", HTTP_ORIGIN="https://phone.example")
        assert answer["Access-Control-Allow-Origin"] == "https://phone.example"
        assert "Origin" in answer["Vary"]
        other = viewer.get("/api/runs/", HTTP_ORIGIN="https://evil.example")
        assert "Access-Control-Allow-Origin" not in other
