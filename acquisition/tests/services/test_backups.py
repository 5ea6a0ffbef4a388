"""Backups that are whole, can be read back, and are pruned; storage figures that were measured; housekeeping."""

import datetime
import json
import sqlite3
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from acquisition.models import Decision, Indexer, Release
from acquisition.services.backups import (
    BackupError,
    backup_folder,
    check_backup,
    create_backup,
    delete_backup,
    list_backups,
)
from acquisition.services.storage import folder_bytes, measure_storage, storage_report
from acquisition.tests.services.ops_world import NOW, change, do_job, make_client, make_indexer, make_root
from config.errors import NotFoundError
from library.models import Book, Copy, GapAnalysis
from scheduling.models import Run, RunLogEntry

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)


@pytest.fixture(autouse=True)
def data_directory(tmp_path: Path, settings: Any) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.mark.django_db(transaction=True)
def test_a_backup_holds_the_database_and_the_settings_without_secrets(tmp_path: Path) -> None:
    Book.objects.create(title="Emma", title_key="emma")
    change(notifications__urls=["json://user:s3cret@host/"], downloads__max_active=3)
    made, removed = create_backup(now=NOW)
    assert (made.name, removed) == ("unabridged-20260501T120000Z.zip", [])
    path = backup_folder() / made.name
    assert path.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(path) as archive:
        settings = archive.read("settings.json").decode()
        manifest = json.loads(archive.read("manifest.json"))
        archive.extract(manifest["database"], tmp_path)
        assert "manage.py migrate" in archive.read("RESTORE.txt").decode()
    assert "s3cret" not in settings
    assert json.loads(settings)["downloads.max_active"] == 3
    if manifest["method"] == "sqlite":
        saved = sqlite3.connect(tmp_path / manifest["database"])
        assert saved.execute("select title from library_book").fetchall() == [("Emma",)]
        saved.close()
    assert check_backup(made.name).sha256 == manifest["sha256"]
    assert [p.name for p in backup_folder().iterdir()] == [made.name]


def plain_backup(stamp: str) -> Path:
    folder = backup_folder()
    folder.mkdir(exist_ok=True)
    path = folder / f"unabridged-{stamp}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps({"method": "sqlite", "database": "d", "sha256": "0" * 64}))
        archive.writestr("d", b"changed")
    return path


@pytest.mark.django_db(transaction=True)
def test_the_newest_are_kept() -> None:
    for day in (1, 2, 3):
        plain_backup(f"2026040{day}T000000Z")
    run = do_job("backup", keep=2)
    assert run.status == "succeeded", run.message
    assert run.result["deleted"] == ["unabridged-20260402T000000Z.zip", "unabridged-20260401T000000Z.zip"]
    assert [one.name for one in list_backups()] == [run.result["name"], "unabridged-20260403T000000Z.zip"]


def test_a_damaged_backup_is_noticed() -> None:
    path = plain_backup("20260401T000000Z")
    with pytest.raises(BackupError, match="not what was saved"):
        check_backup(path.name)
    path.write_bytes(b"PK nonsense")
    with pytest.raises(BackupError, match="damaged"):
        check_backup(path.name)
    assert [one.method for one in list_backups()] == [""]


@pytest.mark.parametrize("name", ["../secret_key", "unabridged-x.zip", "unabridged-20260401T000000Z.zip/..", "", "x\0"])
def test_only_backups_can_be_deleted(name: str, data_directory: Path) -> None:
    (data_directory / "secret_key").write_text("keep")
    plain_backup("20260401T000000Z")
    with pytest.raises(NotFoundError):
        delete_backup(name)
    assert delete_backup("unabridged-20260401T000000Z.zip").name.startswith("unabridged-")
    assert (data_directory / "secret_key").exists()
    assert list_backups() == []


def test_a_folder_that_cannot_be_written_is_an_error_and_leaves_nothing(data_directory: Path) -> None:
    (data_directory / "backups").write_text("a file is in the way")
    plain_names = list(data_directory.iterdir())
    with pytest.raises(BackupError, match="could not be written"):
        create_backup(now=NOW)
    assert list(data_directory.iterdir()) == plain_names


