"""The lean ASGI handlers of `…/votes` and `…/votes/mine`: decode, call one function, encode."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import orjson

from commands.casting import Receipt, cast_vote, position_of, votable_rules
from commands.engine import engine, start_engine, stop_engine
from commands.quick_votes import begin_vote
from commands.rules import PollRules
from commands.standing import standing_ballot
from commands.vote_wire import BODY_LIMIT, NO_STORE, created, idempotency_key_of, parse_id, receipt_body, voter_headers
from core import metrics
from core.answer_headers import send_whole
from core.connections import LET_IN_KEY
from core.credentials import Credentials, credentials_of
from core.errors import MethodNotAllowed, NexusError, NotFound, Unavailable
from core.front_door import front_door
from core.health import forget_vote_path, register_vote_path
from core.lean import JSON_TYPE, Headers, LeanRequest, Send, answer
from core.origins import check_origin, preflight_headers
from core.short_way import BEGUN_KEY, short_way
from core.times import rfc3339

_VOTES_ALLOW = "POST, OPTIONS"
_MINE_ALLOW = "GET, HEAD, PUT, DELETE, OPTIONS"


async def startup() -> None:
    """Starts the committer and the look-ups on the running loop; `/readyz` watches them from then on."""
    parts = start_engine()
    front_door.guard(parts.admission.crowded, metrics.VOTES_REFUSED.labels(Unavailable.type).inc, asyncio.get_running_loop().call_soon)
    short_way.open(begin_vote)
    register_vote_path("committer", parts.committer.trouble)
    register_vote_path("lookups", parts.lookups.trouble)


async def shutdown() -> None:
    front_door.leave_open()
    short_way.close()
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
    await send_whole(send, 201, *created(receipt, request.scope["scheme"], cors))


async def handle_my_vote(request: LeanRequest, send: Send, poll_id: str) -> None:
    """`GET`, `PUT` and `DELETE /api/v1/polls/{id}/votes/mine`."""
    poll = parse_id(poll_id)
    method = request.method
    if method == "OPTIONS":
        await _options(request, send, _MINE_ALLOW)
        return
    if method in {"GET", "HEAD"}:
        _, credentials, cors = await _read(request, poll, with_body=False)
        await answer(send, 200, [JSON_TYPE, NO_STORE, *cors], orjson.dumps(await _mine(poll, credentials)), head=method == "HEAD")
        return
    if method not in {"PUT", "DELETE"}:
        raise MethodNotAllowed(headers={"Allow": _MINE_ALLOW})
    receipt, cors = await _cast(request, poll)
    headers = [NO_STORE, *voter_headers(receipt, request.scope["scheme"]), *receipt.headers, *cors]
    if method == "DELETE":
        await answer(send, 204, headers)
    else:
        await answer(send, 200, [JSON_TYPE, *headers], receipt_body(receipt))


async def _cast(request: LeanRequest, poll: UUID) -> tuple[Receipt, Headers]:
    """The receipt and the CORS headers of a request that casts, replaces or withdraws a vote."""
    turn = front_door.present_turn()
    try:
        if not request.scope.get(LET_IN_KEY):
            engine().admission.check()  # before any work
        body, credentials, cors = await _read(request, poll, with_body=request.method != "DELETE")
        idempotency_key = idempotency_key_of(request)
    except NexusError as refusal:
        metrics.VOTES_REFUSED.labels(refusal.type).inc()
        raise
    let_in = front_door.turn == turn  # nothing was waited for meanwhile
    begun = request.scope.get(BEGUN_KEY)
    return await cast_vote(poll, body, credentials, method=request.method, idempotency_key=idempotency_key, let_in=let_in, begun=begun), cors


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
