"""Who looks at a page: a Django request's credentials for both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from core.accounts.models import User
from core.clients import client_address
from core.credentials import VOTER_COOKIE, Credentials, credentials_of
from core.lean import LeanRequest


@dataclass(frozen=True, slots=True)
class Visitor:
    """`user` is loaded, so that templates may ask it; `credentials` is what the domain wants to know."""

    user: User | AnonymousUser
    credentials: Credentials

    def owns(self, owner_id: object) -> bool:
        """Whether they may act for a poll's owner: it is theirs, or they are staff."""
        return self.credentials.staff or (self.credentials.user_id is not None and self.credentials.user_id == owner_id)


async def visitor_of(request: HttpRequest) -> Visitor:
    """The visitor behind a request that came over ASGI. Reads the session, if there is one; what a program sends in headers counts as in the API.

    Raises `NotAuthenticated` for a bad Bearer token.
    """
    if "Authorization" in request.headers:
        return Visitor(AnonymousUser(), await credentials_of(LeanRequest.of(getattr(request, "scope", {}), _nothing_more)))
    user = await request.auser()
    known = isinstance(user, User) and user.is_active
    return Visitor(
        user,
        Credentials(
            user_id=user.pk if known else None,
            staff=known and user.is_staff,
            voter_header=request.headers.get("X-Voter-Token"),
            code=request.headers.get("X-Voter-Code"),
            voter_cookie=request.COOKIES.get(VOTER_COOKIE),
            address=client_address(getattr(request, "scope", {})),
        ),
    )


async def _nothing_more() -> NoReturn:
    raise RuntimeError("Django has read the body")
