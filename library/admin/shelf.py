"""Library roots, Audiobookshelf servers and copies in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from config.admin_base import ADMIN, MODERATOR, RecordAdmin, RoleInline, attempt, button, has_role, require_role, who
from config.admin_display import change_url, clock, link, pill, size
from config.admin_site import BEHIND, SHELF, SOURCES, site
from config.errors import NotFoundError
from library.domain.naming import PRESETS, TOKENS, template_for
from library.models import Audiobookshelf, Book, Copy, CopyFile, LibraryRoot, MatchState, RootKind, ShelfChange
from library.services.contacts import check_audiobookshelf
from library.services.matching_review import decide_match
from library.services.readers import connect_audiobookshelf
from library.services.removing import remove_roots, remove_servers
from library.services.roots import add_audiobookshelf, add_folder
from scheduling.models import Run, Trigger
from scheduling.services.runs import request_run


class AddFolderForm(forms.Form):
    """A folder that holds the authors' folders."""

    path = forms.CharField(
        label="Folder", max_length=1000, widget=forms.TextInput(attrs={"placeholder": "/media/audiobooks"})
    )
    name = forms.CharField(label="Name", max_length=200, required=False, help_text="Empty: the folder's name.")


class AddServerForm(forms.Form):
    """An Audiobookshelf server, with an API key or a user and password."""

    url = forms.CharField(
        label="Address", max_length=500, widget=forms.TextInput(attrs={"placeholder": "http://host:13378"})
    )
    token = forms.CharField(
        label="API key", max_length=2000, required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Audiobookshelf: Settings, API keys. Or a user and password:",
    )  # fmt: skip
    username = forms.CharField(
        label="User", max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    password = forms.CharField(
        label="Password",
        max_length=300,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def read_roots(request: HttpRequest, roots: list[LibraryRoot], *, dry_run: bool = False) -> Run:
    """Queue a reading of these roots."""
    ids = sorted(root.pk for root in roots)
    params: dict[str, Any] = {"root_ids": ids, "dry_run": dry_run}
    return request_run(job="library_import", params=params, trigger=Trigger.USER, user=who(request))


def to_run(run: Run) -> HttpResponse:
    """To the page where its progress is shown."""
    return HttpResponseRedirect(change_url(run))


def add_library_view(request: HttpRequest) -> HttpResponse:
    """Add a folder or a server, and begin to read it. The forms are on the front page and on a page of their own."""
    kind = request.POST.get("kind", "")
    folder = AddFolderForm(request.POST if kind == "folder" else None, prefix="folder")
    server = AddServerForm(request.POST if kind == "server" else None, prefix="server")
    if request.method == "POST":
        require_role(request, MODERATOR if kind == "folder" else ADMIN)
        form = folder if kind == "folder" else server
        if form.is_valid():
            values = form.cleaned_data
            add = _add_folder if kind == "folder" else _add_server
            response = attempt(request, lambda: to_run(read_roots(request, add(values))))
            if response:
                return response
    context = {
        **site.each_context(request),
        "title": "Add a library",
        "folder_form": folder,
        "server_form": server,
        "opts": LibraryRoot._meta,
    }
    return TemplateResponse(request, "library/admin/add_library.html", context)


def _add_folder(values: dict[str, str]) -> list[LibraryRoot]:
    return [add_folder(values["path"], name=values["name"])]


def _add_server(values: dict[str, str]) -> list[LibraryRoot]:
    server = add_audiobookshelf(**values)
    roots = connect_audiobookshelf(server)
    if not roots:
        raise NotFoundError(f"{server.name} answers, and has no library of audiobooks that this user may see.")
    return roots


site.add_page("library/add/", add_library_view, name="add_library")


FILING_FIELDS = ("naming_preset", "naming_folder", "naming_file", "merges_parts")


class RootForm(forms.ModelForm):
    class Meta:
        model = LibraryRoot
        fields = ("name", "is_enabled", "path", "is_import_target", *FILING_FIELDS)
        widgets = {
            "naming_preset": forms.Select(choices=[(name, name) for name in PRESETS]),
            "naming_folder": forms.TextInput(attrs={"class": "vTextField"}),
            "naming_file": forms.TextInput(attrs={"class": "vTextField"}),
        }

        help_texts = {
            "naming_folder": "Empty: as the preset. Tokens: "
            + ", ".join(f"{{{name}}}" for name in sorted(TOKENS))
            + "; "
            "{position:00} pads; < and > enclose what is left out when a token in it is empty.",
            "naming_file": "Empty: as the preset. The same tokens, without the suffix.",
        }

    def clean(self) -> dict[str, Any]:
        """A template that cannot work is refused here, and not at the next import."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        preset = values.get("naming_preset") or "audiobookshelf"
        for name, given in (("naming_folder", {"folder": values.get("naming_folder") or ""}),
                            ("naming_file", {"file": values.get("naming_file") or ""})):  # fmt: skip
            try:
                template_for(preset, **given)
            except ValueError as error:
                self.add_error(name, str(error))
        return values


@admin.register(LibraryRoot, site=site)
class LibraryRootAdmin(RecordAdmin):
    section, order = SOURCES, 10
    add_role = change_role = MODERATOR
    delete_role = ADMIN
    form = RootForm
    list_display = (
        "name",
        "kind",
        "path",
        "server",
        "copy_count",
        "is_enabled",
        "is_import_target",
        "health",
        "last_read_at",
    )
    list_filter = ("kind", "is_enabled")
    list_select_related = ("server",)
    search_fields = ("name", "path")
    panels = ("library/admin/root.html",)
    buttons = ("read_now", "preview")
    fieldsets = (
        (None, {"fields": ("name", "kind", "server", "path", "remote_path", "is_enabled")}),
        ("Filing new books", {"fields": ("is_import_target", *FILING_FIELDS, "profile")}),
        ("How it goes", {"fields": ("copy_count", "last_read_at", "last_healthy_at", "last_error")}),
    )
    readonly_fields = (
        "kind",
        "server",
        "profile",
        "remote_path",
        "copy_count",
        "last_read_at",
        "last_healthy_at",
        "last_error",
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The path of a folder is the identity of its copies; that of a server's library is only where we see it."""
        given = super().get_readonly_fields(request, obj)
        return (*given, "path") if obj and obj.kind == RootKind.FOLDER else given

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:add_library"))

    def delete_model(self, request: HttpRequest, obj: LibraryRoot) -> None:
        remove_roots(roots=[obj], now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LibraryRoot]) -> None:
        remove_roots(roots=list(queryset), now=timezone.now())

    @admin.display(description="health")
    def health(self, root: LibraryRoot) -> str:
        if root.last_error:
            return pill(root.last_error, "bad")
        return pill("read", "good") if root.last_read_at else pill("not read yet", "calm")

    def panel_context(self, request: HttpRequest, obj: LibraryRoot) -> dict[str, Any]:
        return {"root": obj}

    @button("Read now")
    def read_now(self, request: HttpRequest, rows: list[LibraryRoot]) -> HttpResponse:
        return to_run(read_roots(request, rows))

    @button("Preview")
    def preview(self, request: HttpRequest, rows: list[LibraryRoot]) -> HttpResponse:
        return to_run(read_roots(request, rows, dry_run=True))


@admin.register(Audiobookshelf, site=site)
class AudiobookshelfAdmin(RecordAdmin):
    section, order = SOURCES, 20
    add_role = change_role = delete_role = ADMIN
    secret_fields = ("token", "password")
    list_display = ("name", "url", "is_enabled", "health", "version", "last_ok_at")
    list_filter = ("is_enabled",)
    search_fields = ("name", "url")
    panels = ("admin/health.html",)
    buttons = ("test", "connect")
    readonly_fields = ("version", "last_ok_at", "last_error", "last_error_at")
    fieldsets = (
        (None, {"fields": ("name", "url", "is_enabled")}),
        ("How to sign in", {"fields": ("token", "username", "password")}),
        ("How it goes", {"fields": ("version", "last_ok_at", "last_error", "last_error_at")}),
    )

    def delete_model(self, request: HttpRequest, obj: Audiobookshelf) -> None:
        remove_servers(servers=[obj], now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Audiobookshelf]) -> None:
        remove_servers(servers=list(queryset), now=timezone.now())

    @admin.display(description="health")
    def health(self, server: Audiobookshelf) -> str:
        if server.last_error:
            return pill("fails", "bad")
        return pill("answers", "good") if server.last_ok_at else pill("not asked yet", "calm")

    def panel_context(self, request: HttpRequest, obj: Audiobookshelf) -> dict[str, Any]:
        return {"service": obj}

    @button("Test connection", role=ADMIN)
    def test(self, request: HttpRequest, rows: list[Audiobookshelf]) -> str:
        return " ".join(check_audiobookshelf(server) for server in rows)

    @button("Connect libraries", role=ADMIN)
    def connect(self, request: HttpRequest, rows: list[Audiobookshelf]) -> str:
        roots = [root for server in rows for root in connect_audiobookshelf(server)]
        names = ", ".join(root.name for root in roots) or "none"
        return f"Libraries: {names}. Read them under Library roots."


