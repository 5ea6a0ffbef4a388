"""The library's jobs: thin wrappers over services."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from library.services.analysing import refresh_and_analyze
from library.services.catalogue import CatalogueResult, refresh_catalogue
from library.services.discovery import discover
from library.services.drift import check_drift
from library.services.gaps import analyze_gaps
from library.services.importing import import_library
from library.services.integrity import check_integrity
from library.services.metadata import correct_batch
from scheduling.services.context import RunContext
from scheduling.services.registry import job


@job("library_import")
def library_import(run: RunContext) -> Mapping[str, Any]:
    return import_library(run=run, root_ids=run.params.get("root_ids"), dry_run=bool(run.params.get("dry_run")))


@job("catalogue_refresh")
def catalogue_refresh(run: RunContext) -> Mapping[str, Any]:
    """Ask the providers about what was not asked about for the longest time."""
    result = refresh_catalogue(
        now=timezone.now(),
        run=run,
        series_ids=run.params.get("series_ids"),
        author_ids=run.params.get("author_ids"),
        limit=run.params.get("limit", 200),
        force=bool(run.params.get("force")),
    )
    for line in [*result.refused, *result.errors[:20]]:
        run.warn(line)
    return {
        "message": _refreshed(result),
        **{
            name: getattr(result, name)
            for name in ("series_checked", "series_found", "series_joined", "authors_checked", "books_created")
        },
    }


def _refreshed(result: CatalogueResult) -> str:
    if not result.series_checked and not result.authors_checked:
        return "Nothing was due: every series and followed author was asked about today."
    words = f"{result.series_found} of {result.series_checked} series known, {result.books_created} books new."
    return f"{words} {len(result.refused)} refused." if result.refused else words


@job("gap_analysis")
def gap_analysis(run: RunContext) -> Mapping[str, Any]:
    result = refresh_and_analyze(
        now=timezone.now(),
        run=run,
        series_ids=run.params.get("series_ids"),
        author_ids=run.params.get("author_ids"),
        refresh=bool(run.params.get("refresh")),
    )
    words = f"{result.gaps} gaps in {result.series} series; {result.opened} rows opened, {result.closed} closed."
    return {"message": words, **result.as_stats()}


@job("series_completion")
def series_completion(run: RunContext) -> Mapping[str, Any]:
    from library.models import Series

    ids = list(Series.objects.filter(merged_into=None).values_list("pk", flat=True))
    result = analyze_gaps(now=timezone.now(), run=run, series_ids=ids, author_ids=[], keep_report=False)
    return {"message": f"{result.series} series counted."}


@job("author_completion")
def author_completion(run: RunContext) -> Mapping[str, Any]:
    from library.models import Author

    ids = list(Author.objects.filter(merged_into=None).values_list("pk", flat=True))
    result = analyze_gaps(now=timezone.now(), run=run, series_ids=[], author_ids=ids, keep_report=False)
    return {"message": f"{result.authors} authors counted."}


@job("metadata_full")
def metadata_full(run: RunContext) -> Mapping[str, Any]:
    return correct_batch(run=run, new_only=False)


@job("metadata_new")
def metadata_new(run: RunContext) -> Mapping[str, Any]:
    return correct_batch(run=run, new_only=True)


@job("drift_check")
def drift_check(run: RunContext) -> Mapping[str, Any]:
    return check_drift(run=run, now=timezone.now())


@job("integrity_check")
def integrity_check(run: RunContext) -> Mapping[str, Any]:
    return check_integrity(run=run, now=timezone.now())


@job("discovery_top")
def discovery_top(run: RunContext) -> Mapping[str, Any]:
    return discover(run=run, now=timezone.now())
