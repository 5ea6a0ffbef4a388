"""Providers, what they said, and the corrections that came of it, in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from config.admin_base import ADMIN, RecordAdmin, button
from config.admin_display import link, pill
from config.admin_site import BEHIND, SHELF, SOURCES, site
from library.models import CatalogueRecord, Correction, ProviderState
from library.services.contacts import check_provider


@admin.register(ProviderState, site=site)
class ProviderStateAdmin(RecordAdmin):
    section, order = SOURCES, 50
    change_role = ADMIN
    secret_fields = ("secret",)
    list_display = ("name", "is_enabled", "health", "trust", "calls", "last_ok_at", "last_error")
    list_filter = ("is_enabled",)
    panels = ("admin/health.html",)
    buttons = ("test",)
    fields = (
        "name",
        "is_enabled",
        "trust",
        "secret",
        "daily_budget",
        "calls_today",
        "last_ok_at",
        "last_error",
        "last_error_at",
    )
    editable = ("is_enabled", "trust", "secret", "daily_budget")

    @admin.display(description="health")
    def health(self, state: ProviderState) -> str:
        if state.paused_until and state.paused_until > timezone.now():
            return pill("backs off", "fair")
        if not state.is_enabled:
            return pill("off", "calm")
        return pill("fails", "bad") if state.last_error and state.failure_level else pill("ready", "good")

    @admin.display(description="calls today", ordering="calls_today")
    def calls(self, state: ProviderState) -> str:
        return f"{state.calls_today} of {state.daily_budget or 'any number'}"

    def panel_context(self, request: HttpRequest, obj: ProviderState) -> dict[str, Any]:
        return {"service": obj}

    @button("Test", role=ADMIN)
    def test(self, request: HttpRequest, rows: list[ProviderState]) -> str:
        return " ".join(check_provider(state, now=timezone.now()) for state in rows)


@admin.register(CatalogueRecord, site=site)
class CatalogueRecordAdmin(RecordAdmin):
    section, order = BEHIND, 40
    list_display = ("title", "provider", "kind", "provider_id", "region", "book_link", "fetched_at", "vanished_at")
    list_filter = ("provider", "kind", "region", ("vanished_at", admin.EmptyFieldListFilter))
    list_select_related = ("book",)
    search_fields = ("title", "=provider_id", "book__title")
    date_hierarchy = "fetched_at"

    @admin.display(description="book")
    def book_link(self, record: CatalogueRecord) -> str:
        return link(record.book)


@admin.register(Correction, site=site)
class CorrectionAdmin(RecordAdmin):
    section, order = SHELF, 70
    list_display = ("book_link", "field", "before", "after", "source", "reason", "created_at", "undone_at")
    list_filter = ("field", "source", ("undone_at", admin.EmptyFieldListFilter))
    list_select_related = ("book",)
    search_fields = ("book__title", "field", "reason")
    date_hierarchy = "created_at"

    @admin.display(description="book")
    def book_link(self, correction: Correction) -> str:
        return link(correction.book)

    @admin.display(description="before")
    def before(self, correction: Correction) -> str:
        return str(correction.old or "–")[:80]

    @admin.display(description="after")
    def after(self, correction: Correction) -> str:
        return str(correction.new or "–")[:80]