def test_the_command_lists_checks_and_tells_how_to_restore() -> None:
    plain_backup("20260401T000000Z")
    out = StringIO()
    call_command("backup", "--list", stdout=out)
    assert "unabridged-20260401T000000Z.zip" in out.getvalue()
    with pytest.raises(CommandError, match="not what was saved"):
        call_command("backup", "--check", "unabridged-20260401T000000Z.zip")
    with pytest.raises(CommandError, match="no such backup"):
        call_command("backup", "--restore-steps", "nothing")


def test_storage_is_measured_and_kept_for_a_while(tmp_path: Path) -> None:
    root = make_root(tmp_path / "shelf")
    Copy.objects.create(root=root, path="a", title="A", size_bytes=1000)
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / "one.mp3").write_bytes(b"x" * 500)
    (downloads / "two.mp3").hardlink_to(downloads / "one.mp3")
    make_client(save_path=str(downloads))
    report = storage_report(now=NOW)
    assert report["library"] == {"size_bytes": 1000, "copies": 1}
    assert report["downloads"]["size_bytes"] == 500
    assert report["roots"][0]["free_bytes"] > 0
    assert report["database"]["size_bytes"] > 0
    assert report["as_of"] == NOW.isoformat()
    (downloads / "three.mp3").write_bytes(b"x" * 50)
    assert storage_report(now=NOW + datetime.timedelta(minutes=5)) == report
    assert measure_storage(now=NOW)["downloads"]["size_bytes"] == 550


def test_what_cannot_be_measured_is_not_made_up(tmp_path: Path) -> None:
    root = make_root(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    make_client("qbittorrent", url="http://127.0.0.1:9", save_path=str(tmp_path / "nowhere"))
    report = measure_storage(now=NOW)
    assert report["downloads"]["size_bytes"] is None
    assert [(row["name"], row["free_bytes"]) for row in report["roots"]] == [(root.name, None)]
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "file").write_bytes(b"x")
    assert folder_bytes(tmp_path / "many", seconds=-1) is None


def made_at(row: Any, days: int) -> Any:
    type(row).objects.filter(pk=row.pk).update(created_at=datetime.datetime.now(datetime.UTC) - days * DAY)
    return row


def test_housekeeping_removes_what_is_old_and_keeps_answers() -> None:
    old, newest = (made_at(Run.objects.create(job="backup", lock="b", status="succeeded"), 40) for _ in range(2))
    RunLogEntry.objects.create(run=old, at=NOW, message="x")
    waiting = made_at(Run.objects.create(job="feed_sync", lock="f"), 40)
    indexer: Indexer = make_indexer("http://127.0.0.1:9")
    stale, kept = (
        Release.objects.create(indexer=indexer, guid=guid, title=guid, first_seen_at=NOW, last_seen_at=NOW - 70 * DAY)
        for guid in ("stale", "kept")
    )
    book, other = (Book.objects.create(title=name, title_key=name) for name in ("a", "b"))
    replaced = made_at(Decision.objects.create(book=book, release_title="x", is_accepted=False), 40)
    Decision.objects.create(book=book, release_title="x", is_accepted=False)
    only = made_at(Decision.objects.create(book=other, release=kept, release_title="x", is_accepted=False), 40)
    made_at(GapAnalysis.objects.create(stats={}), 50)
    last = made_at(GapAnalysis.objects.create(stats={}), 40)
    run = do_job("housekeeping")
    assert run.status == "succeeded", run.message
    assert {r.pk for r in Run.objects.all()} == {newest.pk, waiting.pk, run.pk}
    assert not RunLogEntry.objects.filter(run_id=old.pk).exists()
    assert [r.pk for r in Release.objects.all()] == [kept.pk]
    assert not Decision.objects.filter(pk=replaced.pk).exists()
    assert Decision.objects.filter(pk=only.pk).exists()
    assert [row.pk for row in GapAnalysis.objects.all()] == [last.pk]
    assert stale.pk
    assert do_job("housekeeping").message == "Nothing is old enough to be removed."
