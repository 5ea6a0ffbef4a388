"""What the admin pages of all apps share: permissions by role, buttons, panels, secrets that are never shown."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from config.admin_site import BEHIND, plural_name
from config.errors import UnabridgedError

VIEWER, MODERATOR, ADMIN = "viewer", "moderator", "admin"
NOBODY = ""
MOST_ROWS = 500
MOST_NAMED = 20
KEEP = "Leave empty to keep what is stored; it is never shown."
DETAILS = "All details"
T = TypeVar("T", bound=Callable[..., Any])


def has_role(request: HttpRequest, role: str) -> bool:
    """Whether the person may do what `role` may; nobody may do what needs no role."""
    check = getattr(request.user, "has_role", None)
    return bool(role and check and check(role))


def who(request: HttpRequest) -> Any:
    """The person; only people who have signed in come to these pages."""
    return request.user


def require_role(request: HttpRequest, role: str) -> None:
    if not has_role(request, role):
        raise PermissionDenied


@dataclass(frozen=True, slots=True)
class Button:
    """Something to do with rows, offered on a row's page and as an action of the list.

    `asks`: the question that is answered before; `when`: whether it makes sense for a row (on its page).
    """

    label: str
    role: str = MODERATOR
    tone: str = ""
    asks: str = ""
    in_list: bool = True
    when: Callable[[Any], bool] = lambda row: True


def button(
    label: str,
    *,
    role: str = MODERATOR,
    tone: str = "",
    asks: str = "",
    in_list: bool = True,
    when: Callable[[Any], bool] = lambda row: True,
) -> Callable[[T], T]:
    """Mark a method of a RecordAdmin as a button. It gets (request, rows) and returns a sentence or a response."""

    def mark(method: T) -> T:
        method.button = Button(label, role, tone, asks, in_list and not asks, when)  # type: ignore[attr-defined]
        return method

    return mark


def reason_of(request: HttpRequest) -> str:
    """The answer to what a button asked."""
    return request.POST.get("reason", "").strip()[:300]


def go_back(request: HttpRequest, otherwise: str) -> HttpResponse:
    """To the page that the form names, if it is one of ours."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = otherwise
    return HttpResponseRedirect(target)


def attempt(request: HttpRequest, act: Callable[[], str | HttpResponse]) -> HttpResponse | None:
    """Do it, and tell the person how it went. Returns a response when there is one instead of a sentence."""
    try:
        outcome = act()
    except UnabridgedError as error:
        messages.error(request, _in_full(error))
        return None
    if isinstance(outcome, HttpResponse):
        return outcome
    if outcome:
        messages.success(request, outcome)
    return None


def _in_full(error: UnabridgedError) -> str:
    """The message, with what is wrong with each field."""
    fields = error.context.get("fields") or {}
    details = [f"{name} {problem['message']}" for name, problems in fields.items() for problem in problems]
    return f"{error.message} ({'; '.join(details)})" if details else error.message


class RolePermissions:
    """Who may view, add, change and delete, by role; an empty role is nobody."""

    view_role: ClassVar[str] = VIEWER
    add_role: ClassVar[str] = NOBODY
    change_role: ClassVar[str] = NOBODY
    delete_role: ClassVar[str] = NOBODY

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request, self.view_role)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request, self.add_role)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request, self.change_role)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_role(request, self.delete_role)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return has_role(request, self.view_role)


class SecretForm(forms.ModelForm):
    """A form whose secrets are written and never read: an empty field keeps what is stored."""

    secret_names: ClassVar[tuple[str, ...]] = ()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for name in self.secret_names:
            if name in self.fields and not values.get(name):
                values[name] = getattr(self.instance, name)
        return values


