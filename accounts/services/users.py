"""Creating and changing users. The role decides what Django's own flags say."""

import datetime
import secrets
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from accounts.services import audit
from accounts.services.lockout import claim_attempt, forgive
from accounts.services.tokens import revoke_all
from config.errors import ConflictError, ForbiddenError, ValidationError


def create_user(
    *,
    username: str,
    email: str,
    password: str,
    role: str = Role.VIEWER,
    is_active: bool = True,
    actor: User | None = None,
) -> User:
    """A new user. ConflictError for a taken name or address, ValidationError for a weak password."""
    user = User(username=username, email=email.strip(), is_active=is_active)
    apply_role(user, role)
    check_password_strength(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            audit.record("user.created", actor=actor, target=user, detail={"role": user.role})
    except IntegrityError as error:
        raise _taken() from error
    return user


def _taken() -> ConflictError:
    return ConflictError("A user with this name or e-mail address exists already.", code="resource_exists")


def change_user(*, user: User, changes: Mapping[str, Any], actor: User | None, now: datetime.datetime) -> User:
    """Change name, address, role or `is_active`. Disabling revokes the user's tokens; the
    last active admin can neither be demoted nor disabled (ConflictError)."""
    before = {name: getattr(user, name) for name in changes}
    try:
        with transaction.atomic():
            loses_power = changes.get("role", user.role) != Role.ADMIN or not changes.get("is_active", user.is_active)
            if loses_power:
                refuse_last_admin(user)
            _apply(user, changes)
            user.save(update_fields=[*changes, "is_staff", "is_superuser"])
            note_change(user=user, before=before, actor=actor, now=now)
    except IntegrityError as error:
        raise _taken() from error
    return user


def note_change(*, user: User, before: Mapping[str, Any], actor: User | None, now: datetime.datetime) -> None:
    """What follows from a change of a user that was saved: who was disabled has no tokens any more, and the audit trail
    says what is different from `before`."""
    if before.get("is_active") and not user.is_active:
        revoke_all(user=user, now=now)
    detail = {
        name: {"old": old, "new": getattr(user, name)} for name, old in before.items() if old != getattr(user, name)
    }
    if detail:
        audit.record("user.changed", actor=actor, target=user, detail=detail)


def _apply(user: User, changes: Mapping[str, Any]) -> None:
    for name in ("username", "email", "is_active"):
        if name in changes:
            setattr(user, name, changes[name])
    if "role" in changes:
        apply_role(user, changes["role"])


def refuse_last_admin(user: User) -> None:
    """ConflictError when no other active admin would be left. All admins are locked, so that two who demote each other
    at the same moment are not both right. Inside a transaction."""
    admins = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True)
    ids = set(admins.order_by("pk").values_list("pk", flat=True))
    if ids == {user.pk}:
        raise ConflictError("This is the last admin. Make another user an admin first.")


def delete_user(*, user: User, actor: User) -> dict[str, Any]:
    """Delete another user. The audit trail keeps the name."""
    if user.pk == actor.pk:
        raise ConflictError("You cannot delete yourself. Another admin can.")
    removed = {"id": user.pk, "username": user.username, "role": user.role}
    with transaction.atomic():
        refuse_last_admin(user)
        audit.record("user.deleted", actor=actor, target=user, detail={"role": user.role})
        user.delete()
    return removed


def set_password(
    *, user: User, new: str, current: str | None, actor: User, now: datetime.datetime, address: str = ""
) -> User:
    """Own password with the current one, or another's as an admin. Every token of that user becomes void."""
    if user.pk == actor.pk:
        _check_current(user, current, address=address, now=now)
    elif not actor.has_role(Role.ADMIN):
        raise ForbiddenError("Only an admin may set the password of another.", code="insufficient_permissions")
    check_password_strength(new, user, field="new_password")
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        note_new_password(user=user, actor=actor, now=now)
    return user


def note_new_password(*, user: User, actor: User | None, now: datetime.datetime) -> None:
    """What follows from a new password that was saved: every token of before is void."""
    revoke_all(user=user, now=now)
    audit.record("user.password_changed", actor=actor, target=user)


def _check_current(user: User, current: str | None, *, address: str, now: datetime.datetime) -> None:
    if not current:
        raise ValidationError(
            "Send your current password.", fields={"current_password": "is required"}, code="missing_field"
        )
    if not is_current_password(user=user, text=current, address=address, now=now):
        raise ValidationError("The current password is wrong.", fields={"current_password": "is wrong"})


def is_current_password(*, user: User, text: str, address: str, now: datetime.datetime) -> bool:
    """Guessing here is guessing a password, so it counts as at the login; AccountLockedError after too many."""
    claim_attempt(account=user.username, address=address, now=now)
    if not user.check_password(text):
        return False
    forgive(account=user.username, address=address)
    return True


def apply_role(user: User, role: str) -> None:
    """Moderators and admins may enter the Django admin; what they may do there follows from the role."""
    user.role = Role(role)
    user.is_staff = True
    user.is_superuser = user.role == Role.ADMIN


def check_password_strength(password: str, user: User, *, field: str = "password") -> None:
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise ValidationError("The password is too weak.", fields={field: " ".join(error.messages)}) from error


def ensure_first_admin() -> tuple[User, str] | None:
    """At the very first start: an admin with a random password, which is returned once and stored nowhere."""
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(15)
    return create_user(
        username="admin", email="admin@localhost.localdomain", password=password, role=Role.ADMIN
    ), password
