"""Questions to the database that write nothing (replay, own ballot, poll rules, codes), answered in groups by one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from uuid import UUID

import psycopg2

from commands import vote_log
from commands.ballots import Finding
from commands.code_store import CodeHash, known_codes
from commands.connection import WriteConnection
from commands.rules import PollRules
from core.batching import Batcher, Pending
from core.errors import NotFound, Unavailable

Keys = tuple[UUID, UUID, UUID]
Asked = Keys | UUID | CodeHash
Found = Finding | PollRules | bool

_DEADLINE_SECONDS = 5.0


class Lookups:
    """`finding(poll_id, voter_key, request_key)`, `rules(poll_id)` and `is_code(…)`; all raise `Unavailable` while PostgreSQL is away."""

    def __init__(self) -> None:
        self._connection = WriteConnection("nexus-lookups", {"jit": "off", "lock_timeout": "1s", "statement_timeout": "5s"})
        self.batcher: Batcher[Asked, Found] = Batcher(
            "lookups",
            self._answer,
            group_limit=500,
            queue_limit=5000,
            deadline_seconds=_DEADLINE_SECONDS,
            when_idle=self._connection.care,
            when_stuck=self._connection.hang_up.cut,
            at_stop=self._connection.lost,
        )

    def trouble(self) -> str | None:
        """Why the log cannot be asked just now, or None; without it no vote passes."""
        return self.batcher.failure() or self._connection.trouble

    async def finding(self, poll_id: UUID, voter_key: UUID, request_key: UUID) -> Finding:
        found = await self.batcher.ask((poll_id, voter_key, request_key))
        assert isinstance(found, Finding)  # noqa: S101  (narrows the type)
        return found

    async def rules(self, poll_id: UUID) -> PollRules:
        """Raises `NotFound` when there is no such poll."""
        found = await self.batcher.ask(poll_id)
        assert isinstance(found, PollRules)  # noqa: S101  (narrows the type)
        return found

    async def is_code(self, code: CodeHash) -> bool:
        """Whether the code was handed out. A thousand guesses at once are a few statements, whatever they guess."""
        return bool(await self.batcher.ask(code))

    def _answer(self, group: Sequence[Pending[Asked, Found]]) -> None:
        for attempt in (1, 2):  # reading twice harms nobody
            try:
                self._read(group)
            except (psycopg2.Error, Unavailable) as error:
                self._connection.lost()
                if attempt == 2:
                    refusal = error if isinstance(error, Unavailable) else Unavailable()
                    for pending in group:
                        pending.answer = pending.answer or refusal
            else:
                return

    def _read(self, group: Sequence[Pending[Asked, Found]]) -> None:
        with contextlib.closing(self._connection.cursor()) as cursor:
            polls = {pending.question for pending in group if isinstance(pending.question, UUID)}
            if polls:
                rules = vote_log.read_rules(cursor, polls)
                for pending in group:
                    if isinstance(pending.question, UUID):
                        pending.answer = rules.get(pending.question) or NotFound("There is no such poll.")
            codes = {pending.question for pending in group if isinstance(pending.question, CodeHash)}
            if codes:
                known = known_codes(cursor, codes)
                for pending in group:
                    if isinstance(pending.question, CodeHash):
                        pending.answer = pending.question in known
            keyed = [(pending, pending.question) for pending in group if not isinstance(pending.question, UUID | CodeHash)]
            if keyed:
                for (pending, _), finding in zip(keyed, vote_log.look_up(cursor, [keys for _, keys in keyed]), strict=True):
                    pending.answer = finding
