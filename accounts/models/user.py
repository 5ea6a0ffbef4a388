"""Users and their roles."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from config.constraints import known_values


class Role(models.TextChoices):
    """Viewer reads; moderator also changes the library and starts work; admin also manages users and settings."""

    VIEWER = "viewer"
    MODERATOR = "moderator"
    ADMIN = "admin"


RANKS: dict[str, int] = {role: rank for rank, role in enumerate(Role)}


class User(AbstractUser):
    """A person, or a program that acts for one. `is_staff` and `is_superuser` follow the role."""

    email = models.EmailField(unique=True)
    role = models.CharField(max_length=20, choices=Role.choices, default=Role.VIEWER)
    tokens_valid_from = models.DateTimeField(
        null=True, blank=True, help_text="Access tokens issued before are refused."
    )

    class Meta:
        ordering = ["username"]
        constraints = [
            known_values("user", "role", Role.values),
            models.UniqueConstraint(Lower("username"), name="user_name_once"),
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
        ]

    def has_role(self, role: str) -> bool:
        """Whether this user may do what `role` may."""
        return self.is_active and RANKS[self.role] >= RANKS[role]
