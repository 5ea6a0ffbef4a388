"""Downloads with their history, and the journal of imports, in the admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from acquisition.domain.states import ACTIVE, SENTENCES, DownloadState, can_move
from acquisition.models import Download, DownloadBook, DownloadEvent, ImportRecord, ImportStatus
from acquisition.services.asking import cancel_download, reject_download, retry_download
from acquisition.services.importing import import_again, overrule_and_import
from acquisition.services.monitoring import wake_monitor
from acquisition.services.reviewing import standing_codes
from acquisition.services.settling import undo_import
from config.admin_base import MODERATOR, RecordAdmin, RoleInline, button, count_of, has_role, reason_of, who
from config.admin_display import bar, clock, link, moment_column, pill, size
from config.admin_site import BEHIND, GETTING, site

S = DownloadState


class DownloadBookInline(RoleInline):
    """Which books it is for. Only while it is blocked can a person say what nobody said before."""

    model = DownloadBook
    fields = ("book", "files")
    autocomplete_fields = ("book",)
    readonly_fields = ("files",)
    verbose_name_plural = "books of this download"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_open = obj is not None and obj.status == S.BLOCKED and not obj.download_books.exists()
        return is_open and has_role(request, MODERATOR)


@admin.register(Download, site=site)
class DownloadAdmin(RecordAdmin):
    section, order, pin = GETTING, 10, 30
    list_display = (
        "title",
        "state",
        "progress_bar",
        "trouble",
        "file_size",
        "source",
        moment_column("status_at", "since"),
    )
    list_filter = ("status", "source", "client", "error_code")
    list_select_related = ("client",)
    search_fields = ("title", "author", "=infohash", "books__title", "error_message")
    date_hierarchy = "created_at"
    inlines = (DownloadBookInline,)
    panels = ("acquisition/admin/download.html",)
    buttons = ("retry", "look_again", "import_anyway", "reject", "cancel")
    fields = (
        "title", "author", "source", "release", "client", "client_state", "content_path", "attempts", "max_retries",
        "overrules", "created_by", "created_at", "grabbed_at", "completed_at", "imported_at", "removed_from_client_at",
    )  # fmt: skip
    readonly_fields = fields

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only to say which book a blocked download is."""
        is_open = obj is not None and obj.status == S.BLOCKED
        return is_open and has_role(request, MODERATOR)

    @admin.display(description="status", ordering="status")
    def state(self, download: Download) -> str:
        return pill(download.status)

    @admin.display(description="progress", ordering="progress")
    def progress_bar(self, download: Download) -> str:
        return (
            bar(100 * download.progress, tone="good" if download.status == S.IMPORTED else "busy")
            if download.status != S.QUEUED
            else "–"
        )

    @admin.display(description="size", ordering="size_bytes")
    def file_size(self, download: Download) -> str:
        return size(download.size_bytes)

    @admin.display(description="what is wrong")
    def trouble(self, download: Download) -> str:
        return download.error_message[:120] or "–"

    def panel_context(self, request: HttpRequest, obj: Download) -> dict[str, Any]:
        return {
            "download": obj,
            "sentence": SENTENCES[DownloadState(obj.status)],
            "state_pill": self.state(obj),
            "percent": int(100 * obj.progress),
            "is_live": obj.status in ACTIVE and obj.status not in (S.BLOCKED, S.FAILED),
            "sizes": f"{size(obj.downloaded_bytes)} of {size(obj.size_bytes)}"
            if obj.downloaded_bytes
            else size(obj.size_bytes),
            "speed": size(obj.speed_bytes) + "/s" if obj.speed_bytes else "",
            "eta": clock(obj.eta_seconds) if obj.eta_seconds and obj.status == S.DOWNLOADING else "",
            "books": [row.book for row in obj.download_books.select_related("book")],
            "events": list(obj.events.order_by("-id")[:200]),
            "previews": _previews(obj),
            "imports": list(obj.imports.select_related("root", "copy", "book").order_by("-pk")),
        }

    @button("Import again", when=lambda row: row.status == S.BLOCKED, in_list=True)
    def look_again(self, request: HttpRequest, rows: list[Download]) -> str:
        for download in rows:
            import_again(download=download, actor=who(request).get_username())
        wake_monitor()
        return "It is looked at again."

    @button("Try again", when=lambda row: can_move(row.status, S.QUEUED) and row.status != S.SEARCHING)
    def retry(self, request: HttpRequest, rows: list[Download]) -> str:
        for download in rows:
            retry_download(download=download, actor=who(request).get_username())
        return f"{count_of(len(rows), 'download')} queued again."

    @button(
        "Import anyway",
        asks="Why is it right all the same?",
        when=lambda row: row.status == S.BLOCKED,
    )
    def import_anyway(self, request: HttpRequest, rows: list[Download]) -> str:
        for download in rows:
            actor = who(request).get_username()
            codes = standing_codes(download)
            overrule_and_import(download=download, codes=codes, reason=reason_of(request), actor=actor)
        wake_monitor()
        return "It is being filed. If another check stands in the way, it waits here again."

    @button(
        "Wrong: block this release",
        tone="danger",
        asks="What is wrong with it?",
        when=lambda row: can_move(row.status, S.FAILED),
    )
    def reject(self, request: HttpRequest, rows: list[Download]) -> str:
        following = [
            reject_download(
                download=download, reason=reason_of(request), actor=who(request).get_username(), now=timezone.now()
            )
            for download in rows
        ]
        found = [row for row in following if row]
        words = "The release is never grabbed again."
        return (
            f"{words} The next best one is queued: {found[0]}" if found else f"{words} There is no other accepted one."
        )

    @button("Cancel", tone="danger", when=lambda row: can_move(row.status, S.CANCELLED))
    def cancel(self, request: HttpRequest, rows: list[Download]) -> str:
        for download in rows:
            cancel_download(download=download, actor=who(request).get_username())
        return f"{count_of(len(rows), 'download')} cancelled."


