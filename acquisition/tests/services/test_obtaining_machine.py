"""Obtaining as a whole under random orders of events, crashes and retries.

Searches, looks, imports, people, a client that forgets, renames, moves, rechecks, fails and refuses, an indexer that is
away, the clock, and the death of the process before or after any step that touches disk, database or client: whatever
the order, no state is illegal, no book is grabbed twice, no file is lost or half-written, and in the end every download
is in a state that has a name and a reason.
"""

import datetime
import hashlib
import itertools
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from acquisition.domain.facts import ClientState
from acquisition.domain.states import ACTIVE, TRANSITIONS, DownloadState
from acquisition.domain.torrents import parse_torrent
from acquisition.models import Download, DownloadBook, ImportRecord, ImportStatus
from acquisition.services.acquiring import acquire_books
from acquisition.services.importing import import_again, overrule_and_import
from acquisition.services.steering import cancel_download, mark_failed, remove_download, retry_download
from acquisition.tests.factories import (
    NOW,
    SECONDS,
    make_book,
    make_client,
    make_indexer,
    make_offer,
    make_root,
    make_sound,
)
from acquisition.tests.memory_services import Held, MemoryClient, MemoryIndexer
from acquisition.tests.services.test_import_crashes import Crash, power
from config.errors import ConflictError, Rejected, UnabridgedError, Unavailable
from library.models import Book, Copy
from library.services.gaps import analyze_gaps
from scheduling.models import Run, RunStatus
from scheduling.services.runs import execute_run, recover_runs, request_run

S = DownloadState
TITLES = ("Ozma of Oz", "The Road to Oz")
ENDS = {S.IMPORTED, S.BLOCKED, S.ABANDONED, S.CANCELLED}
# The process dies at this step, before (even) or after (odd) it; most of the time it lives.
CRASHES = st.none() | st.integers(1, 90)
WHICH = st.integers(0, 3)
LIES = ("honest", "honest", "honest", "another book", "noise")
DOWN = Unavailable("The client cannot be reached.", service="client")
REFUSED = Rejected("The client refused the request (403).", service="client", code="credentials_refused")


def book_of(title: str, author: str = "L. Frank Baum") -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        for n in (1, 2):
            make_sound(Path(folder) / f"{n:02d}.mp3", seconds=SECONDS / 2, title=title, author=author, track=f"{n}/2")
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def hashes(content: Mapping[str, bytes]) -> list[str]:
    return sorted(hashlib.sha256(body).hexdigest() for body in content.values())


