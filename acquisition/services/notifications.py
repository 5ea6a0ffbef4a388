"""Telling people, through Apprise, each fact once.

A fact is written down first, one row for each address, under a key that the database keeps unique; a job delivers
what is due, outside any transaction. A failure is tried again later and never breaks the work. A delivery that was cut
off in the middle is not repeated: rather one message too few than two. Addresses are secrets and never shown.
"""

import datetime
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F

from accounts.models import User
from acquisition.clients.apprise_sender import is_understood, send_message
from acquisition.domain.notices import EVENTS, KINDS, address_fault, mask_address, next_try
from acquisition.models import Notification, NotificationStatus
from config.errors import ValidationError
from library.services.settings import change_settings, get_setting

logger = logging.getLogger(__name__)
CUT_OFF_AFTER = datetime.timedelta(minutes=10)
BATCH = 50


@dataclass
class DeliveryResult:
    sent: int = 0
    failed: int = 0
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class TestResult:
    """One address of a test: masked, and whether the message went out."""

    __test__ = False
    address: str
    is_ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Where notifications go (masked) and on which events."""

    urls: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    known_events: Mapping[str, str] = field(default_factory=lambda: dict(EVENTS))


def queue_fact(*, event: str, key: str, title: str, body: str, now: datetime.datetime) -> int:
    """Write down a fact for every address, if people want to hear of such; returns how many rows are new."""
    urls: list[str] = get_setting("notifications.urls")
    if not urls or event not in get_setting("notifications.events"):
        return 0
    rows = [
        Notification(
            key=key[:200], target=target_of(url), event=event, title=title[:200], body=body[:2000], next_try_at=now
        )
        for url in dict.fromkeys(urls)
    ]
    before = Notification.objects.filter(key=key[:200]).count()
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    return Notification.objects.filter(key=key[:200]).count() - before


def target_of(url: str) -> str:
    """A digest that stands for an address."""
    return hashlib.sha256(url.strip().encode()).hexdigest()[:32]


def deliver_notifications(*, now: datetime.datetime, limit: int = BATCH) -> DeliveryResult:
    """Send what is due. Call it outside transactions."""
    result = DeliveryResult()
    urls = {target_of(url): url for url in get_setting("notifications.urls")}
    cut_off = Notification.objects.filter(status=NotificationStatus.SENDING, next_try_at__lt=now - CUT_OFF_AFTER)
    cut_off.update(status=NotificationStatus.FAILED, last_error="Cut off while it was being sent; it is not repeated.")
    for row in Notification.objects.due(now=now).order_by("next_try_at", "pk")[:limit]:
        mine = Notification.objects.filter(pk=row.pk, status=NotificationStatus.PENDING)
        if mine.update(status=NotificationStatus.SENDING, attempts=F("attempts") + 1, next_try_at=now):
            _deliver(row, urls.get(row.target), now, result)
    return result


def _deliver(row: Notification, url: str | None, now: datetime.datetime, result: DeliveryResult) -> None:
    if url is None:
        values: dict[str, Any] = {"status": NotificationStatus.FAILED, "last_error": "Its address is no longer set up."}
        result.given_up += 1
    elif _send(url, row.title, row.body, row.event):
        values = {"status": NotificationStatus.SENT, "sent_at": now, "last_error": ""}
        result.sent += 1
    else:
        again = next_try(row.attempts + 1, now=now)
        words = f"{mask_address(url)} did not take the message."
        values = {"status": NotificationStatus.PENDING, "next_try_at": again, "last_error": words}
        if again is None:
            values = {"status": NotificationStatus.FAILED, "last_error": f"{words} It was given up."}
            result.given_up += 1
        else:
            result.failed += 1
        logger.warning("A notification was not delivered: %s", words)
    Notification.objects.filter(pk=row.pk, status=NotificationStatus.SENDING).update(**values)


def _send(url: str, title: str, body: str, event: str) -> bool:
    return send_message(url, title=title, body=body, kind=KINDS.get(event, "info"))


def send_test(*, now: datetime.datetime, urls: Sequence[str] | None = None) -> list[TestResult]:
    """Send a test message to the given or to all addresses now, and say for each how it went."""
    targets = list(urls) if urls is not None else list(get_setting("notifications.urls"))
    if not targets:
        raise ValidationError(
            "There is nowhere to send a test to. Set an address first (notifications.urls).",
            fields={"urls": "is empty"},
        )
    _check(targets, [])
    results = []
    for url in targets:
        taken = _send(url, "Unabridged", f"This is a test message of {now:%Y-%m-%d %H:%M} UTC.", "test")
        words = (
            "The service took the message."
            if taken
            else ("The service did not take the message. Check the address, and that this server may reach it.")
        )
        results.append(TestResult(mask_address(url), taken, words))
    return results


def notification_settings() -> NotificationSettings:
    """For people to see: addresses are masked."""
    return NotificationSettings(
        [mask_address(url) for url in get_setting("notifications.urls")], list(get_setting("notifications.events"))
    )


def change_notifications(
    *, urls: Sequence[str] | None = None, events: Sequence[str] | None = None, user: User | None = None
) -> NotificationSettings:
    """Change where messages go and on which events. A masked address at the place of an old one keeps that one.

    ValidationError names each fault by its place, never the address itself.
    """
    changes: dict[str, Any] = {}
    if urls is not None:
        changes["notifications.urls"] = _unmasked(list(urls))
    if events is not None:
        changes["notifications.events"] = list(dict.fromkeys(events))
    _check(changes.get("notifications.urls", []), changes.get("notifications.events", []))
    change_settings(changes=changes, user=user)
    return notification_settings()


def _unmasked(urls: Sequence[str]) -> list[str]:
    """Masked addresses, as they were shown, become the stored ones again: the same place first, else the same mask."""
    stored: list[str] = list(get_setting("notifications.urls"))
    result = []
    for place, url in enumerate(urls):
        if not url.endswith("***"):
            result.append(url.strip())
            continue
        here = stored[place] if place < len(stored) and mask_address(stored[place]) == url else None
        kept = here or next((old for old in stored if mask_address(old) == url and old not in result), url)
        result.append(kept)
    return list(dict.fromkeys(result))


def _check(urls: Sequence[str], events: Sequence[str]) -> None:
    faults = {}
    for place, url in enumerate(urls, start=1):
        fault = address_fault(url)
        if not fault and not is_understood(url):
            fault = "is not understood; see the address forms of Apprise"
        if fault:
            faults["urls"] = f"address {place} {fault}"
    unknown = [event for event in events if event not in EVENTS]
    if unknown:
        faults["events"] = f"unknown: {', '.join(unknown)}; there are {', '.join(EVENTS)}"
    if faults:
        raise ValidationError("The notifications are not right: nothing was changed.", fields=faults)
