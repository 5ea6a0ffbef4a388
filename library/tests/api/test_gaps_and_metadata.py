"""`/api/gaps/`, `/api/metadata/`, `/api/matches/` and the calendar."""

import datetime
from typing import Any

import pytest
from django.utils import timezone

from library.models import Book, Copy, Correction, Gap, MatchState, Series
from library.services.providers import ensure_providers
from library.tests.api.makers import count, make_author, make_book, make_copy, make_series, own
from scheduling.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def saga(db: None) -> Series:
    """Owned 1, missing 2 (wanted) and 2.5 (does not count)."""
    found = make_series(author=make_author(), follow="all")
    own(make_book("One", series=found, position="1"))
    make_book("Two", series=found, position="2")
    make_book("Between", series=found, position="2.5")
    return found


class TestGaps:
    def test_no_report_before_the_first_analysis(self, moderator: Any, saga: Series) -> None:
        answer = moderator.get("/api/gaps/report/")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
        assert moderator.get("/api/gaps/history/").json()["total"] == 0

    def test_analyse_then_report(self, moderator: Any, saga: Series) -> None:
        answer = moderator.post("/api/gaps/analyze/", {})
        assert (answer.status_code, answer.json()["stats"]["gaps"]) == (200, 1)
        body = moderator.get("/api/gaps/report/").json()
        assert [row["book"]["title"] for row in body["items"]] == ["Two", "Between"]
        assert body["total"] == 2
        assert body["analysis"]["stats"]["gaps"] == 1
        two = body["items"][0]
        assert (two["series"]["name"], two["reason"], two["counts"], two["is_wanted"]) == (
            "Saga",
            "missing",
            True,
            True,
        )
        assert moderator.get("/api/gaps/history/").json()["items"][0]["opened_count"] == 2

    @pytest.mark.parametrize(
        ("query", "found"),
        [("class=novella", ["Between"]), ("class=main&class=novella", ["Two", "Between"]), ("reason=missing", None),
         ("counts=true", ["Two"]), ("counts=false", ["Between"]), ("wanted=true", ["Two"]), ("follow=all", None),
         ("follow=none", []), ("ordering=-position", ["Between", "Two"])],
    )  # fmt: skip
    def test_report_filters(self, viewer: Any, saga: Series, query: str, found: list[str] | None) -> None:
        count()
        answer = viewer.get(f"/api/gaps/report/?{query}")
        assert answer.status_code == 200
        if found is not None:
            assert [row["book"]["title"] for row in answer.json()["items"]] == found
        assert viewer.get(f"/api/gaps/report/?author={saga.author_id}&series={saga.pk}").json()["total"] == 2
        assert viewer.get("/api/gaps/report/?series=99999").json()["total"] == 0
        assert viewer.get("/api/gaps/report/?class=odd").status_code == 400

    def test_analysing_a_part(self, moderator: Any, saga: Series) -> None:
        other = make_series("Other", follow="all")
        make_book("X", series=other, position="1")
        body = moderator.post("/api/gaps/analyze/", {"series_ids": [saga.pk]}).json()
        assert body["stats"]["series"] == 1
        assert set(Gap.objects.values_list("series_id", flat=True)) == {saga.pk}

    @pytest.mark.parametrize(
        ("sent", "named"),
        [({"series_ids": [99999]}, "series_ids"), ({"series_ids": "1"}, "series_ids"),
         ({"author_ids": [0]}, "author_ids"),
                 ({"author_ids": [10**30]}, "author_ids"), ({"series": [1]}, "series")],
    )  # fmt: skip
    @pytest.mark.parametrize("path", ["analyze", "analyze-async"])
    def test_refuses_bad_ids(self, moderator: Any, path: str, sent: dict[str, Any], named: str) -> None:
        answer = moderator.post(f"/api/gaps/{path}/", sent)
        assert answer.status_code == 400
        assert any(name.startswith(named) for name in answer.json()["context"]["fields"])
        assert not Run.objects.exists()

    def test_analysing_in_the_background(self, moderator: Any, saga: Series) -> None:
        answer = moderator.post("/api/gaps/analyze-async/", {"series_ids": [saga.pk]})
        run = Run.objects.get()
        assert (answer.status_code, answer["Location"]) == (202, f"/api/runs/{run.pk}/")
        assert run.params == {"refresh": True, "series_ids": [saga.pk]}
        assert moderator.post("/api/gaps/analyze-async/", {}).status_code == 409

    def test_a_replayed_request_queues_one_run(self, moderator: Any) -> None:
        for _ in range(2):
            answer = moderator.post("/api/gaps/analyze-async/", {}, headers={"Idempotency-Key": "k1"})
            assert answer.status_code == 202
        assert Run.objects.count() == 1

    def test_viewers_may_only_read(self, viewer: Any) -> None:
        assert viewer.post("/api/gaps/analyze/", {}).status_code == 403


