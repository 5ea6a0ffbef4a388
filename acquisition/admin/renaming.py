"""Renaming the shelf in the admin: the preview of a root's names, the journal, and taking a run of renames back."""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from acquisition.models import Rename, RenameStatus
from acquisition.services.rename_plan import RenamePlan, plan_renames
from acquisition.services.renaming import start_renaming, start_undoing
from config.admin_base import MODERATOR, RecordAdmin, attempt, button, has_role, require_role
from config.admin_display import change_url, link, moment_column, pill
from config.admin_site import BEHIND, site
from config.errors import ConflictError
from library.admin.shelf import LibraryRootAdmin as PlainRootAdmin
from library.models import LibraryRoot

ON_A_PAGE = 100


class LibraryRootAdmin(PlainRootAdmin):
    buttons: ClassVar[tuple[str, ...]] = (*PlainRootAdmin.buttons, "names")

    @button("Preview names", in_list=False, when=lambda root: root.path)
    def names(self, request: HttpRequest, rows: list[LibraryRoot]) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:library_libraryroot_names", args=[rows[0].pk]))

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:object_id>/names/", wrap(self.names_view), name="library_libraryroot_names"),
            *super().get_urls(),
        ]

    def names_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """What every copy of a root would be called; with POST, the run that renames them."""
        root = LibraryRoot.objects.filter(pk=object_id).first()
        if root is None:
            raise Http404
        if request.method == "POST":
            require_role(request, MODERATOR)
            started = attempt(request, lambda: HttpResponseRedirect(change_url(start_renaming(root=root))))
            return started or HttpResponseRedirect(request.path)
        found: list[RenamePlan] = []
        attempt(request, lambda: found.append(plan_renames(root=root)) or "")  # type: ignore[func-returns-value]
        rows = found[0].rows if found else []
        context = {
            **self.admin_site.each_context(request),
            "title": f"Names in {root.name}",
            "opts": self.opts,
            "root": root,
            "plan": found[0] if found else None,
            "page": Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page")),
            "ready": sum(not row.code for row in rows),
            "may_rename": has_role(request, MODERATOR),
        }
        return TemplateResponse(request, "acquisition/admin/names.html", context)


@admin.register(Rename, site=site)
class RenameAdmin(RecordAdmin):
    section, order = BEHIND, 62
    list_display = ("old_path", "new_path", "root", "state", "trouble", moment_column("created_at", "when"))
    list_filter = ("status", "root")
    list_select_related = ("root",)
    search_fields = ("old_path", "new_path")
    date_hierarchy = "created_at"
    buttons = ("undo",)
    fields = (
        "root", "copy_link", "old_path", "new_path", "status", "error_message", "steps", "run", "created_at",
        "finished_at",
    )  # fmt: skip
    readonly_fields = ("copy_link",)

    @admin.display(description="status", ordering="status")
    def state(self, rename: Rename) -> str:
        return pill(rename.status)

    @admin.display(description="what is wrong")
    def trouble(self, rename: Rename) -> str:
        return rename.error_message[:120] or "–"

    @admin.display(description="copy")
    def copy_link(self, rename: Rename) -> str:
        return link(rename.copy)

    @button("Take back the whole run", in_list=False, when=lambda row: row.status == RenameStatus.DONE and row.run_id)
    def undo(self, request: HttpRequest, rows: list[Rename]) -> HttpResponse:
        if rows[0].run is None:
            raise ConflictError("Its run is no longer kept; rename it by hand.", code="run_forgotten")
        return HttpResponseRedirect(change_url(start_undoing(run=rows[0].run)))


site.unregister(LibraryRoot)
site.register(LibraryRoot, LibraryRootAdmin)
