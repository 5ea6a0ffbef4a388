"""Failed attempts to sign in, which lock an account at an address for a while."""

from django.db import models


class LoginFailure(models.Model):
    """One attempt that has not succeeded. `account` is what was typed, so unknown names lock like known ones."""

    account = models.CharField(max_length=150)
    address = models.CharField(max_length=45)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["account", "address", "-at"], name="login_failure_recent")]

    def __str__(self) -> str:
        return f"{self.account} from {self.address} at {self.at:%Y-%m-%d %H:%M:%S}"
