"""Rows for the library's lists: the path of a list with a function that makes the row of a number and returns the
address to ask (None: the path itself). The matrix of all endpoints asks each list with one row and with three."""

import datetime
from collections.abc import Callable

from django.utils import timezone

from library.models import Book, BookNarrator, Correction, GapAnalysis, MatchState, Series
from library.tests.api.makers import make_author, make_book, make_copy, make_narrator, make_series


def _number(number: int) -> str:
    return f"Row {number}"


def a_book(number: int) -> None:
    make_book(_number(number), narrators=("Nora",), completeness=10 + number)


def of_author(number: int) -> str:
    a_book(number)
    return f"/api/authors/{make_author('Ann Author').pk}/books/"


def of_narrator(number: int) -> str:
    a_book(number)
    return f"/api/narrators/{make_narrator('Nora').pk}/books/"


def a_narrator(number: int) -> None:
    BookNarrator.objects.create(book=make_book(_number(number)), narrator=make_narrator(f"Reader {number}"))


def of_series(number: int) -> str:
    saga = Series.objects.filter(name="Saga").first() or make_series()
    make_book(_number(number), series=saga, position=str(number))
    return "/api/books/series/Saga/"


def a_correction(number: int) -> Book:
    book = Book.objects.filter(title="Corrected").first() or make_book("Corrected")
    Correction.objects.create(book=book, field="title", old=number, new=number + 1, source="user")
    return book


def of_book(number: int) -> str:
    return f"/api/books/{a_correction(number).pk}/metadata-history/"


def of_book_by_metadata(number: int) -> str:
    return f"/api/metadata/history/{a_correction(number).pk}/"


def a_series(number: int) -> None:
    author = make_author(f"Author {number}")
    make_series(f"Series {number}", author=author, completion_percentage=number, completion_status="incomplete")


def a_favourite(number: int) -> None:
    make_author(f"Author {number}", is_favorite=True)


def a_gap(number: int) -> None:
    GapAnalysis.objects.create(stats={})
    book = make_book(_number(number), series=make_series(f"Series {number}"), position="1")
    book.gaps.create(
        series=Series.objects.get(name=f"Series {number}"), entry_class="main", reason="missing", explanation="missing",
        opened_at=timezone.now(),
    )  # fmt: skip


def an_analysis(number: int) -> None:
    GapAnalysis.objects.create(stats={}, opened_count=number)


def a_match(number: int) -> None:
    other = make_book(f"Other {number}")
    book = make_book(_number(number))
    make_copy(book, title=_number(number), match_state=MatchState.REVIEW, match_candidates=[other.pk])


def a_release(number: int) -> None:
    make_book(_number(number), release_date=timezone.localdate() + datetime.timedelta(days=number))


ROWS: dict[str, Callable[[int], str | None]] = {
    "/api/books/": a_book,
    "/api/books/incomplete-metadata/": a_book,
    "/api/books/series/{series_name}/": of_series,
    "/api/books/{id}/metadata-history/": of_book,
    "/api/series/": a_series,
    "/api/series/incomplete/": a_series,
    "/api/authors/": a_favourite,
    "/api/authors/favorites/": a_favourite,
    "/api/authors/{id}/books/": of_author,
    "/api/narrators/": a_narrator,
    "/api/narrators/{id}/books/": of_narrator,
    "/api/metadata/incomplete/": a_book,
    "/api/metadata/history/{book_id}/": of_book_by_metadata,
    "/api/gaps/report/": a_gap,
    "/api/gaps/history/": an_analysis,
    "/api/matches/": a_match,
    "/api/calendar/": a_release,
}
