"""The release profile and those of single libraries: what is wanted of a release, and what a change would do."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from acquisition.domain.profile import Profile
from acquisition.models import ReleaseProfile
from acquisition.services.effective import change_quality_rules
from acquisition.services.profiles import attach_roots, default_profile, remove_profile, save_profile
from acquisition.services.replaying import replay_decisions
from config.admin_base import ADMIN, RecordAdmin, attempt, has_role, require_role, who
from config.admin_site import GETTING, site
from library.models import LibraryRoot

MOST_SHOWN = 100
LABELS = {
    "formats": ("Formats", "In order of preference, with commas; empty: any."),
    "languages": ("Languages", "Codes such as en, de; empty: any."),
    "narrators": ("Narrators", "Preferred, with commas."),
    "only_narrators": ("Only these narrators", "Releases that name another are refused."),
    "accepts_abridged": ("Abridged ones too", ""),
    "accepts_dramatised": ("Dramatised ones too", ""),
    "only_dramatised": ("Only dramatised ones", ""),
    "must_contain": ("Words that must be in the name", "With commas."),
    "must_not_contain": ("Words that must not be in the name", "With commas."),
    "minimum_bitrate_kbps": ("Least bitrate (kbit/s)", "Stated, or worked out from size and runtime."),
    "maximum_bitrate_kbps": ("Highest bitrate (kbit/s)", ""),
    "preferred_bitrate_kbps": ("Preferred bitrate (kbit/s)", ""),
    "minimum_size_mb": ("Least size (MB)", ""),
    "maximum_size_mb": ("Largest size (MB)", ""),
    "minimum_seeders": ("Least seeders", ""),
    "maximum_age_days": ("Oldest (days)", "0: any age."),
    "upgrades_allowed": ("Replace what is on the shelf by a better format", ""),
    "upgrade_until_format": ("Until it is", "A format; what is as good is not replaced."),
    "prefers_freeleech": ("Prefer what is free for the tracker account", ""),
    "delay_hours": ("Hours to wait for a better release", "The first format need not wait."),
}
YES_NO = (("", "as in general"), ("yes", "yes"), ("no", "no"))


class ProfileForm(forms.Form):
    """The fields of the profile. `inherits`: one that is left empty is that of the general profile."""

    def __init__(self, *args: Any, inherits: Profile | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.inherits = inherits
        for own in fields(Profile):
            if own.name in LABELS:
                self.fields[own.name] = self._field(own.name, own.default)

    def _field(self, name: str, default: Any) -> forms.Field:
        label, words = LABELS[name]
        if self.inherits is not None:
            words = f"{words} In general: {shown(getattr(self.inherits, name)) or 'any'}.".strip()
        options: dict[str, Any] = {"label": label, "help_text": words, "required": False}
        if isinstance(default, bool):
            if self.inherits is None:
                return forms.BooleanField(**options)
            return forms.ChoiceField(choices=YES_NO, **options)
        if isinstance(default, int):
            return forms.IntegerField(min_value=0, max_value=1_000_000, **options)
        return forms.CharField(max_length=2000, **options)

    def values(self) -> dict[str, Any]:
        """What was filled in, as the profile wants it."""
        found: dict[str, Any] = {}
        for own in fields(Profile):
            if own.name not in LABELS:
                continue
            value = self.cleaned_data.get(own.name)
            if self.inherits is not None and value in ("", None):
                continue
            found[own.name] = _plain(value, own.default)
        return found


def _plain(value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        return [word for part in str(value or "").split(",") if (word := part.strip())]
    if isinstance(default, bool):
        return value if isinstance(value, bool) else value == "yes"
    return (value or 0) if isinstance(default, int) else str(value or "")


def shown(value: Any) -> str:
    """A value of the profile as it stands in a field."""
    if isinstance(value, tuple | list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def as_initial(values: Mapping[str, Any], *, inherits: bool) -> dict[str, Any]:
    plain = {name: value for name, value in values.items() if name in LABELS}
    return {n: v if isinstance(v, bool) and not inherits else shown(v) for n, v in plain.items()}


def quality_view(request: HttpRequest) -> HttpResponse:
    """The general release profile; a change can be tried on the kept decisions before it is stored."""
    profile = default_profile()
    form = ProfileForm(request.POST or None, initial=as_initial(asdict(profile), inherits=False))
    context = {**site.each_context(request), "title": "What is wanted of a release", "form": form}
    context |= {"may_change": has_role(request, ADMIN), "profiles": list(ReleaseProfile.objects.all())}
    if request.method == "POST" and form.is_valid():
        changes = _changed(form.values(), asdict(profile))
        if "try" in request.POST:
            context["replay"] = _tried(request, changes)
        else:
            require_role(request, ADMIN)
            done = attempt(request, lambda: _save(request, changes))
            if done:
                return done
    return TemplateResponse(request, "acquisition/admin/quality.html", context)


def _save(request: HttpRequest, changes: dict[str, Any]) -> HttpResponse:
    change_quality_rules(changes=changes, user=who(request))
    return HttpResponseRedirect(reverse("admin:quality"))


def _changed(values: dict[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: list(value) if isinstance(value, tuple) else value for name, value in now.items()}
    return {name: value for name, value in values.items() if value != known[name]}


def _tried(request: HttpRequest, changes: dict[str, Any]) -> dict[str, Any] | None:
    """What the kept decisions would be."""
    found: dict[str, Any] = {}

    def act() -> str:
        result = replay_decisions(changes=changes, now=timezone.now())
        found.update(
            sentence=result.sentence, gained=result.gained[:MOST_SHOWN], lost=result.lost[:MOST_SHOWN], changes=changes
        )
        return ""

    attempt(request, act)
    return found or None


site.add_page("quality/", quality_view, name="quality")


class RootsForm(ProfileForm):
    """A profile of its own, with its name and the libraries that go by it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = self.fields
        self.fields = {
            "profile_name": forms.CharField(max_length=60, label="Name"),
            "roots": forms.ModelMultipleChoiceField(
                LibraryRoot.objects.order_by("name"),
                required=False,
                label="Libraries that go by it",
                widget=forms.CheckboxSelectMultiple,
            ),
            **own,
        }


