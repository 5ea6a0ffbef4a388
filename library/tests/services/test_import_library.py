"""The job `library_import` over real folders and over HTTP, as the command and the schedule start it."""

import datetime
import shutil
import unicodedata
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from library.domain.people import person_key
from library.models import Book, Copy, Gap, LibraryRoot, Series, SeriesEntry
from library.services.readers import connect_audiobookshelf
from library.services.roots import add_audiobookshelf, add_folder
from library.tests.audio_files import make_audio
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
from library.tests.fake_http import Fault
from scheduling.models import Run, RunStatus
from scheduling.services.runs import cancel_run, execute_run, recover_runs, request_run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_catalogue")]
Shelf = tuple[Path, list[dict[str, Any]]]


def run_import(**params: Any) -> Run:
    run = execute_run(request_run(job="library_import", params=params, send=lambda run_id: None).pk)
    assert run is not None
    return run


def figures() -> dict[str, Any]:
    return {
        "copies": list(Copy.objects.order_by("path").values_list("path", "title", "book_id", "updated_at")),
        "books": list(Book.objects.order_by("pk").values_list("pk", "title", "updated_at")),
        "places": list(SeriesEntry.objects.order_by("pk").values_list("series__name", "book_id", "label")),
        "gaps": list(Gap.objects.order_by("pk").values_list("pk", "closed_at", "explanation")),
    }


def test_a_folder_agrees_with_its_manifest_and_a_second_run_changes_nothing(sample_shelf: Shelf) -> None:
    root, manifest = sample_shelf
    add_folder(str(root))
    assert run_import().status == RunStatus.SUCCEEDED
    copies = {unicodedata.normalize("NFC", copy.path): copy for copy in Copy.objects.select_related("book")}
    wrong = []
    for row in manifest:
        path, expect = unicodedata.normalize("NFC", row["relPath"]), row["expect"]
        if expect is None or expect.get("numTracks") == 0:
            assert path not in copies, row["why"]
            continue
        wrong += [f"{path}: {fault}" for fault in differences(copies[path], expect)]
    assert wrong == []
    before = figures()
    run = run_import()
    assert run.message.startswith("61 books read, 0 new, 0 changed")
    assert figures() == before


def differences(copy: Copy, expect: dict[str, Any]) -> list[str]:
    """What of authors, series, places, narrators and ASIN came into the rows otherwise than the manifest says."""
    assert copy.book is not None
    found = []
    if expect["authors"] is not None:
        mine = {author.name_key for author in copy.book.authors.all()}
        theirs = {person_key(name) for name in expect["authors"]}
        found += [f"authors {mine} not {theirs}"] if mine != theirs else []
    places = {(e.series.name, e.label) for e in SeriesEntry.objects.filter(book=copy.book).select_related("series")}
    for name, position in expect["series"]:
        # Sherlock Holmes, turned round and with the number in the title, is read as a person does.
        wanted = ("Sherlock Holmes", "6") if name == "Holmes, Sherlock" else (name, position or "")
        found += [f"series {places} without {wanted}"] if wanted not in places else []
    if expect.get("narrators"):
        mine = {narrator.name for narrator in copy.book.narrators.all()}
        found += [f"narrators {mine}"] if mine != set(expect["narrators"]) else []
    if expect.get("asin"):
        found += [f"asin {copy.book.asin}"] if copy.book.asin != expect["asin"] else []
    return found


def test_the_same_library_over_audiobookshelf(sample_shelf: Shelf) -> None:
    with FakeAudiobookshelf(folder=sample_shelf[0]) as fake:
        server = add_audiobookshelf(url=fake.url, token=API_KEY)
        (root,) = connect_audiobookshelf(server)
        run = run_import()
        assert (run.status, root.kind) == (RunStatus.SUCCEEDED, "audiobookshelf")
        by_path = {copy.path: copy for copy in Copy.objects.select_related("book")}
        oz = {path: copy for path, copy in by_path.items() if "/Oz/" in path}
        assert len(oz) == 13
        assert {e.positions for e in SeriesEntry.objects.filter(series__name="Oz")} >= {"1", "2", "2.5", "3", "14"}
        assert SeriesEntry.objects.get(book__title="The Barsoom Trilogy").positions == "1-3"
        assert all(copy.abs_item_id for copy in by_path.values())
        before = figures()
        assert "0 new, 0 changed" in run_import().message
        assert figures() == before


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop", "/api/libraries"),
        Fault("html", "/api/libraries"),
        Fault("status", "/api/", status=401, body="Unauthorized"),
    ],
    ids=["down", "a sign-in page", "401"],
)
def test_a_server_that_fails_loses_nothing(fault: Fault) -> None:
    with FakeAudiobookshelf(items=30) as fake:
        connect_audiobookshelf(add_audiobookshelf(url=fake.url, token=API_KEY))
        run_import()
        fake.faults.append(fault)
        run = run_import()
        assert (run.status, bool(run.message), API_KEY in run.message) == (RunStatus.FAILED, True, False)
        assert set(Copy.objects.values_list("unseen_count", flat=True)) == {0}
        fake.faults.clear()
        assert Copy.objects.present().count() == 30
        assert LibraryRoot.objects.get().last_error
        assert "0 new, 0 changed" in run_import().message


