"""Codes in the database: how many look-ups guesses cost, and what holds when the rules change meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

from commands import lookups
from commands.casting import cast_vote
from commands.code_store import CodeHash
from commands.engine import Engine
from commands.handlers import delete_poll, edit_poll
from commands.issuing import issue_codes
from commands.models import Poll, VoterCode
from commands.poll_locks import shared_poll
from commands.standing import holds_ballot
from core.credentials import Credentials
from core.errors import PermissionDenied, PollNotOpen
from tests.factories import ballot, make_poll

make_poll_ = sync_to_async(make_poll)
ballot_ = sync_to_async(ballot)


def issue(poll: Poll, count: int) -> list[str]:
    return issue_codes(poll_id=poll.id, actor=poll.owner, body={"count": count})


async def test_guesses_that_gather_are_looked_up_together(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    poll = await make_poll_(voters="code")
    known = lookups.known_codes
    asked: list[int] = []

    def counted(cursor: Any, codes: Any) -> Any:
        asked.append(len(codes))
        return known(cursor, codes)

    monkeypatch.setattr(lookups, "known_codes", counted)
    answers = await asyncio.gather(*(engine.lookups.is_code(CodeHash(poll.id, uuid.uuid4())) for _ in range(400)))
    assert not any(answers)
    assert sum(asked) == 400
    assert len(asked) <= 5


async def test_fifty_racing_votes_with_one_code_are_one_vote(engine: Engine, sql: Any) -> None:
    poll = await make_poll_(voters="code")
    (code,) = await sync_to_async(issue)(poll, 1)
    body = {**await ballot_(poll), "code": code}
    done = await asyncio.gather(*(cast_vote(poll.id, body, Credentials()) for _ in range(50)), return_exceptions=True)
    assert sorted({type(one).__name__ for one in done}) == ["DuplicateVote", "Receipt"]
    assert sql("SELECT count(*) FROM votes") == [(1,)]
    assert sql("SELECT count(*) FROM voter_codes c JOIN votes v ON v.poll_id = c.poll_id AND v.voter_key = c.code_hash") == [(1,)]
    assert await holds_ballot(Credentials(code=code), poll.id)


async def test_who_votes_is_judged_again_when_the_rules_changed_meanwhile(engine: Engine, sql: Any) -> None:
    poll = await make_poll_()
    body = await ballot_(poll)
    await engine.rules.get(poll.id)  # remembered from before
    await sync_to_async(edit_poll)(poll_id=poll.id, actor=poll.owner, body={"voters": "code"})
    with pytest.raises(PermissionDenied):
        await cast_vote(poll.id, body, Credentials())
    await sync_to_async(edit_poll)(poll_id=poll.id, actor=poll.owner, body={"draft": True})
    with pytest.raises(PermissionDenied):
        await cast_vote(poll.id, body, Credentials(user_id=poll.owner_id))
    (code,) = await sync_to_async(issue)(poll, 1)
    with pytest.raises(PollNotOpen):
        await cast_vote(poll.id, {**body, "code": code}, Credentials(user_id=poll.owner_id))
    assert sql("SELECT count(*) FROM votes") == [(0,)]


def test_ten_thousand_codes_are_one_insert(committed_db: None) -> None:
    poll = make_poll(voters="code")
    with CaptureQueriesContext(connection) as queries:
        issue(poll, 10_000)
    assert sum("INSERT INTO voter_codes" in query["sql"] for query in queries) == 1
    assert len(queries) < 15
    assert VoterCode.objects.filter(poll=poll).count() == 10_000


def test_voters_go_on_while_codes_are_issued_and_editors_wait(committed_db: None, sql: Any) -> None:
    """The poll is held as voters hold it: shared."""
    poll = make_poll(voters="code")
    with shared_poll(poll.id) as held:
        assert held.id == poll.id
        assert sql("SELECT pg_try_advisory_xact_lock_shared(hashtextextended(%s::uuid::text, 7))", (str(poll.id),)) == [(True,)]
        assert sql("SELECT pg_try_advisory_xact_lock(hashtextextended(%s::uuid::text, 7))", (str(poll.id),)) == [(False,)]
        assert sql("SELECT id FROM polls WHERE id = %s FOR SHARE NOWAIT", (poll.id,)) == [(poll.id,)]
        assert sql("SELECT id FROM polls WHERE id = %s FOR UPDATE SKIP LOCKED", (poll.id,)) == []


def test_a_poll_that_goes_takes_its_codes_along(committed_db: None) -> None:
    poll = make_poll(voters="code")
    issue(poll, 3)
    delete_poll(poll_id=poll.id, actor=poll.owner)
    assert not VoterCode.objects.exists()


def test_codes_are_unknown_to_the_role_that_reads_results(committed_db: None, sql: Any) -> None:
    assert sql("SELECT has_table_privilege('nexus_results', 'voter_codes', 'SELECT')") == [(False,)]
