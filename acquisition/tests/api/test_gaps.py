"""`/api/gaps/acquire/` and its neighbours."""

from typing import Any

import pytest
from django.utils import timezone

from acquisition.models import BlocklistEntry, Indexer, SearchState
from acquisition.services.gap_acquiring import books_of_gaps
from acquisition.tests.api.rows import make_book, make_download, make_gap, make_indexer
from library.models import Author, GapAnalysis, Series
from scheduling.models import Run
from scheduling.services.runs import execute_run

pytestmark = pytest.mark.django_db
VERBS = ("acquire", "analyze-and-acquire")


@pytest.mark.parametrize("verb", VERBS)
class TestRequest:
    def test_answers_the_run(self, moderator: Any, verb: str) -> None:
        series = Series.objects.create(name="Oz", name_key="oz")
        fields = {"series_ids": [series.pk], "max_downloads": 3, "dry_run": True}
        answer = moderator.post(f"/api/gaps/{verb}/", fields, format="json")
        assert answer.status_code == 202
        run = Run.objects.get()
        assert answer["Location"] == f"/api/runs/{run.pk}/"
        assert answer.json()["run"]["status"] == "queued"
        assert {**run.params, **fields, "gaps": True} == run.params
        assert run.requested_by == moderator.user

    def test_a_second_one_is_refused(self, moderator: Any, verb: str) -> None:
        assert moderator.post(f"/api/gaps/{verb}/").status_code == 202
        answer = moderator.post(f"/api/gaps/{verb}/")
        assert (answer.status_code, answer.json()["error"]) == (409, "already_running")
        assert answer.json()["context"]["run"] == Run.objects.get().pk

    @pytest.mark.parametrize(
        "fields",
        [
            {"series_ids": [999]},
            {"author_ids": [999]},
            {"series_ids": "1"},
            {"series_ids": [2**70]},
            {"max_downloads": 0},
            {"max_downloads": 51},
            {"dry_run": "perhaps"},
            {"limit": 3},
        ],
    )
    def test_refuses_bad_input(self, moderator: Any, verb: str, fields: Any) -> None:
        answer = moderator.post(f"/api/gaps/{verb}/", fields, format="json")
        assert answer.status_code == 400
        assert any(place.startswith(next(iter(fields))) for place in answer.json()["context"]["fields"])
        assert not Run.objects.exists()


class TestRun:
    def test_searches_and_says_why_nothing_came(self, moderator: Any) -> None:
        gap = make_gap()
        moderator.post("/api/gaps/acquire/")
        run = execute_run(Run.objects.get().pk)
        assert run
        assert run.status == "succeeded"
        assert run.result["not_found"][0]["book"] == gap.book_id
        assert "No indexer is set up" in run.result["not_found"][0]["reason"]

    def test_analyses_before_it_searches(self, moderator: Any) -> None:
        moderator.post("/api/gaps/analyze-and-acquire/")
        run = execute_run(Run.objects.get().pk)
        assert run
        assert run.status == "succeeded", run.message
        assert GapAnalysis.objects.count() == 1
        assert "analysis" in run.result

    def test_takes_wanted_gaps_the_nearest_series_first(self) -> None:
        far = Series.objects.create(name="Far", name_key="far", completion_percentage=10)
        near = Series.objects.create(name="Near", name_key="near", completion_percentage=90)
        author = Author.objects.create(name="Ann", name_key="ann")
        first = make_gap(1, series=near)
        second = make_gap(2, series=far)
        alone = make_gap(3, author=author)
        make_gap(4, series=near, is_wanted=False)
        make_gap(5, series=near, reason="covered")
        make_gap(6, series=near, closed_at=timezone.now())
        assert [b.pk for b in books_of_gaps({})] == [first.book_id, second.book_id, alone.book_id]
        only = {"author_priority": True, "series_priority": False}
        assert next(b.pk for b in books_of_gaps(only)) == alone.book_id
        assert len(books_of_gaps({"series_ids": [near.pk]})) == 2
        assert [b.pk for b in books_of_gaps({"author_ids": [author.pk]})] == [alone.book_id]

    def test_passes_over_what_is_on_its_way(self) -> None:
        gap = make_gap()
        make_download(book=gap.book)
        assert books_of_gaps({}) == []


class TestReset:
    def test_forgets_searches_and_keeps_the_rest(self, admin: Any) -> None:
        book = make_book()
        SearchState.objects.create(book=book, search_count=7)
        indexer = make_indexer()
        Indexer.objects.update(failure_level=3, paused_until=timezone.now())
        make_download(book=book)
        BlocklistEntry.objects.create(title="Bad", reason="Broken.")
        answer = admin.delete("/api/gaps/reset-state/")
        assert answer.json() == {"search_states_removed": 1, "indexers_reset": 1}
        indexer.refresh_from_db()
        assert (indexer.failure_level, indexer.paused_until) == (0, None)
        assert book.downloads.count() == BlocklistEntry.objects.count() == 1
        assert admin.delete("/api/gaps/reset-state/").json()["search_states_removed"] == 0

    def test_is_for_admins(self, moderator: Any) -> None:
        assert moderator.delete("/api/gaps/reset-state/").status_code == 403
