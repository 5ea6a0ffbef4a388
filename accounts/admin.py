"""Users, API keys and the audit trail, in the admin. Only admins see them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry, LoginFailure, Role, User
from accounts.services.keys import create_key, revoke_key
from accounts.services.users import apply_role
from config.admin_base import ADMIN, RecordAdmin, button, count_of, who
from config.admin_display import pill
from config.admin_site import PEOPLE, site


def _is_last_admin(user: User) -> bool:
    others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=user.pk)
    return bool(user.pk) and user.role == Role.ADMIN and user.is_active and not others.exists()


class UserForm(forms.ModelForm):
    """A change of a user. The last admin stays one: nobody else could make another."""

    class Meta:
        model = User
        fields = ("username", "email", "first_name", "last_name", "role", "is_active")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        stays = values.get("role") == Role.ADMIN and values.get("is_active")
        if not stays and _is_last_admin(self.instance):
            raise ValidationError("This is the only active admin. Make another user an admin first.")
        return values


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("username", "email", "role")


@admin.register(User, site=site)
class UserAdmin(RecordAdmin, DjangoUserAdmin):
    section, order = PEOPLE, 10
    view_role = add_role = change_role = delete_role = ADMIN
    form = UserForm
    add_form = NewUserForm
    list_display = ("username", "email", "role_pill", "is_active", "key_count", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "email", "first_name", "last_name")
    ordering = ("username",)
    filter_horizontal = ()
    panels = ("accounts/admin/user.html",)
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "email", "first_name", "last_name")}),
        ("What they may do", {"fields": ("role", "is_active")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "role", "usable_password", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).annotate(keys=Count("api_keys", filter=Q(api_keys__revoked_at=None)))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = self.add_form
        return super().get_form(request, obj, change=change, **kwargs)

    @admin.display(description="role", ordering="role")
    def role_pill(self, user: User) -> str:
        return pill(user.role)

    @admin.display(description="API keys", ordering="keys")
    def key_count(self, user: User) -> int:
        return getattr(user, "keys", 0)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        apply_role(obj, obj.role)
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and _is_last_admin(obj))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Whoever signs in now stays, so that there is always an admin."""
        queryset.exclude(pk=who(request).pk).delete()


@admin.register(ApiKey, site=site)
class ApiKeyAdmin(RecordAdmin):
    section, order = PEOPLE, 20
    view_role = add_role = change_role = ADMIN
    list_display = ("name", "user", "begins_with", "state", "is_read_only", "created_at", "last_used_at", "expires_at")
    list_filter = ("is_read_only", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "prefix", "user__username")
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    date_hierarchy = "created_at"
    fields = ("user", "name", "is_read_only", "expires_at")
    editable = ("name",)
    buttons = ("revoke",)

    @admin.display(description="begins with", ordering="prefix")
    def begins_with(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at:
            return pill("revoked", "bad")
        return (
            pill("expired", "fair") if key.expires_at and key.expires_at <= timezone.now() else pill("usable", "good")
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        row, text = create_key(user=obj.user, name=obj.name, is_read_only=obj.is_read_only, expires_at=obj.expires_at)
        obj.__dict__.update(row.__dict__)
        obj.text_once = text

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The key is shown here and never again: it goes into no message, no session and no address."""
        context = {**site.each_context(request), "title": "Your new API key", "key": obj, "text": obj.text_once}
        return TemplateResponse(request, "accounts/admin/key_made.html", context)

    @button("Revoke", role=ADMIN, tone="danger", when=lambda key: key.revoked_at is None)
    def revoke(self, request: HttpRequest, rows: list[ApiKey]) -> str:
        for key in rows:
            revoke_key(key=key, now=timezone.now())
        return f"{count_of(len(rows), 'key')} revoked. Whoever uses one is refused from now on."


@admin.register(AuditEntry, site=site)
class AuditEntryAdmin(RecordAdmin):
    section, order = PEOPLE, 40
    view_role = ADMIN
    list_display = ("at", "actor_name", "action", "target_type", "target_name", "address")
    list_filter = ("action", "target_type")
    search_fields = ("actor_name", "target_name", "target_id", "request_id")
    date_hierarchy = "at"


@admin.register(LoginFailure, site=site)
class LoginFailureAdmin(RecordAdmin):
    section, order = PEOPLE, 40
    view_role = ADMIN
    list_display = ("account", "address", "at")
    search_fields = ("account", "address")
    date_hierarchy = "at"
