"""`/api/metadata/`: correcting the books from the catalogue providers, and what came of it."""

from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.serializers import RunAcceptedSerializer, StrictSerializer
from config.api.viewsets import OperationsViewSet
from config.errors import NotFoundError
from library.api.book_rows import BookPages, BookSerializer
from library.api.books import ORDERINGS, ThresholdQuery
from library.api.corrections import CorrectionSerializer
from library.api.fields import caller
from library.models import Book
from library.services.metadata import correct_book
from library.services.metadata_history import book_history, cleanup_old
from library.services.metadata_status import corrections_by_source, incomplete_books, metadata_status, provenance
from scheduling.models import Trigger
from scheduling.services.runs import request_run


class CorrectBookInput(StrictSerializer):
    book_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    force = serializers.BooleanField(default=False, help_text="Even if it was refreshed within 24 hours.")
    dry_run = serializers.BooleanField(default=False, help_text="Say what would change; change nothing.")


class CorrectAllInput(StrictSerializer):
    completeness_threshold = serializers.IntegerField(min_value=0, max_value=100, default=80)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    dry_run = serializers.BooleanField(default=False)


class CorrectRecentInput(StrictSerializer):
    days = serializers.IntegerField(min_value=1, max_value=30, default=7)
    dry_run = serializers.BooleanField(default=False)


class DaysQuery(StrictSerializer):
    days = serializers.IntegerField(min_value=1, max_value=365, default=30)


class ProposalSerializer(serializers.Serializer[Any]):
    """One difference between the book and a provider, with the ruling on it."""

    field = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    old_source = serializers.CharField()
    applied = serializers.BooleanField()
    ruling = serializers.CharField(help_text="fills, replaces, locked, kept, less_trusted or undone_before.")
    reason = serializers.CharField()


class AskedSourceSerializer(serializers.Serializer[Any]):
    """A provider that knows the book, and how old its word is."""

    source = serializers.CharField()  # type: ignore[assignment]
    trust = serializers.IntegerField()
    same_recording = serializers.BooleanField()
    as_of = serializers.DateTimeField()
    age_seconds = serializers.IntegerField()


