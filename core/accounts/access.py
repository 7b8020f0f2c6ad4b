"""Verifies what authenticates a person: an access token, or a Django session with its CSRF token."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from core.accounts.models import User
from core.accounts.sessions import SessionStore
from core.accounts.signed_claims import read_claims
from core.errors import NotAuthenticated, PermissionDenied

STAFF_CLAIM = "staff"
GENERATION_CLAIM = "gen"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What an access token vouches for."""

    user_id: UUID
    staff: bool
    generation: int = 0  # of the account's tokens; an account in a higher one has made this token void


def read_access_token(token: str) -> AccessClaims:
    """The claims of a valid access token; raises `NotAuthenticated` for any other. Whether it was made void is for the caller to find out."""
    payload = read_claims(token, "access")
    try:
        user_id, generation = UUID(str(payload[settings.SIMPLE_JWT["USER_ID_CLAIM"]])), int(payload.get(GENERATION_CLAIM, 0))
    except (ValueError, TypeError, OverflowError) as error:
        raise NotAuthenticated("The access token is invalid or has expired.") from error
    return AccessClaims(user_id, payload.get(STAFF_CLAIM) is True, generation)


class _Csrf(CsrfViewMiddleware):
    def _reject(self, request: Any, reason: str) -> HttpResponse:  # noqa: ARG002  (Django's signature)
        raise PermissionDenied(f"CSRF: {reason}")


def session_user(scope: Any, *, needs_csrf: bool) -> User | None:
    """The active user of the request's Django session, or None. Talks to the database, so call it in a thread.

    Raises `PermissionDenied` when the session authenticates and `needs_csrf` but the CSRF token (header `X-CSRFToken`) is missing or wrong.
    """
    request = ASGIRequest({**scope, "method": "GET" if not needs_csrf else "PUT"}, BytesIO())  # PUT: the token is then sought in the header only
    request.session = SessionStore(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        return None
    if needs_csrf:
        check = _Csrf(lambda _request: HttpResponse())
        check.process_request(request)
        check.process_view(request, lambda _request: HttpResponse(), (), {})
    return user