class TestMetadata:
    def test_status_of_an_empty_library_makes_no_figure_up(self, viewer: Any) -> None:
        body = viewer.get("/api/metadata/status/").json()
        assert (body["books"], body["average_completeness"], body["last_run"]) == (0, None, None)

    def test_correct_book(self, moderator: Any) -> None:
        ensure_providers()
        book = own(make_book("The Wonderful Wizard of Oz", authors=("L. Frank Baum",)))
        tried = moderator.post("/api/metadata/correct-book/", {"book_id": book.pk, "dry_run": True})
        assert (tried.status_code, tried.json()["dry_run"]) == (200, True)
        assert not Correction.objects.exists()
        done = moderator.post("/api/metadata/correct-book/", {"book_id": book.pk}).json()
        assert set(done["changed"]) == set(Correction.objects.values_list("field", flat=True))
        history = moderator.get(f"/api/metadata/history/{book.pk}/").json()
        assert history["total"] == len(done["changed"])
        again = moderator.post("/api/metadata/correct-book/", {"book_id": book.pk})
        assert again.status_code == 409
        assert moderator.post("/api/metadata/correct-book/", {"book_id": book.pk, "force": True}).status_code == 200

    def test_unknown_books(self, moderator: Any) -> None:
        assert moderator.post("/api/metadata/correct-book/", {"book_id": 99999}).status_code == 404
        assert moderator.post("/api/metadata/correct-book/", {}).status_code == 400
        assert moderator.get("/api/metadata/history/99999/").status_code == 404
        assert moderator.get("/api/metadata/history/9999999999999999999999/").status_code == 404

    def test_batches_are_runs(self, moderator: Any) -> None:
        answer = moderator.post("/api/metadata/correct-all/", {"limit": 5, "dry_run": True})
        assert answer.status_code == 202
        run = Run.objects.get(pk=answer.json()["run"]["id"])
        assert (run.job, run.params) == (
            "metadata_full",
            {"completeness_threshold": 80, "limit": 5, "dry_run": True},
        )
        assert moderator.post("/api/metadata/correct-all/", {}).status_code == 409
        answer = moderator.post("/api/metadata/correct-recent/", {})
        assert (answer.status_code, Run.objects.get(pk=answer.json()["run"]["id"]).params["days"]) == (202, 7)
        for sent in ({"limit": 0}, {"limit": 1001}, {"completeness_threshold": 101}, {"limit": "many"}):
            assert moderator.post("/api/metadata/correct-all/", sent).status_code == 400
        assert moderator.post("/api/metadata/correct-recent/", {"days": 31}).status_code == 400

    def test_by_source_and_cleanup(self, admin: Any, moderator: Any) -> None:
        book = make_book()
        old = Correction.objects.create(book=book, field="title", source="audible")
        Correction.objects.filter(pk=old.pk).update(created_at=timezone.now() - datetime.timedelta(days=60))
        Correction.objects.create(book=book, field="title", source="openlibrary")
        body = admin.get("/api/metadata/by-source/").json()
        assert [(row["source"], row["corrections"]) for row in body["sources"]] == [("openlibrary", 1)]
        assert admin.get("/api/metadata/by-source/?days=90").json()["total"] == 2
        assert moderator.delete("/api/metadata/cleanup-old/").status_code == 403
        assert admin.delete("/api/metadata/cleanup-old/?days=0").status_code == 400
        assert admin.delete("/api/metadata/cleanup-old/").json() == {"deleted": 1, "days": 30}
        assert Correction.objects.get().source == "openlibrary"

    def test_incomplete_with_provenance(self, moderator: Any) -> None:
        book = make_book("Poor", completeness=20)
        moderator.put(f"/api/books/{book.pk}/", {"publisher": "P"})
        row = moderator.get("/api/metadata/incomplete/").json()["items"][0]
        assert row["provenance"]["publisher"]["source"] == "user"
        assert row["provenance"]["publisher"]["is_locked"] is True
        assert row["provenance"]["description"]["source"] is None
        assert "description" in row["missing_fields"]


