"""What voters bring to the peers, minted ahead by the hundred thousand. Pure, but for the clock and randomness."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator
from functools import lru_cache
from uuid import UUID

import jwt

ACCOUNTS = 100_000
_TOKEN_SECONDS = 6 * 3600  # a run may take long


def account_lines(secret: str, count: int) -> Iterator[bytes]:
    """Header lines of the first `count` accounts, of which there are `ACCOUNTS`."""
    return (_account_line(secret, number) for number in range(min(count, ACCOUNTS)))


@lru_cache(2 * ACCOUNTS)  # of two peers
def _account_line(secret: str, number: int) -> bytes:
    return b"Authorization: Bearer %b\r\n" % access_token(secret, UUID(int=number)).encode()


def access_token(secret: str, user: UUID) -> str:
    """An access token as simplejwt issues it."""
    now = int(time.time())
    claims = {"token_type": "access", "exp": now + _TOKEN_SECONDS, "iat": now, "jti": secrets.token_hex(16), "user_id": str(user)}
    return jwt.encode(claims, secret, algorithm="HS256")


def voter_token(secret: str, identity: bytes) -> bytes:
    """An anonymous voter's token as the Django peer signs it (bench/peers/drf/polls/voters.py). `identity`: 16 bytes."""
    return base64.urlsafe_b64encode(identity + hmac.digest(secret.encode(), b"voter" + identity, hashlib.sha256)[:16])
