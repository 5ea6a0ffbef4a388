"""`/api/authors/` and `/api/narrators/`."""

from typing import Any

import pytest

from library.models import Author, AuthorAlias, Book, Gap
from library.services.providers import ensure_providers
from library.tests.api.makers import count, make_author, make_book, make_series, own

pytestmark = pytest.mark.django_db


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["name"] for row in answer.json()["items"]]


class TestLists:
    def test_by_surname_with_filters(self, viewer: Any) -> None:
        own(make_book("One", authors=("Zoe Adams",)))
        make_book("Two", authors=("Ann Young",))
        make_author("Bob Mid", is_favorite=True)
        count()
        assert names(viewer.get("/api/authors/")) == ["Zoe Adams", "Bob Mid", "Ann Young"]
        assert names(viewer.get("/api/authors/?name=zoe")) == ["Zoe Adams"]
        assert names(viewer.get("/api/authors/?is_favorite=true")) == ["Bob Mid"]
        assert names(viewer.get("/api/authors/?completion_status=complete")) == ["Zoe Adams"]
        assert names(viewer.get("/api/authors/?ordering=-owned_count&limit=1")) == ["Zoe Adams"]
        assert viewer.get("/api/authors/?is_favorite=perhaps").status_code == 400

    def test_favourites_are_the_marked_and_the_much_owned(self, viewer: Any) -> None:
        for number in range(2):
            own(make_book(f"Two {number}", authors=("Two Owned",)))
        own(make_book("One", authors=("One Owned",)))
        make_author("Marked Only", is_favorite=True)
        count()
        assert names(viewer.get("/api/authors/favorites/")) == ["Marked Only", "Two Owned"]
        assert names(viewer.get("/api/authors/favorites/?min_books=1")) == ["Marked Only", "Two Owned", "One Owned"]
        assert viewer.get("/api/authors/favorites/?min_books=0").status_code == 400

    def test_summary(self, viewer: Any) -> None:
        own(make_book("One"))
        make_book("Two")
        count()
        body = viewer.get("/api/authors/completion-summary/").json()
        assert (body["total"], body["counted_books"], body["completion_percentage"]) == (1, 2, 50)

    def test_books_of_an_author(self, viewer: Any) -> None:
        make_book("B")
        make_book("A")
        make_book("Gone", status="archived")
        make_book("Else", authors=("Bob",))
        pk = Author.objects.get(name="Ann Author").pk
        body = viewer.get(f"/api/authors/{pk}/books/").json()
        assert [row["title"] for row in body["items"]] == ["A", "B"]
        assert [r["title"] for r in viewer.get(f"/api/authors/{pk}/books/?status=archived").json()["items"]] == ["Gone"]
        assert viewer.get("/api/authors/99999/books/").status_code == 404


def test_detail_shows_series_books_and_other_names(viewer: Any) -> None:
    author = make_author()
    AuthorAlias.objects.create(author=author, name="Pen Name", name_key="pen name")
    make_series("Own Line", author=author)
    make_book("In Another", series=make_series("Shared Line"), position="1")
    body = viewer.get(f"/api/authors/{author.pk}/").json()
    assert body["aliases"] == ["Pen Name"]
    assert [row["name"] for row in body["series"]] == ["Own Line", "Shared Line"]
    assert [row["title"] for row in body["books"]] == ["In Another"]
    assert body["book_count"] == 1
    body = viewer.get(f"/api/authors/{author.pk}/completion/").json()
    assert {"owned_count", "completion_percentage", "series"} <= set(body)


class TestChanges:
    def test_create_and_conflicts(self, moderator: Any) -> None:
        answer = moderator.post("/api/authors/", {"name": "J. R. R. Tolkien", "is_favorite": True})
        assert answer.status_code == 201
        assert (answer.json()["sort_name"], answer.json()["is_favorite"]) == ("Tolkien, J. R. R.", True)
        again = moderator.post("/api/authors/", {"name": "Tolkien, JRR"})
        assert (again.status_code, again.json()["context"]["id"]) == (409, answer.json()["id"])
        AuthorAlias.objects.create(author_id=answer.json()["id"], name="Oxford Don", name_key="oxford don")
        assert moderator.post("/api/authors/", {"name": "oxford don"}).status_code == 409

    @pytest.mark.parametrize(
        ("sent", "named"),
        [({}, "name"), ({"name": "..."}, "name"), ({"name": "A", "is_favorite": "maybe"}, "is_favorite"),
         ({"name": "A", "total_books": 0}, "total_books"), ({"name": "A", "follow": 3}, "follow"),
         ({"name": "A", "identifiers": {"x": {"y": 1}}}, "identifiers.x"), ({"name": "A", "age": 3}, "age")],
    )  # fmt: skip
    def test_refuses_and_names_the_field(self, moderator: Any, sent: dict[str, Any], named: str) -> None:
        answer = moderator.post("/api/authors/", sent)
        assert answer.status_code == 400
        assert named in answer.json()["context"]["fields"]
        assert not Author.objects.exists()

    def test_following_an_author_wants_their_lone_books(self, moderator: Any) -> None:
        make_book("Lone")
        pk = Author.objects.get().pk
        answer = moderator.put(f"/api/authors/{pk}/", {"follow": "all", "identifiers": {"openlibrary": "OL1A"}})
        assert set(answer.json()["changes_made"]) >= {"follow", "identifiers"}
        assert Gap.objects.wanted().get().author_id == pk

    def test_delete_needs_no_active_book(self, moderator: Any) -> None:
        book = make_book("One")
        pk = Author.objects.get().pk
        answer = moderator.delete(f"/api/authors/{pk}/")
        assert (answer.status_code, answer.json()["context"]["active_books"]) == (409, 1)
        moderator.delete(f"/api/books/{book.pk}/")
        assert moderator.delete(f"/api/authors/{pk}/").status_code == 200
        assert not Author.objects.exists()
        assert Book.objects.get().status == "archived"

    def test_recalculating(self, moderator: Any) -> None:
        ensure_providers()
        author = make_author("L. Frank Baum")
        own(make_book("The Wonderful Wizard of Oz", authors=(author.name,)))
        body = moderator.put(f"/api/authors/{author.pk}/recalculate-completion/").json()
        assert (body["owned_count"], body["completion_percentage"] is not None) == (1, True)
        assert body["catalogue_checked_at"] is not None


def test_narrators_with_counts_and_books(viewer: Any) -> None:
    own(make_book("One", narrators=("Nora Reader", "Ed Voice")))
    make_book("Two", narrators=("Nora Reader",))
    make_book("Gone", narrators=("Nora Reader",), status="archived")
    rows = viewer.get("/api/narrators/?ordering=-book_count").json()["items"]
    assert [(row["name"], row["book_count"], row["owned_count"]) for row in rows] == [
        ("Nora Reader", 2, 1),
        ("Ed Voice", 1, 1),
    ]
    assert names(viewer.get("/api/narrators/?min_books=2")) == ["Nora Reader"]
    found = viewer.get(f"/api/narrators/{rows[0]['id']}/books/").json()["items"]
    assert [row["title"] for row in found] == ["One", "Two"]
    assert viewer.get(f"/api/narrators/{rows[1]['id']}/").json()["book_count"] == 1
    assert viewer.get("/api/narrators/99999/").status_code == 404
