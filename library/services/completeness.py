"""How complete a book's metadata is, counting only fields that can apply to it."""

from typing import Protocol

# What a listener misses most weighs most.
WEIGHTS = {
    "title": 20,
    "authors": 20,
    "narrators": 12,
    "description": 12,
    "published_year": 8,
    "duration": 8,
    "language": 6,
    "publisher": 4,
    "identifier": 6,
    "genres": 4,
}


class Described(Protocol):
    """A book, or a row of its fields."""

    title: str
    description: str
    published_year: int | None
    duration_seconds: int | None
    language: str
    publisher: str
    asin: str
    isbn: str
    genres: list[str]


def missing_fields(book: Described, *, has_authors: bool, has_narrators: bool) -> list[str]:
    """The names of the fields that are empty and could be filled."""
    present = {
        "title": bool(book.title),
        "authors": has_authors,
        "narrators": has_narrators,
        "description": bool(book.description),
        "published_year": bool(book.published_year),
        "duration": bool(book.duration_seconds),
        "language": bool(book.language),
        "publisher": bool(book.publisher),
        "identifier": bool(book.asin or book.isbn),
        "genres": bool(book.genres),
    }
    return [name for name, there in present.items() if not there]


def score_completeness(book: Described, *, has_authors: bool, has_narrators: bool) -> int:
    """0 to 100. A stand-alone book is not short of a series, so the series does not count."""
    absent = missing_fields(book, has_authors=has_authors, has_narrators=has_narrators)
    total = sum(WEIGHTS.values())
    return round(100 * (total - sum(WEIGHTS[name] for name in absent)) / total)
