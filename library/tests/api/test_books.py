"""`/api/books/`: lists, details, and changes by people."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from library.models import Author, Book, Correction, Exclusion, FieldSource, Gap, Series, SeriesEntry
from library.tests.api.makers import count, make_book, make_copy, make_series, own

pytestmark = pytest.mark.django_db


def titles(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["title"] for row in answer.json()["items"]]


def fields_of(answer: Any) -> set[str]:
    assert answer.status_code == 400, answer.content
    return set(answer.json()["context"]["fields"])


class TestList:
    def test_newest_first_with_people_and_places(self, viewer: Any) -> None:
        saga = make_series()
        make_book("Old")
        make_book("New", authors=("Ann Author", "Bob"), narrators=("Nora",), series=saga, position="2.5")
        body = viewer.get("/api/books/").json()
        assert [row["title"] for row in body["items"]] == ["New", "Old"]
        new = body["items"][0]
        assert (new["author"], new["series"], new["series_number"]) == ("Ann Author, Bob", "Saga", "2.5")
        assert [person["name"] for person in new["narrators"]] == ["Nora"]
        place = {"series_id": saga.pk, "series": "Saga", "position": "2.5", "is_primary": True}
        assert new["series_entries"] == [place]
        assert body["items"][1]["series"] is None

    def test_shows_archived_books_only_when_asked(self, viewer: Any) -> None:
        make_book("Here")
        make_book("Gone", status="archived")
        assert titles(viewer.get("/api/books/")) == ["Here"]
        assert titles(viewer.get("/api/books/?status=archived")) == ["Gone"]
        assert titles(viewer.get("/api/books/?status=archived&status=active&ordering=title")) == ["Gone", "Here"]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("author=bob", ["Two"]),
            ("series=saga", ["Two"]),
            ("narrator=Nora", ["One"]),
            ("owned=true", ["One"]),
            ("language=DE", ["Two"]),
            ("kind=novella", ["Two"]),
            ("year_from=1900&year_to=1950", ["Two"]),
            ("year=1999", ["One"]),
            ("source=api", ["One"]),
            ("min_completeness=50", ["One"]),
            ("max_completeness=49", ["Two"]),
            ("asin=B000000001", ["One"]),
            ("created_after=2999-01-01T00:00:00Z", []),
        ],
    )
    def test_filters(self, viewer: Any, query: str, found: list[str]) -> None:
        make_book(
            "One", narrators=("Nora",), is_owned=True, published_year=1999, import_source="api", completeness=60,
            asin="B000000001",
        )  # fmt: skip
        make_book("Two", authors=("Bob",), series=make_series(), language="de", kind="novella", published_year=1920)
        assert titles(viewer.get(f"/api/books/?{query}")) == found

    def test_author_and_series_by_id(self, viewer: Any) -> None:
        saga = make_series()
        book = make_book("Mine", series=saga)
        make_book("Other", authors=("Bob",))
        author = Author.objects.get(name="Ann Author")
        assert titles(viewer.get(f"/api/books/?author={author.pk}")) == ["Mine"]
        assert titles(viewer.get(f"/api/books/?series={saga.pk}")) == [book.title]

    def test_orders_by_title_without_article(self, viewer: Any) -> None:
        for title in ("The Beta", "Alpha", "Gamma"):
            make_book(title)
        assert titles(viewer.get("/api/books/?ordering=title")) == ["Alpha", "The Beta", "Gamma"]

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=501", "offset=-1", "no_such=1", "ordering=nothing", "status=odd", "owned=maybe",
                  "year_from=x", "year=1e400", "created_after=2026-02-30", "cursor=x", "kind=poem"],
    )  # fmt: skip
    def test_refuses_bad_parameters(self, viewer: Any, query: str) -> None:
        assert viewer.get(f"/api/books/?{query}").status_code == 400

    def test_asks_as_often_for_many_books_as_for_one(self, viewer: Any) -> None:
        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as asked:
                assert viewer.get("/api/books/").status_code == 200
            return len(asked)

        saga = make_series()
        make_book("1", narrators=("Nora",), series=saga, position="1")
        queries()  # the key's first use is noted
        first = queries()
        for number in range(2, 5):
            make_book(str(number), narrators=(f"N{number}",), series=saga, position=str(number))
        assert queries() == first

    def test_cursor_walks_every_book_once(self, viewer: Any) -> None:
        made = [make_book(f"Book {number}", published_year=None if number % 2 else 1900).pk for number in range(7)]
        for ordering in ("title", "-published_year", "-created_at"):
            seen: list[int] = []
            address: str | None = f"/api/books/?limit=3&ordering={ordering}"
            while address:
                body = viewer.get(address).json()
                assert body["total"] == 7
                seen += [row["id"] for row in body["items"]]
                address = body["page_info"]["next"]
            assert sorted(seen) == made

    def test_csv(self, viewer: Any) -> None:
        make_book("One", authors=("Ann Author", "Bob"))
        answer = viewer.get("/api/books/?format=csv")
        rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
        assert (rows[0]["title"], rows[0]["author"]) == ("One", "Ann Author, Bob")


class TestDetail:
    def test_everything_about_a_book(self, viewer: Any) -> None:
        saga = make_series(follow="all")
        book = own(make_book("Here", series=saga, position="1", narrators=("Nora",)))
        recording = book.recordings.create(title="Reading", source="audible", is_abridged=False, runtime_seconds=60)
        recording.identifiers.create(scheme="asin", value="B000000001", region="us")
        FieldSource.objects.create(book=book, field="title", source="user", set_at=book.created_at, is_locked=True)
        body = viewer.get(f"/api/books/{book.pk}/").json()
        assert [copy["missing"] for copy in body["copies"]] == [False]
        assert body["recordings"][0]["identifiers"] == [{"scheme": "asin", "value": "B000000001", "region": "us"}]
        assert body["recordings"][0]["is_abridged"] is False
        assert body["recordings"][0]["is_dramatised"] is None
        assert (body["provenance"][0]["source"], body["provenance"][0]["is_locked"]) == ("user", True)
        assert body["why_not_here"] is None
        assert "description" in body["missing_fields"]

    def test_says_why_a_book_is_not_here(self, viewer: Any) -> None:
        saga = make_series(follow="all")
        own(make_book("One", series=saga, position="1"))
        missing = make_book("Two", series=saga, position="2")
        lone = make_book("Lone", authors=("Bob",))
        count()
        body = viewer.get(f"/api/books/{missing.pk}/").json()
        assert body["why_not_here"] == body["gaps"][0]["explanation"]
        assert (body["gaps"][0]["reason"], body["gaps"][0]["is_wanted"]) == ("missing", True)
        assert "no series" in viewer.get(f"/api/books/{lone.pk}/").json()["why_not_here"]

    @pytest.mark.parametrize(
        ("reason", "said"), [("read it", "Excluded by a user: read it"), ("", "Excluded by a user.")]
    )
    def test_says_that_a_user_excluded_it(self, viewer: Any, reason: str, said: str) -> None:
        book = make_book("Two")
        Exclusion.objects.create(book=book, reason=reason)
        body = viewer.get(f"/api/books/{book.pk}/").json()
        assert (body["is_excluded"], body["why_not_here"]) == (True, said)

    @pytest.mark.parametrize("pk", ["999999", "9223372036854775808", "9" * 40])
    def test_unknown_ids(self, viewer: Any, pk: str) -> None:
        answer = viewer.get(f"/api/books/{pk}/")
        assert answer.status_code == 404
        assert answer.json()["error"] in ("not_found", "endpoint_not_found")

    def test_one_statement_besides_who_asks(self, viewer: Any) -> None:
        book = own(make_book())
        with CaptureQueriesContext(connection) as asked:
            viewer.get(f"/api/books/{book.pk}/")
        assert sum('FROM "library_book"' in query["sql"] for query in asked) == 1


class TestCreate:
    def test_makes_people_and_series(self, moderator: Any) -> None:
        sent = {
            "title": "The Book", "author": "Ann Author & Bob Helper", "series": "Saga", "series_number": "1-3",
            "narrators": ["Nora"], "isbn": "978-0-306-40615-7", "published_year": 1999, "duration_minutes": 90,
            "language": "German",
        }  # fmt: skip
        answer = moderator.post("/api/books/", sent)
        assert answer.status_code == 201
        body = answer.json()
        assert answer["Location"] == f"/api/books/{body['id']}/"
        assert [author["name"] for author in body["authors"]] == ["Ann Author", "Bob Helper"]
        assert (body["series"], body["series_number"]) == ("Saga", "1-3")
        assert (body["isbn"], body["language"], body["duration_minutes"]) == ("9780306406157", "de", 90)
        assert body["completeness"] > 0
        assert SeriesEntry.objects.get().is_locked
        sources = {row["field"]: row for row in body["provenance"]}
        assert sources["title"]["source"] == "user"
        assert sources["title"]["is_locked"]

    def test_links_what_is_there_under_another_spelling(self, moderator: Any) -> None:
        make_book("First", authors=("J. R. R. Tolkien",))
        moderator.post("/api/books/", {"title": "Second", "authors": ["Tolkien, J.R.R."]})
        assert Author.objects.count() == 1

    def test_the_new_book_is_a_gap_of_its_series(self, moderator: Any) -> None:
        own(make_book("One", series=make_series(author=None, follow="all"), position="1"))
        sent = {"title": "Two", "author": "Ann Author", "series": "Saga", "series_number": "2"}
        assert moderator.post("/api/books/", sent).status_code == 201
        assert Gap.objects.get().book.title == "Two"
        assert Series.objects.get().completion_percentage == 50

    def test_duplicates(self, moderator: Any) -> None:
        sent = {"title": "Same", "author": "Ann Author", "asin": "B000000001"}
        first = moderator.post("/api/books/", sent).json()
        again = moderator.post("/api/books/", {"title": "SAME!", "author": "ann author"})
        assert (again.status_code, again.json()["context"]["id"]) == (409, first["id"])
        assert moderator.post("/api/books/", {"title": "Else", "asin": "B000000001"}).status_code == 409
        assert moderator.post("/api/books/", {"title": "Same", "author": "Somebody Else"}).status_code == 201
        assert Book.objects.count() == 2

    @pytest.mark.parametrize(
        ("sent", "named"),
        [
            ({}, "title"),
            ({"title": ""}, "title"),
            ({"title": "   "}, "title"),
            ({"title": "x" * 501}, "title"),
            ({"title": ["x"]}, "title"),
            ({"title": "A\x00B"}, "title"),
            ({"title": "T", "colour": "red"}, "colour"),
            ({"title": "T", "id": 7}, "id"),
            ({"title": "T", "published_year": 999}, "published_year"),
            ({"title": "T", "published_year": 10_000}, "published_year"),
            ({"title": "T", "published_year": "soon"}, "published_year"),
            ({"title": "T", "duration_minutes": -1}, "duration_minutes"),
            ({"title": "T", "duration_minutes": 10**30}, "duration_minutes"),
            ({"title": "T", "asin": "b00"}, "asin"),
            ({"title": "T", "isbn": "12345"}, "isbn"),
            ({"title": "T", "author": "A", "authors": ["B"]}, "authors"),
            ({"title": "T", "author": "!!!"}, "author"),
            ({"title": "T", "authors": "Ann"}, "authors"),
            ({"title": "T", "authors": ["..."]}, "authors.0"),
            ({"title": "T", "series_number": "2"}, "series_number"),
            ({"title": "T", "series": "S", "series_entries": []}, "series_entries"),
            ({"title": "T", "series_entries": [{"position": "1"}]}, "series_entries.0.series"),
            ({"title": "T", "series_entries": [{"series": "S"}, {"series": "s"}]}, "series_entries"),
            ({"title": "T", "status": "archived"}, "status"),
        ],
    )
    def test_refuses_and_names_the_field(self, moderator: Any, sent: dict[str, Any], named: str) -> None:
        found = fields_of(moderator.post("/api/books/", sent))
        assert named in found or named.split(".")[0] in found
        assert not Book.objects.exists()

    @pytest.mark.parametrize("raw", ['{"title": ', '["title"]', '{"title": "a", "title": "b"}', "\xff"])
    def test_malformed_bodies(self, moderator: Any, raw: str) -> None:
        answer = moderator.generic("POST", "/api/books/", raw.encode("latin-1"), content_type="application/json")
        assert (answer.status_code, answer.json()["error"]) == (400, "malformed_request")

    def test_viewers_may_not(self, viewer: Any) -> None:
        assert viewer.post("/api/books/", {"title": "T"}).status_code == 403


class TestChange:
    def test_says_what_changed_and_locks_it(self, moderator: Any) -> None:
        book = make_book("Before", publisher="P")
        answer = moderator.put(f"/api/books/{book.pk}/", {"title": "After", "narrators": ["Nora"], "publisher": "P"})
        changes = answer.json()["changes_made"]
        assert changes["title"] == {"old": "Before", "new": "After"}
        assert "publisher" not in changes
        assert set(FieldSource.objects.values_list("field", "is_locked")) == {("title", True), ("narrators", True)}
        assert {c.field: (c.old, c.new, c.source) for c in Correction.objects.all()} == {
            "title": ("Before", "After", "user"),
            "narrators": ([], ["Nora"], "user"),
        }

    def test_patch_is_the_same(self, moderator: Any) -> None:
        book = make_book("Before")
        answer = moderator.patch(f"/api/books/{book.pk}/", {"title": "After"})
        assert answer.json()["changes_made"]["title"]["new"] == "After"

    def test_an_empty_body_is_refused(self, moderator: Any) -> None:
        assert moderator.put(f"/api/books/{make_book().pk}/", {}).status_code == 400

    def test_moving_to_another_series_recounts_both(self, moderator: Any) -> None:
        first = make_series("First", follow="all")
        own(make_book("One", series=first, position="1"))
        book = make_book("Two", series=first, position="2")
        count()
        assert moderator.put(f"/api/books/{book.pk}/", {"series": "Second", "series_number": "1"}).status_code == 200
        first.refresh_from_db()
        assert (first.completion_percentage, first.counted_count) == (100, 1)
        assert Series.objects.get(name="Second").counted_count == 1

    def test_places_in_series(self, moderator: Any) -> None:
        book = make_book("B", series=make_series(), position="1")
        url = f"/api/books/{book.pk}/"
        body = moderator.put(url, {"series_number": "2.5"}).json()
        assert (body["series"], body["series_number"]) == ("Saga", "2.5")
        sent = [{"series": "Other", "position": "1-3"}, {"series": "Saga"}]
        body = moderator.put(url, {"series_entries": sent}).json()
        found = [(entry["series"], entry["position"], entry["is_primary"]) for entry in body["series_entries"]]
        assert found == [("Other", "1-3", True), ("Saga", "", False)]
        assert moderator.put(url, {"series": None}).json()["series"] == "Saga"
        assert moderator.put(url, {"series_entries": []}).json()["series_entries"] == []
        assert fields_of(moderator.put(url, {"series_number": "3"})) == {"series_number"}
        assert fields_of(moderator.put(url, {"series_entries": [{"position": "3"}]}))

    def test_a_number_can_be_taken_away(self, moderator: Any) -> None:
        book = make_book("B", published_year=1999, duration_seconds=60)
        body = moderator.put(f"/api/books/{book.pk}/", {"published_year": None, "duration_minutes": 0}).json()
        assert (body["published_year"], body["duration_minutes"]) == (None, None)

    def test_stale_writes_are_refused(self, moderator: Any) -> None:
        book = make_book("Before")
        url = f"/api/books/{book.pk}/"
        read = moderator.get(url)
        assert moderator.put(url, {"narrators": ["Nora"]}).status_code == 200
        late = moderator.put(url, {"title": "Late"}, headers={"If-Match": read["ETag"]})
        assert late.status_code == 409
        late = moderator.put(url, {"title": "Late", "updated_at": read.json()["updated_at"]})
        assert late.status_code == 409
        fresh = moderator.get(url)
        answer = moderator.put(url, {"title": "Now"}, headers={"If-Match": fresh["ETag"]})
        assert (answer.status_code, answer.json()["title"]) == (200, "Now")

    def test_deleting_archives_and_closes_its_gap(self, moderator: Any) -> None:
        saga = make_series(follow="all")
        own(make_book("One", series=saga, position="1"))
        book = make_book("Two", series=saga, position="2")
        copy = make_copy(book)
        count()
        answer = moderator.delete(f"/api/books/{book.pk}/")
        assert (answer.status_code, answer.json()["status"]) == (200, "archived")
        assert not Gap.objects.open().exists()
        copy.refresh_from_db()
        assert copy.book_id == book.pk
        assert moderator.put(f"/api/books/{book.pk}/", {"status": "active"}).json()["status"] == "active"


class TestOtherLists:
    def test_incomplete_metadata_worst_first(self, viewer: Any) -> None:
        make_book("Half", completeness=50)
        make_book("Bad", completeness=10)
        make_book("Good", completeness=90)
        body = viewer.get("/api/books/incomplete-metadata/").json()
        assert [row["title"] for row in body["items"]] == ["Bad", "Half"]
        assert "description" in body["items"][0]["missing_fields"]
        assert "authors" not in body["items"][0]["missing_fields"]
        assert titles(viewer.get("/api/books/incomplete-metadata/?threshold=95")) == ["Bad", "Half", "Good"]
        assert viewer.get("/api/books/incomplete-metadata/?threshold=101").status_code == 400

    def test_series_by_name_in_order(self, viewer: Any) -> None:
        saga = make_series("The Saga / Part & Parcel")
        for position in ("10", "2", "1.5", ""):
            make_book(f"Book {position}", series=saga, position=position)
        found = titles(viewer.get("/api/books/series/the saga %2F part and parcel/"))
        assert found == ["Book 1.5", "Book 2", "Book 10", "Book "]
        answer = viewer.get("/api/books/series/Nothing/")
        assert (answer.status_code, answer.json()["context"]["resource"]) == (404, "series")

    def test_metadata_history_newest_first(self, moderator: Any) -> None:
        book = make_book("A")
        for title in ("B", "C"):
            moderator.put(f"/api/books/{book.pk}/", {"title": title})
        body = moderator.get(f"/api/books/{book.pk}/metadata-history/").json()
        assert [(row["old"], row["new"]) for row in body["items"]] == [("B", "C"), ("A", "B")]
        assert moderator.get("/api/books/99999/metadata-history/").status_code == 404

    def test_metadata_source(self, moderator: Any) -> None:
        book = make_book("A")
        url = f"/api/books/{book.pk}/metadata-source/"
        answer = moderator.put(url, {"field_name": "title", "source": "library"})
        assert (answer.status_code, answer.json()["source"]) == (200, "library")
        assert fields_of(moderator.put(url, {"field_name": "weight", "source": "library"})) == {"field_name"}
        assert fields_of(moderator.put(url, {"field_name": "title", "source": "hearsay"})) == {"source"}
        assert fields_of(moderator.put(url, {})) == {"field_name", "source"}
