"""Every page of the admin: it answers, shows no secret, escapes what others wrote, and costs the same for many rows."""

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from accounts.tests.people import cast, signed_in
from acquisition.tests.admin_rows import HOSTILE, SECRET, make_rows
from config.admin_site import site
from library.models import BookAuthor, BookNarrator, Setting

# The folder of collected static files is made at release; tests serve none.
pytestmark = pytest.mark.filterwarnings("ignore:No directory at")
OURS = ("accounts", "scheduling", "library", "acquisition")
MODELS = sorted(site._registry, key=lambda model: model._meta.label)
# Links between two rows; both pages show them.
LINKS = (BookAuthor, BookNarrator)
ADMINS_ONLY = {"accounts.User", "accounts.ApiKey", "accounts.AuditEntry", "accounts.LoginFailure"}


def list_url(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_url(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


@pytest.fixture
def people(db: None) -> dict[str, Client]:
    return {role: signed_in(user) for role, user in cast().items()}


def rows_of(number: int = 1) -> dict[Any, Any]:
    return {**make_rows(number), PeriodicTask: PeriodicTask.objects.get(name="library_import")}


def test_every_model_has_its_pages() -> None:
    ours = {model for label in OURS for model in apps.get_app_config(label).get_models()}
    assert ours - set(site._registry) - set(LINKS) == {model for model in ours if model._meta.auto_created}


def test_lists_and_pages_answer_without_secrets_and_escaped(people: dict[str, Client]) -> None:
    rows = rows_of()
    for model in MODELS:
        urls = [list_url(model)] + ([page_url(rows[model])] if model is not Setting else [])
        for url in urls:
            answer = people["admin"].get(url)
            html = answer.content.decode()
            assert answer.status_code == 200, url
            assert SECRET not in html, url
            assert HOSTILE not in html, url
            assert " style=" not in html.split("<main")[1].split("</main")[0], url


def test_search_works_in_every_list(people: dict[str, Client]) -> None:
    rows_of()
    for model in MODELS:
        if site._registry[model].search_fields and model is not Setting:
            assert people["admin"].get(list_url(model), {"q": "alert"}).status_code == 200, model


def test_lists_cost_the_same_for_one_and_three_rows(people: dict[str, Client]) -> None:
    rows_of(1)
    counts = {}
    for number in (1, 3):
        if number == 3:
            rows_of(2)
            rows_of(3)
        for model in MODELS:
            people["admin"].get(list_url(model))
            with CaptureQueriesContext(connection) as queries:
                people["admin"].get(list_url(model))
            counts.setdefault(model._meta.label, []).append(len(queries))
    assert {label: found for label, found in counts.items() if found[0] != found[1]} == {}


def test_viewer_sees_and_changes_nothing(people: dict[str, Client]) -> None:
    rows = rows_of()
    viewer = people["viewer"]
    for model in MODELS:
        label = model._meta.label
        expected = 403 if label in ADMINS_ONLY else 200
        assert viewer.get(list_url(model)).status_code == expected, label
        if model is Setting:
            continue
        row = rows[model]
        answer = viewer.get(page_url(row))
        assert answer.status_code == expected, label
        html = answer.content.decode()
        assert SECRET not in html
        assert 'name="_save"' not in html, label
        assert viewer.post(page_url(row), {"name": "changed"}).status_code == 403, label
        add = f"admin:{model._meta.app_label}_{model._meta.model_name}_add"
        assert viewer.post(reverse(add), {"name": "new"}).status_code in (302, 403), label
        for verb in getattr(site._registry[model], "buttons", ()):
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_do", args=[row.pk, verb])
            assert viewer.post(url).status_code == 403, url


def test_buttons_are_posts_and_known(people: dict[str, Client]) -> None:
    rows = rows_of()
    series = rows[next(model for model in MODELS if model._meta.label == "library.Series")]
    url = reverse("admin:library_series_do", args=[series.pk, "recount"])
    assert people["admin"].get(url).status_code == 405
    assert people["admin"].post(reverse("admin:library_series_do", args=[series.pk, "delete"])).status_code == 404
    assert people["admin"].post(reverse("admin:library_series_do", args=[999_999, "recount"])).status_code == 404
    assert people["moderator"].post(url).status_code == 302


def test_strangers_come_to_the_sign_in(db: None, client: Client) -> None:
    for name in ("index", "progress", "add_library", "library_series_changelist"):
        answer = client.get(reverse(f"admin:{name}"))
        assert answer.status_code == 302
        assert "/login/" in answer["Location"]


def test_no_page_goes_to_another_site(people: dict[str, Client]) -> None:
    rows = rows_of()
    series = rows[next(model for model in MODELS if model._meta.label == "library.Series")]
    url = reverse("admin:library_series_do", args=[series.pk, "recount"])
    answer = people["admin"].post(url, {"next": "https://evil.example/"})
    assert answer["Location"] == page_url(series)
