"""The voters' side of the model test: requests through the committer, and transactions of votes that are left open while others commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from commands import vote_log
from commands.casting import Receipt, cast_vote, unchecked_request
from commands.engine import start_engine, stop_engine
from commands.rules import check_ballot
from commands.voters import identify
from core.credentials import Credentials
from core.errors import NexusError
from core.postgres import connect
from tests.model.aside import Aside
from tests.model.oracle import DELETE, PollModel

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

T = TypeVar("T")


@dataclass(frozen=True)
class Written:
    """A row that stands in an open transaction."""

    method: str
    poll: PollModel
    voter: UUID
    body: dict[str, Any]
    cast_at: datetime


@dataclass
class Held:
    """A transaction that has its id and is open; votes written in it come to light when it commits.

    `touched`: whether it has locked the log's table. `locked`: the polls whose locks it has, also where its vote was refused. `maybe`: those whose
    locks it may have; a sealed poll's row is passed over before or after them, as the planner likes.
    """

    connection: Connection
    touched: bool = False
    locked: list[PollModel] = field(default_factory=list)
    maybe: list[PollModel] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.connection.get_backend_pid()


class Voting:
    """Sends requests as the API does, one level below HTTP, to a running engine."""

    def __init__(self, aside: Aside) -> None:
        self._loop = asyncio.new_event_loop()
        self._aside = aside
        self._engine = self._run(self._start())
        self.held: list[Held] = []

    @staticmethod
    async def _start() -> Any:
        return start_engine()

    def stop(self) -> None:
        self.roll_all_back()
        self._run(stop_engine())
        self._loop.close()

    def cast(self, method: str, poll: PollModel, voter: UUID, body: dict[str, Any], key: str | None = None) -> Receipt | NexusError:
        return self.cast_together([(method, poll, voter, body, key)])[0]

    def cast_together(self, requests: list[tuple[str, PollModel, UUID, dict[str, Any], str | None]]) -> list[Receipt | NexusError]:
        """All at once, so that they meet in the committer; each one's receipt or refusal."""

        async def gather() -> list[Any]:
            coroutines = [
                cast_vote(poll.id, {} if method == DELETE else body, Credentials(user_id=voter), method=method, idempotency_key=key)
                for method, poll, voter, body, key in requests
            ]
            return await asyncio.gather(*coroutines, return_exceptions=True)

        answers = self._run(gather())
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, NexusError):
                raise answer
        return answers

    def begin(self) -> None:
        """A transaction that takes its id now and does whatever it does later."""
        connection = connect("direct", application_name="nexus-model-held", settings={"lock_timeout": "5s", "jit": "off"})
        vote_log.prepare(connection)
        connection.autocommit = False
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()")
        self.held.append(Held(connection))

    def write_in(self, held: Held, method: str, poll: PollModel, voter: UUID, body: dict[str, Any]) -> bool:
        """As the committer writes a request, but without the commit; whether a row came of it."""
        rules = self._run(self._engine.lookups.rules(poll.id))
        request = unchecked_request(rules, identify(rules, Credentials(user_id=voter), idempotency_key=None), body, method, None)
        if method != DELETE:
            request = request._replace(choices="{" + ",".join(check_ballot(rules, body)) + "}")
        held.touched = True
        (held.maybe if poll.closed else held.locked).append(poll)
        with held.connection.cursor() as cursor:
            entry = vote_log.append_votes(cursor, [request]).get(request.receipt)
        if entry is not None:
            held.written.append(Written(method, poll, voter, body, entry.cast_at))
        return entry is not None

    def finish(self, held: Held, *, commit: bool) -> list[Written]:
        """Ends the transaction; the rows that are in the log from now on."""
        self.held.remove(held)
        if commit:
            held.connection.commit()
        else:
            held.connection.rollback()
        held.connection.close()
        return held.written if commit else []

    def roll_all_back(self) -> None:
        for held in tuple(self.held):
            self.finish(held, commit=False)

    def holders(self, is_in_the_way: Callable[[Written], bool]) -> list[Held]:
        return [held for held in self.held if any(is_in_the_way(row) for row in held.written)]

    def waiting_for(self, holders: list[Held], action: Callable[[], T], then: Callable[[], None]) -> T:
        """Runs `action`, which must wait for `holders` until `then` has ended them."""
        if not holders:
            return action()
        doing = self._aside.start(action, blocked_by=[held.pid for held in holders])
        early = doing.done()
        then()
        result = doing.result(timeout=20)
        assert not early, "it did not wait for a vote whose transaction was open"
        return result

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(coroutine)
