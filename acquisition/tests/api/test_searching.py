"""`/api/wanted/`, `/api/releases/`, `/api/decisions/` and `/api/blocklist/`."""

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from acquisition.models import BlocklistEntry, Decision, Download, Release, SearchState
from acquisition.tests.api.rows import make_book, make_decision, make_download, make_gap, make_indexer, make_release
from acquisition.tests.fake_indexers import FakeItem, FakeTorznab
from library.models import Series
from scheduling.models import Run

pytestmark = pytest.mark.django_db


class TestWanted:
    def test_says_why_it_is_not_here(self, viewer: Any) -> None:
        series = Series.objects.create(name="Oz", name_key="oz")
        gap = make_gap(1, series=series, position="2")
        make_gap(2, is_wanted=False)
        make_gap(3, closed_at=timezone.now())
        SearchState.objects.create(book=gap.book, search_count=2, last_outcome="No indexer offers it.")
        body = viewer.get("/api/wanted/").json()
        assert body["total"] == 1
        row = body["items"][0]
        assert (row["id"], row["authors"], row["search_count"]) == (gap.book_id, ["Author 1"], 2)
        assert row["last_outcome"] == "No indexer offers it."
        assert (row["gaps"][0]["series"], row["gaps"][0]["position"]) == ("Oz", "2")

    def test_filters(self, viewer: Any) -> None:
        now, day = timezone.now(), datetime.timedelta(days=1)
        series = Series.objects.create(name="Oz", name_key="oz")
        first = make_gap(1, series=series).book
        waits, moves = make_gap(2, reason="other_language").book, make_gap(3).book
        SearchState.objects.create(book=waits, next_search_at=now + day)
        make_download(book=moves)
        for query, books in {
            f"series={series.pk}": [first],
            f"author={waits.authors.get().pk}": [waits],
            "reason=other_language": [waits],
            "is_on_its_way=true": [moves],
            "is_due=true": [first],
            "is_due=false": [waits, moves],
        }.items():
            items = viewer.get(f"/api/wanted/?{query}").json()["items"]
            assert [row["id"] for row in items] == [book.pk for book in books], query

    def test_a_book_in_two_series_is_one_row(self, viewer: Any) -> None:
        gap = make_gap(1, series=Series.objects.create(name="A", name_key="a"))
        make_gap(book=gap.book, series=Series.objects.create(name="B", name_key="b"))
        body = viewer.get("/api/wanted/").json()
        assert body["total"] == len(body["items"]) == 1
        assert len(body["items"][0]["gaps"]) == 2

    def test_pages_by_a_column_with_nulls(self, viewer: Any) -> None:
        for number in range(1, 6):
            book = make_gap(number).book
            if number % 2:
                SearchState.objects.create(book=book, last_searched_at=timezone.now())
        seen, place = [], "/api/wanted/?limit=2&ordering=-last_searched_at"
        while place:
            body = viewer.get(place).json()
            seen += [row["id"] for row in body["items"]]
            place = body["page_info"]["next"]
        assert len(seen) == len(set(seen)) == 5

    def test_detail_has_the_decisions(self, viewer: Any) -> None:
        gap = make_gap()
        reason = {"code": "language", "message": "In German.", "permanent": True}
        make_decision(2, book=gap.book, is_accepted=False, reasons=[reason])
        body = viewer.get(f"/api/wanted/{gap.book_id}/").json()
        assert body["decisions"][0]["reasons"] == [reason]

    def test_searches_now(self, moderator: Any) -> None:
        gap = make_gap()
        answer = moderator.post(f"/api/wanted/{gap.book_id}/search/")
        assert answer.status_code == 202
        assert Run.objects.get().params == {"book_ids": [gap.book_id]}
        assert moderator.post(f"/api/wanted/{gap.book_id}/search/").status_code == 409

    def test_what_nobody_wants_is_404(self, moderator: Any) -> None:
        book = make_book()
        assert moderator.post(f"/api/wanted/{book.pk}/search/").status_code == 404


