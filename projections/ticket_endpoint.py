"""`POST /api/v1/polls/{id}/results/ticket`: the lean ASGI handler that lets whoever may see results follow them without a header."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import jwt
import orjson
from django.conf import settings

from core.accounts.access import read_access_token
from core.credentials import Credentials, credentials_of
from core.errors import MethodNotAllowed, NotFound
from core.lean import JSON_TYPE, answer
from core.origins import check_origin, preflight_headers
from core.parsers import BODY_LIMIT
from projections.admission import POLL_ID, check_voter_header
from projections.readers import readers
from projections.tickets import TICKET_SECONDS, Holder, issue_ticket
from projections.visibility import check_may_see

if TYPE_CHECKING:
    from core.lean import LeanRequest, Send

ALLOW = "POST, OPTIONS"
_LONGEST = 512  # characters; no token or code of ours is as long, and Redis is to keep no more


async def handle_ticket(request: LeanRequest, send: Send, poll_id: str) -> None:
    """Answers one request. Raises what `GET …/results` raises, `MethodNotAllowed`, what a body that is not JSON raises, and `Unavailable` without Redis."""
    if POLL_ID.fullmatch(poll_id) is None:
        raise NotFound
    if request.method == "OPTIONS":
        await answer(send, 204, [(b"allow", ALLOW.encode()), *preflight_headers(request, ALLOW)])
        return
    if request.method != "POST":
        raise MethodNotAllowed(headers={"Allow": ALLOW})
    cors = check_origin(request)
    credentials = await credentials_of(request)
    check_voter_header(request)
    entry = await readers().loader.current(poll_id)
    if not entry.prepared.public:
        await check_may_see(entry.document, credentials, datetime.now(UTC))
    if request.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in request.headers:
        await request.json_object(limit=BODY_LIMIT)  # nothing is asked for in it, but it must be what all bodies are
    ticket = await issue_ticket(_holder(request, UUID(poll_id), credentials))
    body = orjson.dumps({"ticket": ticket, "expires_in": TICKET_SECONDS})
    await answer(send, 201, [JSON_TYPE, (b"cache-control", b"no-store"), *cors], body)


def _holder(request: LeanRequest, poll_id: UUID, credentials: Credentials) -> Holder:
    """A ticket vouches for an account no longer than the access token it was asked with does, or one made now would."""
    brought = credentials._replace(
        voter_header=_bounded(credentials.voter_header), voter_cookie=_bounded(credentials.voter_cookie), code=_bounded(credentials.code)
    )
    authorization = request.header(b"authorization")
    if authorization is None:
        return Holder(poll_id=poll_id, credentials=brought, until=time.time() + float(settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds()))
    token = authorization.partition(" ")[2].strip()
    expires: float = jwt.decode(token, options={"verify_signature": False})["exp"]  # it was verified just before
    return Holder(poll_id=poll_id, credentials=brought, until=expires, generation=read_access_token(token).generation)


def _bounded(text: str | None) -> str | None:
    return None if text is None or len(text) > _LONGEST else text
