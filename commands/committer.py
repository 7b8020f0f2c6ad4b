"""Group commit: one thread with one connection writes whatever votes gathered while it wrote the last ones, and knows the fate of each."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import psycopg2
from django.conf import settings
from psycopg2 import errorcodes

from commands import vote_log
from commands.ballots import CAST, Fate, LogRequest, Outcome, judge
from commands.connection import WriteConnection, is_lost
from core import metrics
from core.batching import Batcher, Pending
from core.errors import Unavailable

log = logging.getLogger(__name__)

Vote = Pending[LogRequest, Outcome]

_TRIES = 4
_BACK_OFF_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4)
_REFUSAL_COUNTS_SECONDS = 5.0
_RETRY = {errorcodes.DEADLOCK_DETECTED, errorcodes.SERIALIZATION_FAILURE}
_BAD_ROW_CLASSES = ("22", "23")
_UNREPLICATED = "canceling wait for synchronous replication"


class Committer:
    """Writes votes in groups. `batcher.ask(request)` answers with an `Outcome`.

    Raises through it `Unavailable` when the vote could not be made durable in time: then its fate is unknown, and the same request may be sent again.
    """

    def __init__(self) -> None:
        self._connection = WriteConnection("nexus-committer", {"jit": "off", "lock_timeout": "250ms", "statement_timeout": "10s", "synchronous_commit": "on"})
        self.batcher: Batcher[LogRequest, Outcome] = Batcher(
            "committer",
            self.commit,
            group_limit=settings.VOTE_GROUP_LIMIT,
            queue_limit=settings.VOTE_QUEUE_LIMIT,
            deadline_seconds=settings.VOTE_DEADLINE_SECONDS,
            key=lambda request: (request.poll_id, request.voter_key),
            when_idle=self._connection.care,
            when_stuck=self._connection.hang_up.cut,
            at_stop=self._connection.lost,
        )
        self._refused_at: float | None = None

    def trouble(self) -> str | None:
        """Why votes cannot be made durable just now, or None. A group that could not be written counts for some seconds, lest nobody votes again."""
        refused_at = self._refused_at
        if refused_at is not None and time.monotonic() - refused_at < _REFUSAL_COUNTS_SECONDS:
            return "the last group of votes could not be written"
        return self.batcher.failure() or self._connection.trouble

    def commit(self, group: Sequence[Vote]) -> None:
        """Writes the group and answers every request in it, whatever happens to the connection meanwhile."""
        began = time.monotonic()
        open_ = list(group)
        for pause in (0.0, *_BACK_OFF_SECONDS, *[_BACK_OFF_SECONDS[-1]] * 1000):
            open_ = [vote for vote in open_ if vote.answer is None and vote.deadline > time.monotonic()]
            if not open_:
                break
            if pause:
                time.sleep(pause)
            try:
                self._write(open_)
                break
            except Unavailable as refusal:
                for vote in open_:
                    vote.answer = vote.answer or refusal
                break
            except psycopg2.Error as error:
                if not is_lost(error):
                    raise
                # The outcome of a COMMIT that was under way is unknown; the identical statement, with the same receipts, finds out.
                log.warning("the committer lost PostgreSQL and asks again: %s", str(error).strip().split("\n", maxsplit=1)[0])
                self._connection.lost()
        for vote in group:
            vote.answer = vote.answer or Unavailable("The vote could not be confirmed in time; send it again.")
        self._refused_at = time.monotonic() if all(isinstance(vote.answer, Unavailable) for vote in group) else None
        written = sum(isinstance(vote.answer, Outcome) and vote.answer.fate is Fate.WRITTEN for vote in group)
        if written:
            metrics.VOTES_ACCEPTED.inc(written)
            metrics.GROUP_SIZE.observe(written)
            metrics.COMMIT_SECONDS.observe(time.monotonic() - began)

    def _write(self, votes: Sequence[Vote]) -> None:
        """Writes `votes`, bisecting around rows that PostgreSQL does not take and polls that are locked."""
        try:
            self._write_once(votes)
        except psycopg2.Error as error:
            code = error.pgcode or ""
            if code in _RETRY:
                self._write_again(votes)
            elif code.startswith(_BAD_ROW_CLASSES):
                self._bisect(votes, error)
            elif code == errorcodes.LOCK_NOT_AVAILABLE:
                self._bisect_by_poll(votes)
            elif code == errorcodes.QUERY_CANCELED or code.startswith(("53", "25")):  # too slow, out of resources, read-only
                log.warning("PostgreSQL does not take votes: %s", str(error).strip())
                _answer_open(votes, Unavailable("The vote could not be made durable; try again."))
                self._connection.lost()
            else:
                raise

    def _write_once(self, votes: Sequence[Vote]) -> None:
        open_ = [vote for vote in votes if vote.answer is None]
        with self._connection.cursor() as cursor:
            first = all(vote.question.op == CAST for vote in open_)  # most have never voted here; the others are written at the second try
            for _ in range(_TRIES):
                written = vote_log.append_votes(cursor, [vote.question for vote in open_], first=first)
                first = False
                if _UNREPLICATED in self._connection.warnings():
                    _answer_open(open_, Unavailable("The vote could not be replicated; send it again."))
                    return
                for vote in open_:
                    entry = written.get(vote.question.receipt)
                    if entry is not None:
                        vote.answer = Outcome(Fate.WRITTEN, entry)
                open_ = [vote for vote in open_ if vote.answer is None]
                if not open_:
                    return
                keys = [(vote.question.poll_id, vote.question.voter_key, vote.question.request_key) for vote in open_]
                for vote, found in zip(open_, vote_log.look_up(cursor, keys), strict=True):
                    outcome = judge(vote.question, found)
                    if outcome.fate is not Fate.WRITE_AGAIN:
                        vote.answer = outcome
                open_ = [vote for vote in open_ if vote.answer is None]
                if not open_:
                    return
        _answer_open(open_, Unavailable("The vote kept colliding with others; send it again."))

    def _write_again(self, votes: Sequence[Vote]) -> None:
        for _ in range(_TRIES):
            try:
                self._write_once(votes)
            except psycopg2.Error as error:
                if error.pgcode not in _RETRY:
                    raise
            else:
                return
        _answer_open(votes, Unavailable("The vote kept colliding with others; send it again."))

    def _bisect(self, votes: Sequence[Vote], error: psycopg2.Error) -> None:
        """One bad row must not fail its neighbours: halves, each a transaction of its own."""
        open_ = [vote for vote in votes if vote.answer is None]
        if len(open_) <= 1:
            log.error("PostgreSQL refused a vote that intake had accepted: %s", str(error).strip())
            _answer_open(open_, error)
            return
        middle = len(open_) // 2
        self._write(open_[:middle])
        self._write(open_[middle:])

    def _bisect_by_poll(self, votes: Sequence[Vote]) -> None:
        """A poll that somebody holds locked must not hold up the others."""
        open_ = [vote for vote in votes if vote.answer is None]
        polls = sorted({vote.question.poll_id for vote in open_})
        if len(polls) == 1:
            alive = [vote for vote in open_ if vote.deadline > time.monotonic()]
            if alive:
                self._write_patiently(alive)
            _answer_open(open_, Unavailable("The poll is being changed; send the vote again."))
            return
        first = set(polls[: len(polls) // 2])
        self._write([vote for vote in open_ if vote.question.poll_id in first])
        self._write([vote for vote in open_ if vote.question.poll_id not in first])

    def _write_patiently(self, votes: Sequence[Vote]) -> None:
        """A second try for a single locked poll; a close takes milliseconds, so this nearly always goes through."""
        try:
            self._write_once(votes)
        except psycopg2.Error as error:
            if error.pgcode != errorcodes.LOCK_NOT_AVAILABLE:
                raise


def _answer_open(votes: Sequence[Vote], answer: Exception) -> None:
    for vote in votes:
        if vote.answer is None:
            vote.answer = answer
