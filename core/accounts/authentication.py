"""How REST framework learns who is asking: a Bearer token first, else a Django session."""

from __future__ import annotations

from rest_framework import authentication, exceptions
from rest_framework.request import Request

from core.accounts.access import AccessClaims, read_access_token
from core.accounts.models import User
from core.errors import NotAuthenticated, PermissionDenied


class BearerAuthentication(authentication.BaseAuthentication):
    """An `Authorization` header must be a valid access token of an active user, or the request is refused, also where nobody has to sign in."""

    def authenticate(self, request: Request) -> tuple[User, AccessClaims] | None:
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated("The Authorization header must be of the form: Bearer <access token>.")
        claims = read_access_token(token.strip())
        user = User.objects.filter(pk=claims.user_id, is_active=True, token_generation=claims.generation).first()
        if user is None:
            raise NotAuthenticated("The access token is no longer valid.")
        return user, claims

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """A Django session; only where it authenticates is the CSRF token asked for."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            # Django's own request: REST framework's would want a body that it can parse, to look for the token there
            super().enforce_csrf(request._request)  # type: ignore[arg-type]  # noqa: SLF001
        except exceptions.PermissionDenied as error:
            raise PermissionDenied("The session's CSRF token (header X-CSRFToken) is missing or wrong.") from error
