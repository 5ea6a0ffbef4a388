"""Correction of books from providers over real HTTP."""

import datetime
from collections.abc import Iterator
from dataclasses import replace

import pytest

from config.errors import ConflictError, ExternalAPIError
from library.models import Book, CatalogueRecord, Correction, FieldSource, ProviderState, Recording
from library.services.metadata import correct_book
from library.services.metadata_history import set_field_lock
from library.tests.fake_http import Fault
from library.tests.fake_providers import WORKS, FakeProviders
from library.tests.services.metadata_world import NOW, do_job, make_book, use_provider
from scheduling.models import FailedAttempt, Run, Trigger
from scheduling.services.runs import execute_run, request_run

pytestmark = pytest.mark.django_db
OZ_3 = WORKS[2]


@pytest.fixture
def server() -> Iterator[FakeProviders]:
    with FakeProviders() as running:
        use_provider(running, "audnexus")
        yield running


def ozma(**values: object) -> Book:
    return make_book("Ozma of Oz", asin=OZ_3.asin, **values)  # type: ignore[arg-type]


def test_empty_fields_are_filled_with_their_source(server: FakeProviders) -> None:
    book = ozma()
    result = correct_book(book=book, now=NOW)
    book.refresh_from_db()
    assert book.description.startswith("About")
    assert book.duration_seconds == OZ_3.minutes * 60
    assert book.release_date == datetime.date(2012, 5, 4)
    assert [row.narrator.name for row in book.book_narrators.all()] == [OZ_3.narrator]
    assert FieldSource.objects.get(book=book, field="description").source == "audnexus"
    assert Correction.objects.filter(book=book).count() == len(result.corrections) > 4
    assert result.completeness_after > result.completeness_before
    assert book.completeness == result.completeness_after
    assert result.sources[0]["same_recording"] is True


def test_title_narrator_and_runtime_never_drift(server: FakeProviders) -> None:
    book = ozma(narrators=("My Own Reader",), duration_seconds=1000)
    Book.objects.filter(pk=book.pk).update(title="Ozma of Oz, the Third Book")
    book.refresh_from_db()
    correct_book(book=book, now=NOW)
    book.refresh_from_db()
    assert book.title == "Ozma of Oz, the Third Book"
    assert book.duration_seconds == 1000
    assert [row.narrator.name for row in book.book_narrators.all()] == ["My Own Reader"]


def test_another_recording_gives_only_what_belongs_to_the_work(server: FakeProviders) -> None:
    book = make_book("Ozma of Oz", narrators=("My Own Reader",), duration_seconds=15_000)
    correct_book(book=book, now=NOW)
    book.refresh_from_db()
    assert book.description
    assert (book.asin, book.publisher, book.release_date) == ("", "", None)


def test_a_record_of_quite_another_length_is_not_believed(server: FakeProviders) -> None:
    book = make_book("Ozma of Oz", duration_seconds=2000)
    assert correct_book(book=book, now=NOW).silent == ["audnexus"]


def test_a_locked_field_stays_and_the_proposal_says_so(server: FakeProviders) -> None:
    book = ozma()
    set_field_lock(book=book, field="description", is_locked=True, now=NOW)
    result = correct_book(book=book, now=NOW)
    book.refresh_from_db()
    assert book.description == ""
    assert [p.ruling.value for p in result.proposals if p.field == "description"] == ["locked"]
    assert FieldSource.objects.get(book=book, field="description").is_locked


def test_a_book_that_is_not_certain_is_left_alone(server: FakeProviders) -> None:
    book = make_book("Ozma of Oz", "Somebody Else Entirely")
    result = correct_book(book=book, now=NOW)
    assert result.silent == ["audnexus"]
    assert result.proposals == []
    assert not CatalogueRecord.objects.exists()


def test_within_a_day_it_is_a_conflict_unless_forced(server: FakeProviders) -> None:
    book = ozma()
    correct_book(book=book, now=NOW)
    later = NOW + datetime.timedelta(hours=23)
    with pytest.raises(ConflictError) as caught:
        correct_book(book=book, now=later)
    assert caught.value.code == "recently_refreshed"
    asked = len(server.requests)
    correct_book(book=book, now=later, force=True)
    assert len(server.requests) > asked


def test_fresh_words_are_used_again_and_their_age_is_shown(server: FakeProviders) -> None:
    book = ozma()
    correct_book(book=book, now=NOW)
    asked = len(server.requests)
    result = correct_book(book=book, now=NOW + datetime.timedelta(days=2))
    assert len(server.requests) == asked
    assert result.sources[0]["age_seconds"] == 2 * 86400
    assert result.corrections == []
    correct_book(book=book, now=NOW + datetime.timedelta(days=9))
    assert len(server.requests) > asked


def test_a_dry_run_changes_nothing(server: FakeProviders) -> None:
    book = ozma()
    result = correct_book(book=book, now=NOW, dry_run=True)
    book.refresh_from_db()
    assert any(proposal.is_applied for proposal in result.proposals)
    assert (book.description, book.corrected_at) == ("", None)
    assert not Correction.objects.exists()
    assert not CatalogueRecord.objects.exists()