@admin.register(ReleaseProfile, site=site)
class ReleaseProfileAdmin(RecordAdmin):
    section, order = GETTING, 45
    add_role = change_role = delete_role = ADMIN
    list_display = ("name", "what_differs", "changed_at")
    search_fields = ("name",)

    @admin.display(description="what differs from the general profile")
    def what_differs(self, row: ReleaseProfile) -> str:
        words = [f"{LABELS[n][0].lower()}: {shown(v) or 'any'}" for n, v in row.values.items() if n in LABELS]
        return "; ".join(words) or "nothing"

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("add/", wrap(self.form_view), name="acquisition_releaseprofile_add"),
            path("<int:object_id>/change/", wrap(self.form_view), name="acquisition_releaseprofile_change"),
            *super().get_urls(),
        ]

    def form_view(self, request: HttpRequest, object_id: int | None = None) -> HttpResponse:
        """One form for a new and an old profile; those who may not change it see it."""
        if request.method == "POST" or not object_id:
            require_role(request, ADMIN)
        row = self.get_object(request, str(object_id)) if object_id else ReleaseProfile()
        if row is None:
            return HttpResponseRedirect(reverse("admin:acquisition_releaseprofile_changelist"))
        if row.pk:
            attach_roots([row])
        initial = {
            "profile_name": row.name,
            "roots": getattr(row, "root_ids", []),
            **as_initial(row.values, inherits=True),
        }
        form = RootsForm(request.POST or None, inherits=default_profile(), initial=initial)
        if request.method == "POST" and form.is_valid():
            done = attempt(request, lambda: self._save(request, row, form))
            if done:
                return done
        context = {
            **self.admin_site.each_context(request),
            "title": row.name or "A profile for a library",
            "opts": self.opts,
            "form": form,
            "row": row,
            "may_change": has_role(request, ADMIN),
        }
        return TemplateResponse(request, "acquisition/admin/release_profile.html", context)

    def _save(self, request: HttpRequest, row: ReleaseProfile, form: RootsForm) -> HttpResponse:
        data = form.cleaned_data
        save_profile(
            row=row, name=data["profile_name"], values=form.values(), roots=list(data["roots"]), user=who(request)
        )
        return HttpResponseRedirect(reverse("admin:acquisition_releaseprofile_changelist"))

    def delete_model(self, request: HttpRequest, obj: ReleaseProfile) -> None:
        remove_profile(row=obj, user=who(request))

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset:
            remove_profile(row=row, user=who(request))
