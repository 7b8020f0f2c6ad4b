"""The committer writes no vote to a database that is not its own: each connection looks, for a process may have started while PostgreSQL was away."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from commands.ballots import CAST, LogRequest
from commands.committer import Committer
from commands.tokens import secret_fingerprint
from core.errors import Unavailable
from tests.factories import choice_ids, make_poll
from tests.vote_rows import run, select


@pytest.fixture
def request_(committed_db: None) -> LogRequest:
    poll = make_poll()
    receipt = uuid.uuid4()
    return LogRequest(
        op=CAST,
        poll_id=poll.pk,
        voter_key=uuid.uuid4(),
        choices="{" + choice_ids(poll)[0] + "}",
        rules_version=1,
        receipt=receipt,
        request_key=receipt,
        request_digest=receipt,
    )


@pytest_asyncio.fixture
async def committer(request_: LogRequest) -> AsyncIterator[Committer]:
    """One that has not connected yet."""
    committer = Committer()
    yield committer
    await committer.batcher.stop()


async def test_the_first_connection_notes_the_secret_of_voter_keys_and_one_with_another_secret_writes_nothing(committer: Any, request_: LogRequest) -> None:
    committer._connection.cursor().close()
    assert select("SELECT voter_key_fingerprint FROM log_epoch") == [(secret_fingerprint(),)]
    committer._connection.lost()
    run("UPDATE log_epoch SET voter_key_fingerprint = %s", "f" * 64)
    committer.batcher.start()
    with pytest.raises(Unavailable):
        await committer.batcher.ask(request_)
    assert "VOTER_KEY_SECRET" in committer._connection.trouble
    assert select("SELECT 1 FROM votes") == []


async def test_a_server_that_does_not_hold_the_log_gets_no_vote(committer: Any, request_: LogRequest) -> None:
    run("UPDATE log_epoch SET system_identifier = 1")
    committer.batcher.start()
    with pytest.raises(Unavailable):
        await committer.batcher.ask(request_)
    assert "new_epoch" in committer._connection.trouble
    assert select("SELECT 1 FROM votes") == []
