"""The kernel's own rows: answers remembered for Idempotency-Key, and marks of writes to the tables that are counted."""

import datetime

from django.db import models


class IdempotentAnswer(models.Model):
    """The answer to one POST, kept for a day, so that a repeat of it does nothing twice. Without a status it is still
    being worked on."""

    caller = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    path = models.CharField(max_length=500)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the body.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.BinaryField(default=b"")
    location = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key", "path"], name="idempotent_answer_once")]

    def __str__(self) -> str:
        return f"{self.caller} {self.path} {self.status or 'under way'}"

    def is_stale(self, now: datetime.datetime) -> bool:
        """Too old to be replayed; or its process died, so that it will never end."""
        age = now - self.created_at
        return age > KEPT or (self.status is None and age > LONGEST_REQUEST)


class TableMark(models.Model):
    """That a table was written to. On PostgreSQL many rows a table, else one; see `config.api.totals`."""

    table_name = models.CharField(max_length=63)
    mark = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["table_name", "id"], name="table_mark_latest")]

    def __str__(self) -> str:
        return self.table_name


KEPT = datetime.timedelta(hours=24)
LONGEST_REQUEST = datetime.timedelta(minutes=2)
