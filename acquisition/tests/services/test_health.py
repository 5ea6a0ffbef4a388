"""Health checks against real folders and services on loopback; the doctor's page and exit code."""

import datetime
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

from acquisition.domain.health import Finding, Severity
from acquisition.models import ClientKind, Download, Indexer, Notification
from acquisition.services.health import check_health, last_health, run_health_check
from acquisition.services.notifications import change_notifications
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.fake_indexers import FakeTorznab
from acquisition.tests.services.ops_world import (
    NOW,
    change,
    do_job,
    make_client,
    make_indexer,
    make_root,
    only_embedded,
)
from library.models import Audiobookshelf, Copy, LibraryRoot
from library.services.states import write_state
from library.tests.fake_audiobookshelf import API_KEY, FakeAudiobookshelf
from scheduling.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def installation(tmp_path: Path, settings: Any) -> Path:
    """A shelf, a data directory and the built-in downloader: all is well."""
    settings.DATA_DIR = tmp_path / "data"
    (tmp_path / "data").mkdir()
    make_root(tmp_path / "shelf")
    make_client(save_path=str(tmp_path / "downloads"))
    (tmp_path / "downloads").mkdir()
    only_embedded()
    PeriodicTask.objects.filter(name="download_monitor").update(last_run_at=NOW)
    return tmp_path


@pytest.fixture
def indexer() -> Iterator[FakeTorznab]:
    with FakeTorznab() as server:
        make_indexer(server.url, is_automatic=False)
        make_client(ClientKind.WATCH_FOLDER, is_enabled=True, settings={})
        yield server


def found(code: str, *, talk: str = "own", now: datetime.datetime = NOW) -> list[Finding]:
    return [finding for finding in check_health(now=now, talk=talk).findings if finding.code == code]


def the(code: str, **options: Any) -> Finding:
    bad = [one for one in found(code, **options) if one.severity is not Severity.OK]
    assert len(bad) == 1, bad
    return bad[0]


def test_a_good_installation_has_no_errors() -> None:
    report = check_health(now=NOW)
    assert report.is_healthy, [f for f in report.findings if f.severity is Severity.ERROR]
    assert [f.severity for f in report.findings if f.code == "hardlink"] == [Severity.OK]
    assert "share files" in next(f.message for f in report.findings if f.code == "hardlink")


def test_an_absent_root_is_an_error_that_says_nothing_is_missing(installation: Path) -> None:
    (installation / "shelf").rmdir()
    assert "mounted" in the("root_folder").message


def test_an_empty_root_where_books_were(installation: Path) -> None:
    LibraryRoot.objects.update(copy_count=7)
    assert "7 books" in the("root_folder").message


def test_no_import_target() -> None:
    LibraryRoot.objects.update(is_import_target=False)
    assert the("import_target").severity is Severity.ERROR


def test_a_target_without_a_local_path() -> None:
    server = Audiobookshelf.objects.create(url="http://127.0.0.1:9", token="x", is_enabled=False)
    LibraryRoot.objects.update(kind="audiobookshelf", server=server, path="", abs_library_id="lib")
    assert "Set its path" in the("import_target").message


def test_a_data_directory_that_is_not_there(installation: Path, settings: Any) -> None:
    settings.DATA_DIR = installation / "nowhere"
    assert "UNABRIDGED_DATA_DIR" in the("data_directory").message


def test_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    from acquisition.services import health_disks

    monkeypatch.setattr(health_disks, "FULL_BYTES", 1 << 60)
    assert "Make room" in the("data_space").message
    assert the("root_space").severity is Severity.ERROR


def test_invalid_stored_settings_are_named() -> None:
    from library.models import Setting

    Setting.objects.create(key="downloads.max_active", value="many")
    assert "downloads.max_active" in the("settings").message


def test_hardlinks_across_file_systems(installation: Path) -> None:
    other = Path("/dev/shm")
    folder = other / f"unabridged-test-{installation.name}"
    folder.mkdir()
    try:
        if folder.stat().st_dev == installation.stat().st_dev:
            pytest.fail("This test needs /dev/shm to be a file system of its own.")
        from acquisition.models import DownloadClient

        DownloadClient.objects.update(save_path=str(folder))
        assert the("hardlink").severity is Severity.WARNING
        change(import__hardlink="require")
        assert the("hardlink").severity is Severity.ERROR
        change(import__hardlink="never")
        assert found("hardlink") == []
        assert list(folder.iterdir()) == []
    finally:
        folder.rmdir()
    assert list((installation / "shelf").iterdir()) == []


def test_qbittorrent_its_path_and_its_share_action(installation: Path) -> None:
    with FakeQBittorrent() as server:
        server.preferences |= {"max_ratio_act": 1, "max_ratio_enabled": True}
        client = make_client(ClientKind.QBITTORRENT, url=server.url, username="admin", password="secret")
        assert "removes torrents" in the("download_client_warning").message
        assert "mapping" in the("path_mapping").message
        client.path_mappings = [{"remote": "/downloads", "local": str(installation / "downloads")}]
        client.save()
        assert {f.severity for f in found("path_mapping")} == {Severity.OK}
        assert len(found("hardlink")) == 2
        server.password = "changed"
        server.forget_sessions()
        assert the("download_client").severity is Severity.ERROR
    client.refresh_from_db()
    assert client.last_error