class TestReleases:
    def test_of_a_book_with_its_decision(self, viewer: Any) -> None:
        decision = make_decision(1, is_accepted=False)
        make_decision(2)
        later = make_decision(3, book=decision.book, release=decision.release)
        answer = viewer.get(f"/api/releases/?book={decision.book_id}")
        rows = answer.json()["items"]
        assert [row["id"] for row in rows] == [decision.release_id]
        assert rows[0]["decision"]["id"] == later.pk
        assert "offer-secret" not in answer.content.decode()

    def test_filters_decisions(self, viewer: Any) -> None:
        bad, good = make_decision(1, is_accepted=False), make_decision(2)
        for query, wanted in {
            "is_accepted=false": bad, f"book={good.book_id}": good, f"release={bad.release_id}": bad,
            "indexer=Indexer%202": good,
        }.items():  # fmt: skip
            items = viewer.get(f"/api/decisions/?{query}").json()["items"]
            assert [row["id"] for row in items] == [wanted.pk], query

    def test_grabs_what_was_accepted(self, moderator: Any) -> None:
        decision = make_decision()
        answer = moderator.post(f"/api/releases/{decision.release_id}/grab/")
        assert answer.status_code == 201, answer.content
        download = Download.objects.get()
        assert answer["Location"] == f"/api/downloads/{download.pk}/"
        assert answer.json()["books"][0]["id"] == decision.book_id
        assert moderator.post(f"/api/releases/{decision.release_id}/grab/").status_code == 409

    def test_a_rejected_one_needs_a_reason_which_is_kept(self, moderator: Any) -> None:
        decision = make_decision(is_accepted=False)
        place = f"/api/releases/{decision.release_id}/grab/"
        assert moderator.post(place).status_code == 400
        assert not Download.objects.exists()
        assert moderator.post(place, {"reason": "I know it."}, format="json").status_code == 201
        decision.refresh_from_db()
        assert (decision.overruled_by, decision.overruled_reason) == (moderator.user, "I know it.")

    def test_what_nobody_judged_cannot_be_grabbed(self, moderator: Any) -> None:
        assert moderator.post(f"/api/releases/{make_release().pk}/grab/").status_code == 422

    @pytest.mark.parametrize("fields", [{}, {"book_id": 999}, {"book_id": "x"}, {"book_id": 1, "query": "x"}])
    def test_a_search_needs_a_book(self, moderator: Any, fields: Any) -> None:
        assert moderator.post("/api/releases/search/", fields, format="json").status_code == 400


class TestSearch:
    @pytest.fixture
    def indexer(self) -> Iterator[FakeTorznab]:
        offers = [FakeItem("Author 1 - Book 1 [M4B]"), FakeItem("Somebody Else - Another Thing [MP3]")]
        with FakeTorznab(offers, api_key="key") as server:
            yield server

    def test_shows_everything_and_takes_nothing(self, moderator: Any, indexer: FakeTorznab) -> None:
        make_indexer(1, url=indexer.url, api_key="key", is_automatic=False)
        book = make_book()
        answer = moderator.post("/api/releases/search/", {"book_id": book.pk}, format="json")
        assert answer.status_code == 200, answer.content
        assert answer.json()["errors"] == []
        assert {row["release_title"] for row in answer.json()["decisions"]} >= {"Author 1 - Book 1 [M4B]"}
        assert Decision.objects.filter(book=book).count() == len(answer.json()["decisions"])
        assert Release.objects.exists()
        assert not Download.objects.exists()

    def test_when_the_time_is_up_it_answers_with_what_it_has(
        self, moderator: Any, indexer: FakeTorznab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_indexer(1, url=indexer.url, api_key="key", is_automatic=False)
        place, body = "/api/releases/search/", {"book_id": make_book().pk}
        assert moderator.post(place, body, format="json").json()["is_partial"] is False
        monkeypatch.setattr("acquisition.api.releases.SEARCH_SECONDS", 0.0)
        cut = moderator.post(place, body, format="json").json()
        assert (cut["is_partial"], cut["decisions"]) == (True, [])
        assert "the time was up" in cut["errors"][0]

    def test_tells_who_gave_no_answer(self, moderator: Any, indexer: FakeTorznab) -> None:
        make_indexer(1, url=indexer.url, api_key="key")
        indexer.stop()
        answer = moderator.post("/api/releases/search/", {"book_id": make_book().pk}, format="json")
        assert answer.status_code == 200
        assert answer.json()["decisions"] == []
        assert "Indexer 1" in answer.json()["errors"][0]


class TestBlocklist:
    def add(self, client: Any, **fields: Any) -> Any:
        return client.post("/api/blocklist/", {"reason": "It is broken.", **fields}, format="json")

    def test_adds_a_known_release_once(self, moderator: Any) -> None:
        release = make_release(infohash="d" * 40)
        answer = self.add(moderator, release_id=release.pk)
        assert answer.status_code == 201
        assert (answer.json()["guid"], answer.json()["created_by"]) == ("guid-1", moderator.user.username)
        again = self.add(moderator, release_id=release.pk)
        assert (again.status_code, again.json()["error"]) == (409, "duplicate_resource")

    def test_adds_by_hash_and_removes(self, moderator: Any) -> None:
        body = self.add(moderator, infohash="A" * 40).json()
        assert body["infohash"] == "a" * 40
        assert moderator.get("/api/blocklist/?infohash=" + "A" * 40).json()["total"] == 1
        answer = moderator.delete(f"/api/blocklist/{body['id']}/")
        assert (answer.status_code, answer.json()["infohash"]) == (200, "a" * 40)
        assert not BlocklistEntry.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "place"),
        [
            ({}, "infohash"),
            ({"title": "A book"}, "infohash"),
            ({"guid": "x"}, "infohash"),
            ({"infohash": "not a hash"}, "infohash"),
            ({"indexer": "no such"}, "indexer"),
            ({"release_id": 99}, "release_id"),
            ({"title": "x", "size_bytes": 0}, "size_bytes"),
            ({"infohash": "a" * 40, "reason": ""}, "reason"),
        ],
    )
    def test_refuses_what_matches_nothing(self, moderator: Any, fields: Any, place: str) -> None:
        answer = self.add(moderator, **fields)
        assert answer.status_code == 400
        assert place in answer.json()["context"]["fields"]
        assert not BlocklistEntry.objects.exists()
