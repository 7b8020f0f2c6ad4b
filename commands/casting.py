"""Casting, changing and withdrawing a vote: the one way in, for the API and for the pages alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from commands.ballots import CAST, REPLACE, WITHDRAW, Entry, Fate, LogRequest, Outcome, judge
from commands.code_check import check_code, with_code, without_code
from commands.engine import Engine, engine
from commands.rules import PollRules, check_ballot
from commands.voters import Voter, digest, identify, known_voter, nobody
from core import metrics
from core.credentials import Credentials
from core.errors import (
    DuplicateVote,
    IdempotencyKeyReused,
    NexusError,
    NotFound,
    PermissionDenied,
    PollNotOpen,
    Unavailable,
    ValidationError,
    VoteNotChangeable,
)
from core.ids import random_uuid
from core.lean import Headers
from core.limits import vote_limit
from core.positions import Position, seal_position

_OPS = {"POST": CAST, "PUT": REPLACE, "DELETE": WITHDRAW}
_RULE_CHANGES = 3
_REFUSALS: dict[Fate, type[NexusError]] = {
    Fate.KEY_REUSED: IdempotencyKeyReused,
    Fate.NOT_OPEN: PollNotOpen,
    Fate.NOT_CHANGEABLE: VoteNotChangeable,
    Fate.DUPLICATE: DuplicateVote,
}
_BEFORE_FAULTS = {Fate.REPLAYED, Fate.KEY_REUSED, Fate.NOT_OPEN, Fate.RULES_CHANGED}


class Begun:
    """What became of a request that was begun on the short way and did not end there; `headers` are those of the rate limit, if it has passed that."""

    __slots__ = ("_outcome", "headers")

    def __init__(self, outcome: Outcome | BaseException, headers: Headers) -> None:
        self._outcome: Outcome | BaseException | None = outcome
        self.headers = headers

    def outcome(self) -> Outcome:
        """Once. Raises what was in its way, and holds it no more: that knows everybody here by its traceback, and only the collector would part them."""
        outcome, self._outcome = self._outcome, None
        if isinstance(outcome, Outcome):
            return outcome
        try:
            raise outcome or Unavailable()
        finally:
            del outcome


class Receipt(NamedTuple):
    """What a voter is told: the vote is durable. `headers` go with the answer; `voter_token` is for the cookie and `X-Voter-Token`."""

    id: UUID
    poll_id: UUID
    cast_at: datetime
    position: str
    voter_token: str | None
    replayed: bool
    headers: Headers


async def cast_vote(
    poll_id: UUID,
    body: Mapping[str, Any],
    credentials: Credentials,
    *,
    method: str = "POST",
    idempotency_key: str | None = None,
    let_in: bool = False,
    begun: Begun | None = None,
) -> Receipt:
    """Casts (POST), replaces (PUT) or withdraws (DELETE) the voter's ballot and returns once that is durable.

    The same `idempotency_key` with the same voter, method and body returns the first receipt again. Checks happen in the contract's order: poll,
    credentials, rate limit, replay, open, validation, changeable, duplicate. Raises the matching error of `core.errors`; `Unavailable` when the
    outcome could not be learnt in time, and at once when too many wait already, unless it was `let_in` before. With a request that was `begun`
    already this goes on from there.
    """
    parts = engine()
    headers: Headers = []
    try:
        place = parts.admission.enter(checked=let_in)
    except Unavailable as refusal:
        metrics.VOTES_REFUSED.labels(refusal.type).inc()
        raise
    answered = False
    try:
        rules = await votable_rules(parts, poll_id, credentials)
        voter = await _voter_for(parts, rules, body, credentials, method=method, idempotency_key=idempotency_key)
        headers = begun.headers if begun is not None else await vote_limit().take(credentials.address, credentials.user_id)
        for _ in range(_RULE_CHANGES):
            if begun is not None:
                outcome, begun = begun.outcome(), None
            else:
                outcome = await _write(parts, rules, unchecked_request(rules, voter, body, method, idempotency_key), voter, body)
                answered = True
            if outcome.fate is not Fate.RULES_CHANGED and not (outcome.fate is Fate.NOT_OPEN and rules.is_open(datetime.now(UTC))):
                break
            await parts.rules.get(poll_id, fresh=True)
            rules = await votable_rules(parts, poll_id, credentials)
            voter = await _voter_for(parts, rules, body, credentials, method=method, idempotency_key=idempotency_key)  # who votes is a rule, too
        entry = _entry_or_refusal(outcome)
    except NexusError as refusal:
        answered = answered or isinstance(refusal, ValidationError)  # the log was asked before that
        _count(refusal)
        raise refusal.with_headers(headers) from refusal
    finally:
        parts.admission.leave(place, answered=answered)
    return receipt_of(poll_id, entry, voter, headers, replayed=outcome.fate is Fate.REPLAYED)


def count_unheard(begun: Begun) -> None:
    """Of a request whose client has gone, so that nobody goes on with it: whatever was in its way counts all the same."""
    try:
        _entry_or_refusal(begun.outcome())
    except NexusError as refusal:
        _count(refusal)


def _count(refusal: NexusError) -> None:
    metrics.VOTES_REFUSED.labels(refusal.type).inc()
    if isinstance(refusal, DuplicateVote):
        metrics.VOTES_DUPLICATE.inc()


def receipt_of(poll_id: UUID, entry: Entry, voter: Voter, headers: Headers, *, replayed: bool = False) -> Receipt:
    """What the voter is told of an entry in the log."""
    token = None if voter.token is None else voter.token.seal()
    return Receipt(entry.receipt, poll_id, entry.cast_at, position_of(poll_id, entry), token, replayed, headers)


async def votable_rules(parts: Engine, poll_id: UUID, credentials: Credentials) -> PollRules:
    """The poll's rules. Raises `NotFound`; a draft exists for its owner and staff only."""
    rules = await parts.rules.get(poll_id)
    if rules.draft:
        rules = await parts.rules.get(poll_id, fresh=True)
    if rules.draft and not credentials.staff and credentials.user_id != rules.owner_id:
        raise NotFound("There is no such poll.")
    return rules


