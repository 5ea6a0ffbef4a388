"""Releases, what was thought of them, and what is never grabbed again, in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from acquisition.models import BlocklistEntry, Decision, Release, SearchState
from config.admin_base import MODERATOR, RecordAdmin
from config.admin_display import link, pill, size
from config.admin_site import GETTING, site


@admin.register(Release, site=site)
class ReleaseAdmin(RecordAdmin):
    section, order = GETTING, 40
    list_display = (
        "title",
        "indexer",
        "format",
        "bitrate_kbps",
        "language",
        "file_size",
        "seeders",
        "is_free",
        "last_seen_at",
    )
    list_filter = ("indexer", "protocol", "format", "is_free")
    list_select_related = ("indexer",)
    search_fields = ("title", "=infohash")
    date_hierarchy = "last_seen_at"
    # The offer and the guid may carry addresses with keys in them.
    fields = (
        "indexer", "title", "infohash", "protocol", "format", "bitrate_kbps", "language", "size_bytes", "seeders",
        "is_free", "published_at", "first_seen_at", "last_seen_at",
    )  # fmt: skip

    @admin.display(description="size", ordering="size_bytes")
    def file_size(self, release: Release) -> str:
        return size(release.size_bytes)


@admin.register(Decision, site=site)
class DecisionAdmin(RecordAdmin):
    section, order = GETTING, 20
    list_display = ("release_title", "book_link", "verdict", "why", "indexer_name", "created_at")
    list_filter = ("is_accepted", "is_temporary", "indexer_name")
    list_select_related = ("book",)
    search_fields = ("release_title", "book__title")
    date_hierarchy = "created_at"

    @admin.display(description="book")
    def book_link(self, decision: Decision) -> str:
        return link(decision.book)

    @admin.display(description="verdict", ordering="is_accepted")
    def verdict(self, decision: Decision) -> str:
        if decision.is_accepted:
            return pill("accepted", "good")
        return pill("not now", "fair") if decision.is_temporary else pill("rejected", "poor")

    @admin.display(description="why")
    def why(self, decision: Decision) -> str:
        return " ".join(str(reason.get("message", "")) for reason in decision.reasons) or "; ".join(decision.order[:2])


@admin.register(SearchState, site=site)
class SearchStateAdmin(RecordAdmin):
    section, order = GETTING, 30
    list_display = ("book_link", "last_outcome", "search_count", "last_searched_at", "next_search_at")
    list_select_related = ("book",)
    search_fields = ("book__title", "last_outcome")
    date_hierarchy = "last_searched_at"

    @admin.display(description="book")
    def book_link(self, state: SearchState) -> str:
        return link(state.book)


@admin.register(BlocklistEntry, site=site)
class BlocklistEntryAdmin(RecordAdmin):
    section, order = GETTING, 50
    delete_role = MODERATOR
    list_display = ("title", "book_link", "indexer", "reason", "created_by", "created_at")
    list_filter = ("indexer",)
    list_select_related = ("book", "indexer", "created_by")
    search_fields = ("title", "book__title", "reason", "=infohash")
    date_hierarchy = "created_at"
    fields = ("title", "book", "indexer", "infohash", "size_bytes", "reason", "created_by", "created_at")

    @admin.display(description="book")
    def book_link(self, entry: BlocklistEntry) -> str:
        return link(entry.book)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if "delete_selected" in actions:
            function, name, _ = actions["delete_selected"]
            actions["delete_selected"] = (function, name, "Allow these again")
        return actions
