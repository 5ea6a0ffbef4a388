"""`/api/series/`."""

import datetime
from typing import Any

import pytest
from django.utils import timezone

from library.models import Author, Book, Exclusion, Gap, Series, SeriesEntry
from library.services.providers import ensure_providers
from library.tests.api.makers import count, make_author, make_book, make_series, own

pytestmark = pytest.mark.django_db


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["items"]]


@pytest.fixture
def lines(db: None) -> None:
    """Three series: half complete, complete, and one of which nothing is known."""
    half = make_series("Half", author=make_author(), follow="all")
    own(make_book("H1", series=half, position="1"))
    make_book("H2", series=half, position="2")
    whole = make_series("The Whole")
    own(make_book("W1", series=whole, position="1"))
    make_series("Zero")
    count()


@pytest.mark.usefixtures("lines")
class TestLists:
    def test_by_name_without_article(self, viewer: Any) -> None:
        body = viewer.get("/api/series/").json()
        assert [row["name"] for row in body["items"]] == ["Half", "The Whole", "Zero"]
        half = body["items"][0]
        assert (half["author"]["name"], half["monitored"]) == ("Ann Author", True)
        assert (half["completion_percentage"], half["completion_status"], half["missing_count"]) == (50, "partial", 1)
        assert body["items"][2]["completion_percentage"] is None

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("completion_status=complete", ["The Whole"]),
            ("completion_status=complete&completion_status=unknown", ["The Whole", "Zero"]),
            ("monitored=true", ["Half"]),
            ("monitored=false", ["The Whole", "Zero"]),
            ("has_missing=true", ["Half"]),
            ("author_name=ann", ["Half"]),
            ("name=zer", ["Zero"]),
            ("min_completion=60", ["The Whole"]),
            ("ordering=-completion_percentage", ["The Whole", "Half", "Zero"]),
        ],
    )
    def test_filters_and_orders(self, viewer: Any, query: str, found: list[str]) -> None:
        assert names(viewer.get(f"/api/series/?{query}")) == found

    def test_incomplete_within_a_band(self, viewer: Any) -> None:
        assert names(viewer.get("/api/series/incomplete/")) == ["Half"]
        assert names(viewer.get("/api/series/incomplete/?max_completion=100")) == ["Half", "The Whole"]
        assert names(viewer.get("/api/series/incomplete/?min_completion=51")) == []
        for bad in ("min_completion=-1", "max_completion=101", "min_completion=9&max_completion=3", "x=1"):
            assert viewer.get(f"/api/series/incomplete/?{bad}").status_code == 400

    def test_summary(self, viewer: Any) -> None:
        body = viewer.get("/api/series/completion-summary/").json()
        assert (body["total"], body["followed"]) == (3, 1)
        assert body["by_status"] == {"complete": 1, "partial": 1, "incomplete": 0, "unknown": 1}
        assert (body["counted_books"], body["covered_books"], body["completion_percentage"]) == (3, 2, 66)
        assert body["average_percentage"] == 75.0


def test_summary_of_nothing_is_null_not_zero(viewer: Any) -> None:
    body = viewer.get("/api/series/completion-summary/").json()
    assert (body["total"], body["completion_percentage"], body["average_percentage"]) == (0, None, None)
    assert body["as_of"] is None


class TestDetail:
    def test_entries_in_order_with_their_states(self, viewer: Any) -> None:
        saga = make_series(follow="all")
        own(make_book("One", series=saga, position="1"))
        make_book("Ten", series=saga, position="10")
        make_book("Two", series=saga, position="2", release_date=timezone.localdate() + datetime.timedelta(days=30))
        unwanted = make_book("Three", series=saga, position="3")
        Exclusion.objects.create(book=unwanted)
        make_book("Gone", series=saga, position="4", status="archived")
        make_book("Extra", series=saga)
        count()
        body = viewer.get(f"/api/series/{saga.pk}/").json()
        found = [(entry["title"], entry["state"]) for entry in body["entries"]]
        assert found == [
            ("One", "owned"), ("Two", "upcoming"), ("Three", "ignored"), ("Ten", "wanted"), ("Extra", "ignored"),
        ]  # fmt: skip
        assert all(entry["explanation"] for entry in body["entries"])
        states = viewer.get(f"/api/series/{saga.pk}/completion/").json()["states"]
        assert states == {"owned": 1, "missing": 0, "wanted": 1, "upcoming": 1, "ignored": 2}

    def test_shows_what_following_would_want(self, viewer: Any) -> None:
        saga = make_series()
        make_book("One", series=saga, position="1")
        count()
        url = f"/api/series/{saga.pk}/"
        assert viewer.get(url).json()["follow_effect"] is None
        effect = viewer.get(f"{url}?preview_follow=all").json()["follow_effect"]
        assert (effect["count"], effect["books"][0]["title"]) == (1, "One")
        assert viewer.get(f"{url}?preview_follow=none").json()["follow_effect"]["count"] == 0
        assert viewer.get(f"{url}?preview_follow=maybe").status_code == 400
        assert not Gap.objects.wanted().exists()


