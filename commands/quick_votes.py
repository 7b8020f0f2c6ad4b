"""Votes on the short way: the usual kind, for which everything is at hand, cast without a task. What is not usual is left to `commands.intake`."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from commands.ballots import Fate, LogRequest, Outcome
from commands.casting import Begun, count_unheard, receipt_of, unchecked_request
from commands.engine import Engine, engine
from commands.rules import check_ballot
from commands.vote_wire import BODY_LIMIT, created, idempotency_key_of, parse_id
from commands.voters import Voter, identify
from core.buckets import Found
from core.credentials import credentials_at_hand
from core.json_bodies import read_json_object
from core.lean import Headers, LeanRequest
from core.limits import RateLimit, vote_limit
from core.origins import check_origin
from core.short_way import Way

log = logging.getLogger(__name__)

_QUICK_VOTERS = frozenset({"session", "account", "ip"})  # a code is looked up, and in an open poll a vote may need a second try


def begin_vote(request: LeanRequest, poll_id: str, raw: bytes, way: Way) -> bool:
    """Casts the vote, which `way` hears about; False, with nothing done, for one that is not usual. Raises `NexusError`, with nothing done, likewise."""
    parts = engine()
    rules = parts.rules.at_hand(parse_id(poll_id))
    if rules is None or rules.voters not in _QUICK_VOTERS or len(raw) > BODY_LIMIT or not rules.is_open(datetime.now(UTC)):
        return False
    request.require_json()
    body = read_json_object(raw)
    cors = check_origin(request)
    credentials = credentials_at_hand(request)
    if credentials is None:
        return False
    idempotency_key = idempotency_key_of(request)
    voter = identify(rules, credentials, idempotency_key=idempotency_key)
    if voter.earlier is not None or voter.spare is not None:
        return False
    question = unchecked_request(rules, voter, body, "POST", idempotency_key, chosen=check_ballot(rules, body))
    limit = vote_limit()
    vote = QuickVote(parts, question, voter, way, scheme=request.scope["scheme"], cors=cors)
    try:
        asked = limit.ask(credentials.address, credentials.user_id)
        if asked is None:
            vote.write()
        else:
            asked.add_done_callback(lambda found: vote.go_on(limit, found))
    except BaseException:
        vote.give_up()
        raise
    return True


class QuickVote:
    """One vote on its way: what a task and a future are to others. Its place among the votes in flight is kept until its fate is known."""

    __slots__ = ("_cors", "_headers", "_over", "_parts", "_place", "_question", "_scheme", "_voter", "_way")

    def __init__(self, parts: Engine, question: LogRequest, voter: Voter, way: Way, *, scheme: str, cors: Headers) -> None:
        """Raises `Unavailable` when there is no place."""
        self._parts, self._question, self._voter, self._scheme, self._cors, self._way = parts, question, voter, scheme, cors, way
        self._headers: Headers = []
        self._over = False
        self._place = parts.admission.enter(checked=True)

    def write(self) -> None:
        """Hands the vote to the committer. Raises `Unavailable` when that takes no more."""
        self._parts.committer.batcher.post(self._question, self._way.loop, self)

    def give_up(self) -> None:
        """Nothing was written, and nothing will be."""
        self._parts.admission.leave(self._place, answered=False)

    def go_on(self, limit: RateLimit, found: asyncio.Future[Found | None]) -> None:
        """The rate limit has been asked."""
        try:
            self._headers = limit.headers(found.result())
            self.write()
        except Exception as refusal:  # noqa: BLE001  (whoever answers on the long way tells them apart)
            self.give_up()
            self._hand_over(refusal)

    def done(self) -> bool:
        return self._over

    def set_result(self, outcome: Outcome) -> None:
        """PostgreSQL's word came: in most cases the end."""
        self._over = True
        self._parts.admission.leave(self._place)
        if outcome.fate is not Fate.WRITTEN or outcome.entry is None:
            self._hand_over(outcome)
            return
        try:
            receipt = receipt_of(self._question.poll_id, outcome.entry, self._voter, self._headers)
            self._way.answer(201, *created(receipt, self._scheme, self._cors))
        except Exception as error:
            log.exception("a vote that was counted could not be answered")
            self._hand_over(error)

    def set_exception(self, error: BaseException) -> None:
        """Its fate is not known."""
        self._over = True
        self._parts.admission.leave(self._place, answered=False)
        self._hand_over(error)

    def _hand_over(self, outcome: Outcome | BaseException) -> None:
        """Later: the one who called is in the midst of others' votes."""
        self._way.loop.call_soon(self._take_the_long_way, Begun(outcome, self._headers))

    def _take_the_long_way(self, begun: Begun) -> None:
        if not self._way.take_the_long_way(begun):
            count_unheard(begun)
