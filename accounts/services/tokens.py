"""Access and refresh tokens (JWT). Changing `User.tokens_valid_from` makes every token of that user void at once."""

import datetime
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, Token

from accounts.models import User
from config.errors import UnauthorizedError

GENERATION = "gen"


class RefreshToken(Token):
    """Longer lived; good for one refresh. Its row holds its id only, never the token itself."""

    token_type = "refresh"  # noqa: S105 (a kind, not a token)
    lifetime: datetime.timedelta = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str
    refresh: str
    expires_in: int


def _generation(user: User) -> str:
    """Stands in every token; it changes with `tokens_valid_from`, to the microsecond, which `iat` would not."""
    return user.tokens_valid_from.isoformat() if user.tokens_valid_from else ""


def issue_tokens(*, user: User) -> TokenPair:
    """A new pair. The refresh token is remembered, so that it can be revoked."""
    access, refresh = (_make(kind, user) for kind in (AccessToken, RefreshToken))
    OutstandingToken.objects.create(
        user=user,
        jti=refresh["jti"],
        created_at=refresh.current_time,
        expires_at=refresh.current_time + RefreshToken.lifetime,
    )
    return TokenPair(str(access), str(refresh), int(settings.JWT_LIFETIME.total_seconds()))


def _make(kind: type[Token], user: User) -> Token:
    token = kind.for_user(user)
    token[GENERATION] = _generation(user)
    return token


def find_token_user(text: str) -> User:
    """The active user of an access token. UnauthorizedError with token_expired or invalid_token."""
    return _user_of(_read(AccessToken, text))


def refresh_tokens(*, text: str) -> TokenPair:
    """A new pair for a refresh token, which is used up. UnauthorizedError when it was used or revoked before."""
    token = _read(RefreshToken, text)
    user = _user_of(token)
    if not _use_up(token):
        # Somebody used it already: perhaps a thief. Both sides have to sign in again.
        revoke_all(user=user, now=timezone.now())
        raise UnauthorizedError("This refresh token was used before. Sign in again.", code="invalid_token")
    return issue_tokens(user=user)


def revoke_refresh_token(*, text: str, user: User) -> None:
    """Revoke one's own refresh token; once revoked, doing it again changes nothing."""
    token = _read(RefreshToken, text)
    if str(token.get("user_id")) != str(user.pk):
        raise UnauthorizedError("This refresh token belongs to somebody else.", code="invalid_token")
    _use_up(token)


def revoke_all(*, user: User, now: datetime.datetime) -> None:
    """Make every token of a user void: after a change of password, and when the user is disabled."""
    User.objects.filter(pk=user.pk).update(tokens_valid_from=now)
    user.tokens_valid_from = now


def prune_tokens(*, now: datetime.datetime) -> int:
    """Forget refresh tokens that have expired; returns how many."""
    return OutstandingToken.objects.filter(expires_at__lt=now).delete()[0]


def _use_up(token: Token) -> bool:
    """True for the first who does it: a database constraint decides."""
    outstanding = OutstandingToken.objects.filter(jti=token["jti"]).first()
    if outstanding is None:
        return False
    _, is_first = BlacklistedToken.objects.get_or_create(token=outstanding)
    return is_first


def _read(kind: type[Token], text: str) -> Token:
    try:
        return kind(text)  # type: ignore[arg-type]
    except ExpiredTokenError:
        raise UnauthorizedError("The token has expired. Refresh it, or sign in again.", code="token_expired") from None
    except (TokenError, ValueError, TypeError):
        raise UnauthorizedError("The token is not valid. Sign in again.", code="invalid_token") from None


def _user_of(token: Token) -> User:
    identity = str(token.get("user_id", ""))
    user = User.objects.filter(pk=int(identity)).first() if identity.isdecimal() else None
    if user is None or not user.is_active or token.get(GENERATION) != _generation(user):
        raise UnauthorizedError("The token has been revoked. Sign in again.", code="invalid_token")
    return user
