"""Every health check, download state and event has a sentence, and is produced through a public door: the doctor, the
API, or the job that tells people. Reasons of decisions: `acquisition/tests/api/test_every_reason.py`."""

import datetime
import json
import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from acquisition import services
from acquisition.domain.health import CODES
from acquisition.domain.import_checks import Arrived, Expected, check_arrival
from acquisition.domain.notices import EVENTS
from acquisition.domain.states import SENTENCES, TRANSITIONS, DownloadState
from acquisition.models import ClientKind, Download, DownloadClient, Indexer, Notification, Prowlarr
from acquisition.services import health_disks, health_work
from acquisition.services.facts_to_tell import collect_facts
from acquisition.services.health import run_health_check
from acquisition.services.notifications import change_notifications
from acquisition.services.tracker import read_account
from acquisition.services.transitions import move
from acquisition.tests.factories import make_download
from acquisition.tests.fake_clients import FakeQBittorrent
from acquisition.tests.services.ops_world import (
    change,
    make_client,
    make_indexer,
    make_root,
    make_wanted,
    only_embedded,
)
from acquisition.tests.services.test_tracker import Account, Tracker
from library.domain.facts import CopyFacts
from library.models import Audiobookshelf, Copy, LibraryRoot, ProviderState, Setting
from library.services.states import write_state
from scheduling.models import Run

pytestmark = pytest.mark.django_db
DAY, MINUTE = datetime.timedelta(days=1), datetime.timedelta(minutes=1)
Scene = Callable[[Path, Any], None]


@pytest.fixture
def installation(tmp_path: Path, settings: Any) -> Path:
    """A shelf, a data directory and the built-in downloader: all is well."""
    settings.DATA_DIR = tmp_path / "data"
    (tmp_path / "data").mkdir()
    make_root(tmp_path / "shelf")
    make_client(save_path=str(tmp_path / "downloads"))
    (tmp_path / "downloads").mkdir()
    only_embedded()
    PeriodicTask.objects.filter(name="download_monitor").update(last_run_at=timezone.now())
    return tmp_path


def rows(model: Any, **values: Any) -> Scene:
    return lambda folder, patch: model.objects.update(**values) and None


def without(model: Any) -> Scene:
    return lambda folder, patch: model.objects.all().delete() and None


def waiting(folder: Path, patch: Any) -> None:
    run = Run.objects.create(job="backup", lock="backup")
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - DAY)


def in_state(**values: Any) -> Scene:
    old = timezone.now() - DAY
    known = {"title": "A", "source": "x", "tag": "a", "status_at": old, "progressed_at": old, **values}
    return lambda folder, patch: Download.objects.create(**known) and None


def torrent_client(folder: Path, patch: Any) -> None:
    """One that says where it saves, which is nowhere here, and that removes what is seeded."""
    server = patch.enter_context(FakeQBittorrent())
    server.preferences |= {"max_ratio_act": 1, "max_ratio_enabled": True}
    make_client(ClientKind.QBITTORRENT, url=server.url, username="admin", password="secret")


def tracker(**values: Any) -> Scene:
    def make(folder: Path, patch: Any) -> None:
        make_indexer("http://127.0.0.1:9", kind="myanonamouse", name="mam", api_key="cookie-value")
        if values:
            write_state("tracker", {"indexer": "mam", "figures": {}, **values})

    return make


def old_review(folder: Path, patch: Any) -> None:
    root = LibraryRoot.objects.get()
    at = timezone.now() - 20 * DAY
    Copy.objects.create(root=root, path="x", title="X", match_state="review", matched_at=at)


def old_installation(folder: Path, patch: Any) -> None:
    run = Run.objects.create(job="backup", lock="backup", status="succeeded")
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - 60 * DAY)


def from_the_future(folder: Path, patch: Any) -> None:
    run = Run.objects.create(job="backup", lock="backup", status="succeeded")
    Run.objects.filter(pk=run.pk).update(created_at=timezone.now() + DAY)


def setting(name: str, value: Any) -> Scene:
    return lambda folder, patch: patch.enter_context(mock.patch(f"django.conf.settings.{name}", value)) and None


def no_links(folder: Path, patch: Any) -> None:
    patch.enter_context(mock.patch.object(health_disks.os, "link", side_effect=OSError(18, "Cross-device link")))


