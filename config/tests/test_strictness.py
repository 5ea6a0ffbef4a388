"""What the schema refuses, the API refuses too, and the other way round."""

from typing import Any

import pytest

from acquisition.tests.api.rows import make_decision, whole_download
from config.api.schema_views import schema
from conftest import Client

pytestmark = pytest.mark.django_db


class TestQueryParameters:
    @pytest.mark.parametrize(
        "place, name",
        [
            ("/api/books/?title=a&title=b", "title"),
            ("/api/downloads/?limit=1&limit=2", "limit"),
            ("/api/books/search/?query=a&query=b", "query"),
            ("/api/scheduler/upcoming-tasks/?hours=1&hours=2", "hours"),
        ],
    )
    def test_one_that_stands_twice_is_400(self, viewer: Client, place: str, name: str) -> None:
        answer = viewer.get(place)
        assert answer.status_code == 400
        assert name in answer.json()["context"]["fields"]

    def test_a_choice_may_stand_several_times(self, viewer: Client) -> None:
        whole_download(1)
        whole_download(2, status="failed")
        assert viewer.get("/api/downloads/?status=failed&status=queued").json()["total"] == 2

    @pytest.mark.parametrize(
        "place",
        [
            "/api/downloads/?book=0.5",
            "/api/series/?min_completion=1.5",
            "/api/authors/?min_owned=-1",
            "/api/indexers/?is_enabled=null",
            "/api/decisions/?is_accepted=perhaps",
            "/api/matches/?root=shelf",
        ],
    )
    def test_a_value_of_another_type_is_400(self, viewer: Client, place: str) -> None:
        answer = viewer.get(place)
        assert answer.status_code == 400
        assert place.partition("?")[2].partition("=")[0] in answer.json()["context"]["fields"]

    def test_a_flag_filters(self, viewer: Client) -> None:
        make_decision(1)
        assert viewer.get("/api/decisions/?is_accepted=true").json()["total"] == 1
        assert viewer.get("/api/decisions/?is_accepted=False").json()["total"] == 0


@pytest.mark.parametrize("accept", ["application/xml", "text/csv"])
def test_a_method_that_is_not_there_is_405_whatever_is_accepted(viewer: Client, accept: str) -> None:
    assert viewer.generic("TRACE", "/api/books/", HTTP_ACCEPT=accept).status_code == 405
    assert viewer.post("/api/system/stats/", HTTP_ACCEPT=accept).status_code == 405


@pytest.mark.parametrize(
    "path", ["/api/system/configuration/", "/api/system/quality/rules/", "/api/system/notifications/"]
)
def test_a_change_of_nothing_is_400(admin: Client, path: str) -> None:
    answer = admin.put(path, {})
    assert (answer.status_code, answer.json()["code"]) == (400, "MISSING_FIELD")


class TestSchema:
    def operation(self, path: str, method: str = "get") -> Any:
        return schema()["paths"][path][method]

    def test_keys_are_not_offered_where_none_are_taken(self) -> None:
        assert {"ApiKey": []} not in self.operation("/api/admin/users/")["security"]
        assert {"ApiKey": []} in self.operation("/api/books/")["security"]

    @pytest.mark.parametrize(
        "path, method, kind",
        [
            ("/api/calendar.ics/", "get", "text/calendar"),
            ("/api/events/", "get", "text/event-stream"),
            ("/api/system/logs/export/", "post", "application/x-ndjson"),
        ],
    )
    def test_other_media_types_are_named(self, path: str, method: str, kind: str) -> None:
        assert list(self.operation(path, method)["responses"]["200"]["content"]) == [kind]

    def test_settings_have_types_and_bounds(self, admin: Client) -> None:
        fields = schema()["components"]["schemas"]["SystemConfigurationInput"]
        assert fields["properties"]["backups.keep"]["maximum"] == 365
        assert fields["minProperties"] == 1
        rates = admin.get("/api/system/configuration/").json()["environment"]["rate_limits"]
        assert rates["health"] == "100/minute"

    def test_who_overruled_may_be_nobody(self) -> None:
        shown = schema()["components"]["schemas"]["Decision"]["properties"]["overruled_by"]
        assert "null" in shown["type"]