def ballot_holder(rules: PollRules, credentials: Credentials) -> Voter:
    """The voter whose one ballot `votes/mine` speaks of; for an anonymous one who brings no token, nobody, who holds none.

    Raises `NotFound` in `open` polls, `PermissionDenied` in `ip` polls, else as `known_voter`. Whether a code is one, `check_code` says.
    """
    if rules.voters == "open":
        raise NotFound("In this poll nobody has one ballot of their own.")
    if rules.voters == "ip":
        raise PermissionDenied("In this poll neighbours share an address, so nobody may see or change its ballot.")
    return known_voter(rules, credentials) or nobody(rules)


def position_of(poll_id: UUID, entry: Entry) -> str:
    return seal_position(Position(poll_id, entry.epoch, entry.xid, entry.id))


async def _voter_for(parts: Engine, rules: PollRules, body: Mapping[str, Any], credentials: Credentials, *, method: str, idempotency_key: str | None) -> Voter:
    credentials = with_code(rules, credentials, body)
    voter = identify(rules, credentials, idempotency_key=idempotency_key) if method == "POST" else ballot_holder(rules, credentials)
    await check_code(parts, rules, voter, credentials)
    return voter


async def _write(parts: Engine, rules: PollRules, request: LogRequest, voter: Voter, body: Mapping[str, Any]) -> Outcome:
    try:
        chosen = () if request.op == WITHDRAW else check_ballot(rules, body)
    except ValidationError as fault:
        outcome = await _judge(parts, request, voter)
        if outcome.fate not in _BEFORE_FAULTS:
            raise fault from None
        return outcome
    if voter.earlier is not None or not rules.is_open(datetime.now(UTC)):
        outcome = await _judge(parts, request, voter)
        if outcome.fate in _BEFORE_FAULTS:
            return outcome
    return await _append(parts, request._replace(choices=array_literal(chosen)), voter)


async def _append(parts: Engine, request: LogRequest, voter: Voter) -> Outcome:
    """Hands the request to the committer; in an `open` poll a second time, where the first shows that this browser has voted before."""
    outcome = await parts.committer.batcher.ask(request)
    if voter.spare is None:
        return outcome
    if outcome.fate is Fate.DUPLICATE:
        return await parts.committer.batcher.ask(request._replace(voter_key=voter.spare))
    return await _judge(parts, request, voter) if outcome.fate is Fate.NOT_OPEN else outcome


async def _judge(parts: Engine, request: LogRequest, voter: Voter) -> Outcome:
    """What the log says of a request before it is written or refused: a replay, under whichever key it may stand, comes before everything."""
    outcome = judge(request, await parts.lookups.finding(request.poll_id, request.voter_key, request.request_key))
    for key in (voter.spare, voter.earlier):
        if key is not None and outcome.entry is None:
            other = judge(request, await parts.lookups.finding(request.poll_id, key, request.request_key))
            if other.entry is not None or other.fate is Fate.KEY_REUSED:
                return other
    return outcome


def unchecked_request(
    rules: PollRules, voter: Voter, body: Mapping[str, Any], method: str, idempotency_key: str | None, *, chosen: Iterable[str] = ()
) -> LogRequest:
    """The request to the log as `body` makes it; `chosen` are its choices where they were checked already."""
    receipt = random_uuid()
    if idempotency_key is None:
        request_key = request_digest = receipt  # no keyed hash of a key can be aimed at it
    else:
        request_key = digest(rules.salt, b"idempotency key", idempotency_key.encode())
        request_digest = digest(rules.salt, b"request", method.encode() + b"\0" + canonical(without_code(rules, body)))
    return LogRequest(
        op=_OPS[method],
        poll_id=rules.id,
        voter_key=voter.key,
        choices=array_literal(chosen),
        rules_version=rules.version,
        receipt=receipt,
        request_key=request_key,
        request_digest=request_digest,
    )


def array_literal(chosen: Iterable[str]) -> str:
    return "{" + ",".join(chosen) + "}"


def canonical(body: Mapping[str, Any]) -> bytes:
    """The body as bytes that are equal for equal JSON values, the order of answers ignored."""
    answers = body.get("answers")
    if isinstance(answers, list):
        body = {**body, "answers": sorted(orjson.dumps(answer, option=orjson.OPT_SORT_KEYS).decode() for answer in answers)}
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _entry_or_refusal(outcome: Outcome) -> Entry:
    if outcome.entry is not None:
        return outcome.entry
    if outcome.fate is Fate.NO_BALLOT:
        raise NotFound("You have no ballot in this poll.")
    raise _REFUSALS.get(outcome.fate, Unavailable)