def broken_check(folder: Path, patch: Any) -> None:
    patch.enter_context(mock.patch.object(health_work, "check_beat", side_effect=ValueError))


SCENES: dict[str, Scene] = {
    "audiobookshelf": lambda f, p: Audiobookshelf.objects.create(url="http://127.0.0.1:9", token="x") and None,
    "automatic_search": lambda f, p: change(search__is_automatic=True),
    "backups": old_installation,
    "beat": rows(PeriodicTask, last_run_at=timezone.now() - DAY),
    "blocked_downloads": in_state(status="blocked"),
    "clients": without(DownloadClient),
    "clock": from_the_future,
    "damaged_files": lambda f, p: write_state("integrity", {"copies_with_problems": 2}),
    "data_directory": lambda f, p: (f / "data").rmdir(),
    "data_space": lambda f, p: p.enter_context(mock.patch.object(health_disks, "FULL_BYTES", 1 << 60)) and None,
    "debug": setting("DEBUG", True),
    "download_client": lambda f, p: make_client(ClientKind.TRANSMISSION, url="http://127.0.0.1:9") and None,
    "download_client_warning": torrent_client,
    "failed_run": lambda f, p: (
        Run.objects.create(job="gap_analysis", lock="g", status="failed", message="No.") and None
    ),
    "hardlink": no_links,
    "health_check": broken_check,
    "import_target": rows(LibraryRoot, is_import_target=False),
    "indexer": lambda f, p: make_indexer("http://127.0.0.1:9") and None,
    "indexers": lambda f, p: None,
    "migrations": lambda f, p: (
        p.enter_context(mock.patch("django.db.migrations.executor.MigrationExecutor.migration_plan", return_value=[1]))
        and None
    ),
    "no_client": lambda f, p: make_indexer("http://127.0.0.1:9") and None,
    "path_mapping": torrent_client,
    "provider": lambda f, p: (
        ProviderState.objects.update(paused_until=timezone.now() + DAY, last_error="Down.") and None
    ),
    "providers": rows(ProviderState, is_enabled=False),
    "prowlarr": lambda f, p: Prowlarr.objects.create(name="P", url="http://127.0.0.1:9", api_key="k") and None,
    "ratio_guard": tracker(guard={"is_stopped": True, "reason": "The ratio is 0.90."}, last_error=""),
    "release_profile": rows(LibraryRoot, profile="Gone"),
    "reviews": old_review,
    "root_folder": lambda f, p: (f / "shelf").rmdir(),
    "root_space": lambda f, p: p.enter_context(mock.patch.object(health_disks, "FULL_BYTES", 1 << 60)) and None,
    "settings": lambda f, p: Setting.objects.create(key="downloads.max_active", value="many") and None,
    "stuck_downloads": in_state(status="downloading"),
    "time_zone": setting("TIME_ZONE", "UTC"),
    "tracker_account": tracker(),
    "worker": waiting,
}
ALWAYS_WELL = {"downloads"}  # said when nothing is stuck; what is has a code of its own


@pytest.mark.parametrize("code", SCENES)
def test_the_doctor_says_what_is_wrong_and_what_to_do(code: str, installation: Path) -> None:
    out = StringIO()
    with ExitStack() as patch:
        SCENES[code](installation, patch)
        with suppress(SystemExit):  # it ends with 1 where there is an error
            call_command("doctor", "--json", stdout=out)
    findings = [row for row in json.loads(out.getvalue())["findings"] if row["code"] == code]
    bad = [row for row in findings if row["severity"] != "ok"]
    assert bad, findings
    assert all(len(row["message"]) > 15 and row["message"].rstrip().endswith((".", ".)", "?")) for row in bad), bad


def test_every_code_of_a_check_is_known_and_has_a_scene() -> None:
    written: set[str] = set()
    for path in Path(services.__path__[0]).glob("*.py"):
        if path.name.startswith("health") or path.name == "tracker.py":
            text = path.read_text()
            written |= set(re.findall(r"\b(?:ok|notice|warning|error|_room|_told|_last_contact)\(\s*\"(\w+)\"", text))
    assert written | {"download_client_warning"} == set(CODES)
    assert set(SCENES) | ALWAYS_WELL == set(CODES)
    assert all(words.endswith(".") for words in CODES.values())


