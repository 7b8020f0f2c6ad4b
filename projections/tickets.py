"""Tickets: what a browser that can send no header puts into the address of a stream, once and within half a minute."""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from typing import cast
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from redis.exceptions import RedisError

from core.accounts.access import AccessClaims
from core.accounts.revocations import revocations
from core.credentials import Credentials
from core.errors import NotAuthenticated, Unavailable
from core.redis import async_redis

TICKET_SECONDS = 30
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_NONCE = bytes(12)  # each key encrypts one text only
_FAILURES = (RedisError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who a ticket stands for, in one poll.

    Where it names an account: `until` (seconds since 1970) this must be proven again; `generation` is that of the access token it was asked with.
    """

    poll_id: UUID
    credentials: Credentials
    until: float = 0.0
    generation: int = sys.maxsize

    async def present(self) -> Credentials:
        """The credentials. Raises `NotAuthenticated` when they have expired or were revoked."""
        user_id = self.credentials.user_id
        if user_id is not None:
            if time.time() >= self.until:
                raise NotAuthenticated("What the ticket was issued for has expired.")
            await revocations().check(AccessClaims(user_id, self.credentials.staff, self.generation))
        return self.credentials


async def issue_ticket(holder: Holder) -> str:
    """A new ticket. Redis knows its hash, and under it what only the ticket itself decrypts. Raises `Unavailable` without Redis."""
    ticket = secrets.token_urlsafe(32)
    plain = orjson.dumps(asdict(holder) | {"credentials": holder.credentials._asdict()})
    try:
        await async_redis().set(_key(ticket), _cipher(ticket).encrypt(_NONCE, plain, None), ex=TICKET_SECONDS)
    except _FAILURES as error:
        raise Unavailable("Tickets can't be issued just now; try again.") from error
    return ticket


async def redeem_ticket(ticket: str, poll_id: UUID) -> Holder:
    """Who the ticket stands for; it is worth nothing from now on, whatever comes of it.

    Raises `NotAuthenticated` for one that is unknown, used, expired or another poll's, `Unavailable` without Redis.
    """
    sealed: bytes | None = None
    if _FORM.fullmatch(ticket):
        try:
            sealed = await cast("Awaitable[bytes | None]", async_redis().getdel(_key(ticket)))
        except _FAILURES as error:
            raise Unavailable("Tickets can't be checked just now; try again.") from error
    if sealed is None:
        raise NotAuthenticated("The ticket is unknown, was used already, or has expired.")
    try:
        fields = orjson.loads(_cipher(ticket).decrypt(_NONCE, sealed, None))
        known = fields["credentials"]
        known["user_id"] = None if known["user_id"] is None else UUID(known["user_id"])
        holder = Holder(**fields | {"poll_id": UUID(fields["poll_id"]), "credentials": Credentials(**known)})
    except (InvalidTag, ValueError, KeyError, TypeError, AttributeError) as error:  # kept by another release, or by nobody of ours
        raise NotAuthenticated("The ticket is unknown, was used already, or has expired.") from error
    if holder.poll_id != poll_id:
        raise NotAuthenticated("The ticket is another poll's.")
    return holder


def _key(ticket: str) -> str:
    return f"{settings.REDIS_PREFIX}:ticket:{hashlib.sha256(b'nexus ticket name ' + ticket.encode()).hexdigest()}"


def _cipher(ticket: str) -> AESGCM:
    return AESGCM(hashlib.sha256(b"nexus ticket key " + ticket.encode()).digest())
