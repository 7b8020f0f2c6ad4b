"""Who is asking: what a request brings to say so, read once and passed to both sides."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from core.accounts.access import AccessClaims, read_access_token, session_user
from core.accounts.revocations import revocations
from core.clients import client_address
from core.errors import NotAuthenticated, Unavailable
from core.hot_settings import hot

if TYPE_CHECKING:
    from core.accounts.models import User
    from core.lean import LeanRequest

VOTER_COOKIE = "nexus_voter"
VOTER_COOKIE_SECONDS = 400 * 24 * 3600  # browsers keep no cookie for longer
_SESSION_SECONDS = 5.0
_session_threads = ThreadPoolExecutor(4, "sessions")  # of their own: a slow view elsewhere must not hold up voters
_CSRF_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Credentials(NamedTuple):
    """What came with a request. A voter token is still to be verified by whoever uses it; an account is verified."""

    user_id: UUID | None = None
    staff: bool = False
    voter_header: str | None = None
    voter_cookie: str | None = None
    code: str | None = None
    address: str = ""


async def credentials_of(request: LeanRequest) -> Credentials:
    """The request's credentials. A Bearer token wins over a Django session.

    Raises `NotAuthenticated` for a bad Bearer token, `PermissionDenied` where a session authenticates an unsafe request without its CSRF token.
    """
    account = _Account()
    claims = _bearer_claims(request)
    if claims is not None:
        await revocations().check(claims)
        account = _Account(claims.user_id, claims.staff)
    elif request.cookie(hot.SESSION_COOKIE_NAME) is not None:
        user = await _session_user(request)
        if user is not None:
            account = _Account(user.id, user.is_staff)
    return _credentials(request, account)


def credentials_at_hand(request: LeanRequest) -> Credentials | None:
    """The same without waiting for anything; None where something has to be looked up first. Raises `NotAuthenticated` as `credentials_of`."""
    claims = _bearer_claims(request)
    if claims is not None:
        return _credentials(request, _Account(claims.user_id, claims.staff)) if revocations().check_now(claims) else None
    return None if request.cookie(hot.SESSION_COOKIE_NAME) is not None else _credentials(request, _Account())


class _Account(NamedTuple):
    user_id: UUID | None = None
    staff: bool = False


def _bearer_claims(request: LeanRequest) -> AccessClaims | None:
    authorization = request.header(b"authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("The Authorization header must be of the form: Bearer <access token>.")
    return read_access_token(token.strip())


def _credentials(request: LeanRequest, account: _Account) -> Credentials:
    return Credentials(
        user_id=account.user_id,
        staff=account.staff,
        voter_header=request.header(b"x-voter-token"),
        voter_cookie=request.cookie(VOTER_COOKIE),
        code=request.header(b"x-voter-code"),
        address=client_address(request.scope),
    )


async def _session_user(request: LeanRequest) -> User | None:
    """The user of the Django session, read in a thread. Raises `Unavailable` when that takes too long."""
    needs_csrf = request.method not in _CSRF_SAFE

    def read() -> User | None:
        close_old_connections()  # no request signal does it here
        try:
            return session_user(request.scope, needs_csrf=needs_csrf)
        finally:
            close_old_connections()

    try:
        return await asyncio.wait_for(sync_to_async(read, thread_sensitive=False, executor=_session_threads)(), _SESSION_SECONDS)
    except TimeoutError as error:
        raise Unavailable("Your session could not be read in time.") from error