def test_every_state_of_a_download_has_a_sentence_that_people_see(viewer: Any) -> None:
    assert set(SENTENCES) == set(DownloadState) == set(TRANSITIONS)
    for number, state in enumerate(DownloadState):
        download = make_download(status=state, title=f"Book {number}")
        body = viewer.get(f"/api/downloads/{download.pk}/").json()
        assert body["status"] == state
        assert SENTENCES[state] in json.dumps(body, ensure_ascii=False), state


def test_every_check_of_an_import_has_a_sentence() -> None:
    """Those that fail are produced by the tests of importing."""
    checks = check_arrival(Arrived(CopyFacts(path="x", title="")), Expected("Emma", ("Jane Austen",)))
    assert {check.code for check in checks}
    assert all(check.message.rstrip().endswith(".") for check in checks), checks


class TestEvents:
    def told(self) -> set[str]:
        return set(Notification.objects.values_list("event", flat=True))

    def test_every_event_is_told_once_by_what_causes_it(self, installation: Path) -> None:
        now = timezone.now()
        change_notifications(urls=["json://127.0.0.1:9/x"], events=list(EVENTS))
        collect_facts(now=now)
        make_wanted("Emma", "Jane Austen")
        out_soon = make_wanted("Persuasion", "Jane Austen", release_date=(now + DAY).date())
        ways = {
            "imported": "grabbed downloading downloaded importing imported",
            "blocked": "grabbed downloaded importing blocked",
            "failed": "grabbed failed",
        }
        for name, states in ways.items():
            download = make_download(title=name)
            for state in states.split():
                move(download, DownloadState(state), message=f"Now {state}.")
        make_indexer("http://127.0.0.1:9", kind="myanonamouse", name="mam", api_key="cookie-value")
        run_health_check(now=now)
        (installation / "shelf").rmdir()
        run_health_check(now=now + MINUTE)
        (installation / "shelf").mkdir()
        run_health_check(now=now + 2 * MINUTE)
        read_account(now=now, opener=Tracker(Account(ratio=0.5)))
        collect_facts(now=now + DAY)
        assert self.told() == set(EVENTS), out_soon
        assert all(words.endswith(".") for words in EVENTS.values())
        count = Notification.objects.count()
        for _ in range(2):
            collect_facts(now=now + DAY)
            run_health_check(now=now + 3 * MINUTE)
            read_account(now=now + DAY, opener=Tracker(Account(ratio=0.6)))
        assert Notification.objects.count() == count, "no fact is told a second time"

    def test_a_crash_between_the_fact_and_its_mark_tells_it_once(self, installation: Path) -> None:
        """The fact and where the look stood are written together, or neither is."""
        now = timezone.now()
        change_notifications(urls=["json://127.0.0.1:9/x"], events=list(EVENTS))
        collect_facts(now=now)
        run_health_check(now=now)
        move(make_download(title="Emma"), DownloadState.GRABBED, message="Handed over.")
        (installation / "shelf").rmdir()
        crash = RuntimeError("power cut")
        with (
            mock.patch("acquisition.services.facts_to_tell.write_state", side_effect=crash),
            pytest.raises(RuntimeError),
        ):
            collect_facts(now=now)
        with mock.patch("acquisition.services.health.write_state", side_effect=crash), pytest.raises(RuntimeError):
            run_health_check(now=now + MINUTE)
        assert self.told() == set()
        collect_facts(now=now)
        run_health_check(now=now + 2 * MINUTE)
        assert sorted(Notification.objects.values_list("event", flat=True)) == ["grabbed", "health_lost"]

    def test_a_crash_in_the_ratio_guard_s_look_tells_it_once(self, installation: Path) -> None:
        now = timezone.now()
        change_notifications(urls=["json://127.0.0.1:9/x"], events=list(EVENTS))
        make_indexer("http://127.0.0.1:9", kind="myanonamouse", name="mam", api_key="cookie-value")
        low = Tracker(Account(ratio=0.5))
        crash = mock.patch("acquisition.services.tracker.queue_fact", side_effect=RuntimeError("power cut"))
        with crash, pytest.raises(RuntimeError):
            read_account(now=now, opener=low)
        read_account(now=now + DAY, opener=low)
        assert self.told() == {"ratio_guard"}
        assert Indexer.objects.count() == 1
