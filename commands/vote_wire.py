"""What votes look like on the wire: the ids and keys that come, and the answer of a vote that was taken."""

from __future__ import annotations

import re
from functools import lru_cache
from uuid import UUID

import orjson

from commands.casting import Receipt
from core.credentials import VOTER_COOKIE, VOTER_COOKIE_SECONDS
from core.errors import BadRequest, NotFound
from core.hot_settings import hot
from core.lean import JSON_TYPE, Headers, LeanRequest
from core.times import rfc3339

BODY_LIMIT = 512 * 1024
NO_STORE = (b"cache-control", b"no-store")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@lru_cache(10_000)
def parse_id(text: str) -> UUID:
    """The id in a path; a malformed one names nothing, hence `NotFound`."""
    if _ID.fullmatch(text) is None:
        raise NotFound("There is no such poll.")
    return UUID(text)


def idempotency_key_of(request: LeanRequest) -> str | None:
    """Raises `BadRequest` for one that cannot be."""
    key = request.header(b"idempotency-key")
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return key


def created(receipt: Receipt, scheme: str, cors: Headers) -> tuple[Headers, bytes]:
    """Headers and body of the answer to a vote that was cast."""
    body = receipt_body(receipt)
    return [JSON_TYPE, (b"content-length", b"%d" % len(body)), NO_STORE, *voter_headers(receipt, scheme), *receipt.headers, *cors], body


def voter_headers(receipt: Receipt, scheme: str) -> Headers:
    """The cookie and the header that make an anonymous voter the same the next time."""
    if receipt.voter_token is None:
        return []
    cookie = f"{VOTER_COOKIE}={receipt.voter_token}; HttpOnly; Max-Age={VOTER_COOKIE_SECONDS}; Path=/; SameSite=Lax"
    if hot.HTTPS or scheme == "https":
        cookie += "; Secure"
    return [(b"set-cookie", cookie.encode()), (b"x-voter-token", receipt.voter_token.encode())]


def receipt_body(receipt: Receipt) -> bytes:
    return orjson.dumps(
        {
            "id": receipt.id,
            "poll": receipt.poll_id,
            "cast_at": rfc3339(receipt.cast_at),
            "position": receipt.position,
            "results": results_path(receipt.poll_id),
        }
    )


@lru_cache(10_000)
def results_path(poll_id: UUID) -> str:
    return f"/api/v1/polls/{poll_id}/results"
