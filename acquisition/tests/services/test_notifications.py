"""Each fact is told once, to each address; failures come again later and break nothing."""

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest

from acquisition.domain.notices import EVENTS
from acquisition.domain.states import DownloadState
from acquisition.models import Download, DownloadEvent, Notification
from acquisition.services.facts_to_tell import collect_facts
from acquisition.services.notifications import (
    change_notifications,
    deliver_notifications,
    notification_settings,
    queue_fact,
    send_test,
)
from acquisition.services.transitions import move
from acquisition.tests.fake_http import FakeServer, Reply, Seen
from acquisition.tests.services.ops_world import NOW, do_job, make_wanted
from config.errors import ValidationError
from library.models import Book, Gap
from library.services.settings import get_setting

pytestmark = pytest.mark.django_db
MINUTE = datetime.timedelta(minutes=1)


class Listener(FakeServer):
    """Takes what Apprise posts; `status` answers it."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.heard: list[dict[str, Any]] = []

    def answer(self, request: Seen) -> Reply:
        self.heard.append(json.loads(request.body))
        return Reply(b"{}", self.status)

    @property
    def address(self) -> str:
        return f"json://user:s3cret@127.0.0.1:{self.port}/hook"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        change_notifications(urls=[server.address], events=list(EVENTS))
        yield server


def tell(key: str = "imported:1", **values: Any) -> int:
    return queue_fact(**{"event": "imported", "key": key, "title": "Emma", "body": "Filed.", "now": NOW, **values})


def test_a_fact_is_told_once(listener: Listener) -> None:
    assert tell() == 1
    assert tell() == 0
    assert deliver_notifications(now=NOW).sent == 1
    assert deliver_notifications(now=NOW).sent == 0
    assert [(m["title"], m["message"], m["type"]) for m in listener.heard] == [("Emma", "Filed.", "success")]


def test_events_that_nobody_asked_for_are_not_told(listener: Listener) -> None:
    change_notifications(events=["failed"])
    assert tell() == 0


def test_a_failure_is_tried_again_later_and_given_up_in_the_end(listener: Listener) -> None:
    listener.status = 500
    tell()
    now = NOW
    assert deliver_notifications(now=now).failed == 1
    assert deliver_notifications(now=now).failed == 0
    listener.status = 200
    assert deliver_notifications(now=now + 2 * MINUTE).sent == 1
    listener.status = 500
    tell("imported:2")
    for _ in range(6):
        now += datetime.timedelta(days=1)
        deliver_notifications(now=now)
    row = Notification.objects.get(key="imported:2")
    assert (row.status, row.attempts) == ("failed", 6)
    assert "s3cret" not in row.last_error


def test_one_dead_address_does_not_keep_the_others_from_hearing_once(listener: Listener) -> None:
    change_notifications(urls=[listener.address, "json://127.0.0.1:9/dead"])
    tell()
    result = deliver_notifications(now=NOW)
    assert (result.sent, result.failed) == (1, 1)
    deliver_notifications(now=NOW + 10 * MINUTE)
    assert len(listener.heard) == 1


def test_a_delivery_that_was_cut_off_is_not_repeated(listener: Listener) -> None:
    tell()
    Notification.objects.update(status="sending", next_try_at=NOW)
    deliver_notifications(now=NOW + 11 * MINUTE)
    assert Notification.objects.get().status == "failed"
    assert listener.heard == []


def test_addresses_are_masked_and_a_masked_one_keeps_the_old(listener: Listener) -> None:
    shown = notification_settings()
    assert shown.urls == ["json://***"]
    change_notifications(urls=["json://***", "ntfy://topic"])
    assert get_setting("notifications.urls") == [listener.address, "ntfy://topic"]


@pytest.mark.parametrize("bad", ["not an address", "dbus://", "syslog://", "nosuchservice://s3cret", "file:///etc"])
def test_bad_addresses_are_refused_without_repeating_them(bad: str) -> None:
    with pytest.raises(ValidationError) as caught:
        change_notifications(urls=["ntfy://topic", bad], events=["imported", "nonsense"])
    fields = caught.value.context["fields"]
    assert set(fields) == {"urls", "events"}
    assert "address 2" in fields["urls"][0]["message"]
    assert "s3cret" not in str(caught.value.context)
    assert get_setting("notifications.urls") == []


def test_a_test_message_says_how_it_went(listener: Listener) -> None:
    assert [(r.address, r.is_ok) for r in send_test(now=NOW)] == [("json://***", True)]
    listener.status = 403
    [result] = send_test(now=NOW)
    assert not result.is_ok
    assert "s3cret" not in result.message


def test_a_test_without_an_address_says_what_to_do() -> None:
    with pytest.raises(ValidationError, match="Set an address first"):
        send_test(now=NOW)


def new_download() -> Download:
    return Download.objects.create(title="Emma", source="torznab", tag="unabridged-1", status_at=NOW)


def test_downloads_are_told_from_the_first_look_on(listener: Listener) -> None:
    download = new_download()
    move(download, DownloadState.GRABBED, message="Handed over.")
    assert collect_facts(now=NOW) == 0  # old news
    for state in (DownloadState.DOWNLOADING, DownloadState.DOWNLOADED, DownloadState.IMPORTING, DownloadState.IMPORTED):
        move(download, state, message=f"Now {state}.")
    assert collect_facts(now=NOW) == 1
    assert collect_facts(now=NOW) == 0
    assert DownloadEvent.objects.count() == 5
    assert Notification.objects.get().title == "Imported: Emma"


def test_new_gaps_are_one_message_and_releases_are_told_on_their_day(listener: Listener) -> None:
    collect_facts(now=NOW)
    for number in range(12):
        make_wanted(f"Book {number}", "An Author")
    make_wanted("Tomorrow", "An Author", release_date=NOW.date() + datetime.timedelta(days=1))
    Gap.objects.filter(book__title="Tomorrow").update(reason="upcoming")
    assert collect_facts(now=NOW) == 1
    digest = Notification.objects.get(event="gap_found")
    assert digest.title == "12 books are missing"
    assert "and 2 more" in digest.body
    assert collect_facts(now=NOW + datetime.timedelta(days=1)) == 1
    assert Notification.objects.get(event="released").title == "Out now: Tomorrow"
    assert collect_facts(now=NOW + datetime.timedelta(days=2)) == 0
    assert Book.objects.count() == 13


def test_the_monitor_delivers_and_does_not_fail_when_the_address_is_dead(listener: Listener) -> None:
    do_job("download_monitor")
    move(new_download(), DownloadState.FAILED, message="No source.")
    listener.status = 500
    run = do_job("download_monitor")
    assert run.status == "succeeded"
    assert "not delivered" in run.log_entries.get().message
    Notification.objects.update(next_try_at=NOW)
    listener.status = 200
    do_job("download_monitor")
    assert [m["title"] for m in listener.heard][-1] == "Failed: Emma"
