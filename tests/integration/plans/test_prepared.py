"""The statements whose plans are made once and kept: whatever the log held when they were made, they go by index, into the one partition that matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import pytest

from commands.ballots import CAST, LogRequest
from commands.vote_log import append_votes, look_up, prepare
from tests.integration.plans.checking import check
from tests.integration.plans.explaining import Explainer
from tests.integration.plans.filling import FILLING, HOT, OLD, SMALL, named
from tests.integration.plans.plan import Plan
from tests.vote_rows import connected
from workers.cutting import Cutter

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

GROUP, LIMIT, TRIED_OUT = 400, 500, 300
FULL, NEW, _, TRIED_OUT_LOG = LOGS = ("the log as it is", "a new log", "an empty log after ANALYZE", "a log that was tried out, after ANALYZE")

APPENDS = {"votes": "votes_one_per_revision", "polls": "polls_pkey"}
LOOKS_UP = {"votes": "votes_one_per_revision votes_one_per_request", "polls": "polls_pkey"}
LOOKS = {"votes": "votes_tail", "poll_cards": "poll_cards_awaiting_final", "vote_batches": "vote_batches_unapplied"}
CUTS = {"votes": "votes_tail"}


class Spy:
    """A cursor that has explained what is run on it, and finds nothing."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        self.plans: list[Plan] = []

    def execute(self, text: str, parameters: Any = None) -> None:
        self.plans.append(self._explainer.plan(text, parameters))

    def fetchall(self) -> list[Any]:
        return []


class Committing:
    """The committer's and the look-ups' statements, prepared by the product."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        with explainer.connection.cursor() as cursor:
            cursor.execute("SET jit = off")  # as `commands.committer` and `commands.lookups` do
        prepare(explainer.connection)

    def append(self, polls: list[UUID], count: int, *, first: bool = False) -> Plan:
        """Of a group of so many votes of new voters."""
        return self._spied(lambda cursor: append_votes(cursor, [_request(polls[n % len(polls)], n) for n in range(count)], first=first))

    def look_up(self, count: int) -> Plan:
        """For so many voters of the hot poll."""
        return self._spied(lambda cursor: look_up(cursor, [(HOT, named("voter", 12000 + n), named("request", 12000 + n)) for n in range(count)]))

    def run_all(self) -> None:
        self.append([HOT], 1)
        self.append([HOT], 1, first=True)
        self.look_up(1)

    def _spied(self, act: Callable[[Cursor], object]) -> Plan:
        spy = Spy(self._explainer)
        act(cast("Cursor", spy))
        (plan,) = spy.plans
        return plan


class Relaying:
    """The relay's statements, prepared by the product."""

    def __init__(self, explainer: Explainer) -> None:
        self._explainer = explainer
        Cutter(explainer.connection, limit=LIMIT)

    def look(self) -> Plan:
        return self._explainer.plan("EXECUTE look")

    def cut(self) -> Plan:
        return self._explainer.plan("EXECUTE cut(%s, %s::timestamptz[], %s::int[], %s::text[])", (LIMIT, [], [], []))

    def run_all(self) -> None:
        self.look()
        self.cut()


def _request(poll: UUID, n: int) -> LogRequest:
    ids = [named(what, n) for what in ("receipt", "new request", "digest")]
    return LogRequest(CAST, poll, named("new voter", n), f"{{{named('choice', 1, 1)}}}", 1, *ids)


Part = TypeVar("Part", Committing, Relaying)


@contextmanager
def planned(part: type[Part], log: str) -> Iterator[Part]:
    """The part's statements, planned and run when the log was such. Where it was not full it is now, and autovacuum has not come by yet."""
    with connected("plans") as connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        if log != FULL:
            few = TRIED_OUT if log == TRIED_OUT_LOG else 0
            cursor.execute("SET LOCAL session_replication_role = replica")  # the log refuses to be emptied otherwise
            cursor.execute("TRUNCATE votes")
            cursor.execute(FILLING["votes"] + f" WHERE n <= {few}")
            if log != NEW:
                cursor.execute("ANALYZE votes")
        made = part(Explainer(connection))
        for _ in range(6):
            made.run_all()
        if log != FULL:
            cursor.execute(FILLING["votes"] + f" WHERE n > {few}")
            cursor.execute(FILLING["changes"])
        yield made
        cursor.execute("SELECT sum(generic_plans) > 0, sum(custom_plans) FROM pg_prepared_statements")
        assert cursor.fetchone() == (True, 0)
        cursor.execute("ROLLBACK")


@pytest.mark.parametrize("log", LOGS)
def test_votes_are_written_and_found_by_one_look_into_one_partition_each(log: str, filled: None) -> None:
    """A group looks for each voter's last vote; a look-up for the vote of a request too."""
    with planned(Committing, log) as committing:
        for polls in ([HOT], [OLD], SMALL):
            for count in (1, GROUP):
                plan = committing.append(polls, count)
                check(plan, APPENDS, rows=GROUP)
                assert plan.probes["votes"] == count
                check(committing.append(polls, count, first=True), {"polls": "polls_pkey"}, rows=GROUP)
        for count in (1, GROUP):
            plan = committing.look_up(count)
            check(plan, LOOKS_UP, rows=2 * GROUP)
            assert plan.probes["votes"] == plan.rows["votes"] == 2 * count


@pytest.mark.parametrize("log", LOGS)
def test_the_relay_reads_what_it_cuts_and_nothing_else(log: str, filled: None) -> None:
    with planned(Relaying, log) as relaying:
        check(relaying.look(), LOOKS, rows=30)
        check(relaying.cut(), CUTS, rows=LIMIT + 16)
