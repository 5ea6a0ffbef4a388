"""The outside services that find and fetch: indexers and download clients, with their health."""

import datetime
from typing import Any

from django.db import models

from config.constraints import known_values


class ServiceHealth(models.Model):
    """Back-off state shared by indexers and clients. `failure_level` is a step of the ladder in
    acquisition.domain.backoff; a success steps one down."""

    is_enabled = models.BooleanField(default=True)
    failure_level = models.PositiveSmallIntegerField(default=0, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_ok_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=500, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)
    version = models.CharField(max_length=60, blank=True, editable=False)

    class Meta:
        abstract = True


class ServiceQuerySet(models.QuerySet[Any]):
    def usable(self, *, now: datetime.datetime) -> "ServiceQuerySet":
        """Enabled, and not backing off."""
        return self.filter(is_enabled=True).filter(models.Q(paused_until=None) | models.Q(paused_until__lte=now))


class IndexerKind(models.TextChoices):
    TORZNAB = "torznab"
    NEWZNAB = "newznab"
    LIBRIVOX = "librivox", "LibriVox and the Internet Archive"
    MYANONAMOUSE = "myanonamouse"


class Prowlarr(ServiceHealth):
    """A Prowlarr server, whose indexers are kept here as they are there."""

    name = models.CharField(max_length=100, unique=True)
    url = models.CharField(max_length=500)
    api_key = models.CharField(max_length=200)
    synced_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_result = models.CharField(max_length=300, blank=True, editable=False)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "Prowlarr server"

    def __str__(self) -> str:
        return self.name


class Indexer(ServiceHealth):
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=IndexerKind.choices, default=IndexerKind.TORZNAB)
    url = models.CharField(max_length=500, blank=True)
    api_key = models.CharField(max_length=1000, blank=True)
    categories = models.JSONField(default=list, blank=True, help_text="Empty: 3030 (audiobooks).")
    priority = models.PositiveSmallIntegerField(default=25, help_text="1 is asked first, 50 last.")
    is_automatic = models.BooleanField(default=True, help_text="Used without a person asking.")
    daily_budget = models.PositiveIntegerField(null=True, blank=True, help_text="Queries a day; empty: 200.")
    queries_today = models.PositiveIntegerField(default=0, editable=False)
    grabs_today = models.PositiveIntegerField(default=0, editable=False)
    budget_date = models.DateField(null=True, blank=True, editable=False)
    feed_read_at = models.DateTimeField(null=True, blank=True, editable=False)
    minimum_seeders = models.PositiveSmallIntegerField(default=1)
    seed_ratio = models.FloatField(null=True, blank=True)
    seed_time_minutes = models.PositiveIntegerField(null=True, blank=True)
    capabilities = models.JSONField(default=dict, blank=True, editable=False)
    capabilities_at = models.DateTimeField(null=True, blank=True, editable=False)
    settings = models.JSONField(default=dict, blank=True)
    prowlarr = models.ForeignKey(
        Prowlarr, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="indexers"
    )
    remote_id = models.PositiveIntegerField(null=True, blank=True, editable=False)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        ordering = ["priority", "name"]
        constraints = [
            known_values("indexer", "kind", IndexerKind.values),
            models.UniqueConstraint(fields=["prowlarr", "remote_id"], name="indexer_once_per_prowlarr"),
        ]

    def __str__(self) -> str:
        return self.name


class ClientKind(models.TextChoices):
    HTTP = "http", "built-in (HTTP)"
    QBITTORRENT = "qbittorrent", "qBittorrent"
    TRANSMISSION = "transmission", "Transmission"
    WATCH_FOLDER = "watch_folder", "watch folder"


class DownloadClient(ServiceHealth):
    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=20, choices=ClientKind.choices)
    url = models.CharField(max_length=500, blank=True)
    username = models.CharField(max_length=150, blank=True)
    password = models.CharField(max_length=300, blank=True)
    category = models.CharField(max_length=100, default="unabridged", blank=True)
    save_path = models.CharField(max_length=1000, blank=True, help_text="As the client sees it; empty: its default.")
    path_mappings = models.JSONField(
        default=list, blank=True, help_text='[{"remote": "/downloads", "local": "/mnt/dl"}]'
    )
    priority = models.PositiveSmallIntegerField(default=25)
    seed_ratio = models.FloatField(null=True, blank=True)
    seed_time_minutes = models.PositiveIntegerField(null=True, blank=True)
    removes_completed = models.BooleanField(
        default=False, help_text="Remove from the client once the obligation is met."
    )
    settings = models.JSONField(default=dict, blank=True)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        ordering = ["priority", "name"]
        constraints = [known_values("client", "kind", ClientKind.values)]

    def __str__(self) -> str:
        return self.name
