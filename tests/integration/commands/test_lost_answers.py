"""Commits whose outcome the committer cannot know, or must not take for success."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from commands.casting import cast_vote
from commands.connection import WriteConnection
from commands.engine import Engine, start_engine, stop_engine
from commands.standing import standing_ballot
from core.credentials import Credentials
from core.errors import Unavailable
from tests.factories import ballot, make_poll
from tests.tcp_proxy import TcpProxy
from tests.vote_rows import select

make_poll_ = sync_to_async(make_poll)
ballot_ = sync_to_async(ballot)


async def test_a_change_whose_commit_was_not_answered_is_written_once(postgres_proxy: TcpProxy) -> None:
    """The ballot that it made is a ballot to be changed again: only the key says that it is the same change."""
    start_engine()
    try:
        poll = await make_poll_(voters="account", changeable=True, questions=[{"choices": 2}])
        voter = Credentials(user_id=uuid.uuid4())
        await cast_vote(poll.id, await ballot_(poll, [0]), voter)
        postgres_proxy.lose_next_answer()
        changed = await cast_vote(poll.id, await ballot_(poll, [1]), voter, method="PUT")
        _, standing = await standing_ballot(poll.id, voter)
    finally:
        await stop_engine()
    assert postgres_proxy.lost_answers == 1
    assert standing.last is not None
    assert standing.last.receipt == changed.id
    assert select("SELECT max(revision), count(*) FROM votes") == [(2, 2)]


async def test_a_vote_that_was_not_replicated_is_not_answered_201(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL calls a wait for its replica that somebody cancelled a success, and adds a warning."""
    poll = await make_poll_(voters="account")
    body = await ballot_(poll)
    warned: list[Any] = ["WARNING:  canceling wait for synchronous replication due to user request"]
    monkeypatch.setattr(WriteConnection, "warnings", lambda _self: warned.pop() if warned else "")
    with pytest.raises(Unavailable):
        await cast_vote(poll.id, body, Credentials(user_id=uuid.uuid4()))
    assert warned == []
