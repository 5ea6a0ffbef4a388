"""Indexers and download clients in the admin. Their secrets are written and never shown."""

from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone

from acquisition.models import DownloadClient, Indexer, Prowlarr
from acquisition.services.contacts import check_client, check_indexer
from acquisition.services.prowlarr import check_prowlarr, remove_prowlarr, sync_prowlarr
from config.admin_base import ADMIN, RecordAdmin, button, who
from config.admin_display import pill
from config.admin_site import SOURCES, site

HEALTH = ("version", "last_ok_at", "last_error", "last_error_at", "paused_until")


class ServiceAdmin(RecordAdmin):
    """What indexers and clients have in common."""

    section = SOURCES
    add_role = change_role = delete_role = ADMIN
    panels = ("admin/health.html",)
    buttons = ("test",)

    @admin.display(description="health")
    def health(self, service: Any) -> str:
        if not service.is_enabled:
            return pill("off", "calm")
        if service.paused_until and service.paused_until > timezone.now():
            return pill("backs off", "bad")
        return pill("answers", "good") if service.last_ok_at else pill("not asked yet", "calm")

    def panel_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        return {"service": obj}


@admin.register(Indexer, site=site)
class IndexerAdmin(ServiceAdmin):
    order = 30
    secret_fields = ("api_key",)
    list_display = ("name", "kind", "url", "health", "is_automatic", "priority", "budget", "last_ok_at", "prowlarr")
    list_select_related = ("prowlarr",)
    list_filter = ("kind", "is_enabled", "is_automatic")
    search_fields = ("name", "url")
    readonly_fields = (*HEALTH, "feed_read_at", "queries_today", "grabs_today")
    fieldsets = (
        (None, {"fields": ("name", "kind", "url", "api_key", "categories", "is_enabled")}),
        ("How it is used", {"fields": ("priority", "is_automatic", "daily_budget", "minimum_seeders")}),
        ("What is owed to it", {"fields": ("seed_ratio", "seed_time_minutes")}),
        ("How it goes", {"fields": (*HEALTH, "feed_read_at", "queries_today", "grabs_today")}),
    )

    @admin.display(description="queries today", ordering="queries_today")
    def budget(self, indexer: Indexer) -> str:
        return f"{indexer.queries_today} of {indexer.daily_budget or 200}"

    @button("Test", role=ADMIN)
    def test(self, request: HttpRequest, rows: list[Indexer]) -> str:
        return " ".join(check_indexer(indexer, now=timezone.now()) for indexer in rows)


@admin.register(Prowlarr, site=site)
class ProwlarrAdmin(ServiceAdmin):
    order = 35
    secret_fields = ("api_key",)
    list_display = ("name", "url", "health", "indexer_count", "synced_at", "last_result")
    search_fields = ("name", "url")
    readonly_fields = (*HEALTH, "synced_at", "last_result")
    buttons = ("sync", "test")
    fieldsets = (
        (None, {"fields": ("name", "url", "api_key", "is_enabled")}),
        ("How it goes", {"fields": ("synced_at", "last_result", *HEALTH)}),
    )

    @admin.display(description="indexers")
    def indexer_count(self, row: Prowlarr) -> int:
        return row.indexer_count

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(indexer_count=Count("indexers"))

    def save_model(self, request: HttpRequest, obj: Prowlarr, form: Any, change: bool) -> None:
        obj.synced_at, obj.failure_level, obj.paused_until = None, 0, None
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Prowlarr) -> None:
        remove_prowlarr(row=obj, user=who(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            remove_prowlarr(row=row, user=who(request))

    @button("Read its indexers now", role=ADMIN, tone="primary")
    def sync(self, request: HttpRequest, rows: list[Prowlarr]) -> str:
        return " ".join(sync_prowlarr(row, now=timezone.now(), user=who(request)).sentence for row in rows)

    @button("Test", role=ADMIN)
    def test(self, request: HttpRequest, rows: list[Prowlarr]) -> str:
        return " ".join(check_prowlarr(row, now=timezone.now()) for row in rows)


@admin.register(DownloadClient, site=site)
class DownloadClientAdmin(ServiceAdmin):
    order = 40
    secret_fields = ("password",)
    list_display = ("name", "kind", "url", "health", "category", "priority", "last_ok_at")
    list_filter = ("kind", "is_enabled")
    search_fields = ("name", "url")
    readonly_fields = HEALTH
    fieldsets = (
        (None, {"fields": ("name", "kind", "url", "username", "password", "is_enabled")}),
        ("Where it saves", {"fields": ("category", "save_path", "path_mappings", "priority")}),
        ("What is owed", {"fields": ("seed_ratio", "seed_time_minutes", "removes_completed")}),
        ("How it goes", {"fields": HEALTH}),
    )

    @button("Test", role=ADMIN)
    def test(self, request: HttpRequest, rows: list[DownloadClient]) -> str:
        return " ".join(check_client(client, now=timezone.now()) for client in rows)