def test_a_client_that_comes_back_is_used_again_at_once() -> None:
    with FakeQBittorrent() as server:
        client = make_client(ClientKind.QBITTORRENT, url=server.url, username="admin", password="secret")
        server.fault("500")
        assert the("download_client").severity is Severity.ERROR
        client.refresh_from_db()
        level = client.failure_level
        later = NOW + datetime.timedelta(seconds=1)
        found("download_client", now=later)
        client.refresh_from_db()
        assert client.failure_level == level
        assert client.paused_until is not None
        server.heal()
        assert {f.severity for f in found("download_client", now=later)} == {Severity.OK}
    client.refresh_from_db()
    assert (client.paused_until, client.failure_level) == (None, 0)


def test_indexers_are_asked_by_the_doctor_only(indexer: FakeTorznab) -> None:
    found("indexer", talk="own")
    assert indexer.calls("/api") == []
    assert found("indexer", talk="all")[0].severity is Severity.OK
    indexer.fault("500")
    assert the("indexer", talk="all").severity is Severity.ERROR
    asked = len(indexer.calls("/api"))
    Indexer.objects.update(paused_until=NOW + datetime.timedelta(hours=1))
    assert "left alone until" in the("indexer", talk="all").message
    assert len(indexer.calls("/api")) == asked


def test_audiobookshelf_reachable_and_not() -> None:
    with FakeAudiobookshelf() as server:
        row = Audiobookshelf.objects.create(url=server.url, token=API_KEY)
        assert {f.severity for f in found("audiobookshelf")} == {Severity.OK}
        row.refresh_from_db()
        assert row.version == server.version
    assert "reached" in the("audiobookshelf").message


def test_no_worker_and_no_beat() -> None:
    run = Run.objects.create(job="backup", lock="backup")
    Run.objects.filter(pk=run.pk).update(created_at=NOW - datetime.timedelta(minutes=9))
    assert "no worker is running" in the("worker").message
    later = NOW + datetime.timedelta(hours=1)
    PeriodicTask.objects.filter(name="download_monitor").update(last_run_at=NOW)
    assert "manage.py serve" in the("beat", now=later).message
    PeriodicTask.objects.filter(name="download_monitor").update(enabled=False)
    assert the("beat").severity is Severity.NOTICE


def test_downloads_that_wait_for_somebody_or_do_not_move() -> None:
    old = NOW - datetime.timedelta(hours=8)
    Download.objects.create(title="A", source="x", tag="a", status="blocked", status_at=old)
    Download.objects.create(title="B", source="x", tag="b", status="downloading", status_at=old, progressed_at=old)
    Download.objects.create(title="C", source="x", tag="c", status="queued", status_at=old, error_message="No client.")
    assert "1 imports" in the("blocked_downloads").message
    assert [f.severity for f in found("stuck_downloads")] == [Severity.WARNING] * 2


def test_old_reviews_failed_runs_damaged_files_and_a_clock_that_went_back(installation: Path) -> None:
    root = LibraryRoot.objects.get()
    Copy.objects.create(
        root=root, path="x", title="X", match_state="review", matched_at=NOW - datetime.timedelta(days=20)
    )
    assert the("reviews").severity is Severity.NOTICE
    Run.objects.create(job="gap_analysis", lock="g", status="failed", message="No such thing.")
    assert "No such thing" in the("failed_run").message
    write_state("integrity", {"copies_with_problems": 2})
    assert "2 books" in the("damaged_files").message
    Run.objects.update(created_at=NOW + datetime.timedelta(days=1))
    assert "set back" in the("clock").message


def test_torrent_indexers_need_a_torrent_client() -> None:
    make_indexer("http://127.0.0.1:9")
    assert the("no_client").severity is Severity.ERROR


def test_losing_and_regaining_health_is_told_once_each(installation: Path) -> None:
    change_notifications(urls=["json://127.0.0.1:9/x"], events=["health_lost", "health_restored"])
    PeriodicTask.objects.filter(name="download_monitor").update(enabled=False)
    assert run_health_check(now=NOW).changes == []
    (installation / "shelf").rmdir()
    for minutes in (10, 20):
        run_health_check(now=NOW + datetime.timedelta(minutes=minutes))
    assert [n.event for n in Notification.objects.all()] == ["health_lost"]
    (installation / "shelf").mkdir()
    for minutes in (30, 40):
        run_health_check(now=NOW + datetime.timedelta(minutes=minutes))
    assert sorted(n.event for n in Notification.objects.all()) == ["health_lost", "health_restored"]
    (installation / "shelf").rmdir()
    run_health_check(now=NOW + datetime.timedelta(minutes=50))
    assert Notification.objects.filter(event="health_lost").count() == 2


def test_the_last_results_are_kept(installation: Path) -> None:
    assert last_health()["as_of"] is None
    run = do_job("health_check")
    assert run.status == "succeeded"
    kept = last_health()
    assert kept["findings"]
    assert kept["severity"] == run.result["severity"]


def doctor(*options: str) -> tuple[str, int]:
    out, code = StringIO(), 0
    try:
        call_command("doctor", *options, stdout=out)
    except SystemExit as ended:
        code = int(str(ended.code))
    return out.getvalue(), code


def test_the_doctor_says_what_to_do_and_fails_on_errors(installation: Path) -> None:
    PeriodicTask.objects.filter(name="download_monitor").update(last_run_at=datetime.datetime.now(datetime.UTC))
    page, code = doctor()
    assert code == 0, page
    assert "checks:" in page
    (installation / "shelf").rmdir()
    page, code = doctor("--quiet")
    assert code == 1
    assert "FAIL  root folder: shelf" in page
    document = json.loads(doctor("--json", "--offline")[0])
    assert document["healthy"] is False
    assert {"code", "severity", "message", "subject"} == set(document["findings"][0])