def test_a_less_trusted_provider_never_overrides_a_more_trusted_one(server: FakeProviders) -> None:
    use_provider(server, "audnexus", "google")
    book = ozma()
    correct_book(book=book, now=NOW)
    use_provider(server, "google")
    correct_book(book=book, now=NOW + datetime.timedelta(days=2), force=True)
    book.refresh_from_db()
    assert FieldSource.objects.get(book=book, field="description").source == "audnexus"


def test_when_all_providers_fail_it_says_so_and_may_be_tried_again_at_once(server: FakeProviders) -> None:
    server.faults.append(Fault("status", status=500))
    book = ozma()
    with pytest.raises(ExternalAPIError):
        correct_book(book=book, now=NOW)
    book.refresh_from_db()
    assert book.corrected_at is None
    assert ProviderState.objects.get(name="audnexus").failure_level == 1


def test_a_batch_takes_incomplete_books_worst_first_and_reports(server: FakeProviders) -> None:
    bad, good = ozma(completeness=20), make_book("The Road to Oz", completeness=95)
    other = make_book("A Book Nobody Knows", completeness=30)
    run = do_job("metadata_full", completeness_threshold=80)
    assert run.status == "succeeded"
    assert (run.total, run.processed) == (2, 2)
    assert run.result["unknown"] == 1
    assert run.result["details"][0]["book"] == bad.pk
    for book, asked in ((bad, True), (other, True), (good, False)):
        book.refresh_from_db()
        assert (book.corrected_at is not None) is asked
    assert Correction.objects.filter(run=run).count() == run.result["corrections"] > 0
    again = do_job("metadata_full", completeness_threshold=80)
    assert again.result["books"] == 0


def test_a_batch_of_new_books_looks_at_new_ones_only(server: FakeProviders) -> None:
    old, new = ozma(), make_book("The Road to Oz", asin=WORKS[4].asin)
    Book.objects.filter(pk=old.pk).update(created_at=NOW - datetime.timedelta(days=3000))
    run = do_job("metadata_new", days=7)
    assert [row["book"] for row in run.result["details"]] == [new.pk]


def test_a_batch_leaves_a_failing_provider_alone_and_tallies_the_failure(server: FakeProviders) -> None:
    for work in WORKS[:3]:
        make_book(work.title, asin=work.asin)
    server.faults.append(Fault("status", status=403))
    run = do_job("metadata_full")
    assert run.status == "succeeded"
    assert run.result["failed"] == 3
    assert len(server.requests) == 1
    assert FailedAttempt.objects.filter(job="metadata_full", item_type="book").count() == 1


def test_a_scheduled_batch_does_nothing_when_switched_off(server: FakeProviders) -> None:
    from library.services.settings import change_settings

    ozma()
    change_settings(changes={"features.metadata": False})
    run = request_run(job="metadata_full", trigger=Trigger.SCHEDULE, send=lambda run_id: None)
    execute_run(run.pk)
    assert "switched off" in Run.objects.get(pk=run.pk).message
    assert not server.requests


def test_the_embedded_catalogue_corrects_without_network() -> None:
    ProviderState.objects.all().delete()
    book = make_book("The Wonderful Wizard of Oz")
    result = correct_book(book=book, now=NOW)
    assert [row["source"] for row in result.sources] == ["embedded"]
    book.refresh_from_db()
    assert book.language == "en"
    assert Recording.objects.filter(book=book).exists()


def test_drift_is_reported_and_changes_no_book(server: FakeProviders) -> None:
    book = ozma()
    correct_book(book=book, now=NOW)
    server.works = tuple(replace(w, narrator="Another Voice") if w.number == 3 else w for w in server.works)
    run = do_job("drift_check")
    assert run.status == "succeeded"
    [row] = run.result["differences"]
    assert (row["field"], row["ruling"], row["theirs"]) == ("narrators", "kept", ["Another Voice"])
    assert [n.narrator.name for n in book.book_narrators.all()] == [OZ_3.narrator]


def test_vanishing_is_an_observation_first_and_gone_after_three_over_three_days(server: FakeProviders) -> None:
    from library.services.drift import gone_records

    correct_book(book=ozma(), now=NOW)
    server.works = tuple(w for w in server.works if w.number != 3)
    for _ in range(3):
        run = do_job("drift_check")
        assert run.result["vanished"] == 1
    record = CatalogueRecord.objects.get()
    assert (record.vanished_count, run.result["gone"]) == (3, [])
    assert record.vanished_at is not None
    CatalogueRecord.objects.update(vanished_at=record.vanished_at - datetime.timedelta(days=3))
    run = do_job("drift_check")
    assert len(run.result["gone"]) == 1
    assert gone_records(now=run.started_at or NOW)
    server.works = WORKS
    do_job("drift_check")
    record.refresh_from_db()
    assert (record.vanished_at, record.vanished_count) == (None, 0)


def test_many_vanishing_at_once_is_refused(server: FakeProviders) -> None:
    for work in WORKS[:5]:
        correct_book(book=make_book(work.title, asin=work.asin), now=NOW)
    server.works = ()
    run = do_job("drift_check")
    assert run.result["vanished"] == 0
    assert "fault" in run.result["refused"][0]
    assert not CatalogueRecord.objects.filter(vanished_count__gt=0).exists()