class RecordAdmin(RolePermissions, admin.ModelAdmin):
    """Base of all model pages.

    `editable`: with it, every other field of an existing row is shown and cannot be changed. `panels`: templates above
    the form, with the context of `panel_context`. `buttons`: names of methods marked with `@button`.
    """

    section: ClassVar[str] = BEHIND
    order: ClassVar[int] = 50
    pin: ClassVar[int] = 0
    list_title: ClassVar[str] = ""
    panels: ClassVar[tuple[str, ...]] = ()
    buttons: ClassVar[tuple[str, ...]] = ()
    secret_fields: ClassVar[tuple[str, ...]] = ()
    editable: ClassVar[tuple[str, ...] | None] = None
    show_full_result_count = False
    list_per_page = 50
    change_form_template = "admin/record.html"
    formfield_overrides = {models.JSONField: {"widget": forms.Textarea(attrs={"rows": 2, "cols": 40})}}

    # --- Fields ------------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Secrets are left out for those who may not change them; what nobody can change here is folded away."""
        fieldsets = list(super().get_fieldsets(request, obj))
        allowed = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if self.secret_fields and not allowed:
            fieldsets = [
                (title, {**options, "fields": [name for name in options["fields"] if name not in self.secret_fields]})
                for title, options in fieldsets
            ]
        if obj is None or len(fieldsets) > 1 or not self.panels:
            return fieldsets
        names = list(fieldsets[0][1]["fields"])
        open_names = [name for name in names if allowed and self.editable and name in self.editable]
        folded = (DETAILS, {"fields": [name for name in names if name not in open_names], "classes": ["collapse"]})
        return [(None, {"fields": open_names}), folded] if open_names else [folded]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        given = tuple(super().get_readonly_fields(request, obj))
        if self.editable is None or obj is None:
            return given
        shown = flatten_fieldsets(self.get_fieldsets(request, obj))
        return (*given, *(name for name in shown if name not in self.editable and name not in given))

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in self.secret_fields:
            widget = forms.PasswordInput(
                render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField"}
            )
            return forms.CharField(
                label=db_field.verbose_name.capitalize(), required=False, widget=widget, help_text=KEEP
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if self.secret_fields and "form" not in kwargs:
            kwargs["form"] = type("Form", (SecretForm,), {"secret_names": self.secret_fields})
        return super().get_form(request, obj, change=change, **kwargs)

    # --- Deleting ----------------------------------------------------------------------------------------------------

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """How much goes along, counted and not listed: a library root may have a hundred thousand copies.

        Who may delete a row may delete what belongs to it.
        """
        rows = self.model._default_manager.filter(pk__in=[row.pk for row in objs])
        counts: Counter[str] = Counter({str(self.opts.verbose_name_plural): len(objs)})
        protected: list[str] = []
        _count_along(rows, counts, protected)
        return [str(row) for row in objs[:MOST_NAMED]], dict(counts), set(), protected

    # --- Panels and buttons ------------------------------------------------------------------------------------------

    def page_title(self, obj: Any) -> str:
        return str(obj)

    def panel_context(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """What the panels of a row's page show."""
        return {}

    def render_change_form(
        self, request: Any, context: Any, add: bool = False, change: bool = False, form_url: str = "", obj: Any = None
    ) -> Any:
        if obj is not None and not add:
            context.update(title=self.page_title(obj), subtitle=None, panels=self.panels)
            context["row_buttons"] = self._page_buttons(request, obj)
            context.update(self.panel_context(request, obj))
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _known_buttons(self, request: HttpRequest) -> dict[str, Button]:
        found = {name: getattr(self, name).button for name in self.buttons}
        return {name: facts for name, facts in found.items() if has_role(request, facts.role)}

    def _page_buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        return [
            {"url": self.button_url(obj, name), "label": facts.label, "tone": facts.tone, "asks": facts.asks}
            for name, facts in self._known_buttons(request).items()
            if facts.when(obj)
        ]

    def button_url(self, obj: Any, name: str) -> str:
        meta = self.opts
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_do", args=[obj.pk, name])

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        return [
            path("<int:object_id>/do/<slug:verb>/", self.admin_site.admin_view(self.do_view), name=name),
            *super().get_urls(),
        ]

    def do_view(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        """A button of a row's page."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if verb not in self.buttons:
            raise Http404
        if verb not in self._known_buttons(request):
            raise PermissionDenied
        obj = self.get_object(request, str(object_id))
        if obj is None:
            raise Http404
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[object_id])
        return self.perform(request, verb, [obj]) or go_back(request, page)

    def perform(self, request: HttpRequest, verb: str, rows: list[Any]) -> HttpResponse | None:
        """Do what a button says with the rows, keep it in their history, and tell the person."""
        facts: Button = getattr(self, verb).button
        if facts.asks and not reason_of(request):
            messages.error(request, f"{facts.label}: {facts.asks} Nothing was done.")
            return None

        def act() -> Any:
            outcome = getattr(self, verb)(request, rows)
            kept = [row for row in rows if row.pk]
            LogEntry.objects.log_actions(
                who(request).pk, kept, CHANGE, change_message=f"{facts.label}. {reason_of(request)}".strip()
            )
            return outcome

        return attempt(request, act)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": plural_name(self), **(extra_context or {})})

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        for name, facts in self._known_buttons(request).items():
            if facts.in_list:
                actions[name] = (_list_action(name), name, facts.label)
        return actions


def _list_action(name: str) -> Callable[..., HttpResponse | None]:
    def act(model_admin: RecordAdmin, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse | None:
        rows = list(queryset[: MOST_ROWS + 1])
        if len(rows) > MOST_ROWS:
            messages.error(request, f"Choose at most {MOST_ROWS} rows at once. Nothing was done.")
            return None
        return model_admin.perform(request, name, rows)

    return act


def _count_along(rows: models.QuerySet[Any], counts: Counter[str], protected: list[str]) -> None:
    """What a deletion of these rows takes along, table by table, and what stands against it."""
    for relation in rows.model._meta.related_objects:
        if not isinstance(relation, models.ManyToOneRel):
            continue
        related = relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": rows})
        if relation.on_delete is models.PROTECT:
            name = relation.related_model._meta.verbose_name
            protected += [f"{name}: {row}" for row in related[:MOST_NAMED]]
        elif relation.on_delete is models.CASCADE and (number := related.count()):
            counts[str(relation.related_model._meta.verbose_name_plural)] += number
            _count_along(related, counts, protected)


class RoleInline(RolePermissions, admin.TabularInline):
    """Rows that belong to another, on its page."""

    extra = 0
    show_change_link = False


def count_of(number: int, one: str, many: str = "") -> str:
    """`1 book`, `3 books`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def titles(rows: Iterable[Any], most: int = 5) -> str:
    """The first few, in words."""
    names = [str(row) for row in rows]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
