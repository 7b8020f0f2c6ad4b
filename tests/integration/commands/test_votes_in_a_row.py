"""Votes that come one behind the other on a connection, cut anywhere: each is answered once, in its turn, and counted once; whoever hangs up harms nobody."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_right
from itertools import pairwise

import pytest

from tests.both_ways import Vote, Ways, read_answer
from tests.counting import own_names
from tests.security.conftest import Running, running
from tests.vote_rows import select
from tests.waiting import until

__all__ = ["own_names", "running"]
CLIENTS, VOTES = 24, 10


async def test_each_is_answered_in_its_turn_and_counted_once(running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    ways, chance = Ways(running, monkeypatch), random.Random(1)
    polls = [await ways.at_hand() for _ in range(4)]
    requests = {}
    for poll in polls:
        for raw in (None, b"{"):
            requests[str(poll.id), raw is None] = b"".join(Vote(poll, raw=raw).halves())
    answered: list[str] = []
    hung_up = 0

    async def client(*, stays: bool) -> None:
        nonlocal hung_up
        wire = await running.wire()
        sent = chance.choices(list(requests), weights=[2, 1] * len(polls), k=VOTES)
        data = b"".join(requests[one] for one in sent)
        ends = [0]
        for one in sent:
            ends.append(ends[-1] + len(requests[one]))
        cuts = sorted({*chance.sample(range(len(data)), 2), *chance.sample(ends, 9), 0, len(data)})  # most votes come whole
        read = 0
        for start, end in pairwise(cuts):
            await wire.send(data[start:end])
            await asyncio.sleep(0)  # the server reads it
            if chance.random() < 0.5 and end < len(data):
                continue
            if end == len(data) and not stays:
                hung_up += sum(good for _, good in sent[read:])
                wire.writer.transport.abort()
                return
            for poll_id, good in sent[read : (read := bisect_right(ends, end) - 1)]:
                answer = await read_answer(wire)
                assert (answer.status, poll_id in str(answer.body)) == (201 if good else 400, True)
                answered.extend([answer.body["id"]] if good else [])
        wire.writer.close()

    async with asyncio.timeout(30):
        await asyncio.gather(*(client(stays=number % 4 > 0) for number in range(CLIENTS)))
    await until(lambda: not running.server.server_state.connections and ways.nothing_is_left())
    written = [str(receipt) for (receipt,) in select("SELECT receipt FROM votes")]
    assert len(set(written)) == len(written)
    assert len(set(answered)) == len(answered)
    assert set(answered) <= set(written)
    assert len(written) <= len(answered) + hung_up
    assert ways.begun > CLIENTS, "or this tested nothing"
    assert not [record for record in caplog.records if record.levelname == "ERROR"], caplog.text
