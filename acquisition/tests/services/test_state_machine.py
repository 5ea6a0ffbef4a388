"""The state machine under random orders of events: no illegal state, never two active downloads of a book, attempts
counted here, every download in a named state, every step in its history."""

import datetime
import itertools
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from acquisition.domain.states import ACTIVE, TRANSITIONS, DownloadState
from acquisition.models import BlocklistEntry, Download, DownloadBook
from acquisition.services.grabbing import grab
from acquisition.services.monitoring import sweep_retries
from acquisition.services.transitions import block, cancel, fail, move, requeue
from acquisition.tests.factories import NOW, make_book, make_indexer, make_offer, make_release
from config.errors import ConflictError
from library.models import Book
from scheduling.models import FailedAttempt

S = DownloadState


class Downloads(RuleBasedStateMachine):
    """Books, releases, and whatever may happen to downloads of them in any order."""

    downloads = Bundle("downloads")

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.now = NOW
        indexer = make_indexer()
        self.books = [make_book(f"Book {n}", series="", seconds=None) for n in range(2)]
        self.releases = [make_release(indexer, make_offer(f"Release {n}")) for n in range(3)]
        self.failures: dict[int, int] = {}
        self.steps: dict[int, int] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def attempt(self, download: Download, call: Any, **arguments: Any) -> bool:
        """Whether it was allowed; a refusal changes nothing."""
        before = Download.objects.filter(pk=download.pk).values().get()
        before.pop("updated_at")
        try:
            call(download, **arguments)
        except ConflictError:
            after = Download.objects.filter(pk=download.pk).values().get()
            after.pop("updated_at")
            assert after == before
            return False
        return True

    @rule(target=downloads, book=st.integers(0, 1), release=st.integers(0, 2), overrule=st.booleans())
    def take(self, book: int, release: int, overrule: bool) -> Download | None:
        words = "because" if overrule else ""
        try:
            return grab(release=self.releases[release], books=[self.books[book]], now=self.now, overrule=words)
        except ConflictError:
            return None

    @rule(download=downloads, new=st.sampled_from(list(S)))
    def step(self, download: Download | None, new: DownloadState) -> None:
        if download is None or new in (S.FAILED, S.ABANDONED):
            return
        old = Download.objects.get(pk=download.pk).status
        moved = self.attempt(download, move, new=new, now=self.now)
        assert not moved or new in TRANSITIONS[S(old)]

    @rule(download=downloads, at_fault=st.booleans())
    def fails(self, download: Download | None, at_fault: bool) -> None:
        if download and self.attempt(
            download, fail, code="x", message="It broke.", release_at_fault=at_fault, now=self.now
        ):
            self.failures[download.pk] = self.failures.get(download.pk, 0) + 1
            assert BlocklistEntry.objects.exists() or not at_fault

    @rule(download=downloads)
    def is_blocked(self, download: Download | None) -> None:
        if download:
            self.attempt(download, block, code="x", message="Look.", now=self.now)

    @rule(download=downloads)
    def is_cancelled(self, download: Download | None) -> None:
        if download:
            self.attempt(download, cancel, actor="anna")

    @rule(download=downloads)
    def is_tried_again(self, download: Download | None) -> None:
        if download:
            self.attempt(download, requeue, actor="anna")

    @rule(hours=st.integers(1, 200))
    def time_passes(self, hours: int) -> None:
        self.now += datetime.timedelta(hours=hours)
        sweep_retries(now=self.now)

    @rule(book=st.integers(0, 1), owned=st.booleans())
    def comes_onto_the_shelf(self, book: int, owned: bool) -> None:
        Book.objects.filter(pk=self.books[book].pk).update(is_owned=owned)

    @invariant()
    def never_two_active_for_a_book(self) -> None:
        for book in self.books:
            assert Download.objects.filter(books=book, status__in=[s.value for s in ACTIVE]).count() <= 1

    @invariant()
    def states_are_named_and_mirrored(self) -> None:
        for link in DownloadBook.objects.select_related("download"):
            state = S(link.download.status)
            assert link.is_active is (state in ACTIVE)
            if state is S.FAILED:
                assert link.download.next_retry_at is not None

    @invariant()
    def attempts_are_counted_here_and_tallied(self) -> None:
        for download in Download.objects.all():
            assert download.attempts == self.failures.get(download.pk, 0)
            tally = FailedAttempt.objects.filter(item_type="download", item_id=str(download.pk)).first()
            assert (tally.count if tally else 0) == download.attempts

    @invariant()
    def the_history_is_a_walk_through_the_table(self) -> None:
        for download in Download.objects.all():
            steps = [e for e in download.events.all() if e.new_status]
            assert steps[-1].new_status == download.status
            for event, following in itertools.pairwise(steps):
                assert following.old_status == event.new_status
                assert S(following.new_status) in TRANSITIONS[S(following.old_status)]


@pytest.mark.django_db
def test_no_order_of_events_breaks_a_rule() -> None:
    examples = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(Downloads, settings=examples)


@pytest.mark.django_db
def test_the_database_refuses_a_state_that_does_not_exist() -> None:
    download = Download.objects.create(title="x", source="x", tag="t", status_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Download.objects.filter(pk=download.pk).update(status="lost")
