"""`/api/books/search/` and the index behind it, which triggers of the database keep right."""

from typing import Any

import pytest

from library.models import Author, AuthorAlias, Book, BookAuthor, Narrator, Series
from library.services.search import search_books, search_words
from library.tests.api.makers import make_author, make_book, make_series

pytestmark = pytest.mark.django_db


def found(text: str) -> list[str]:
    ids = [hit.book_id for hit in search_books(text=text, limit=50).hits]
    by_id = Book.objects.in_bulk(ids)
    return [by_id[pk].title for pk in ids]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Décisions & Co.", ["decisions", "co"]),
        ("O’Brien's", ["obriens"]),
        ("Søren Łukasz ß", ["soren", "lukasz", "ss"]),
        ('"OR" NEAR(a*', ["or", "near", "a"]),
        ("-title:x ' \\ %_;--", ["title", "x"]),
        ("坊っちゃん", ["坊っちゃん"]),
        ("!!!", []),
    ],
)
def test_words_of_a_query(text: str, words: list[str]) -> None:
    assert search_words(text) == words


def test_finds_by_title_subtitle_author_series_and_narrator() -> None:
    saga = make_series("Chronicles of Zed")
    make_book("Moby Dick", subtitle="The Whale", authors=("Herman Melville",), narrators=("Nora Reader",), series=saga)
    make_book("Unrelated")
    for text in ("moby", "whale", "melville", "zed chronicles", "nora", "melville moby", "mob"):
        assert found(text) == ["Moby Dick"], text
    assert found("moby unrelated") == []


def test_accents_and_case_do_not_matter() -> None:
    make_book("Les Misérables", authors=("Søren Müller",))
    make_book("Странник")
    make_book("O'Brien’s Choice")
    assert found("MISERABLES") == ["Les Misérables"]
    assert found("soren muller") == ["Les Misérables"]
    assert found("Sören") == ["Les Misérables"]
    assert found("странник") == ["Странник"]
    assert found("СТРАННИК") == ["Странник"]
    assert found("obriens") == found("o'brien's") == ["O'Brien’s Choice"]


def test_titles_come_before_names() -> None:
    make_book("A Study", authors=("Emma Stone",))
    make_book("The Stone Cutter", authors=("Bob",))
    make_book("Stone", authors=("Bob",))
    assert found("stone") == ["Stone", "The Stone Cutter", "A Study"]


def test_follows_every_change() -> None:
    book = make_book("First Title", authors=("Ann Author",), series=make_series("Old Line"))
    Book.objects.filter(pk=book.pk).update(title="Second Title")
    assert (found("first"), found("second")) == ([], ["Second Title"])
    Author.objects.update(name="Zoe Zebra")
    assert (found("ann"), found("zebra")) == ([], ["Second Title"])
    Series.objects.update(name="New Line")
    assert (found("old"), found("new line")) == ([], ["Second Title"])
    alias = AuthorAlias.objects.create(author=Author.objects.get(), name="Pen Name", name_key="pen name")
    assert found("pen name") == ["Second Title"]
    alias.delete()
    assert found("pen name") == []
    book.book_narrators.create(narrator=Narrator.objects.create(name="Nora", name_key="nora"))
    assert found("nora") == ["Second Title"]
    book.book_narrators.all().delete()
    book.series_entries.all().delete()
    assert (found("nora"), found("line")) == ([], [])
    book.delete()
    assert found("second") == []


def test_follows_bulk_writes() -> None:
    author = make_author("Bulk Writer")
    books = Book.objects.bulk_create([Book(title=f"Volume {n}", title_key=f"volume {n}") for n in range(30)])
    BookAuthor.objects.bulk_create([BookAuthor(book=book, author=author) for book in books])
    assert len(found("bulk writer volume")) == 30
    Book.objects.filter(pk__in=[book.pk for book in books[:10]]).delete()
    assert len(found("bulk writer")) == 20


def test_archived_books_are_left_out() -> None:
    make_book("Hidden Thing", status="archived")
    assert found("hidden") == []


class TestEndpoint:
    def test_page_shape_and_bounds(self, viewer: Any) -> None:
        for number in range(12):
            make_book(f"Needle {number}")
        body = viewer.get("/api/books/search/?query=needle").json()
        assert (len(body["items"]), body["total"]) == (10, 12)
        assert body["page_info"]["has_more"] is True
        rest = viewer.get(body["page_info"]["next"]).json()
        assert (len(rest["items"]), rest["total"], rest["page_info"]["has_more"]) == (2, 12, False)
        seen = {row["id"] for row in body["items"]} | {row["id"] for row in rest["items"]}
        assert len(seen) == 12
        beyond = viewer.get("/api/books/search/?query=needle&offset=500").json()
        assert (beyond["items"], beyond["total"]) == ([], 12)

    @pytest.mark.parametrize(
        "query", ["", "query=", "query=%20", "limit=5", f"query={'x' * 201}", "query=a&limit=101", "query=a&limit=0",
                  "query=a&offset=-1", "query=a&nothing=1", "query=a&limit=x"],
    )  # fmt: skip
    def test_refuses_bad_parameters(self, viewer: Any, query: str) -> None:
        assert viewer.get(f"/api/books/search/?{query}").status_code == 400

    @pytest.mark.parametrize(
        "text", ['"', "'", "a'b", "(", "a AND", "NOT", "a NEAR b", "title:", "*", "a* OR *", "\\", "a & | !", "<->",
                 ":*", "{a}", "^a", "ａ", "💥", "a" * 200, "%", "-- ;drop table library_book"],
    )  # fmt: skip
    def test_hostile_syntax_is_only_text(self, viewer: Any, text: str) -> None:
        make_book("A book")
        assert viewer.get("/api/books/search/", {"query": text}).status_code == 200
