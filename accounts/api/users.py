"""`/api/admin/users/`."""

from typing import Any

import django_filters
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import AccountsView
from accounts.models import Role, User
from accounts.services.users import change_user, create_user, delete_user, set_password
from config.api.callers import client_address
from config.api.filter_fields import FlagFilter
from config.api.serializers import StrictSerializer
from config.api.viewsets import CrudViewSet
from config.errors import ForbiddenError


class UserSerializer(serializers.ModelSerializer[User]):
    class Meta:
        model = User
        fields = ("id", "username", "email", "role", "is_active", "last_login", "date_joined")
        read_only_fields = fields


class UserInput(StrictSerializer):
    username = serializers.CharField(min_length=3, max_length=50, validators=[UnicodeUsernameValidator()])
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class NewUserInput(UserInput):
    password = serializers.CharField(min_length=12, max_length=1024, trim_whitespace=False, write_only=True)


class PasswordInput(StrictSerializer):
    current_password = serializers.CharField(
        max_length=1024, trim_whitespace=False, required=False, help_text="Needed to change one's own."
    )
    new_password = serializers.CharField(min_length=12, max_length=1024, trim_whitespace=False)


class RemovedUserSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)


class UserFilters(django_filters.FilterSet):
    role = django_filters.ChoiceFilter(choices=Role.choices)
    is_active = FlagFilter()
    search = django_filters.CharFilter(field_name="username", lookup_expr="icontains", help_text="Part of the name.")


class UserViewSet(AccountsView, CrudViewSet):
    """Users."""

    queryset = User.objects.all()
    serializer_class = UserSerializer
    access = {
        "list": "admin",
        "create": "admin",
        "retrieve": "moderator",
        "update": "admin",
        "destroy": "admin",
        "password": "viewer",
    }
    answers = {"destroy": RemovedUserSerializer}
    inputs = {"create": NewUserInput, "update": UserInput, "password": PasswordInput}
    filterset_class = UserFilters
    ordering_fields = ("username", "email", "role", "date_joined", "last_login")
    ordering = ("username",)

    def create_row(self, data: dict[str, Any]) -> User:
        return create_user(**data, actor=self.request.user)

    def change_row(self, user: User, data: dict[str, Any]) -> User:
        return change_user(user=user, changes=data, actor=self.request.user, now=timezone.now())

    def remove_row(self, user: User) -> dict[str, Any]:
        return delete_user(user=user, actor=self.request.user)

    @action(detail=True, methods=["put"])
    def password(self, request: Request, pk: int) -> Response:
        """One's own with the current one, or any as an admin. Every token of that user is revoked."""
        actor: Any = request.user
        if pk != actor.pk and not actor.has_role(Role.ADMIN):
            # Before the row is looked for, so that ids cannot be tried out.
            raise ForbiddenError("Only an admin may set the password of another.", code="insufficient_permissions")
        user = self.get_object()
        set_password(
            user=user,
            new=self.body["new_password"],
            current=self.body.get("current_password"),
            actor=actor,
            now=timezone.now(),
            address=client_address(request),
        )
        return self.answer(user)
