"""Shapes that several resources of the acquisition answer."""

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers

from library.models import Book


class BookRefSerializer(serializers.Serializer[Any]):
    """A book, as far as one must know to find it."""

    id = serializers.IntegerField()
    title = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a release was not accepted. Not permanent: the same release may pass later."""

    code = serializers.CharField()
    message = serializers.CharField()
    permanent = serializers.BooleanField()


def book_refs(books: Iterable[Book]) -> list[dict[str, Any]]:
    return [book_ref(book) for book in books]


def book_ref(book: Book) -> dict[str, Any]:
    return {"id": book.pk, "title": book.title}


def check_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """One import check as it was journalled."""
    return {"code": str(row.get("code", "")), "ok": bool(row.get("ok")), "message": str(row.get("message", ""))}


def reason_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """One reason of a decision as it was kept."""
    return {
        "code": str(row.get("code", "")),
        "message": str(row.get("message", "")),
        "permanent": bool(row.get("permanent", True)),
    }
