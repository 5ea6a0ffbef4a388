"""The shapes of the system's figures. `null`: nothing is known."""

from typing import Any

from rest_framework import serializers
from rest_framework.serializers import Serializer

from acquisition.domain.states import DownloadState
from acquisition.services.figures import BANDS, PERIODS
from library.models import CompletionStatus
from scheduling.models import RunStatus


def whole(help_text: str = "", *, null: bool = False) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=help_text, allow_null=null)


def percent(help_text: str = "0 to 100; null while nothing is known.") -> serializers.FloatField:
    return serializers.FloatField(allow_null=True, help_text=help_text)


def moment(help_text: str = "") -> serializers.DateTimeField:
    return serializers.DateTimeField(allow_null=True, help_text=help_text)


def counts(name: str, names: Any) -> type[Serializer[Any]]:
    """A serializer of whole numbers, one for each name."""
    return type(name, (Serializer,), {str(key): whole() for key in names})


BookCounts = counts("BookCounts", ["total", "active", "duplicate", "archived", "owned"])
StatusCounts = counts("DownloadStatusCounts", [state.value for state in DownloadState])
CompletionCounts = counts("CompletionCounts", ["total", *CompletionStatus.values, "followed"])
GapCounts = counts("GapCounts", ["open", "counted", "wanted"])
RunCounts = counts("RunCounts", RunStatus.values)
BandCounts = counts("CompletenessBands", [name for name, _, _ in BANDS])
CopyCounts = counts("CopyCounts", ["present", "missing", "to_review", "size_bytes", "duration_seconds"])


class DownloadCounts(Serializer[Any]):
    total = whole()
    active = whole("Under way, or waiting for a retry.")
    by_status = StatusCounts()


class FailedAttempts(Serializer[Any]):
    items = whole("Things that some job failed on at least once.")
    attempts = whole("How often in all; the tally is kept for ever.")
    last_at = moment()


class StatsSerializer(Serializer[Any]):
    as_of = serializers.DateTimeField()
    books = BookCounts()
    copies = CopyCounts()
    series = CompletionCounts()
    authors = CompletionCounts()
    gaps = GapCounts()
    downloads = DownloadCounts()
    blocklist_entries = whole()
    failed_attempts = FailedAttempts()
    runs = RunCounts()


class MetadataQuality(Serializer[Any]):
    books = whole("Owned books.")
    average_completeness = percent()
    threshold = whole("Below this, a book counts as incomplete.")
    incomplete = whole()
    bands = BandCounts()


class CompletionFigures(CompletionCounts):  # type: ignore[misc, valid-type]
    """Of those with a book on the shelf."""

    average_completion = percent()
    counted_books = whole("Books that count towards completion.")
    covered_books = whole()
    missing_books = whole()
    counted_at = moment("When the latest of them was counted.")


class LibraryStatusSerializer(Serializer[Any]):
    as_of = serializers.DateTimeField()
    metadata = MetadataQuality()
    series = CompletionFigures()
    authors = CompletionFigures()


class SourceCounts(Serializer[Any]):
    source = serializers.CharField()
    total = whole()
    imported = whole()
    failed = whole("Failed or given up.")


class Throughput(Serializer[Any]):
    imported = whole()
    abandoned = whole()
    size_bytes = whole("Of what was imported, where the size is known.")
    average_seconds = whole("From queue to shelf.", null=True)
    success_rate = serializers.FloatField(allow_null=True, help_text="0 to 1; null when nothing ended.")


ThroughputPeriods = type("ThroughputPeriods", (Serializer,), {name: Throughput() for name, _ in PERIODS})


class DownloadStatsSerializer(DownloadCounts):
    as_of = serializers.DateTimeField()
    by_source = SourceCounts(many=True)
    retry_due = whole("Failed, and the time of the next attempt has come.")
    speed_bytes = whole("A second, over all that is under way.")
    throughput = ThroughputPeriods()


class DiskSerializer(Serializer[Any]):
    """The disk that holds a folder; null when it cannot be seen from here."""

    free_bytes = whole(null=True)
    total_bytes = whole(null=True)


class RootStorage(DiskSerializer):
    name = serializers.CharField()
    copies = whole()
    size_bytes = whole("Of the files that the last reading saw.")
    is_import_target = serializers.BooleanField()


class LibraryStorage(Serializer[Any]):
    size_bytes = whole()
    copies = whole()


class FolderStorage(DiskSerializer):
    client = serializers.CharField()
    size_bytes = whole("Null when the folder is too large to measure or cannot be seen from here.", null=True)


class DownloadStorage(Serializer[Any]):
    size_bytes = whole(null=True)
    folders = FolderStorage(many=True)


class DatabaseStorage(Serializer[Any]):
    engine = serializers.CharField()
    size_bytes = whole(null=True)


class BackupStorage(Serializer[Any]):
    size_bytes = whole()


class StorageSerializer(Serializer[Any]):
    """As measured at `as_of`, at most a quarter of an hour ago."""

    as_of = serializers.DateTimeField()
    library = LibraryStorage()
    roots = RootStorage(many=True)
    downloads = DownloadStorage()
    database = DatabaseStorage()
    backups = BackupStorage()
    data_directory = DiskSerializer()