class TestMatches:
    @pytest.fixture
    def copy(self, db: None) -> Copy:
        book, other = make_book("Taken For"), make_book("Meant")
        made = make_copy(book, title="Unclear", match_state=MatchState.REVIEW, match_candidates=[other.pk])
        Book.objects.filter(pk=book.pk).update(is_owned=True)
        return made

    def test_lists_what_is_to_be_reviewed(self, viewer: Any, copy: Copy) -> None:
        make_copy(make_book("Sure"), title="Sure", match_state=MatchState.CERTAIN)
        body = viewer.get("/api/matches/").json()
        assert body["total"] == 1
        row = body["items"][0]
        assert (row["title"], row["book"]["title"]) == ("Unclear", "Taken For")
        assert [candidate["title"] for candidate in row["candidates"]] == ["Meant"]
        assert viewer.get("/api/matches/?state=certain").json()["items"][0]["title"] == "Sure"
        assert viewer.get(f"/api/matches/{copy.pk}/").json()["id"] == copy.pk

    def test_deciding_moves_the_copy(self, moderator: Any, copy: Copy) -> None:
        meant = Book.objects.get(title="Meant")
        answer = moderator.post(f"/api/matches/{copy.pk}/decide/", {"book_id": meant.pk})
        assert (answer.status_code, answer.json()["match_state"]) == (200, "user")
        assert answer.json()["book"]["title"] == "Meant"
        meant.refresh_from_db()
        assert meant.is_owned
        assert moderator.get("/api/matches/").json()["total"] == 0

    def test_rejecting_keeps_the_book(self, moderator: Any, copy: Copy) -> None:
        answer = moderator.post(f"/api/matches/{copy.pk}/reject/")
        assert (answer.json()["match_state"], answer.json()["book"]["title"]) == ("user", "Taken For")
        assert answer.json()["candidates"] == []

    @pytest.mark.parametrize("sent", [{}, {"book_id": 99999}, {"book_id": "x"}, {"book_id": None}])
    def test_refuses_bad_decisions(self, moderator: Any, copy: Copy, sent: dict[str, Any]) -> None:
        answer = moderator.post(f"/api/matches/{copy.pk}/decide/", sent)
        assert answer.status_code == 400
        assert "book_id" in answer.json()["context"]["fields"]
        assert moderator.post("/api/matches/99999/decide/", {"book_id": 1}).status_code == 404


class TestCalendar:
    @pytest.fixture(autouse=True)
    def _books(self, db: None) -> None:
        today = timezone.localdate()
        saga = make_series(follow="all")
        make_book("Later", release_date=today + datetime.timedelta(days=40))
        make_book("Soon; a, \\ tale", release_date=today + datetime.timedelta(days=3), series=saga, position="2")
        make_book("Out", release_date=today - datetime.timedelta(days=1))
        own(make_book("Mine", release_date=today + datetime.timedelta(days=1)))

    def test_next_first(self, viewer: Any) -> None:
        def titles(query: str = "") -> list[str]:
            return [row["title"] for row in viewer.get(f"/api/calendar/{query}").json()["items"]]

        assert titles() == ["Soon; a, \\ tale", "Later"]
        assert titles("?days=30") == ["Soon; a, \\ tale"]
        assert titles("?wanted=true") == ["Soon; a, \\ tale"]
        assert titles("?wanted=false") == ["Later"]
        assert titles(f"?released_from={timezone.localdate() + datetime.timedelta(days=20)}") == ["Later"]
        assert viewer.get("/api/calendar/?days=0").status_code == 400

    @pytest.mark.parametrize("path", ["/api/calendar.ics", "/api/calendar.ics/", "/api/calendar.ics?days=30"])
    def test_file_for_calendar_programs(self, viewer: Any, nobody: Any, path: str) -> None:
        answer = viewer.get(path)
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        text = answer.content.decode()
        assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
        assert "SUMMARY:Soon\\; a\\, \\\\ tale – Ann Author\r\n" in text
        day = timezone.localdate() + datetime.timedelta(days=3)
        assert f"DTSTART;VALUE=DATE:{day:%Y%m%d}\r\n" in text
        assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
        assert nobody.get(path).status_code == 401
