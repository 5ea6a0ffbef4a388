"""Imports, upgrades, undoing, renaming and readings of the shelf in random orders, with crashes between any two calls:
nothing that was on the shelf is ever lost, nothing half-written is ever seen, and everything ends in a named state."""

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acquisition.domain.states import DownloadState
from acquisition.models import Download, ImportRecord, ImportStatus, Rename, RenameStatus
from acquisition.services.importing import import_download, overrule_and_import
from acquisition.services.profiles import change_profile
from acquisition.services.renaming import finish_renames, rename_library
from acquisition.services.reviewing import standing_codes
from acquisition.services.settling import clear_cut_off_imports, undo_import
from acquisition.services.transitions import cancel
from acquisition.tests.factories import arrived, make_book, make_context, make_root, make_sound
from acquisition.tests.power import Crash, power, tree
from config.errors import Unavailable
from library.models import Copy
from library.services.readers import open_reader
from library.services.shelf import read_root

S = DownloadState
FORMATS = ("m4b", "mp3")
# What may happen, as often as it stands here; and the call at which the process dies, 0 for none.
EVENTS = ["arrive"] * 4 + ["work"] * 6 + ["sweep", "overrule", "overrule", "give_up", "take_back", "rename", "read"]
MOMENTS = [*[0] * 25, *range(1, 60)]
STEPS = st.tuples(st.sampled_from(EVENTS), st.sampled_from(MOMENTS), st.integers(0, 3))


class Shelf:
    """Two books, each of which may come in two formats, one after the other."""

    def __init__(self, base: Path) -> None:
        self.root = make_root(base / "shelf")
        self.shelf, self.downloads = base / "shelf", base / "downloads"
        self.books = [make_book(f"Book {n}", series="Oz", position=str(n + 1)) for n in range(2)]
        for book in self.books:
            for suffix in FORMATS:
                make_sound(self.downloads / f"{book.title} {suffix}" / f"a.{suffix}", title=book.title)
        self.sources = tree(self.downloads)
        self.whole = set(self.sources.values())
        self.seen: set[str] = set()
        change_profile(changes={"upgrades_allowed": True, "formats": list(FORMATS)})

    def arrive(self, moment: int, choice: int) -> None:
        book, suffix = self.books[choice % 2], FORMATS[choice // 2]
        try:
            with transaction.atomic():
                arrived(self.downloads / f"{book.title} {suffix}", book)
        except IntegrityError:
            pass  # why: another download of the book is under way, which the database forbids

    def work(self, moment: int, choice: int) -> None:
        download = Download.objects.filter(status__in=[S.DOWNLOADED, S.IMPORTING]).order_by("pk").first()
        if download is not None:
            self.die_at(moment, lambda: import_download(download_id=download.pk, run=make_context()))

    def sweep(self, moment: int, choice: int) -> None:
        self.die_at(moment, lambda: clear_cut_off_imports(now=timezone.now()))

    def overrule(self, moment: int, choice: int) -> None:
        for download in Download.objects.filter(status=S.BLOCKED)[:1]:
            codes = standing_codes(download)
            overrule_and_import(download=download, codes=codes, reason="I want it.", actor="anna")

    def give_up(self, moment: int, choice: int) -> None:
        for download in Download.objects.filter(status__in=[S.BLOCKED, S.IMPORTING, S.DOWNLOADED])[:1]:
            cancel(download, actor="anna")

    def take_back(self, moment: int, choice: int) -> None:
        record = ImportRecord.objects.filter(status=ImportStatus.COMMITTED).order_by("-pk").first()
        if record is not None:
            self.die_at(moment, lambda: undo_import(record=record, actor="anna", now=timezone.now()))

    def rename(self, moment: int, choice: int) -> None:
        type(self.root).objects.update(naming_preset=("audiobookshelf", "plex")[choice % 2])
        context = make_context()
        self.die_at(moment, lambda: rename_library(root_id=self.root.pk, copy_ids=None, run=context))

    def read(self, moment: int, choice: int) -> None:
        if Copy.objects.exists():
            context = make_context()
            with suppress(Unavailable):  # a shelf from which every book went is taken for an outage
                read_root(root=self.root, reader=open_reader(self.root), run_id=context.run.pk, now=timezone.now())

    def die_at(self, moment: int, call: Any) -> None:
        """At that call to disk or database the process dies; 0: it does not. What was committed stays, as savepoints
        do within the outer transaction of the test."""
        if not moment:
            call()
            return
        with power(moment, after=bool(moment % 2)):
            try:
                call()
            except Crash:
                return

    def shown(self) -> dict[str, str]:
        return {name: digest for name, digest in tree(self.shelf).items() if not name.startswith(".unabridged/")}

    def nothing_is_lost_or_half_done(self) -> None:
        assert tree(self.downloads) == self.sources
        shown = {name: digest for name, digest in self.shown().items() if not name.endswith(".json")}
        assert set(shown.values()) <= self.whole, "half a file is seen"
        self.seen |= set(shown.values())
        assert self.seen <= set(tree(self.shelf).values()), "what was on the shelf is gone"

    def settle(self) -> None:
        """Left alone, everything ends: no import is under way, nothing of ours lies about, rows and files agree."""
        for _ in range(3):
            for pk in Download.objects.filter(status__in=[S.DOWNLOADED, S.IMPORTING]).values_list("pk", flat=True):
                import_download(download_id=pk, run=make_context())
            clear_cut_off_imports(now=timezone.now())
            finish_renames()
        self.nothing_is_lost_or_half_done()
        assert not Download.objects.exclude(status__in=[S.IMPORTED, S.BLOCKED, S.CANCELLED]).exists()
        assert not ImportRecord.objects.filter(status=ImportStatus.UNDOING).exists()
        assert not Rename.objects.filter(
            status__in=[RenameStatus.MOVING, RenameStatus.REVERTING, RenameStatus.UNDOING]
        ).exists()
        waiting = ImportRecord.objects.filter(status__in=[ImportStatus.PLACING, ImportStatus.PLACED])
        assert not waiting.exclude(download__status=S.BLOCKED).exists()
        for copy in Copy.objects.present():
            assert (self.shelf / copy.path).exists(), copy.path


@pytest.mark.django_db
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=10, max_size=20))
def test_in_any_order_and_with_any_crash_nothing_is_lost(steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        shelf = Shelf(Path(folder))
        for event, moment, choice in steps:
            getattr(shelf, event)(moment, choice)
            shelf.nothing_is_lost_or_half_done()
        shelf.settle()
        transaction.set_rollback(True)