class Obtaining(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.open = ExitStack()
        self.folder = Path(self.open.enter_context(tempfile.TemporaryDirectory()))
        self.client, self.indexer = MemoryClient(self.folder / "downloads"), MemoryIndexer()
        for place, value in {
            "acquisition.services.ports.build_download_client": lambda kind, values: self.client,
            "acquisition.services.ports.build_indexer": lambda kind, values: self.indexer,
            "django.utils.timezone.now": lambda: self.now,
        }.items():
            self.open.enter_context(mock.patch(place, value))
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.shelf = Path(make_root(self.folder / "shelf").path)
        make_client(url="http://client", removes_completed=True, seed_time_minutes=60)
        make_indexer(url="http://indexer")
        self.books = [make_book(title, position=str(n)) for n, title in enumerate(TITLES, start=3)]
        analyze_gaps(now=NOW)
        self.truth = {title: book_of(title) for title in TITLES}
        self.lies = {"another book": book_of("Emma", "Jane Austen"), "noise": {"01.mp3": b"\xff\xfb" + b"noise" * 900}}
        self.indexer.offers = [
            make_offer(f"{title} by L. Frank Baum [ENG / MP3] {n}", guid=f"{title} {n}", seeders=9 - n)
            for title, n in itertools.product(TITLES, range(3))
        ]

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)
            self.open.close()

    # -- how things are done --------------------------------------------------------------------------------------

    def die_at(self, crash: int | None, act: Callable[[], object]) -> None:
        """Do it in a process that may die on the way; what dies is noticed when the next one starts."""
        if crash is None:
            act()
            return
        with power(crash, after=bool(crash % 2)), suppress(Crash):
            act()
        recover_runs(now=self.now, all_running=True)

    def ask_for(self, job: str) -> None:
        with suppress(ConflictError):
            request_run(job=job, send=lambda run_id: None)

    def work(self, crash: int | None = None) -> bool:
        run = Run.objects.filter(status=RunStatus.QUEUED).order_by("pk").first()
        if run:
            self.die_at(crash, lambda: execute_run(run.pk))
        return run is not None

    def download(self, which: int) -> Download | None:
        rows = list(Download.objects.order_by("-pk")[:4])
        return rows[which % len(rows)] if rows else None

    def torrent(self, which: int) -> Held | None:
        held = list(self.client.held.values())
        return held[which % len(held)] if held else None

    def person(self, which: int, act: Callable[..., object], **said: Any) -> None:
        """A person's wish is done, or refused in words."""
        if download := self.download(which):
            with suppress(UnabridgedError):
                act(download=download, **said)

    # -- the product's own work -----------------------------------------------------------------------------------

    @rule(book=st.integers(0, 1), crash=CRASHES)
    def searches(self, book: int, crash: int | None) -> None:
        self.die_at(crash, lambda: acquire_books(books=[self.books[book]], now=self.now))

    @rule(crash=CRASHES)
    def looks(self, crash: int | None) -> None:
        self.ask_for("download_monitor")
        self.work(crash)

    @rule(crash=CRASHES)
    def works(self, crash: int | None) -> None:
        self.work(crash)

    @rule(minutes=st.sampled_from([1, 20, 90, 60 * 25, 60 * 24 * 8]))
    def time_passes(self, minutes: int) -> None:
        self.now += datetime.timedelta(minutes=minutes)
        self.ask_for("retry_sweep")
        self.work()

    # -- what happens in the client -------------------------------------------------------------------------------

    @rule(which=WHICH, lie=st.sampled_from(LIES))
    def it_completes(self, which: int, lie: str) -> None:
        if held := self.torrent(which):
            title = next(title for title in TITLES if held.ref in self.refs_of(title))
            self.client.complete(held.ref, self.lies.get(lie, self.truth[title]))

    def refs_of(self, title: str) -> set[str]:
        return {parse_torrent(self.indexer.torrent(o)).ref for o in self.indexer.offers if o.guid.startswith(title)}

    @rule(which=WHICH, deletes=st.booleans())
    def it_forgets(self, which: int, deletes: bool) -> None:
        if held := self.torrent(which):
            self.client.forget(held.ref, delete_files=deletes)

    @rule(which=WHICH, number=st.integers(0, 99))
    def it_renames(self, which: int, number: int) -> None:
        if held := self.torrent(which):
            self.client.rename(held.ref, f"{held.ref[:6]} renamed {number}")

    @rule(which=WHICH, number=st.integers(0, 2))
    def it_moves(self, which: int, number: int) -> None:
        if held := self.torrent(which):
            self.client.move(held.ref, self.folder / f"elsewhere {number}")

    @rule(which=WHICH, state=st.sampled_from([ClientState.CHECKING, ClientState.MOVING, ClientState.ERROR,
                                              ClientState.STALLED, ClientState.PAUSED]))  # fmt: skip
    def it_does_something_else(self, which: int, state: ClientState) -> None:
        if held := self.torrent(which):
            held.state = state

    @rule(trouble=st.sampled_from([None, DOWN, REFUSED]), indexer=st.booleans())
    def a_service_fails_or_comes_back(self, trouble: Any, indexer: bool) -> None:
        (self.indexer if indexer else self.client).trouble = trouble  # type: ignore[attr-defined]

    # -- what people do -------------------------------------------------------------------------------------------

    @rule(which=WHICH)
    def is_cancelled(self, which: int) -> None:
        self.person(which, cancel_download, reason="", user=None, now=self.now)

    @rule(which=WHICH, days=st.sampled_from([0, 2]))
    def is_tried_again(self, which: int, days: int) -> None:
        self.person(which, retry_download, days=days, user=None, now=self.now)

    @rule(which=WHICH)
    def is_called_failed(self, which: int) -> None:
        self.person(which, mark_failed, message="I say so.", user=None, now=self.now)

    @rule(which=WHICH, blocklist=st.booleans())
    def is_removed(self, which: int, blocklist: bool) -> None:
        self.person(which, remove_download, delete_files=True, blocklist=blocklist, user=None, now=self.now)

    @rule(which=WHICH, anyway=st.booleans())
    def is_imported_in_spite_of_it(self, which: int, anyway: bool) -> None:
        download = self.download(which)
        if download and download.status == S.BLOCKED and anyway:
            said = {"codes": [download.error_code], "reason": "I want it.", "actor": "anna"}
            self.person(which, overrule_and_import, **said)
        elif download and download.status == S.BLOCKED:
            self.person(which, import_again, actor="anna")

    # -- what holds at any moment ---------------------------------------------------------------------------------

    @invariant()
    def every_state_is_legal_and_every_history_a_walk_through_the_table(self) -> None:
        for link in DownloadBook.objects.select_related("download"):
            assert link.is_active is (S(link.download.status) in ACTIVE)
        for download in Download.objects.prefetch_related("events"):
            steps = [event for event in download.events.all() if event.new_status]
            assert steps[-1].new_status == download.status
            for before, after in itertools.pairwise(steps):
                assert S(after.new_status) in TRANSITIONS[S(before.new_status)]
            assert download.status != S.FAILED or download.next_retry_at

    @invariant()
    def no_book_is_grabbed_twice(self) -> None:
        for book in self.books:
            assert Download.objects.filter(books=book, status__in=[state.value for state in ACTIVE]).count() <= 1

    @invariant()
    def whatever_is_seen_in_the_library_is_whole(self) -> None:
        known = [hashes(content) for content in (*self.truth.values(), *self.lies.values())]
        for folder, found in self.visible().items():
            assert found in known, folder
            assert (folder / "metadata.json").exists()

    def visible(self) -> dict[Path, list[str]]:
        """The hashes of the files of each folder of the library, but the sidecar's."""
        found: dict[Path, list[str]] = {}
        for path in sorted(self.shelf.rglob("*")):
            if path.is_file() and ".unabridged" not in path.parts:
                kept = found.setdefault(path.parent, [])
                if path.name != "metadata.json":
                    kept.append(hashlib.sha256(path.read_bytes()).hexdigest())
        return {folder: sorted(values) for folder, values in found.items()}

    @invariant()
    def what_the_client_has_is_as_it_came(self) -> None:
        for held in self.client.held.values():
            if held.progress == 1:
                assert {path.name: path.read_bytes() for path in held.path.iterdir()} == dict(held.content)

    # -- and in the end -------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything works again, and time goes by."""
        self.client.trouble = self.indexer.trouble = None
        recover_runs(now=self.now, all_running=True)
        for hours in (0.1, 0.4, 25, 0.1, 0.4, 73, 0.1, 0.4, 169, 0.1, 0.4, 169, 0.1, 0.4):
            self.time_passes(int(hours * 60))
            for which in range(len(self.client.held)):
                self.it_completes(which, "honest")
            self.ask_for("download_monitor")
            for _ in range(20):
                if not self.work():
                    break
        self.check_end()

    def check_end(self) -> None:
        for download in Download.objects.all():
            assert S(download.status) in ENDS, (download.status, download.error_message)
            last = download.events.exclude(message="").last()
            assert download.status in (S.IMPORTED, S.CANCELLED) or download.error_message
            assert last
        assert not Run.objects.unfinished().exists()
        assert not ImportRecord.objects.filter(status__in=[ImportStatus.PLACING, ImportStatus.PLACED]).filter(
            download__status__in=[S.IMPORTED, S.CANCELLED, S.ABANDONED]
        )
        shelved = {copy.path: copy.book_id for copy in Copy.objects.present()}
        assert sorted(shelved) == sorted(str(folder.relative_to(self.shelf)) for folder in self.visible())
        assert len(set(shelved.values())) == len(shelved), "one copy of a book"
        owned = set(Book.objects.filter(is_owned=True).values_list("pk", flat=True))
        assert owned == set(shelved.values())
        assert not (self.shelf / ".unabridged").exists() or {
            path.name for path in (self.shelf / ".unabridged").iterdir()
        } <= {"recycle"}


@pytest.mark.django_db
def test_whatever_happens_in_whatever_order_it_ends_well() -> None:
    examples = settings(
        max_examples=int(os.environ.get("MACHINE_EXAMPLES", "12")),
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize="MACHINE_EXAMPLES" not in os.environ,
        database=None,
    )
    run_state_machine_as_test(Obtaining, settings=examples)
