"""The settings in the admin: one form of all of them, with what each means and its default."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from config.admin_base import ADMIN, RecordAdmin, attempt, has_role, require_role, who
from config.admin_site import PEOPLE, site
from library.models import Setting
from library.services.settings import KNOWN, change_settings, get_settings

GROUPS = {
    "gaps": "What counts as missing",
    "search": "Searching",
    "downloads": "Downloads",
    "import": "Filing",
    "metadata": "Metadata",
    "features": "Features",
    "discovery": "Discovery",
    "notifications": "Notifications",
    "history": "History",
}


CHOICES = {
    "import.hardlink": ("prefer", "require", "never"),
    "import.sidecars": ("metadata.json", "opf", "both", "none"),
}


class WordsField(forms.CharField):
    """A list of texts, one a line."""

    widget = forms.Textarea(attrs={"rows": 2, "class": "vLargeTextField"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]


def _field(key: str) -> forms.Field:
    known = KNOWN[key]
    words: dict[str, Any] = {"label": key, "help_text": known.meaning, "required": False}
    if key in CHOICES:
        return forms.ChoiceField(choices=[(value, value) for value in CHOICES[key]], **words)
    if isinstance(known.default, bool):
        return forms.BooleanField(**words)
    if isinstance(known.default, int):
        return forms.IntegerField(**{**words, "required": True})
    if isinstance(known.default, float):
        return forms.FloatField(**{**words, "required": True})
    return WordsField(**words) if isinstance(known.default, list) else forms.CharField(**words)


class SettingsForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key in KNOWN:
            self.fields[key] = _field(key)

    def groups(self) -> list[tuple[str, list[Any]]]:
        """The fields under headings."""
        found: dict[str, list[Any]] = {}
        for key in KNOWN:
            prefix = key.partition(".")[0]
            found.setdefault(GROUPS.get(prefix, prefix.capitalize()), []).append(self[key])
        return list(found.items())


# Addresses of notification services hold passwords and tokens, so they are not shown to everybody.
SECRET_KEYS = ("notifications.urls",)


@admin.register(Setting, site=site)
class SettingAdmin(RecordAdmin):
    section, order = PEOPLE, 30

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        may_change = has_role(request, ADMIN)
        form = SettingsForm(request.POST or None, initial=get_settings())
        for key in SECRET_KEYS:
            form.fields[key].initial = []
            form.initial[key] = []
            form.fields[key].help_text += " What is stored is not shown; empty keeps it."
        if request.method == "POST":
            require_role(request, ADMIN)
            if form.is_valid():
                attempt(request, lambda: self._save(request, form.cleaned_data))
                return HttpResponseRedirect(reverse("admin:library_setting_changelist"))
        for field in form.fields.values():
            field.disabled = not may_change
        context = {
            **site.each_context(request),
            "title": "Settings",
            "form": form,
            "may_change": may_change,
            "opts": Setting._meta,
        }
        return TemplateResponse(request, "library/admin/settings.html", context)

    def _save(self, request: HttpRequest, values: dict[str, Any]) -> str:
        changes = {key: value for key, value in values.items() if not (key in SECRET_KEYS and not value)}
        changed = change_settings(changes=changes, user=who(request))
        return f"Changed: {', '.join(changed)}." if changed else "Nothing was changed."

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A single row holds the raw value; only the list, which knows what is secret, is shown."""
        return super().has_view_permission(request, obj) and obj is None