class TestChanges:
    def test_create_links_the_author(self, moderator: Any) -> None:
        answer = moderator.post("/api/series/", {"name": "New Line", "author": "Ann Author", "total_books": 3})
        assert answer.status_code == 201
        assert answer["Location"] == f"/api/series/{answer.json()['id']}/"
        assert answer.json()["author"]["name"] == "Ann Author"

    def test_the_same_name_by_the_same_author_is_a_conflict(self, moderator: Any) -> None:
        first = moderator.post("/api/series/", {"name": "Line", "author": "Ann Author"}).json()
        again = moderator.post("/api/series/", {"name": "LINE", "author": "Ann Author"})
        assert (again.status_code, again.json()["context"]["id"]) == (409, first["id"])
        assert moderator.post("/api/series/", {"name": "Line", "author": "Bob"}).status_code == 201
        assert moderator.post("/api/series/", {"name": "Line"}).status_code == 201
        assert moderator.post("/api/series/", {"name": "line"}).status_code == 409

    @pytest.mark.parametrize(
        ("sent", "named"),
        [({}, "name"), ({"name": ""}, "name"), ({"name": "x", "total_books": 0}, "total_books"),
         ({"name": "x", "follow": "some"}, "follow"), ({"name": "x", "identifiers": ["a"]}, "identifiers"),
         ({"name": "x", "author": "!"}, "author"), ({"name": "x", "owned_count": 100}, "owned_count"),
         ({"name": "x" * 501}, "name")],
    )  # fmt: skip
    def test_refuses_and_names_the_field(self, moderator: Any, sent: dict[str, Any], named: str) -> None:
        answer = moderator.post("/api/series/", sent)
        assert answer.status_code == 400
        assert named in answer.json()["context"]["fields"]
        assert not Series.objects.exists()

    def test_following_makes_missing_books_wanted(self, moderator: Any) -> None:
        saga = make_series()
        make_book("One", series=saga, position="1")
        count()
        answer = moderator.put(f"/api/series/{saga.pk}/", {"follow": "all"})
        assert answer.json()["changes_made"]["follow"] == {"old": "none", "new": "all"}
        assert answer.json()["followed_at"] is not None
        assert Gap.objects.wanted().count() == 1
        moderator.put(f"/api/series/{saga.pk}/", {"follow": "none"})
        assert not Gap.objects.wanted().exists()

    def test_renaming_to_a_taken_name_is_a_conflict(self, moderator: Any) -> None:
        make_series("Taken")
        other = make_series("Other")
        assert moderator.put(f"/api/series/{other.pk}/", {"name": "taken"}).status_code == 409
        other.refresh_from_db()
        assert other.name == "Other"

    def test_deleting_keeps_the_books(self, moderator: Any) -> None:
        saga = make_series(follow="all")
        make_book("One", series=saga, position="1")
        count()
        answer = moderator.delete(f"/api/series/{saga.pk}/")
        assert (answer.status_code, answer.json()["books_kept"]) == (200, 1)
        assert Book.objects.get().status == "active"
        assert not SeriesEntry.objects.exists()
        assert not Gap.objects.exists()

    def test_recalculating_asks_the_catalogue(self, moderator: Any) -> None:
        ensure_providers()
        oz = make_series("Oz", author=make_author("L. Frank Baum"), follow="all")
        own(make_book("The Wonderful Wizard of Oz", authors=("L. Frank Baum",), series=oz, position="1"))
        answer = moderator.put(f"/api/series/{oz.pk}/recalculate-completion/")
        body = answer.json()
        assert (answer.status_code, body["catalogue"]["found"]) == (200, True)
        assert body["catalogue_source"] == "embedded"
        assert (body["owned_count"], body["counted_count"] > 10) == (1, True)
        assert moderator.put("/api/series/99999/recalculate-completion/").status_code == 404

    def test_merged_series_are_not_shown(self, viewer: Any) -> None:
        target = make_series("Target")
        merged = make_series("Merged", merged_into=target)
        assert names(viewer.get("/api/series/")) == ["Target"]
        assert viewer.get(f"/api/series/{merged.pk}/").status_code == 404
        assert Author.objects.count() == 0
