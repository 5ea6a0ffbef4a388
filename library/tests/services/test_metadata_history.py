"""Taking corrections back, sources, locks and the figures."""

import datetime
from collections.abc import Iterator

import pytest

from config.errors import ConflictError, ValidationError
from library.models import Book, Correction, FieldSource
from library.services.metadata import correct_book
from library.services.metadata_history import (
    book_history,
    cleanup_old,
    set_field_source,
    undo_correction,
    undo_run,
)
from library.services.metadata_status import corrections_by_source, incomplete_books, metadata_status, provenance
from library.tests.fake_providers import WORKS, FakeProviders
from library.tests.services.metadata_world import NOW, do_job, make_book, use_provider

pytestmark = pytest.mark.django_db


@pytest.fixture
def server() -> Iterator[FakeProviders]:
    with FakeProviders() as running:
        use_provider(running, "audnexus")
        yield running


def corrected() -> Book:
    book = make_book("Ozma of Oz", asin=WORKS[2].asin)
    correct_book(book=book, now=NOW)
    return book


def test_one_field_is_taken_back_and_stays_back(server: FakeProviders) -> None:
    book = corrected()
    correction = Correction.objects.get(book=book, field="description")
    undo_correction(correction=correction, now=NOW)
    book.refresh_from_db()
    assert book.description == ""
    assert FieldSource.objects.get(book=book, field="description").source == "library"
    again = correct_book(book=book, now=NOW + datetime.timedelta(days=2), force=True)
    book.refresh_from_db()
    assert book.description == ""
    assert "undone_before" in {proposal.ruling.value for proposal in again.proposals}
    with pytest.raises(ConflictError, match="already"):
        undo_correction(correction=correction, now=NOW)


def test_people_are_taken_back_too(server: FakeProviders) -> None:
    book = corrected()
    undo_correction(correction=Correction.objects.get(book=book, field="narrators"), now=NOW)
    assert not book.book_narrators.exists()


def test_what_was_changed_since_is_not_taken_back(server: FakeProviders) -> None:
    book = corrected()
    Book.objects.filter(pk=book.pk).update(description="My own words")
    with pytest.raises(ConflictError, match="since"):
        undo_correction(correction=Correction.objects.get(book=book, field="description"), now=NOW)
    book.refresh_from_db()
    assert book.description == "My own words"


def test_a_run_is_taken_back_whole_except_what_was_changed_since(server: FakeProviders) -> None:
    first = make_book("Ozma of Oz", asin=WORKS[2].asin)
    second = make_book("The Road to Oz", asin=WORKS[4].asin)
    run = do_job("metadata_full")
    Book.objects.filter(pk=second.pk).update(description="My own words")
    result = undo_run(run=run, now=NOW)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.description, first.duration_seconds, first.release_date) == ("", None, None)
    assert second.description == "My own words"
    assert [row["book"] for row in result.kept] == [second.pk]
    assert len(result.undone) == Correction.objects.filter(run=run).count() - 1


def test_a_run_without_corrections_cannot_be_taken_back(server: FakeProviders) -> None:
    run = do_job("metadata_full")
    with pytest.raises(ConflictError):
        undo_run(run=run, now=NOW)


def test_a_source_is_recorded_and_unknown_ones_are_named() -> None:
    book = make_book("Emma")
    row = set_field_source(book=book, field="publisher", source="audnexus", now=NOW)
    assert (row.source, row.set_at) == ("audnexus", NOW)
    with pytest.raises(ValidationError) as caught:
        set_field_source(book=book, field="nonsense", source="nobody", now=NOW)
    assert set(caught.value.context["fields"]) == {"field_name", "source"}


def test_the_figures(server: FakeProviders) -> None:
    book = corrected()
    make_book("Emma", completeness=10)
    status = metadata_status(now=NOW)
    assert (status["books"], status["incomplete_books"], status["never_corrected_books"]) == (2, 1, 1)
    assert sum(band["books"] for band in status["bands"]) == 2
    assert status["field_sources"]["audnexus"] == Correction.objects.count()
    assert status["recent_corrections"][0]["book_title"] == "Ozma of Oz"
    [by_source] = corrections_by_source(days=30, now=datetime.datetime.now(datetime.UTC))
    assert (by_source["source"], by_source["books"]) == ("audnexus", 1)
    fields = provenance([book.pk])[book.pk]["fields"]
    assert (fields["description"]["source"], fields["title"]["source"]) == ("audnexus", "library")
    assert fields["subtitle"]["source"] is None
    assert [one.title for one in incomplete_books(threshold=80)] == ["Emma"]


def test_an_empty_library_has_no_average() -> None:
    assert metadata_status(now=NOW)["average_completeness"] is None


def test_old_history_is_pruned_but_what_was_taken_back_is_remembered(server: FakeProviders) -> None:
    book = corrected()
    undo_correction(correction=Correction.objects.get(book=book, field="description"), now=NOW)
    Correction.objects.update(created_at=NOW - datetime.timedelta(days=40))
    count = Correction.objects.count()
    assert cleanup_old(days=30, now=NOW) == count - 1
    assert [row.field for row in book_history(book)] == ["description"]
