"""Signing in and out: `/api/admin/login/`, `logout/`, `token/refresh/`, `me/`."""

from typing import Any

from django.contrib.auth import logout as end_session
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import AccountsView
from accounts.api.users import UserSerializer
from accounts.services import audit
from accounts.services.signing_in import sign_in
from accounts.services.tokens import TokenPair, refresh_tokens, revoke_all, revoke_refresh_token
from config.api.callers import client_address
from config.api.serializers import StrictSerializer
from config.api.viewsets import OperationsViewSet


class LoginInput(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, write_only=True)


class RefreshInput(StrictSerializer):
    refresh = serializers.CharField(max_length=4096)


class LogoutInput(StrictSerializer):
    refresh = serializers.CharField(
        max_length=4096, required=False, help_text="The token to revoke; without it, every token of yours is revoked."
    )


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField(help_text="Good for one refresh.")
    token_type = serializers.CharField(help_text="Always `Bearer`.")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


class LoginSerializer(TokensSerializer):
    user = UserSerializer()


class LogoutSerializer(serializers.Serializer[Any]):
    revoked = serializers.ChoiceField(choices=["token", "all"])


def _shown(pair: TokenPair) -> dict[str, Any]:
    return {
        "access": pair.access,
        "refresh": pair.refresh,
        "token_type": "Bearer",
        "expires_in": pair.expires_in,
    }


class EntryViewSet(AccountsView, OperationsViewSet):
    """Getting tokens: the doors that are open to nobody in particular."""

    authentication_classes = ()
    access = {"login": "none", "refresh": "none"}
    tier = "public"
    inputs = {"login": LoginInput, "refresh": RefreshInput}
    answers = {"login": LoginSerializer, "refresh": TokensSerializer}

    @action(detail=False, methods=["post"])
    def login(self, request: Request) -> Response:
        """Access and refresh token for a name and a password; 401 the same for every wrong one, 423 when locked out."""
        address = client_address(request)
        user, pair = sign_in(**self.body, address=address, now=timezone.now())
        return self.answer({**_shown(pair), "user": UserSerializer(user).data})

    @action(detail=False, methods=["post"], url_path="token/refresh")
    def refresh(self, request: Request) -> Response:
        """A new pair for a refresh token, which is used up. Using one twice revokes all tokens of its user."""
        return self.answer(_shown(refresh_tokens(text=self.body["refresh"])))


class SessionViewSet(AccountsView, OperationsViewSet):
    """The signed-in user."""

    access = {"logout": "viewer"}
    tier = "authenticated"
    inputs = {"logout": LogoutInput}
    answers = {"logout": LogoutSerializer, "me": UserSerializer}

    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        """Revoke the refresh token, or, without one, all tokens; end the session if there is one."""
        user: Any = request.user
        text = self.body.get("refresh")
        if text:
            revoke_refresh_token(text=text, user=user)
        else:
            revoke_all(user=user, now=timezone.now())
        audit.record("logout", actor=user, target=user)
        end_session(request._request)
        return self.answer({"revoked": "token" if text else "all"})

    @action(detail=False, methods=["get"])
    def me(self, request: Request) -> Response:
        """The signed-in user."""
        return self.answer(request.user)
