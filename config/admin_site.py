"""The web interface: Django's admin with the product's name, a front page of its own, and models grouped by use.

It knows no app. An app registers its models with `@admin.register(Model, site=site)`, further pages with
`site.add_page`, and one of them gives the front page what it shows with `site.set_front`.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, URLResolver, path, reverse

SHELF = "The shelf"
GETTING = "Getting books"
SOURCES = "Where books come from"
WORK = "Work"
PEOPLE = "People and settings"
BEHIND = "Behind the scenes"
SECTIONS = (SHELF, GETTING, SOURCES, WORK, PEOPLE, BEHIND)

View = Callable[..., HttpResponseBase]
Front = Callable[[HttpRequest], dict[str, Any]]


def plural_name(model_admin: Any) -> str:
    """What people call the rows of a model."""
    name = getattr(model_admin, "list_title", "") or str(model_admin.opts.verbose_name_plural)
    return name[:1].upper() + name[1:]


class UnabridgedSite(AdminSite):
    """The admin site of the product."""

    site_header = "Unabridged"
    site_title = "Unabridged"
    index_title = "Overview"
    index_template = "admin/dashboard.html"
    empty_value_display = "–"
    site_url = None
    password_change_form: Any = AdminPasswordChangeForm

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self._pages: list[URLPattern] = []
        self._front: Front = lambda request: {}

    def add_page(self, route: str, view: View, *, name: str) -> None:
        """A page beside those of the models; only people who may enter the admin reach it."""
        self._pages.append(path(route, self.admin_view(view), name=name))

    def set_front(self, build: Front) -> None:
        """What the front page shows, as a template context."""
        self._front = build

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """As in Django, with the form of the app that knows the users."""
        view = PasswordChangeView.as_view(
            form_class=self.password_change_form,
            success_url=reverse("admin:password_change_done"),
            template_name="registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        request.current_app = self.name  # type: ignore[attr-defined]
        return view(request)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        return [*self._pages, *super().get_urls()]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return super().index(request, extra_context={**self._front(request), **(extra_context or {})})

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "main_pages": self._main_pages(request)}

    def _main_pages(self, request: HttpRequest) -> list[dict[str, Any]]:
        """The links in the header: the front page, and the models that ask for a place there."""
        pinned = sorted(
            (getattr(model_admin, "pin", 0), plural_name(model_admin), model._meta)
            for model, model_admin in self._registry.items()
            if getattr(model_admin, "pin", None) and model_admin.has_module_permission(request)
        ) if request.user.is_authenticated else []  # fmt: skip
        pages = [{"label": self.index_title, "url": reverse("admin:index")}]
        for _, name, meta in pinned:
            try:
                url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
            except NoReverseMatch:
                continue
            pages.append({"label": name, "url": url})
        here = max((page["url"] for page in pages if request.path.startswith(page["url"])), key=len, default="")
        return [{**page, "is_here": page["url"] == here} for page in pages]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Models under headings that say what they are for, instead of the app that holds them."""
        if app_label:
            return super().get_app_list(request, app_label)
        found: dict[str, list[Any]] = {section: [] for section in SECTIONS}
        for app in self._build_app_dict(request).values():
            for entry in app["models"]:
                model_admin = self._registry[entry["model"]]
                section, order = getattr(model_admin, "section", BEHIND), getattr(model_admin, "order", 50)
                found[section].append((order, {**entry, "name": plural_name(model_admin)}))
        return [
            {
                "name": section,
                "app_label": section.lower().replace(" ", "-"),
                "app_url": reverse("admin:index"),
                "has_module_perms": True,
                "models": [entry for _, entry in sorted(rows, key=lambda row: (row[0], row[1]["name"]))],
            }
            for section, rows in found.items()
            if rows
        ]


site = UnabridgedSite()
