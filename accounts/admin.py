"""Users, API keys and the audit trail, in the admin. Only admins see them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from accounts.models import ApiKey, AuditEntry, LoginFailure, Role, User
from accounts.services import audit
from accounts.services.keys import create_key, revoke_key
from accounts.services.lockout import AccountLockedError
from accounts.services.users import (
    apply_role,
    delete_user,
    is_current_password,
    note_change,
    note_new_password,
    refuse_last_admin,
)
from config import request_ids
from config.admin_base import ADMIN, RecordAdmin, button, count_of, who
from config.admin_display import pill
from config.admin_site import PEOPLE, site
from config.errors import ConflictError

CHANGEABLE = ("username", "email", "role", "is_active")
sensitive_post_parameters_m = method_decorator(sensitive_post_parameters())


class OwnPasswordForm(AdminPasswordChangeForm):
    """One's own password: guessing the old one counts as at the login, and every token of before is void."""

    def clean_old_password(self) -> str:
        text, address = self.cleaned_data["old_password"], request_ids.address.get()
        try:
            is_right = is_current_password(user=self.user, text=text, address=address, now=timezone.now())
        except AccountLockedError as error:
            raise ValidationError(error.message) from error
        if not is_right:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return str(text)

    @transaction.atomic
    def save(self, commit: bool = True) -> User:
        user = super().save(commit)
        note_new_password(user=user, actor=user, now=timezone.now())
        return user


site.password_change_form = OwnPasswordForm


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
        if not stays and self.instance.pk:
            try:
                # The whole page is one transaction, so that the lock holds until the change is written.
                refuse_last_admin(self.instance)
            except ConflictError as error:
                raise ValidationError(error.message) from error
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
        before = User.objects.filter(pk=obj.pk).values(*CHANGEABLE).first()
        apply_role(obj, obj.role)
        super().save_model(request, obj, form, change)
        if before:
            note_change(user=obj, before=before, actor=who(request), now=timezone.now())
        else:
            audit.record("user.created", actor=who(request), target=obj, detail={"role": obj.role})

    @sensitive_post_parameters_m
    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        before = User.objects.filter(pk=id).values_list("password", flat=True).first()
        answer = super().user_change_password(request, id, form_url)
        user = User.objects.filter(pk=id).first()
        if user and before is not None and user.password != before:
            note_new_password(user=user, actor=who(request), now=timezone.now())
        return answer

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_user(user=obj, actor=who(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_kept = bool(obj) and (obj.pk == who(request).pk or _is_last_admin(obj))
        return super().has_delete_permission(request, obj) and not is_kept

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Whoever signs in now stays, so that there is always an admin."""
        for user in queryset.exclude(pk=who(request).pk):
            delete_user(user=user, actor=who(request))


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
        row, text = create_key(
            user=obj.user,
            name=obj.name,
            is_read_only=obj.is_read_only,
            expires_at=obj.expires_at,
            actor=who(request),
        )
        obj.__dict__.update(row.__dict__)
        obj.text_once = text

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The key is shown here and never again: it goes into no message, no session and no address."""
        context = {**site.each_context(request), "title": "Your new API key", "key": obj, "text": obj.text_once}
        return TemplateResponse(request, "accounts/admin/key_made.html", context)

    @button("Revoke", role=ADMIN, tone="danger", when=lambda key: key.revoked_at is None)
    def revoke(self, request: HttpRequest, rows: list[ApiKey]) -> str:
        for key in rows:
            revoke_key(key=key, now=timezone.now(), actor=who(request))
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
