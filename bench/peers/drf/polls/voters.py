"""Who votes: the account of a JWT, or an anonymous voter by a token that we signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid

from django.conf import settings
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

HEADER = "X-Voter-Token"
COOKIE = "peer_voter"
_TAG = 16


def voter_token(voter: uuid.UUID) -> str:
    """The voter's id with its HMAC, for the cookie and the header."""
    return base64.urlsafe_b64encode(voter.bytes + _tag(voter.bytes)).decode()


def voter_of(token: str) -> uuid.UUID | None:
    """The voter in a token of ours; None for anything else."""
    try:
        raw = base64.urlsafe_b64decode(token)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != 16 + _TAG or not hmac.compare_digest(raw[16:], _tag(raw[:16])):
        return None
    return uuid.UUID(bytes=raw[:16])


def account_voter(request: Request) -> uuid.UUID:
    """Raises `NotAuthenticated` for somebody who is not signed in."""
    if request.user is None:
        raise NotAuthenticated
    return uuid.UUID(str(request.user.id))


def anonymous_voter(request: Request) -> tuple[uuid.UUID, bool]:
    """The voter and whether it is new. A bad header is refused with `NotAuthenticated`, a bad cookie replaced."""
    header = request.headers.get(HEADER)
    if header is not None:
        voter = voter_of(header)
        if voter is None:
            raise NotAuthenticated("X-Voter-Token is not a token of ours.")
        return voter, False
    cookie = request.COOKIES.get(COOKIE)
    voter = None if cookie is None else voter_of(cookie)
    return (uuid.uuid4(), True) if voter is None else (voter, False)


def _tag(identity: bytes) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), b"voter" + identity, hashlib.sha256)[:_TAG]
