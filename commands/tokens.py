"""Voter tokens: who an anonymous voter is, signed, without a name. Carried by the cookie `nexus_voter` and the header `X-Voter-Token`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import cache
from typing import NamedTuple
from uuid import UUID

from core.hot_settings import hot
from core.ids import random_bytes
from core.url_text import as_url_text

_VERSION = b"\x01"
_PLAIN, _BOUND, _TAG = 17, 49, 16


class VoterToken(NamedTuple):
    """A random identity, and for a voter who began with a keyed, cookieless request the seed of its voter key in that one poll.

    `identity`: 16 random bytes. `seed`: 16 bytes derived from the Idempotency-Key, valid in poll `bound_to` only, so that a leaked key is worth
    nothing in another poll.
    """

    identity: bytes
    bound_to: UUID | None = None
    seed: bytes | None = None

    @classmethod
    def fresh(cls) -> VoterToken:
        return cls(random_bytes())

    def bind(self, poll_id: UUID, seed: bytes) -> VoterToken:
        return VoterToken(self.identity, poll_id, seed)

    def seal(self) -> str:
        body = _VERSION + self.identity
        if self.bound_to is not None and self.seed is not None:
            body += self.bound_to.bytes + self.seed
        return as_url_text(body + _tag(body))


def open_voter_token(text: str) -> VoterToken | None:
    """The token in `text`, or None when it is not one of ours."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeError, binascii.Error):
        return None
    body, tag = raw[:-_TAG], raw[-_TAG:]
    if len(body) not in {_PLAIN, _BOUND} or body[:1] != _VERSION or not hmac.compare_digest(tag, _tag(body)):
        return None
    if len(body) == _PLAIN:
        return VoterToken(body[1:])
    return VoterToken(body[1:17], UUID(bytes=body[17:33]), body[33:])


@cache
def derived_key(purpose: str, secret: str) -> bytes:
    """A key for one purpose from VOTER_KEY_SECRET, so that no output of one purpose is valid in another."""
    return hmac.digest(secret.encode(), b"nexus/" + purpose.encode(), hashlib.sha256)


def _tag(body: bytes) -> bytes:
    return hashlib.blake2b(body, key=derived_key("voter token", hot.VOTER_KEY_SECRET), digest_size=_TAG).digest()


def secret_fingerprint() -> str:
    """Tells one VOTER_KEY_SECRET from another without revealing it."""
    return derived_key("fingerprint", hot.VOTER_KEY_SECRET).hex()
