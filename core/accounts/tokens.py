"""Pairs of tokens: a short access token, and a refresh token that works once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, Token

from core.accounts.access import GENERATION_CLAIM, STAFF_CLAIM
from core.accounts.models import User
from core.accounts.signed_claims import read_claims
from core.errors import NotAuthenticated


class RefreshToken(Token):
    """Says who may have a new pair. Whether it was used already is not judged here but by the unique row that its use writes."""

    token_type = "refresh"  # noqa: S105  (a name)
    lifetime = api_settings.REFRESH_TOKEN_LIFETIME


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str
    refresh: str


def issue_pair(user: User) -> TokenPair:
    """A new pair for an active user. The database learns of the refresh token, but not the token itself: a copy of it signs nobody in."""
    refresh = RefreshToken.for_user(user)
    refresh[GENERATION_CLAIM] = user.token_generation
    OutstandingToken.objects.create(
        user=user,
        jti=refresh[api_settings.JTI_CLAIM],
        token="",
        created_at=refresh.current_time,
        expires_at=datetime.fromtimestamp(refresh["exp"], UTC),
    )
    access = AccessToken.for_user(user)
    access[STAFF_CLAIM], access[GENERATION_CLAIM] = user.is_staff, user.token_generation
    return TokenPair(access=str(access), refresh=str(refresh))


def rotate(refresh: str) -> TokenPair:
    """A new pair for a refresh token, which is dead from then on.

    Of requests that come at once with one token, one has the new pair: writing the token's row in the list of dead tokens decides, in the same
    transaction that issues the pair. Raises `NotAuthenticated` for a token that is dead, void, expired, not ours, or of a user no longer active.
    """
    token = _read(refresh)
    with transaction.atomic():
        if not _kill(token):
            raise NotAuthenticated("This refresh token was used already.")
        user = User.objects.filter(pk=token.user_id, is_active=True, token_generation=token.generation).first()
        if user is None:
            raise NotAuthenticated("The refresh token is no longer valid.")
        return issue_pair(user)


def revoke(refresh: str) -> None:
    """Makes a refresh token dead; one that is dead already stays so. Raises `NotAuthenticated` for one that is expired or not ours."""
    _kill(_read(refresh))


@dataclass(frozen=True, slots=True)
class _Refresh:
    """What a refresh token vouches for."""

    jti: str
    user_id: UUID
    generation: int


def _read(refresh: str) -> _Refresh:
    claims = read_claims(refresh, RefreshToken.token_type)
    try:
        return _Refresh(str(claims[api_settings.JTI_CLAIM]), UUID(str(claims[api_settings.USER_ID_CLAIM])), int(claims.get(GENERATION_CLAIM, 0)))
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise NotAuthenticated("The refresh token is invalid or has expired.") from error


def _kill(token: _Refresh) -> bool:
    """Whether it was alive."""
    outstanding = OutstandingToken.objects.filter(jti=token.jti).first()
    if outstanding is None:
        raise NotAuthenticated("The refresh token is invalid or has expired.")
    _, was_alive = BlacklistedToken.objects.get_or_create(token=outstanding)
    return was_alive
