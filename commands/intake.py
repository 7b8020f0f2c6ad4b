"""The lean ASGI handlers of `…/votes` and `…/votes/mine`: decode, call one function, encode."""

from __future__ import annotations

import asyncio
import re
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from commands.casting import Receipt, cast_vote, position_of, votable_rules
from commands.engine import engine, start_engine, stop_engine
from commands.rules import PollRules
from commands.standing import standing_ballot
from core import metrics
from core.connections import LET_IN_KEY
from core.credentials import VOTER_COOKIE, VOTER_COOKIE_SECONDS, Credentials, credentials_of
from core.errors import BadRequest, MethodNotAllowed, NexusError, NotFound, Unavailable
from core.front_door import front_door
from core.health import forget_vote_path, register_vote_path
from core.hot_settings import hot
from core.lean import JSON_TYPE, Headers, LeanRequest, Send, answer
from core.origins import check_origin, preflight_headers
from core.times import rfc3339

BODY_LIMIT = 512 * 1024
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_NO_STORE = (b"cache-control", b"no-store")
_VOTES_ALLOW = "POST, OPTIONS"
_MINE_ALLOW = "GET, HEAD, PUT, DELETE, OPTIONS"


async def startup() -> None:
    """Starts the committer and the look-ups on the running loop; `/readyz` watches them from then on."""
    parts = start_engine()
    front_door.guard(parts.admission.crowded, metrics.VOTES_REFUSED.labels(Unavailable.type).inc, asyncio.get_running_loop().call_soon)
    register_vote_path("committer", parts.committer.trouble)
    register_vote_path("lookups", parts.lookups.trouble)


async def shutdown() -> None:
    front_door.leave_open()
    forget_vote_path("committer")
    forget_vote_path("lookups")
    await stop_engine()


async def handle_votes(request: LeanRequest, send: Send, poll_id: str) -> None:
    """`POST /api/v1/polls/{id}/votes`."""
    poll = parse_id(poll_id)
    if request.method == "OPTIONS":
        await _options(request, send, _VOTES_ALLOW)
        return
    if request.method != "POST":
        raise MethodNotAllowed(headers={"Allow": _VOTES_ALLOW})
    receipt, cors = await _cast(request, poll)
    await answer(send, 201, [JSON_TYPE, _NO_STORE, *_voter_headers(receipt, request.scope["scheme"]), *receipt.headers, *cors], _receipt_body(receipt))


async def handle_my_vote(request: LeanRequest, send: Send, poll_id: str) -> None:
    """`GET`, `PUT` and `DELETE /api/v1/polls/{id}/votes/mine`."""
    poll = parse_id(poll_id)
    method = request.method
    if method == "OPTIONS":
        await _options(request, send, _MINE_ALLOW)
        return
    if method in {"GET", "HEAD"}:
        _, credentials, cors = await _read(request, poll, with_body=False)
        await answer(send, 200, [JSON_TYPE, _NO_STORE, *cors], orjson.dumps(await _mine(poll, credentials)), head=method == "HEAD")
        return
    if method not in {"PUT", "DELETE"}:
        raise MethodNotAllowed(headers={"Allow": _MINE_ALLOW})
    receipt, cors = await _cast(request, poll)
    headers = [_NO_STORE, *_voter_headers(receipt, request.scope["scheme"]), *receipt.headers, *cors]
    if method == "DELETE":
        await answer(send, 204, headers)
    else:
        await answer(send, 200, [JSON_TYPE, *headers], _receipt_body(receipt))


@lru_cache(10_000)
def parse_id(text: str) -> UUID:
    """The id in a path; a malformed one names nothing, hence `NotFound`."""
    if _ID.fullmatch(text) is None:
        raise NotFound("There is no such poll.")
    return UUID(text)


async def _cast(request: LeanRequest, poll: UUID) -> tuple[Receipt, Headers]:
    """The receipt and the CORS headers of a request that casts, replaces or withdraws a vote."""
    turn = front_door.turn
    try:
        if not request.scope.get(LET_IN_KEY):
            engine().admission.check()  # before any work
        body, credentials, cors = await _read(request, poll, with_body=request.method != "DELETE")
        idempotency_key = _idempotency_key(request)
    except NexusError as refusal:
        metrics.VOTES_REFUSED.labels(refusal.type).inc()
        raise
    let_in = front_door.turn == turn  # nothing was waited for meanwhile
    return await cast_vote(poll, body, credentials, method=request.method, idempotency_key=idempotency_key, let_in=let_in), cors


async def _read(request: LeanRequest, poll: UUID, *, with_body: bool) -> tuple[dict[str, Any], Credentials, Headers]:
    """Everything about a request that can be refused before its voter is known, in the contract's order."""
    rules = await engine().rules.get(poll)
    if rules.draft:
        await votable_rules(engine(), poll, await _credentials_or_none(request))
    try:
        body = await request.json_object(limit=BODY_LIMIT) if with_body else {}
        cors = check_origin(request)
        return body, await credentials_of(request), cors
    except NexusError:
        if (await engine().rules.get(poll, fresh=True)).draft:  # whether there is such a poll comes first, and what is remembered may be a second old
            await votable_rules(engine(), poll, await _credentials_or_none(request))
        raise


async def _credentials_or_none(request: LeanRequest) -> Credentials:
    """For the question whether a draft exists: whoever cannot say who they are is nobody."""
    try:
        return await credentials_of(request)
    except NexusError:
        return Credentials()


def _idempotency_key(request: LeanRequest) -> str | None:
    key = request.header(b"idempotency-key")
    if key is not None and _IDEMPOTENCY_KEY.fullmatch(key) is None:
        raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return key


def _voter_headers(receipt: Receipt, scheme: str) -> Headers:
    if receipt.voter_token is None:
        return []
    cookie = f"{VOTER_COOKIE}={receipt.voter_token}; HttpOnly; Max-Age={VOTER_COOKIE_SECONDS}; Path=/; SameSite=Lax"
    if hot.HTTPS or scheme == "https":
        cookie += "; Secure"
    return [(b"set-cookie", cookie.encode()), (b"x-voter-token", receipt.voter_token.encode())]


def _receipt_body(receipt: Receipt) -> bytes:
    return orjson.dumps(
        {
            "id": receipt.id,
            "poll": receipt.poll_id,
            "cast_at": rfc3339(receipt.cast_at),
            "position": receipt.position,
            "results": f"/api/v1/polls/{receipt.poll_id}/results",
        }
    )


async def _mine(poll: UUID, credentials: Credentials) -> dict[str, Any]:
    rules, found = await standing_ballot(poll, credentials)
    ballot = found.last
    if ballot is None or ballot.choices is None:
        raise NotFound("You have no ballot in this poll.")
    return {
        "id": str(ballot.receipt),
        "poll": str(poll),
        "cast_at": rfc3339(ballot.cast_at),
        "position": position_of(poll, ballot),
        "answers": _answers(rules, ballot.choices),
    }


def _answers(rules: PollRules, choices: Any) -> list[dict[str, Any]]:
    """The flat ballot as the voter gave it, question by question."""
    return [
        {"question": question.id, "choices": chosen}
        for question in rules.questions.values()
        if (chosen := [choice for choice in choices if choice in question.choices])
    ]


async def _options(request: LeanRequest, send: Send, allow: str) -> None:
    await answer(send, 204, [(b"allow", allow.encode()), *preflight_headers(request, allow)])
