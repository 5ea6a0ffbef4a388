"""The schema, the docs and the browsable pages."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from config.api.endpoints import endpoints
from conftest import PASSWORD, Client


def test_is_valid_and_has_no_warnings(tmp_path: Path) -> None:
    call_command("spectacular", file=str(tmp_path / "schema.yml"), validate=True, fail_on_warn=True)


@pytest.mark.django_db
class TestSchema:
    def test_names_every_endpoint_with_its_statuses(self, nobody: Client) -> None:
        schema = nobody.get("/api/schema/?format=json").json()
        assert schema["openapi"].startswith("3.1")
        for endpoint in endpoints():
            if endpoint.path in ("/api/schema/", "/api/docs/", "/metrics"):
                continue
            operation = schema["paths"][endpoint.path][endpoint.method.lower()]
            assert str(endpoint.success) in operation["responses"]
            if endpoint.auth != "none":
                assert {"401", "403", "429"} <= set(operation["responses"])

    def test_comes_as_yaml_too(self, nobody: Client) -> None:
        assert nobody.get("/api/schema/").content.startswith(b"openapi:")

    def test_the_docs_load_nothing_from_elsewhere(self, nobody: Client) -> None:
        answer = nobody.get("/api/docs/", HTTP_ACCEPT="text/html")
        assert answer.status_code == 200
        page = answer.content.decode()
        assert "swagger-ui" in page
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)
        assert not re.findall(r"<script(?![^>]*src=)", page), "the content security policy allows no inline script"
        script = re.search(r'src="(/api/docs/[^"]+)"', page)
        assert script
        assert nobody.get(script[1].replace("&amp;", "&")).status_code == 200


@pytest.mark.django_db
class TestPages:
    def test_the_browsable_api_has_a_login_and_filters(self, client: Any, admin_token: Client) -> None:
        page = client.get("/api/runs/", headers={"accept": "text/html"})
        assert page.status_code == 401
        assert b"/api/auth/login/" in page.content
        client.post("/api/auth/login/", {"username": admin_token.user.username, "password": PASSWORD})
        page = client.get("/api/runs/", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert b"page_info" in page.content
        assert b"Filters" in page.content
        assert b"Unabridged API" in page.content
        assert b"Django REST framework" not in page.content
        assert not re.findall(rb"<script(?![^>]*(?:src=|application/json))", page.content)

    def test_a_session_needs_the_csrf_token_to_change_things(self, admin_token: Client) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(admin_token.user)
        assert browser.get("/api/runs/").status_code == 200
        answer = browser.post("/api/scheduler/trigger/backup/")
        assert (answer.status_code, answer.json()["code"]) == (403, "CSRF_FAILED")
        token = "x" * 32
        browser.cookies["csrftoken"] = token
        assert browser.post("/api/scheduler/trigger/backup/", HTTP_X_CSRFTOKEN=token).status_code == 202


def test_the_version_is_the_products() -> None:
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == settings.VERSION