def test_a_server_that_dies_in_the_middle_keeps_what_was_read() -> None:
    with FakeAudiobookshelf(items=600) as fake:
        connect_audiobookshelf(add_audiobookshelf(url=fake.url, token=API_KEY))
        fake.faults.append(Fault("html", "/api/items/batch/get", skip=3))
        assert run_import().status == RunStatus.FAILED
        some = Copy.objects.count()
        fake.faults.clear()
        assert run_import().status == RunStatus.SUCCEEDED
        assert some < Copy.objects.present().count() == 600


def test_one_root_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    make_audio(tmp_path / "good" / "Ada Writer" / "The Road" / "a.mp3")
    (tmp_path / "gone" / "x").mkdir(parents=True)
    add_folder(str(tmp_path / "gone"))
    add_folder(str(tmp_path / "good"))
    shutil.rmtree(tmp_path / "gone")
    run = run_import()
    assert (run.status, Copy.objects.count()) == (RunStatus.SUCCEEDED, 1)
    assert "1 library could not be read" in run.message
    assert [entry.level for entry in run.log_entries.all()] == ["error"]


def test_the_command_previews_imports_and_explains_a_wrong_path(tmp_path: Path) -> None:
    make_audio(tmp_path / "Ada Writer" / "The Road" / "a.mp3")
    said = StringIO()
    call_command("import_library", str(tmp_path), "--dry-run", stdout=said)
    assert "Preview: 1 books read, 1 new" in said.getvalue()
    assert "new: Ada Writer/The Road" in said.getvalue()
    assert (Copy.objects.count(), Book.objects.count()) == (0, 0)
    call_command("import_library", str(tmp_path), stdout=said)
    assert Copy.objects.get().title == "The Road"
    with pytest.raises(CommandError, match=r"does not exist\. Check the spelling"):
        call_command("import_library", str(tmp_path / "nowhere"))


def test_without_a_root_it_says_what_to_do() -> None:
    run = run_import()
    assert (run.status, "Add a folder" in run.message) == (RunStatus.FAILED, True)


def test_two_imports_at_once_are_refused(tmp_path: Path) -> None:
    request_run(job="library_import", send=lambda run_id: None)
    with pytest.raises(CommandError, match="already queued") as refusal:
        call_command("import_library")
    assert refusal.value.returncode == 2


def test_a_cancelled_import_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        make_audio(tmp_path / "Ada Writer" / f"Tale {number}" / "a.mp3")
    add_folder(str(tmp_path))
    run_import()
    run = request_run(job="library_import", send=lambda run_id: None)

    def cancel_on_the_way(*_: Any, **__: Any) -> None:
        cancel_run(Run.objects.get(pk=run.pk), now=timezone.now())

    monkeypatch.setattr("library.clients.folders.reader.FolderReader._seen_or_read", first(cancel_on_the_way))
    ended = execute_run(run.pk)
    assert ended is not None
    assert (ended.status, ended.message) == (RunStatus.CANCELLED, "Cancelled.")
    assert set(Copy.objects.values_list("unseen_count", "missing_since")) == {(0, None)}


def first(act: Any) -> Any:
    from library.clients.folders.reader import FolderReader

    plain = FolderReader._seen_or_read

    def also(self: FolderReader, item: Any) -> Any:
        act()
        return plain(self, item)

    return also


def test_a_killed_import_is_recovered_and_the_next_goes_on(tmp_path: Path) -> None:
    make_audio(tmp_path / "Ada Writer" / "The Road" / "a.mp3")
    add_folder(str(tmp_path))
    dead = request_run(job="library_import", send=lambda run_id: None)
    long_ago = timezone.now() - datetime.timedelta(minutes=5)
    Run.objects.filter(pk=dead.pk).update(status=RunStatus.RUNNING, heartbeat_at=long_ago)
    assert recover_runs(now=timezone.now()) == {"lost": 1, "resent": 0}
    dead.refresh_from_db()
    assert (dead.status, dead.error_code) == (RunStatus.FAILED, "worker_lost")
    assert run_import().message.startswith("1 books read, 1 new")


def test_series_follow_the_setting(tmp_path: Path) -> None:
    from library.services.settings import change_settings

    change_settings(changes={"gaps.follow_owned_series": False})
    make_audio(tmp_path / "Ada Writer" / "Saga" / "1 - The Road" / "a.mp3")
    add_folder(str(tmp_path))
    run_import()
    assert Series.objects.get().follow == "none"
