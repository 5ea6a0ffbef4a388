"""Creating and changing users. The role decides what Django's own flags say."""

import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction

from accounts.models import Role, User
from config.errors import ConflictError, ValidationError


def create_user(*, username: str, email: str, password: str, role: str = Role.VIEWER) -> User:
    """A new user. ConflictError for a taken name or address, ValidationError for a weak password."""
    user = User(username=username, email=email)
    apply_role(user, role)
    check_password_strength(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise ConflictError(
            "A user with this name or e-mail address exists already.", code="resource_exists"
        ) from error
    return user


def apply_role(user: User, role: str) -> None:
    """Moderators and admins may enter the Django admin; what they may do there follows from the role."""
    user.role = Role(role)
    user.is_staff = True
    user.is_superuser = user.role == Role.ADMIN


def check_password_strength(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise ValidationError("The password is too weak.", fields={"password": " ".join(error.messages)}) from error


def ensure_first_admin() -> tuple[User, str] | None:
    """At the very first start: an admin with a random password, which is returned once and stored nowhere."""
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(15)
    return create_user(
        username="admin", email="admin@localhost.localdomain", password=password, role=Role.ADMIN
    ), password
