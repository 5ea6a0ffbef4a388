"""API keys: made, checked, revoked. Only a digest is stored; the key itself is shown once."""

import datetime
import hashlib
import hmac
import secrets

from django.db import transaction
from django.db.models import CharField, DateTimeField, Model

from accounts.models import ApiKey, User
from accounts.services import audit
from config.errors import ValidationError
from config.prepared import Prepared, Reading, Slot

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
    with transaction.atomic():
        row = ApiKey.objects.create(
            user=user,
            name=name.strip()[:100],
            prefix=text[:PREFIX_LENGTH],
            digest=digest(text),
            is_read_only=is_read_only,
            expires_at=expires_at,
        )
        detail = {"user": user.username, "prefix": row.prefix}
        audit.record("key.created", actor=actor or user, target=row, detail=detail)
    return row, text


def _in_model_order(model: type[Model], names: set[str]) -> tuple[str, ...]:
    """As `from_db` wants them."""
    return tuple(found.attname for found in model._meta.concrete_fields if found.attname in names)


# Every request with a key asks this, and few need more of the two rows; what else is asked for is read then.
_KEY_FIELDS = _in_model_order(ApiKey, {"id", "user_id", "prefix", "digest", "is_read_only", "last_used_at"})
_USER_FIELDS = _in_model_order(User, {"id", "username", "role", "is_active", "is_staff", "is_superuser"})
_WITH_PREFIX = Prepared(
    lambda: (
        ApiKey.objects.usable(now=Slot("now", DateTimeField()))
        .filter(prefix=Slot("prefix", CharField()))
        .order_by()
        .values(*_KEY_FIELDS, *(f"user__{name}" for name in _USER_FIELDS))
    )
)


def _usable_key(prefix: str, now: datetime.datetime, beside: Reading | None) -> ApiKey | None:
    wanted = {"prefix": prefix, "now": now}
    found = beside.read_with(_WITH_PREFIX, **wanted) if beside else _WITH_PREFIX.row(**wanted)
    if found is None:
        return None
    key = ApiKey.from_db("default", _KEY_FIELDS, [found[name] for name in _KEY_FIELDS])
    key.user = User.from_db("default", _USER_FIELDS, [found[f"user__{name}"] for name in _USER_FIELDS])
    return key


def find_key(text: str, *, now: datetime.datetime, beside: Reading | None = None) -> ApiKey | None:
    """The usable key with this text; its last use is noted, to the minute. It is read in one question with `beside`."""
    if "\x00" in text:
        return None
    row = _usable_key(text[:PREFIX_LENGTH], now, beside)
    if row is None or not hmac.compare_digest(row.digest, digest(text)):
        return None
    if row.last_used_at is None or now - row.last_used_at > USED_PRECISION:
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return row


def revoke_key(*, key: ApiKey, now: datetime.datetime, actor: User | None = None) -> ApiKey:
    """From now on the key is refused; doing it again changes nothing."""
    with transaction.atomic():
        if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
            audit.record("key.revoked", actor=actor, target=key, detail={"prefix": key.prefix})
    key.refresh_from_db()
    return key
