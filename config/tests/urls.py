"""Routes that only tests have: views that fall over in every way, and a resource with every part of the kernel."""

from typing import Any

from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet, OperationsViewSet
from config.errors import (
    ConflictError,
    DatabaseError,
    ExternalAPIError,
    InternalError,
    Malformed,
    Rejected,
    Unavailable,
    UnprocessableError,
)
from config.urls import urlpatterns as real
from library.models import Book

RAISED: dict[str, BaseException] = {
    "crash": RuntimeError("the secret is hunter2"),
    "conflict": ConflictError("Already there.", code="duplicate_resource"),
    "unprocessable": UnprocessableError("A magnet without a hash."),
    "internal": InternalError("Something we know of."),
    "database": DatabaseError("The database is down."),
    "unavailable": Unavailable(
        "It cannot be reached.", service="qbittorrent", code="qbittorrent_error", retry_after=12.3
    ),
    "unavailable-plain": Unavailable("It cannot be reached."),
    "rejected": Rejected("It said no.", service="indexer", code="indexer_error"),
    "malformed": Malformed("It answered HTML."),
    "external": ExternalAPIError("It failed."),
    "integrity": IntegrityError("UNIQUE constraint failed: secret_table.name"),
    "operational": OperationalError("database is locked"),
    "interface": InterfaceError("connection already closed"),
    "data": DataError("integer out of range"),
    "overflow": OverflowError("Python int too large to convert to SQLite INTEGER"),
    "protected": ProtectedError("x", set()),
}


class TitleInput(StrictSerializer):
    title = serializers.CharField(max_length=500)
    subtitle = serializers.CharField(max_length=500, required=False)


class TitleSerializer(serializers.ModelSerializer[Book]):
    class Meta:
        model = Book
        fields = ("id", "title", "subtitle", "updated_at")


class TitleViewSet(CrudViewSet):
    queryset = Book.objects.all()
    serializer_class = TitleSerializer
    inputs = {"create": TitleInput, "update": TitleInput}

    def create_row(self, data: dict[str, Any]) -> Book:
        return Book.objects.create(title_key=data["title"].lower(), **data)

    def change_row(self, row: Book, data: dict[str, Any]) -> Book:
        for name, value in data.items():
            setattr(row, name, value)
        row.save()
        return row

    def remove_row(self, row: Book) -> None:
        row.delete()


class FallingViewSet(OperationsViewSet):
    @action(detail=False, methods=["get", "post"], url_path="raise/<str:name>")
    def raising(self, request: Request, name: str) -> Response:
        raise RAISED[name]


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret is hunter2")


router = SimpleRouter(use_regex_path=False)
router.register("titles", TitleViewSet, basename="titles")
router.register("falling", FallingViewSet, basename="falling")
urlpatterns = [
    path("api/", include(router.urls)),
    path("api/plain-crash/", crash),
    path("page-crash/", crash),
    *real,
]
