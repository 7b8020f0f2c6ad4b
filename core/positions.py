"""A vote's place in the log as an opaque token: sealed, because transaction ids and row numbers would reveal how many voted."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from contextlib import suppress
from functools import cache
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings

from core.errors import BadRequest
from core.hot_settings import hot
from core.url_text import as_url_text

_LAYOUT = struct.Struct(">16sIQQ")
_LENGTH = 16 + _LAYOUT.size


class Position(NamedTuple):
    """Where a vote stands: its poll and its place in the log's order `(epoch, xid, id)`."""

    poll_id: UUID
    epoch: int
    xid: int
    id: int


@cache
def _cipher(secret: str) -> AESSIV:
    return AESSIV(hmac.digest(secret.encode(), b"nexus position token", hashlib.sha512)[:32])


def seal_position(position: Position) -> str:
    """The token of a position: URL-safe, authenticated, the same for the same position (AES-SIV, RFC 5297)."""
    plain = _LAYOUT.pack(position.poll_id.bytes, position.epoch, position.xid, position.id)
    return as_url_text(_cipher(hot.SECRET_KEY).encrypt(plain, None))


def open_position(token: str) -> Position:
    """The position in a token of ours. Raises `BadRequest` for anything else."""
    try:
        sealed = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        if len(sealed) != _LENGTH:
            raise ValueError(len(sealed))
        poll, epoch, xid, row = _LAYOUT.unpack(_opened(sealed))
    except (ValueError, UnicodeError, binascii.Error, InvalidTag) as error:
        raise BadRequest("`after` must be a position token as a vote's answer gave it.") from error
    return Position(UUID(bytes=poll), epoch, xid, row)


def _opened(sealed: bytes) -> bytes:
    """Under the present key or a former one, because a vote's answer may be older than the key. Raises `InvalidTag`."""
    for secret in settings.SECRET_KEY_FALLBACKS:
        with suppress(InvalidTag):
            return _cipher(secret).decrypt(sealed, None)
    return _cipher(hot.SECRET_KEY).decrypt(sealed, None)