class CopyFileInline(RoleInline):
    model = CopyFile
    fields = ("path", "kind", "size_bytes", "duration_seconds", "codec", "bitrate_kbps")


class ChooseBookForm(forms.Form):
    """Any book of the catalogue, found by its id."""

    book = forms.ModelChoiceField(Book.objects.active(), widget=forms.NumberInput)


class PresentFilter(admin.SimpleListFilter):
    title = "on the shelf"
    parameter_name = "present"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "There"), ("no", "Missing")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Copy]) -> QuerySet[Copy]:
        return queryset.filter(missing_since__isnull=self.value() == "yes") if self.value() else queryset


@admin.register(Copy, site=site)
class CopyAdmin(RecordAdmin):
    section, order = SHELF, 35
    list_display = (
        "title",
        "author_names",
        "root",
        "book_link",
        "match_pill",
        "length",
        "size",
        "presence",
        "problem_count",
    )
    list_filter = ("match_state", PresentFilter, "root", "codec", "is_single_file")
    list_select_related = ("root", "book")
    search_fields = ("title", "path", "book__title", "=asin", "=isbn", "=abs_item_id")
    date_hierarchy = "created_at"
    inlines = (CopyFileInline,)
    panels = ("library/admin/copy.html",)
    fields = (
        "root", "path", "abs_item_id", "title", "subtitle", "authors", "narrators", "series", "asin", "isbn",
        "publisher", "published_year", "language", "is_abridged", "size_bytes", "file_count", "codec", "bitrate_kbps",
        "chapter_count", "sources", "missing_since", "book", "recording", "matched_at", "added_at",
    )  # fmt: skip

    @admin.display(description="authors")
    def author_names(self, copy: Copy) -> str:
        return ", ".join(str(name) for name in copy.authors) or "–"

    @admin.display(description="book")
    def book_link(self, copy: Copy) -> str:
        return link(copy.book)

    @admin.display(description="match", ordering="match_state")
    def match_pill(self, copy: Copy) -> str:
        words = {"user": "decided by you", "none": "on its own", "review": "to review"}
        return pill(copy.match_state, label=words.get(copy.match_state, ""))

    @admin.display(description="length", ordering="duration_seconds")
    def length(self, copy: Copy) -> str:
        return clock(copy.duration_seconds)

    @admin.display(description="size", ordering="size_bytes")
    def size(self, copy: Copy) -> str:
        return size(copy.size_bytes)

    @admin.display(description="shelf", ordering="missing_since")
    def presence(self, copy: Copy) -> str:
        return pill("missing", "bad") if copy.missing_since else pill("there", "good")

    @admin.display(description="problems")
    def problem_count(self, copy: Copy) -> str:
        return pill(len(copy.problems), "fair") if copy.problems else "–"

    def panel_context(self, request: HttpRequest, obj: Copy) -> dict[str, Any]:
        candidates = Book.objects.filter(pk__in=obj.match_candidates).prefetch_related(
            "authors", "series_entries__series"
        )
        return {
            "copy": obj,
            "match_pill": self.match_pill(obj),
            "candidates": list(candidates),
            "may_decide": has_role(request, MODERATOR),
            "length": self.length(obj),
            "needs_review": obj.match_state == MatchState.REVIEW,
        }

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.decide_view)
        return [path("<int:object_id>/decide/", view, name="library_copy_decide"), *super().get_urls()]

    def decide_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """A person's word which book a copy is: `book` is an id; `same` keeps the book that it has."""
        require_role(request, MODERATOR)
        copy = self.get_object(request, str(object_id))
        if copy is None or request.method != "POST":
            raise Http404
        attempt(request, lambda: self._decide(request, copy))
        return HttpResponseRedirect(change_url(copy))

    def _decide(self, request: HttpRequest, copy: Copy) -> str:
        book = None
        if "same" not in request.POST:
            form = ChooseBookForm(request.POST)
            if not form.is_valid():
                raise NotFoundError(
                    "There is no such book. Give the number of a book; it is in the address of its page."
                )
            book = form.cleaned_data["book"]
        decided = decide_match(copy=copy, book=book, user=who(request), now=timezone.now())
        return f"{copy} is “{decided.book}” from now on; it is not asked again."


@admin.register(CopyFile, site=site)
class CopyFileAdmin(RecordAdmin):
    section, order = BEHIND, 66
    list_display = ("path", "copy_link", "kind", "file_size", "codec", "bitrate_kbps")
    list_filter = ("kind", "codec")
    list_select_related = ("copy",)
    search_fields = ("path",)

    @admin.display(description="copy")
    def copy_link(self, file: CopyFile) -> str:
        return link(file.copy)

    @admin.display(description="size", ordering="size_bytes")
    def file_size(self, file: CopyFile) -> str:
        return size(file.size_bytes)


@admin.register(ShelfChange, site=site)
class ShelfChangeAdmin(RecordAdmin):
    section, order = BEHIND, 30
    list_display = ("__str__", "kind", "copy_link", "run")
    list_filter = ("kind",)
    list_select_related = ("copy", "run")
    search_fields = ("copy__title",)

    @admin.display(description="copy")
    def copy_link(self, change: ShelfChange) -> str:
        return link(change.copy)
