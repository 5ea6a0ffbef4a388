"""One execution of a job, with progress, counts, log and result."""

import datetime

from django.conf import settings
from django.db import models

from config.constraints import known_values


class RunStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (RunStatus.QUEUED, RunStatus.RUNNING)


class Trigger(models.TextChoices):
    SCHEDULE = "schedule"
    USER = "user"
    SYSTEM = "system"


class RunQuerySet(models.QuerySet["Run"]):
    def unfinished(self) -> "RunQuerySet":
        return self.filter(status__in=UNFINISHED)

    def silent_since(self, moment: datetime.datetime) -> "RunQuerySet":
        """Running, but without a sign of life since `moment`: their worker died."""
        return self.filter(status=RunStatus.RUNNING, heartbeat_at__lt=moment)


class Run(models.Model):
    """`lock` keeps a job from running twice at once: two unfinished runs never share one (a database constraint)."""

    job = models.CharField(max_length=60)
    status = models.CharField(max_length=20, choices=RunStatus.choices, default=RunStatus.QUEUED)
    trigger = models.CharField(max_length=20, choices=Trigger.choices, default=Trigger.SYSTEM)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    lock = models.CharField(max_length=100)
    params = models.JSONField(default=dict, blank=True)
    total = models.PositiveIntegerField(null=True, blank=True, help_text="Items to work on, once known.")
    processed = models.PositiveIntegerField(default=0)
    succeeded = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    message = models.CharField(max_length=500, blank=True, help_text="What it does now, or how it ended.")
    error_code = models.CharField(max_length=60, blank=True)
    result = models.JSONField(default=dict, blank=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["job", "-created_at"], name="run_job_recent"),
            models.Index(fields=["status", "heartbeat_at"], name="run_status_heartbeat"),
        ]
        constraints = [
            known_values("run", "status", RunStatus.values),
            known_values("run", "trigger", Trigger.values),
            models.UniqueConstraint(
                fields=["lock"], condition=models.Q(status__in=[s.value for s in UNFINISHED]), name="run_lock_held_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} #{self.pk} ({self.status})"

    @property
    def progress(self) -> float | None:
        """0 to 1, or None while the total is unknown."""
        if self.status == RunStatus.SUCCEEDED:
            return 1.0
        return min(1.0, self.processed / self.total) if self.total else None

    @property
    def duration_seconds(self) -> float | None:
        if not self.started_at or not self.finished_at:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class RunLogEntry(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log_entries")
    at = models.DateTimeField()
    level = models.CharField(max_length=10, default="info")
    message = models.CharField(max_length=1000)
    context = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "run log entries"

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.level}: {self.message}"


class FailedAttempt(models.Model):
    """A tally that is kept for ever: how often a job failed on one item."""

    job = models.CharField(max_length=60)
    item_type = models.CharField(max_length=60)
    item_id = models.CharField(max_length=200)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField(db_index=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-last_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["job", "item_type", "item_id"], name="failed_attempt_once_per_item"),
        ]

    def __str__(self) -> str:
        return f"{self.job} failed {self.count} times on {self.item_type} {self.item_id}"
