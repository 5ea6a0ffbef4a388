"""Every field and query parameter of every endpoint with values that it cannot take: 400 that names each of them."""

from collections.abc import Callable
from typing import Any

import django_filters
import pytest
from rest_framework import serializers

from acquisition.tests.api.rows import whole_download
from config.api.endpoints import Endpoint, endpoints
from config.tests.rows import add_row, make
from config.tests.test_matrix import address, assert_error, each
from conftest import Client

pytestmark = pytest.mark.django_db
ALL = endpoints()


def verb_of(endpoint: Endpoint) -> str:
    return "update" if endpoint.action == "partial_update" else endpoint.action


TAKING = [e for e in ALL if e.method in ("POST", "PUT", "PATCH") and verb_of(e) in e.view.inputs]
ASKING = [e for e in ALL if verb_of(e) in e.view.queries]
LISTS = [e for e in ALL if e.is_list]


def fields_of(endpoint: Endpoint) -> dict[str, Any]:
    found = endpoint.view.inputs[verb_of(endpoint)]()
    return {name: field for name, field in found.fields.items() if not field.read_only}


def place_of(endpoint: Endpoint) -> str:
    """The address, with a row of the right kind behind it."""
    path = endpoint.path
    if "{download_id}" in path:
        return path.replace("{download_id}", str(whole_download(1, status="blocked").pk))
    if "{id}" in path:
        path = path.replace("{id}", str(make(endpoint.view.queryset.model, 1).pk))  # type: ignore[attr-defined]
    return path.replace("{name}", "new-one")


def of_another_type(field: Any) -> Any:
    """A value of a JSON type that the field does not take."""
    if isinstance(field, serializers.CharField):
        return 17
    if isinstance(field, serializers.ListField | serializers.ListSerializer | serializers.Serializer):
        return "text"
    return {} if not isinstance(field, serializers.DictField) else "text"


def out_of_bounds(field: Any) -> Any:
    """A value of the right type that is too long, too large or none of the choices; None where anything goes."""
    if isinstance(field, serializers.ChoiceField):
        return "no such choice"
    if isinstance(field, serializers.DateTimeField):
        return "2026-02-30T00:00:00Z"
    if isinstance(field, serializers.DateField):
        return "2026-02-30"
    if isinstance(field, serializers.IntegerField | serializers.FloatField):
        return -(2**70)
    if isinstance(field, serializers.CharField):
        return "x" * 1_000_000
    if isinstance(field, serializers.ListField):
        inner = out_of_bounds(field.child)
        return None if inner is None else [inner]
    return None


def send(client: Client, endpoint: Endpoint, place: str, body: dict[str, Any]) -> Any:
    return getattr(client, endpoint.method.lower())(place, body, format="json")


def assert_names(answer: Any, name: str) -> None:
    assert_error(answer, 400)
    named = answer.json()["context"]["fields"]
    assert any(key == name or key.startswith(f"{name}.") for key in named), (name, named)


@each(TAKING)
class TestFields:
    @pytest.mark.parametrize("wrong", [of_another_type, out_of_bounds])
    def test_each_is_named(self, endpoint: Endpoint, admin_token: Client, wrong: Callable[[Any], Any]) -> None:
        place = place_of(endpoint)
        for name, field in fields_of(endpoint).items():
            value = wrong(field)
            if value is not None:
                assert_names(send(admin_token, endpoint, place, {name: value}), name)

    def test_nul_and_unknown_ones_are_named(self, endpoint: Endpoint, admin_token: Client) -> None:
        place = place_of(endpoint)
        assert_names(send(admin_token, endpoint, place, {"no_such_field": "a\x00b"}), "no_such_field")
        assert_names(send(admin_token, endpoint, place, {"no_such_field": 1}), "no_such_field")


def test_a_body_of_ten_megabytes_is_413(admin_token: Client) -> None:
    body = b'{"title": "' + b"x" * 10_000_000 + b'"}'
    for endpoint in TAKING[:3]:
        assert_error(admin_token.generic(endpoint.method, place_of(endpoint), body, "application/json"), 413)


@each([e for e in ALL if e.method in ("POST", "PUT", "PATCH")])
def test_what_claims_to_be_too_large_is_not_read(endpoint: Endpoint, admin_token: Client) -> None:
    answer = admin_token.generic(
        endpoint.method, address(endpoint), b"{}", "application/json", CONTENT_LENGTH="10000000"
    )
    assert_error(answer, 413)


@each(ASKING)
def test_each_query_parameter_is_named(endpoint: Endpoint, admin_token: Client) -> None:
    place = place_of(endpoint)
    for name, field in endpoint.view.queries[verb_of(endpoint)]().fields.items():
        value = "perhaps" if isinstance(field, serializers.BooleanField) else out_of_bounds(field)
        if isinstance(value, str) and len(value) > 3000:
            value = "x" * 3000
        assert_names(getattr(admin_token, endpoint.method.lower())(f"{place}?{name}={value}"), name)


@each(LISTS)
def test_each_filter_is_named(endpoint: Endpoint, admin_token: Client) -> None:
    view = endpoint.view()
    view.action = endpoint.action
    filterset = view.filterset_for_action()
    place = add_row(endpoint, 1)
    joint = "&" if "?" in place else "?"
    for name, found in (filterset.base_filters if filterset else {}).items():
        assert_names(admin_token.get(f"{place}{joint}{name}=a%00b"), name)
        if not isinstance(found, django_filters.CharFilter):
            assert_names(admin_token.get(f"{place}{joint}{name}=2026-02-30"), name)


VERSIONED = [e for e in ALL if e.action == "update" and e.method == "PUT"]
CHANGES: dict[str, dict[str, Any]] = {
    "UserViewSet": {"email": "new@example.org"},
    "BookViewSet": {"title": "Another"},
    "IndexerViewSet": {"priority": 7, "is_enabled": False},
    "DownloadClientViewSet": {"priority": 7, "is_enabled": False},
    "ProwlarrViewSet": {"url": "http://127.0.0.1:9696", "is_enabled": False},
}


@each(VERSIONED)
class TestTwoWriters:
    def test_the_second_hears_of_the_first(self, endpoint: Endpoint, admin_token: Client) -> None:
        place = place_of(endpoint)
        change = CHANGES.get(endpoint.view.__name__, {"name": "Another"})
        tag = admin_token.get(place)["ETag"]
        first = admin_token.put(place, change, HTTP_IF_MATCH=tag)
        assert first.status_code == 200, first.content
        assert first["ETag"] != tag
        assert_error(admin_token.put(place, change, HTTP_IF_MATCH=tag), 409)
        assert admin_token.put(place, change, HTTP_IF_MATCH=first["ETag"]).status_code == 200

    def test_the_moment_does_the_same_or_is_refused(self, endpoint: Endpoint, admin_token: Client) -> None:
        place = place_of(endpoint)
        change = CHANGES.get(endpoint.view.__name__, {"name": "Another"})
        seen = admin_token.get(place).json().get("updated_at")
        if seen is None:
            assert_names(admin_token.put(place, {**change, "updated_at": "2026-01-01T00:00:00Z"}), "updated_at")
            return
        assert admin_token.put(place, {**change, "updated_at": seen}).status_code == 200
        assert_error(admin_token.put(place, {**change, "updated_at": seen}), 409)
        assert_names(admin_token.put(place, {**change, "updated_at": None}), "updated_at")