class SourceErrorSerializer(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    code = serializers.CharField()
    message = serializers.CharField()


class CorrectedBookSerializer(serializers.Serializer[Any]):
    book_id = serializers.IntegerField()
    title = serializers.CharField()
    dry_run = serializers.BooleanField()
    changed = serializers.ListField(child=serializers.CharField(), help_text="The fields that changed.")
    proposals = ProposalSerializer(many=True)
    sources = AskedSourceSerializer(many=True)
    silent = serializers.ListField(child=serializers.CharField(), help_text="Providers that do not know it.")
    errors = SourceErrorSerializer(many=True)  # type: ignore[assignment]
    completeness_before = serializers.IntegerField()
    completeness_after = serializers.IntegerField()


class BandSerializer(serializers.Serializer[Any]):
    books = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of the language.
        return {"from": serializers.IntegerField(), "to": serializers.IntegerField(), **super().get_fields()}


class ProviderSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    is_enabled = serializers.BooleanField()
    trust = serializers.IntegerField()
    is_paused = serializers.BooleanField()
    last_ok_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()
    records = serializers.IntegerField(help_text="How many of its words are kept.")
    newest_record_at = serializers.DateTimeField(allow_null=True)


class LastRunSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RecentCorrectionSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    book_id = serializers.IntegerField()
    book_title = serializers.CharField()
    field = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    undone_at = serializers.DateTimeField(allow_null=True)


class MetadataStatusSerializer(serializers.Serializer[Any]):
    """Figures of the books on the shelf. Null: nothing is known."""

    as_of = serializers.DateTimeField()
    books = serializers.IntegerField()
    average_completeness = serializers.FloatField(allow_null=True)
    threshold = serializers.IntegerField()
    incomplete_books = serializers.IntegerField()
    never_corrected_books = serializers.IntegerField()
    bands = BandSerializer(many=True)
    field_sources = serializers.DictField(child=serializers.IntegerField())
    providers = ProviderSerializer(many=True)
    corrections_total = serializers.IntegerField()
    corrections_last_30_days = serializers.IntegerField()
    last_run = LastRunSerializer(allow_null=True)
    recent_corrections = RecentCorrectionSerializer(many=True)


class SourceCountSerializer(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    corrections = serializers.IntegerField()
    undone = serializers.IntegerField()
    books = serializers.IntegerField()
    last_at = serializers.DateTimeField()


class BySourceSerializer(serializers.Serializer[Any]):
    days = serializers.IntegerField()
    total = serializers.IntegerField()
    sources = SourceCountSerializer(many=True)


class FieldProvenanceSerializer(serializers.Serializer[Any]):
    source = serializers.CharField(allow_null=True, help_text="Null while the field is empty.")  # type: ignore[assignment]
    set_at = serializers.DateTimeField(allow_null=True)
    is_locked = serializers.BooleanField()


class IncompleteProvenanceSerializer(BookSerializer):
    missing_fields = serializers.ListField(child=serializers.CharField())
    provenance = serializers.DictField(child=FieldProvenanceSerializer(), help_text="By field.")


class CleanedSerializer(serializers.Serializer[Any]):
    deleted = serializers.IntegerField(help_text="Corrections that were pruned.")
    days = serializers.IntegerField()


class MetadataViewSet(BookPages, OperationsViewSet):  # type: ignore[misc]
    """Corrections of metadata."""

    queryset = Book.objects.none()
    access = {"cleanup_old": "admin"}
    tiers = {
        "correct_book": "metadata", "correct_all": "metadata", "correct_recent": "metadata",
        "metadata_status": "metadata",
    }  # fmt: skip
    statuses = {"correct_all": 202, "correct_recent": 202}
    inputs = {"correct_book": CorrectBookInput, "correct_all": CorrectAllInput, "correct_recent": CorrectRecentInput}
    queries = {"by_source": DaysQuery, "cleanup_old": DaysQuery, "incomplete": ThresholdQuery}
    answers = {
        "correct_book": CorrectedBookSerializer,
        "correct_all": RunAcceptedSerializer,
        "correct_recent": RunAcceptedSerializer,
        "history": CorrectionSerializer,
        "metadata_status": MetadataStatusSerializer,
        "by_source": BySourceSerializer,
        "incomplete": IncompleteProvenanceSerializer,
        "cleanup_old": CleanedSerializer,
    }
    lists = frozenset({"history", "incomplete"})
    book_lists = frozenset({"incomplete"})
    orderings = {
        "history": (("created_at", "field", "source"), ("-created_at",)),
        "incomplete": (ORDERINGS, ("completeness",)),
    }

    def present(self, value: Any, *, many: bool = False) -> Any:
        shown = super().present(value, many=many)
        if not many or self.verb != "incomplete":
            return shown
        known = provenance([row["id"] for row in shown])
        return [
            {**row, "missing_fields": known[row["id"]]["missing_fields"], "provenance": known[row["id"]]["fields"]}
            for row in shown
        ]

    @action(detail=False, methods=["post"], url_path="correct-book")
    def correct_book(self, request: Request) -> Response:
        """Correct one book from the catalogue providers. 409 when it was refreshed under 24 hours ago and `force` is
        not set."""
        body = self.body
        book = _book(body["book_id"])
        result = correct_book(
            book=book, now=timezone.now(), force=body["force"], dry_run=body["dry_run"], user=caller(request)
        )
        return self.answer(result.as_dict())

    @action(detail=False, methods=["post"], url_path="correct-all")
    def correct_all(self, request: Request) -> Response:
        """Start a batch correction of incomplete books, those on the shelf first, the worst first."""
        return self._start("metadata_full", request)

    @action(detail=False, methods=["post"], url_path="correct-recent")
    def correct_recent(self, request: Request) -> Response:
        """Start a batch correction of the books that were added in the last days."""
        return self._start("metadata_new", request)

    def _start(self, job: str, request: Request) -> Response:
        return self.accepted(request_run(job=job, params=self.body, trigger=Trigger.USER, user=caller(request)))

    @action(detail=False, methods=["get"], url_path="history/<int:book_id>")
    def history(self, request: Request, book_id: int) -> HttpResponseBase:
        """Every correction of one book, newest first."""
        return self.page(book_history(_book(book_id)))

    @action(detail=False, methods=["get"], url_path="status")
    def metadata_status(self, request: Request) -> Response:
        """The quality of the metadata of the books on the shelf."""
        return self.answer(metadata_status(now=timezone.now()))

    @action(detail=False, methods=["get"], url_path="by-source")
    def by_source(self, request: Request) -> Response:
        """Corrections per source over the last days."""
        days = self.query["days"]
        rows = corrections_by_source(days=days, now=timezone.now())
        return self.answer({"days": days, "total": sum(row["corrections"] for row in rows), "sources": rows})

    @action(detail=False, methods=["get"])
    def incomplete(self, request: Request) -> HttpResponseBase:
        """Books under the threshold with where each field came from, the worst first."""
        return self.book_page(incomplete_books(threshold=self.query["threshold"]))

    @action(detail=False, methods=["delete"], url_path="cleanup-old")
    def cleanup_old(self, request: Request) -> Response:
        """Prune corrections that are older than `days`. What was taken back stays remembered."""
        days = self.query["days"]
        return self.answer({"deleted": cleanup_old(days=days, now=timezone.now()), "days": days})


def _book(pk: int) -> Book:
    book = Book.objects.filter(pk=pk).first() if pk < 2**63 else None
    if book is None:
        raise NotFoundError(f"No book has the id {str(pk)[:30]}.", context={"resource": "book", "id": str(pk)[:30]})
    return book