def _previews(download: Download) -> list[dict[str, Any]]:
    """What its import would do, for the person who is asked."""
    if download.status != S.BLOCKED:
        return []
    return [
        {**plan, "files": [{**file, "size": size(file["size_bytes"])} for file in plan["files"]]}
        for plan in download.preview.values()
    ]


@admin.register(DownloadBook, site=site)
class DownloadBookAdmin(RecordAdmin):
    section, order = BEHIND, 70
    list_display = ("book_link", "download_link", "is_active")
    list_filter = ("is_active",)
    list_select_related = ("book", "download")
    search_fields = ("book__title", "download__title")

    @admin.display(description="book")
    def book_link(self, row: DownloadBook) -> str:
        return link(row.book)

    @admin.display(description="download")
    def download_link(self, row: DownloadBook) -> str:
        return link(row.download)


@admin.register(DownloadEvent, site=site)
class DownloadEventAdmin(RecordAdmin):
    section, order = BEHIND, 50
    list_display = ("at", "download_link", "old_status", "new_status", "message", "actor")
    list_filter = ("new_status", "code", "actor")
    list_select_related = ("download",)
    search_fields = ("message", "download__title")
    date_hierarchy = "at"
    ordering = ("-id",)

    @admin.display(description="download")
    def download_link(self, event: DownloadEvent) -> str:
        return link(event.download)


@admin.register(ImportRecord, site=site)
class ImportRecordAdmin(RecordAdmin):
    section, order = GETTING, 60
    list_display = ("target_path", "book_link", "root", "state", "method", "file_count", "created_at", "confirmed_at")
    list_filter = ("status", "root", "method")
    list_select_related = ("book", "root")
    search_fields = ("target_path", "book__title")
    date_hierarchy = "created_at"
    panels = ("acquisition/admin/import.html",)
    buttons = ("undo",)
    fields = (
        "download", "book", "copy", "root", "target_path", "source_path", "method", "replaced", "error_message",
        "confirmed_at", "created_at", "finished_at",
    )  # fmt: skip

    @admin.display(description="book")
    def book_link(self, record: ImportRecord) -> str:
        return link(record.book)

    @admin.display(description="status", ordering="status")
    def state(self, record: ImportRecord) -> str:
        words = {"committed": "on the shelf"}
        return pill(record.status, label=words.get(record.status, ""))

    @admin.display(description="files")
    def file_count(self, record: ImportRecord) -> int:
        return len(record.files)

    def panel_context(self, request: HttpRequest, obj: ImportRecord) -> dict[str, Any]:
        files = [{**file, "size": size(file.get("size_bytes"))} for file in obj.files]
        return {"record": obj, "state_pill": self.state(obj), "files": files}

    @button("Undo this import", tone="danger", when=lambda record: record.status == ImportStatus.COMMITTED)
    def undo(self, request: HttpRequest, rows: list[ImportRecord]) -> str:
        for record in rows:
            undo_import(record=record, actor=who(request).get_username(), now=timezone.now())
        words = "the files left the library, what seeds stayed, the gap is open again."
        return f"{count_of(len(rows), 'import')} undone: {words}"
