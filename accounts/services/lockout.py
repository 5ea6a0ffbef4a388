"""Lockout: five failures within fifteen minutes, per account and address, lock for thirty."""

import datetime
import math

from accounts.models import LoginFailure
from accounts.services import audit
from config.errors import UnabridgedError

FAILURES = 5
WINDOW = datetime.timedelta(minutes=15)
LOCKED_FOR = datetime.timedelta(minutes=30)


class AccountLockedError(UnabridgedError):
    """Too many failures. `retry_after` in seconds."""

    code = "account_locked"
    status = 423

    def __init__(self, *, retry_after: int) -> None:
        minutes = math.ceil(retry_after / 60)
        message = f"Too many failed attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
        super().__init__(message, context={"retry_after": retry_after})
        self.retry_after = retry_after


def claim_attempt(*, account: str, address: str, now: datetime.datetime) -> None:
    """Note an attempt before its password is checked; AccountLockedError when it is one too many.

    The failure is written first and taken back by `forgive`, so that many attempts at the same moment cannot all slip
    through before the first of them is counted.
    """
    name = _name(account)
    _refuse_locked(name, address, now)
    own = LoginFailure.objects.create(account=name, address=address, at=now)
    earlier = LoginFailure.objects.filter(account=name, address=address, at__gt=now - WINDOW, pk__lt=own.pk).count()
    if earlier >= FAILURES:
        own.delete()
        raise AccountLockedError(retry_after=int(LOCKED_FOR.total_seconds()))


def note_failure(*, account: str, address: str, now: datetime.datetime) -> None:
    """The attempt failed: audit it, and the lock if it closes now."""
    audit.record("login.failed", target_name=account)
    if _locked_until(_name(account), address, now):
        audit.record("login.locked", target_name=account, detail={"minutes": int(LOCKED_FOR.total_seconds() // 60)})


def forgive(*, account: str, address: str) -> None:
    """The attempt succeeded: forget the failures."""
    LoginFailure.objects.filter(account=_name(account), address=address).delete()


def prune_failures(*, now: datetime.datetime) -> int:
    """Forget what can lock nobody any more."""
    return LoginFailure.objects.filter(at__lt=now - WINDOW - LOCKED_FOR).delete()[0]


def _refuse_locked(name: str, address: str, now: datetime.datetime) -> None:
    until = _locked_until(name, address, now)
    if until:
        raise AccountLockedError(retry_after=max(1, math.ceil((until - now).total_seconds())))


def _locked_until(name: str, address: str, now: datetime.datetime) -> datetime.datetime | None:
    latest = list(
        LoginFailure.objects.filter(account=name, address=address, at__gt=now - LOCKED_FOR).values_list(
            "at", flat=True
        )[:FAILURES]
    )
    if len(latest) < FAILURES or latest[0] - latest[-1] > WINDOW:
        return None
    return latest[0] + LOCKED_FOR


def _name(account: str) -> str:
    return account.strip().casefold()[:150]
