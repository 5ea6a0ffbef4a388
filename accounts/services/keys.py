"""API keys: made, checked, revoked. Only a digest is stored; the key itself is shown once."""

import datetime
import hashlib
import hmac
import secrets

from accounts.models import ApiKey, User
from accounts.services import audit
from config.errors import ValidationError

PREFIX_LENGTH = 12
USED_PRECISION = datetime.timedelta(minutes=1)


def digest(key: str) -> str:
    """SHA-256 is enough for a key of 256 random bits: there is nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()


def create_key(
    *,
    user: User,
    name: str,
    is_read_only: bool = False,
    expires_at: datetime.datetime | None = None,
    now: datetime.datetime | None = None,
    actor: User | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its text, which cannot be had again."""
    if not name.strip():
        raise ValidationError("Give the key a name that says what it is for.", fields={"name": "is empty"})
    if expires_at and now and expires_at <= now:
        raise ValidationError("The key would be expired already.", fields={"expires_at": "lies in the past"})
    text = f"ub_{secrets.token_urlsafe(32)}"
    row = ApiKey.objects.create(
        user=user,
        name=name.strip()[:100],
        prefix=text[:PREFIX_LENGTH],
        digest=digest(text),
        is_read_only=is_read_only,
        expires_at=expires_at,
    )
    audit.record("key.created", actor=actor or user, target=row, detail={"user": user.username, "prefix": row.prefix})
    return row, text


def find_key(text: str, *, now: datetime.datetime) -> ApiKey | None:
    """The usable key with this text; its last use is noted, to the minute."""
    row = ApiKey.objects.usable(now=now).select_related("user").filter(prefix=text[:PREFIX_LENGTH]).first()
    if row is None or not hmac.compare_digest(row.digest, digest(text)):
        return None
    if row.last_used_at is None or now - row.last_used_at > USED_PRECISION:
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def revoke_key(*, key: ApiKey, now: datetime.datetime, actor: User | None = None) -> ApiKey:
    """From now on the key is refused; doing it again changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        audit.record("key.revoked", actor=actor, target=key, detail={"prefix": key.prefix})
    key.refresh_from_db()
    return key
